"""Models are composed from mechanisms as written, lifted only where that is exact, and refused where they are wrong."""

import pytest
import tiny

from dpap_bio import library, model


@pytest.fixture
def load(tmp_path):
    """Loads the tiny model with one piece of its text replaced, beside further mechanism files."""

    def loaded(old="", new="", mechanisms=(), **options):
        assert old in tiny.MODEL
        for name, text in dict(mechanisms).items():
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        tiny.write(tmp_path, model=tiny.MODEL.replace(old, new, 1))
        return model.load(str(tmp_path / "tiny_model.toml"), **options)

    return loaded


def names(equations):
    return {e.name for e in equations}


def mechanism(part, code, start="", parameters=""):
    return (f'schema = "dpap-mechanism/1"\ntitle = "A test"\n[{part}]\n{code}\n[start]\n{start}\n'
            f"[parameters]\n{parameters}\n")


# -- composition ---------------------------------------------------------------------------------------------------


def test_the_nearest_value_of_a_parameter_is_in_force(load):
    own = 'delay      = "3 ms"\nparameters = { tau_plus = { value = 7.0, unit = "ms", chosen = "own" } }'
    assert load().projections["wire"].parameters["tau_plus"].value == 20.0  # the mechanism's
    assert load().projections["wire"].parameters["q_syn"].value == 12.0  # the model's, over the mechanism's 1.62 mV
    assert load('delay      = "3 ms"', own).projections["wire"].parameters["tau_plus"].value == 7.0


def test_what_two_projections_put_on_a_neuron_is_kept_apart(load):
    twice = load("[projections.loop]", """[projections.again]
from = "input"
to = "cell"
mechanisms = ["current_synapse", "pair_stdp"]
delay = "1 ms"
connect = { share = 1.0 }
[projections.loop]""")
    variables = names(twice.populations["cell"].equations)
    assert {"g_wire", "g_again", "y_wire", "y_again"} <= variables
    drive = next(e for e in twice.populations["cell"].equations if e.name == "drive")
    assert drive.expression == "(g_wire) + (g_again) + (-h_loop)"


def test_a_sum_to_which_nothing_adds_is_zero(load):
    shift = next(e for e in load().populations["cell"].equations if e.name == "v_shift")
    assert str(shift) == "v_shift = 0*volt : volt"


def test_the_texts_of_a_model_are_all_its_files_by_kind(load):
    assert set(load().texts) == {"model tiny_model.toml", "mechanism lif.toml", "mechanism current_synapse.toml",
                                 "mechanism pair_stdp.toml", "mechanism inhibitory_current_synapse.toml"}


def test_rules_get_their_parameters_in_their_units(load):
    rules = {name: p for name, _, p in load(set_={"score_memory": "48 hour"}).projections["wire"].rules}
    assert list(rules) == ["importance", "survival", "prune_synapses", "grow", "scaling"]
    assert rules["importance"].score_memory == pytest.approx(2.0)
    assert load().projections["wire"].rule_parameters["rho"].value == 1.2


def test_a_control_arm_replaces_or_removes_a_rule(load):
    made = load(replace_rules={"prune_synapses": "random", "grow": "none"})
    assert [name for name, _, _ in made.projections["wire"].rules] == ["importance", "survival", "random", "scaling"]


# -- overrides -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("set_", "si"), [
    ({"q_syn": 2.0}, 2e-3), ({"q_syn": "500 uV"}, 5e-4), ({"wire.q_syn": 3}, 3e-3),
])
def test_a_parameter_is_set_in_the_files_unit_or_with_its_own(set_, si, load):
    assert load(set_=set_).projections["wire"].parameters["q_syn"].si == pytest.approx(si)


def test_setting_a_parameter_everywhere_also_changes_an_owners_own_value(load):
    own = 'delay      = "3 ms"\nparameters = { q_syn = { value = 7.0, unit = "mV", chosen = "own" } }'
    assert load('delay      = "3 ms"', own, set_={"q_syn": 1}).projections["wire"].parameters["q_syn"].value == 1.0


