"""Conditions side by side: how a protocol names what differs, and what it refuses."""

import textwrap

import numpy as np
import pytest
from lived import failures, lived

from dpap_bio import kinds, library
from dpap_bio.conditions import made
from dpap_bio.schema import Conditions

PAIR = """
schema = "dpap-model/1"
title  = "A pair"
dt     = "1 ms"

[populations.pre]
size       = 1
stimulated = true

[populations.post]
size       = 1
stimulated = true

[projections.synapse]
from       = "pre"
to         = "post"
mechanisms = ["weight", "pair_stdp"]
delay      = "0 ms"
connect    = { one_to_one = true }
start      = { w = 0.5 }
"""

PROTOCOL = """
schema = "dpap-protocol/1"
title  = "A test"
model  = "./pair.toml"
seeds  = [1]

[conditions]
copies = 2
names  = ["late", "early"]

[conditions.columns.lag]
unit   = "ms"
values = [5, -5]

[conditions.columns.gaps]
values = [nan, 1]

[[stages]]
name     = "pairing"
epochs   = 2
epoch    = { simulate = "100 ms", stands_for = "1 day" }
stimulus = [
  { kind = "repeated", population = "pre", rate = "20 Hz", repeats = 1, start = "20 ms" },
  { kind = "repeated", population = "post", rate = "20 Hz", repeats = 1, start = "20 ms", shift = "lag" },
]

[[arms]]
name  = "triplets"
title = "Another model"
model = "./other.toml"

[[criteria]]
measure = "change_at"
title   = "Late spikes potentiate"
args    = { projection = "synapse", condition = "late" }
between = [0.005, 1.0]
chosen  = "test"
must_fail_in = ["triplets"]
"""


@pytest.fixture
def write(tmp_path):
    def _write(protocol=PROTOCOL, model=PAIR):
        (tmp_path / "pair.toml").write_text(textwrap.dedent(model))
        (tmp_path / "other.toml").write_text(PAIR.replace("pair_stdp", "triplet_stdp").replace("1 ms", "0.5 ms"))
        (tmp_path / "test.toml").write_text(protocol)
        return str(tmp_path / "test.toml")

    return _write


def refused(path, **changes):
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        kinds.load(path, **changes)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_condition_is_a_pair_of_neurons_of_its_own(write):
    run = lived(write(), size="full")
    lives = run["main/seed_1/synapses_synapse"]
    assert lives.pre.values.tolist() == lives.post.values.tolist() == [0, 1, 2, 3]
    lost = run["main/seed_1/snapshots_synapse"].w.values[-4:] - 0.5
    assert lost == pytest.approx([2 * 0.005 * np.exp(-5 / 20)] * 2 + [-2 * 0.00525 * np.exp(-5 / 20)] * 2, rel=0.05)
    assert run["conditions"].condition.values.tolist() == ["late", "early"]
    assert run["conditions"].lag.attrs["units"] == "ms"


def test_an_arm_lives_with_its_own_model_on_the_main_time_step(write):
    _, protocol = kinds.load(write())
    other = protocol.model(protocol.arm("triplets"), protocol.stages[0])
    assert "x_slow" in {e.name for e in other.projections["synapse"].code.equations}
    assert other.dt == 1e-3
    assert "mechanism triplet_stdp.toml" in protocol.texts
    assert failures(lived(write(), arms=("main", "triplets"), size="full")) == []


def test_a_parameter_of_a_stimulus_can_be_set(write):
    def fired(**set_):
        _, protocol = kinds.load(write(), set_=set_)
        return [s.parameters["rate"] for s in protocol.stages[0].shown], protocol

    assert fired()[0] == [20.0, 20.0]
    assert fired(**{"stimulus.rate": "5 Hz"})[0] == [5.0, 5.0]
    assert fired(**{"stimulus.post.rate": "5 Hz"})[0] == [20.0, 5.0]
    assert "did you mean 'rate'" in refused(write(), set_={"stimulus.rats": "5 Hz"})
    assert "stimulus.rate" in refused(write(), set_={"stimulus.rate": "5 mV"})


def test_a_model_of_the_users_own_takes_the_place_of_the_protocols(write, tmp_path):
    path = write()
    mine = tmp_path / "mine.toml"
    mine.write_text(PAIR + '\n[parameters.tau_plus]\nvalue = 40.0\nunit = "ms"\nchosen = "test"\n')
    _, protocol = kinds.load(path, model=str(mine))
    main = protocol.model(protocol.arms[0], protocol.stages[0])
    assert main.projections["synapse"].parameters["tau_plus"].value == 40


def test_a_criterion_about_what_the_users_model_lacks_is_not_applicable(write, tmp_path):
    from dpap_bio import judge

    mine = tmp_path / "mine.toml"
    mine.write_text(PAIR.replace("projections.synapse", "projections.wire"))
    run = lived(write(), size="full", model=str(mine))
    assert [v.verdict for v in judge.verdicts(run)][0] == "not applicable"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("values = [5, -5]", "values = [5, -5, 3]", "found 2 values, 3 are wanted"),
    ('names  = ["late", "early"]', 'names  = ["late", "late"]', "'late' is the name of two"),
    ('names  = ["late", "early"]', 'names  = ["late"]', "names: found 1, 2 are wanted"),
    ('unit   = "ms"', 'unit   = "mV"', "'s' is wanted"),
    ('unit   = "ms"', 'unit   = "parsecs"', "columns.lag.unit"),
    ('shift = "lag"', 'shift = "gaps"', "is wanted"),
    ('shift = "lag"', 'shift = "leg"', "stimulus.shift"),
    ('condition = "late"', 'condition = "lata"', "did you mean 'late'"),
    ('model = "./other.toml"', 'model = "./none.toml"', "arms.triplets.model"),
    ("copies = 2", "copies = 0", "conditions.copies"),
    ("copies = 2", 'recorded = "pairing"', "there is no table 'pairing'"),
])
def test_a_mistake_in_conditions_is_told_in_one_sentence(write, old, new, said):
    assert old in PROTOCOL
    assert said in refused(write(PROTOCOL.replace(old, new)))


@pytest.mark.parametrize(("old", "new", "said"), [
    ("connect    = { one_to_one = true }", "connect    = {}", "one of share = 0.5 and one_to_one = true is wanted"),
    ("connect    = { one_to_one = true }", "connect    = { one_to_one = true, share = 0.5 }", "one of share"),
    ('mechanisms = ["weight", "pair_stdp"]', 'mechanisms = ["weight", "bcm"]', "is stimulated from outside"),
    ("[populations.post]\nsize       = 1", "[populations.post]\nsize       = 2", "as many on both sides"),
])
def test_a_model_that_cannot_stand_side_by_side_is_refused(write, old, new, said):
    assert old in PAIR
    assert said in refused(write(model=PAIR.replace(old, new)))


def test_columns_are_read_in_the_unit_that_is_wanted():
    given = made(Conditions.model_validate({"columns": {"lag": {"unit": "ms", "values": [1.0, 2.0]}}}), copies=3)
    assert given.spread("lag", "s", 6) == pytest.approx([1e-3] * 3 + [2e-3] * 3)


def test_a_table_that_is_not_on_this_machine_is_missed_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    assert "plastyfire_biodata" in refused(str(library.find("protocol", "recorded_pairings")))
