"""What GeNN gets to run, without GeNN: what is refused, what is put into another form, what is carried over."""

from dataclasses import replace

import numpy as np
import pytest
import test_epochs as epochs

from dpap_bio import brian, library, model, newborn
from dpap_bio._genn_state import _arrived, _hearing, _pending, start
from dpap_bio.backends import BACKENDS
from dpap_bio.expressions import parse_equations
from dpap_bio.genn_form import FIRED, formulate, returned
from dpap_bio.network import Table


def with_code(m, projection="forward", **changes):
    old = m.projections[projection]
    return replace(m, projections={**m.projections, projection: replace(old, plain=replace(old.plain, **changes))})


REFUSED = {
    "on_post reads a neuron": (dict(on_post=("w += v_post / volt",)), "`w .= v_post / volt`.*no v_post at a postsyn"),
    "on_pre reads its source": (dict(on_pre=("g_post += w * u_pre",)), "reads u_pre of another moment"),
    "two writes": (dict(on_pre=("g_post += w * q_syn", "theta_post += w * q_syn")), "g_forward_post is one already"),
    "a write that is not +=": (dict(on_pre=("g_post = w * q_syn",)), "only adds"),
    "reads what it writes": (dict(on_pre=("g_post += w * q_syn", "w = g_post / q_syn")), "read by another line"),
    "writes what the reset writes": (dict(on_pre=("v_post += w * q_syn",)), "reset first, which changes v too"),
    "clock-driven": (dict(equations=tuple(parse_equations("dw/dt = -w / second : 1"))), "make it event-driven"),
    "subexpression": (dict(equations=tuple(parse_equations("w : 1\nz = 2 * w : 1"))), "no subexpressions"),
    "reads what the reset sets": (dict(on_pre=("w = w + v_post / volt",)), "only one constant can be taken back"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_what_brian2genn_cannot_do_is_refused_with_file_owner_and_line(tmp_path, changes, said):
    m = epochs.load(tmp_path)
    with pytest.raises(ValueError, match=rf"small.toml: projection forward: backend genn cannot run .*{said}.*runtime"):
        formulate(with_code(m, **changes))


def test_the_critical_period_has_a_form_for_genn_and_every_shipped_model_has_one_or_a_reason():
    formulate(model.load("critical_period"))
    for name in library.names("model"):
        try:
            m = model.load(name)
        except ValueError:
            continue  # a deep network
        try:
            formulate(m)
        except ValueError as error:
            assert f"{name}.toml: " in str(error) and "Brian2GeNN" in str(error)


def test_traces_go_back_into_synapses(tmp_path):
    m = epochs.load(tmp_path, "pair_stdp")
    forward = formulate(m).projections["forward"]
    assert returned(m.projections["forward"]) == {"x": "pre", "y": "post", "x_spine": "pre"}
    assert {"x", "y", "x_spine", "spine", "w"} == {e.name for e in forward.code.equations}
    assert not any("y_forward_post" in line for line in forward.code.on_pre)


def test_a_parameter_whose_name_ends_in_post_is_no_variable_of_a_neuron(tmp_path):
    m = epochs.load(tmp_path, "post_stdp")
    assert "eta_post" in m.projections["forward"].parameters
    assert any("eta_post" in line for line in formulate(m).projections["forward"].code.on_post)


def test_what_a_synapse_reads_is_taken_back_behind_the_reset(tmp_path):
    m = epochs.load(tmp_path, "bcm")
    form = formulate(m)
    lines = "\n".join(form.projections["forward"].code.on_pre)
    assert lines.count(f"(r_forward_post - {FIRED}_post * (1 / tau_rate_forward))") == 2
    assert "tau_rate_forward" in form.projections["forward"].parameters
    assert [e.name for e in form.populations["cells"].equations].count(FIRED) == 1
    assert form.populations["cells"].reset[-1] == f"{FIRED} = 1"


@pytest.mark.parametrize("rule", ["pair_stdp", "triplet_stdp_nearest", "inhibitory_stdp"])
@pytest.mark.parametrize("n_steps", [3, epochs.STEPS])  # 3 steps: shorter than the delay of 5
def test_traces_and_spikes_in_flight_are_those_of_brian2(tmp_path, rule, n_steps):
    m = epochs.load(tmp_path, rule)
    before, _ = epochs.lived(m, newborn.start_network(m, 3), epochs.stimulus(m, 50), 1)
    spikes = epochs.stimulus(m, n_steps, seed=1)
    after, fired = brian.advance(m, before, {"input": spikes}, n_steps, target="numpy")
    for projection in m.projections.values():
        for column, values in _arrived(projection, before, fired[projection.source], n_steps, m.dt).items():
            np.testing.assert_allclose(values, after.neurons[projection.source].columns[column], rtol=1e-12)
    pending = _pending(m, before, after, fired, n_steps)
    assert pending.keys() == after.pending.keys() and any(len(t) for t in pending.values())
    for name, events in after.pending.items():
        assert np.array_equal(events.delay, pending[name].delay), name
        assert np.array_equal(events.index, pending[name].index), name


def test_a_synapse_born_after_a_spike_does_not_hear_it_and_an_older_one_does():
    # rows: neuron 0 has synapses 0, 1, 2 and 2 was born last; neuron 1 has synapse 3
    table = Table({"pre": np.array([0, 0, 0, 1]), "post": np.array([0, 1, 2, 0])})
    events = Table({"delay": np.array([0, 0, 2]), "index": np.array([0, 1, 3])})
    network = newborn.Network(0, {}, {"p": table}, {"p": ("a", "b")}, pending={"p.pre": events})
    assert _hearing("p", network, np.array([3, 1]), 3).tolist() == [[2, 0], [0, 0], [0, 1]]
    skips = replace(network, pending={"p.pre": Table({"delay": np.array([0]), "index": np.array([1])})})
    with pytest.raises(ValueError, match="heard by a synapse and not by an older one"):
        _hearing("p", skips, np.array([3, 1]), 3)


def test_unsorted_synapses_are_refused(tmp_path):
    m = epochs.load(tmp_path)
    network = newborn.start_network(m, 3)
    drive = network.synapses["drive"]
    network = replace(network, synapses={**network.synapses, "drive": drive.keep(np.arange(len(drive))[::-1])})
    held = {"n_pre": 12, "row": 15, "column": 12, "delay": 2, "variables": []}
    layout = {"populations": {}, "projections": {"drive": held}}
    with pytest.raises(ValueError, match="projection drive: synapses must be sorted"):
        start(m, network, {}, 10, layout)


def test_without_an_environment_the_backend_says_what_to_do(monkeypatch, tmp_path):
    for name in ("DPAP_GENN", "GENN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="DPAP_GENN does not name its python: `dpap doctor` says"):
        BACKENDS["genn"].open("cpu")
    monkeypatch.setenv("DPAP_GENN", "/no/such/python")
    with pytest.raises(ValueError, match="/no/such/python, which is no program"):
        BACKENDS["genn"].open("cpu")
    with pytest.raises(ValueError, match="target gpu: .*use --target cpu"):
        BACKENDS["genn"].open("gpu")