def test_a_population_gets_another_size(load):
    assert load(set_={"cell.size": 30}).populations["cell"].size == 30


@pytest.mark.parametrize(("set_", "says"), [
    ({"q_synn": 1}, "set q_synn: no such parameter; did you mean 'q_syn'?"),
    ({"wir.q_syn": 1}, "set wir.q_syn: there is no 'wir'; did you mean 'wire'?"),
    ({"q_syn": "1 ms"}, 'set q_syn: found "1 ms", a time; a voltage is wanted, e.g. "-70 mV"'),
    ({"mu": 2.0}, "set mu: value 2.0 lies outside its range 0.0..1.0"),
    ({"cell.size": 1.5}, "set cell.size: found 1.5, a number of neurons is wanted"),
    ({"cell.size": 0}, "set cell.size: found 0, a number of neurons is wanted"),
])
def test_a_wrong_override_is_refused(set_, says, load):
    with pytest.raises(ValueError, match="^tiny_model.toml: ") as refused:
        load(set_=set_)
    assert says in str(refused.value)


# -- lifting -------------------------------------------------------------------------------------------------------


def test_pair_stdp_traces_live_on_neurons(load):
    wire = load().projections["wire"]
    assert names(wire.plain.equations) == {"w", "x", "y"}
    assert names(wire.code.equations) == {"w"}
    assert [t.equation.name for t in wire.arrivals] == ["x"]
    assert "y_wire" in names(load().populations["cell"].equations)
    assert "y_wire += 1" in load().populations["cell"].reset


DECAY = "dx/dt = -x / tau_plus : 1 (event-driven)"


@pytest.mark.parametrize(("equation", "on_pre", "on_post", "why"), [
    (DECAY, "x += w", "w = clip(w + x, 0, w_max)", "it rises by what synapses differ in"),
    (DECAY, "x += 1", "x = 0", "both sides write it"),
    (DECAY, "x += 1\nw = clip(w + x, 0, w_max)", "", "it is read after it rose"),
    ("x : 1", "x += 1", "w = clip(w + x, 0, w_max)", "it has no equation"),
    ("dx/dt = -w * x / tau_plus : 1 (event-driven)", "x += 1", "w = clip(w + x, 0, w_max)", "w decays it"),
])
def test_a_trace_stays_on_the_synapse_where_lifting_would_change_it(equation, on_pre, on_post, why, load):
    code = f'equations = "{equation}"\non_pre = """{on_pre}"""\non_post = """{on_post}"""'
    own = mechanism("synapse", code, "x = 0.0", """tau_plus = { value = 9.0, unit = "ms", chosen = "test" }
w_max = { value = 1.0, unit = "1", chosen = "test" }""")
    loop = load('"inhibitory_current_synapse"]', '"inhibitory_current_synapse", "./own.toml"]',
                mechanisms={"own": own}).projections["loop"]
    assert "x" in names(loop.code.equations), why
    assert not loop.arrivals


