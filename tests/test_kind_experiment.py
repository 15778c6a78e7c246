"""Computed experiments as protocols: read strictly, run once, labelled, judged by the numbers that they give."""

import numpy as np
import pytest

from dpap_bio import experiments, judge, kinds, living, results
from dpap_bio.experiments.experiment import Experiment, Given

FILE = """
schema     = "dpap-experiment/1"
title      = "A coin"
experiment = "coin"
seeds      = [1, 2]

[parameters.tosses]
value  = 1000
unit   = "1"
chosen = "enough"

[parameters.interval]
value  = [2.0, 4.0]
unit   = "min"
chosen = "two paces"

[[arms]]
name  = "bent"
title = "A bent coin"
set   = { tosses = 10, interval = "60 s, 2 min" }

[[criteria]]
measure = "outcome"
title   = "A fair coin falls on either side"
args    = { of = "heads" }
between = [0.4, 0.6]
chosen  = "three standard errors"

[[criteria]]
measure = "outcome"
title   = "It takes as long as it takes"
args    = { of = "slowest" }
between = [240, 240]
chosen  = "the longer interval"
must_fail_in = ["bent"]

[sizes.quick]
seeds = [3]
set   = { tosses = 100 }
"""


def _coin(p, rng):
    return {"heads": rng.random(int(p.tosses)).round().mean(), "slowest": p.interval.max(),
            "interval": p.interval, "pace": 60 / p.interval, "unasked": np.nan}


COIN = Experiment(_coin, {"tosses": "1", "interval": "s"}, {
    "heads": Given("1", "share of heads"), "slowest": Given("s", "longest interval"),
    "interval": Given("s", "interval", ("interval",)), "pace": Given("1/min", "pace", ("interval",)),
    "unasked": Given("1", "not applicable")})


@pytest.fixture
def coin(tmp_path, monkeypatch):
    """A function that writes a changed coin experiment and loads it."""
    monkeypatch.setitem(experiments.EXPERIMENTS, "coin", COIN)
    path = tmp_path / "coin.toml"

    def load(old="", new="", **changes):
        assert old in FILE
        path.write_text(FILE.replace(old, new) if old else FILE, encoding="utf-8")
        return kinds.load(str(path), **changes)

    return load


def lived(kind, protocol):
    request = living.Request(str(protocol.folder / "coin.toml"), "full", {}, (), "runtime", "auto")
    records = {(arm.name, seed): [s.record for s in kind.lives(protocol, arm, seed, request, None, None)]
               for arm in protocol.arms for seed in protocol.seeds}
    return results.assemble(protocol, records)


def test_an_experiment_becomes_a_valid_run_with_units_and_verdicts(coin, tmp_path):
    run = lived(*coin())
    assert results.validate(run) == []
    outcome = run["main/seed_1/outcome"]
    assert outcome.pace.dims == ("interval",) and outcome.pace.attrs["units"] == "1/min"
    np.testing.assert_array_equal(outcome.interval, [120.0, 240.0])
    found = {(v.name, v.arm): v for v in judge.verdicts(run)}
    assert found["outcome 1", "main"].verdict == "passed" and found["outcome 1", "main"].n == 2
    assert found["outcome 2", "main"].said == "240 s"
    assert found["outcome 2", "bent"].verdict == "failed as it must"
    results.save(run, tmp_path / "run.nc")
    assert results.digest(results.load(tmp_path / "run.nc")) == results.digest(run)


def test_arms_of_one_seed_draw_the_same_numbers_and_seeds_draw_others(coin):
    run = lived(*coin("tosses = 10, ", ""))
    assert float(run["main/seed_1/outcome"].heads) == float(run["bent/seed_1/outcome"].heads)
    assert float(run["main/seed_1/outcome"].heads) != float(run["main/seed_2/outcome"].heads)


def test_a_number_that_is_not_applicable_is_no_failure(coin):
    run = lived(*coin('of = "heads"', 'of = "unasked"'))
    assert next(v.verdict for v in judge.verdicts(run)) == "not applicable"


def test_sizes_and_set_change_parameters_with_units(coin):
    _, protocol = coin(size="quick", set_={"interval": "1 hour"})
    assert protocol.seeds == (3,) and protocol.p(protocol.arms[0]).tosses == 100
    np.testing.assert_array_equal(protocol.p(protocol.arms[0]).interval, [3600.0])


@pytest.mark.parametrize(("old", "new", "sentence"), [
    ('experiment = "coin"', 'experiment = "coins"', "coin.toml: there is no experiment 'coins'; did you mean 'coin'?"),
    ('unit   = "min"', 'unit   = "mV"', "coin.toml: parameters.interval: found unit 'mV', coin needs 's'"),
    ("[parameters.tosses]", "[parameters.toss]", "coin.toml: parameters.tosses is missing: coin needs it, in '1'"),
    ('of = "heads"', 'of = "head"', "did you mean 'heads'?"),
    ('of = "heads"', 'of = "pace"', "found 'pace', the name of a scalar is wanted"),
    ('measure = "outcome"\ntitle   = "A fair', 'measure = "plateau"\ntitle   = "A fair',
     "plateau measures a development, this is an experiment"),
    ('must_fail_in = ["bent"]', 'must_fail_in = ["bend"]', "there is no arm 'bend'; did you mean 'bent'?"),
    ("set   = { tosses = 100 }", "sets  = { tosses = 100 }", "sizes.quick"),
    ('set   = { tosses = 10,', 'set   = { toss = 10,', "arms.bent.set: there is no parameter 'toss'"),
    ('interval = "60 s, 2 min"', 'interval = "60 mV"', "arms.bent.set"),
])
def test_a_wrong_file_is_one_sentence(coin, old, new, sentence):
    with pytest.raises(ValueError, match="coin.toml") as error:
        coin(old, new)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_values_that_cannot_be_computed_with_are_named(coin):
    kind, protocol = coin(set_={"tosses": -3})
    with pytest.raises(ValueError, match="coin, main: it cannot be computed with tosses = -3: negative dimensions"):
        next(kind.lives(protocol, protocol.arms[0], 1, None, None, None))