def test_a_trace_with_a_random_start_stays_on_the_synapse(load):
    made = load('start      = { w =', 'start      = { x = { uniform = [0.0, 1.0] }, w =')
    assert "x" in names(made.projections["wire"].code.equations)


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new", "says"), [
    ('from       = "input"', 'from       = "inpt"',
     "projections.wire: there is no population 'inpt'; did you mean 'input'?"),
    ('to         = "cell"', 'to         = "input"', "projections.wire.to: 'input' is stimulated from outside"),
    ('delay      = "3 ms"', 'delay      = "-3 ms"', "wire.delay: found '-3 ms', a delay cannot be negative"),
    ('delay      = "3 ms"', 'delay      = "3 mV"', "wire.delay: found \"3 mV\", a voltage; a time is wanted"),
    ('dt     = "1 ms"', 'dt     = "0 ms"', "dt: found '0 ms', a time step above zero is wanted"),
    ("share = 0.6 }", "share = 0.6, autapses = false }", "only a projection of a population to itself has autapses"),
    ("share = 0.6 }", "share = 1.6 }", "projections.wire.connect.share: found 1.6, a number of at most 1 is wanted"),
    ('["lif"]', '["pair_stdp"]', "populations.cell.mechanisms: 'pair_stdp' belongs on synapses"),
    ('"pair_stdp"]', '"lif"]', "projections.wire.mechanisms: 'lif' belongs on neurons"),
    ('"pair_stdp"]', '"pair_stpd"]', "no mechanism is called 'pair_stpd': did you mean 'pair_stdp'?"),
    ('["lif"]', '["spike_trace"]', "populations.cell: no mechanism gives a threshold"),
    ('"pair_stdp"]', '"pair_stdp", "triplet_stdp"]', "variable 'x' is defined twice: two mechanisms"),
    ('["current_synapse", "pair_stdp"]', '["pair_stdp"]', "mention 'w', neither a variable nor a parameter"),
    ('"importance", ', '"importence", ', "projections.wire.rules: no rule 'importence'"),
    ("rho              =", "rhoo             =", "parameters.rho is missing: rule survival of projection wire needs"),
    ('value = 1.2, unit = "1"', 'value = 1.2, unit = "ms"', 'parameters.rho: rule survival: found "1.2 ms", a time'),
    ("[parameters]", '[parameters]\nnobody = { value = 1.0, unit = "1", chosen = "x" }',
     "parameters.nobody: no equation and no rule reads it"),
    ('uniform = ["w_low", "w_high"]', 'uniform = ["q_syn", "w_high"]', "start.w: found 'q_syn' in 'mV'; the variable"),
    ('uniform = ["w_low", "w_high"]', 'uniform = ["w_high", "w_low"]', "low <= high is wanted"),
    ('uniform = ["w_low", "w_high"]', 'uniform = ["w_lo", "w_high"]', "there is no parameter 'w_lo'"),
    ('mechanisms = ["lif"]', 'mechanisms = ["lif"]\nstart = { v = -60.0 }',
     "populations.cell.start.v: found -60 without a unit; the variable is in 'volt', name a parameter that is"),
    ("[populations.cell]", "[populations.wire]", "'wire' names a population and a projection"),
    ('value = 2.0, unit = "day", chosen = "test" }', 'value = 2.0, unit = "day" }', "exactly one of source"),
])
def test_a_wrong_model_is_refused_naming_file_and_place(old, new, says, load):
    with pytest.raises(ValueError, match="^tiny_model.toml: ") as refused:
        load(old, new)
    assert says in str(refused.value)


@pytest.mark.parametrize(("code", "says"), [
    ('equations = "w : 1"\non_pre = "w += open(1)"', 'own.toml: synapse.on_pre: line 1: found a call of "open"'),
    ('equations = "dw/dt = -w"', "own.toml: synapse.equations: line 1"),
    ('equations = "w : parsec"', 'own.toml: synapse.equations: line 1: found the unit "parsec"'),
])
def test_code_that_is_not_on_the_whitelist_is_refused_naming_the_mechanism_and_its_key(code, says, load):
    with pytest.raises(ValueError, match=r"^own\.toml") as refused:
        load('"pair_stdp"]', '"./own.toml"]', mechanisms={"own": mechanism("synapse", code)})
    assert says in str(refused.value)


def test_spikes_that_do_nothing_are_refused(load):
    silent = mechanism("synapse", 'equations = "w : 1"', "w = 1.0")
    with pytest.raises(ValueError, match="projections.wire.mechanisms: a spike of 'input' does nothing"):
        load('["current_synapse", "pair_stdp"]', '["./silent.toml"]', mechanisms={"silent": silent})


def test_every_shipped_model_loads():
    from dpap_bio.deep import model as deep

    kinds = {name: library.read_toml(library.find("model", name))[1]["schema"] for name in library.names("model")}
    assert set(kinds.values()) == {"dpap-model/1", "dpap-deep-model/1"}
    for name, kind in kinds.items():
        assert model.load(name).projections if kind == "dpap-model/1" else deep.load(name).layers
