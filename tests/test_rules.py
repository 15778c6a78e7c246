from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.network import Table
from dpap_bio.rules import RULES, Rule, find_rule
from dpap_bio.rules.survival import SURVIVAL

PARAMETERS = {
    "percentile": 0.75,
    "gamma": 0.9,
    "threshold_power": 2.0,
    "probed_share": 0.5,
    "keep_neurons": 1.0,
    "growth_end": 9.0,
}


def lived(name, library):
    """A projection after one epoch under one rule, all arrays from one library."""
    xp, rule, rng = pytest.importorskip(library), RULES[name], np.random.default_rng(0)
    p = SimpleNamespace(**{need: PARAMETERS.get(need, 1.5) for need in rule.needs})
    columns = {c: np.full(12, float(start) if not isinstance(start, str) else 1.5) for c, start in rule.synapse.items()}
    columns |= {
        "w": rng.random(12),
        "score": rng.random(12),
        "reserve": rng.normal(size=12),
        "spine": rng.random(12) + 0.9,
        "gain": rng.random(12) + 0.5,
    }
    target = {c: np.full(4, float(start) if not isinstance(start, str) else 1.5) for c, start in rule.neuron.items()}
    target |= {"density": rng.random(4), "reserve_neuron": rng.normal(size=4)}
    proj = projection(np.repeat(np.arange(6), 2), rng.integers(0, 4, 12), 6, 4, target=target, **columns)
    proj = replace(proj, **{part: Table({c: xp.asarray(np.array(v)) for c, v in getattr(proj, part).columns.items()})
                            for part in ("source", "target", "synapses")})  # fmt: skip
    act = activity(rng.random((5, 6)), rng.random((5, 4)), age=3.0, quota=7)
    firing = {end: replace(f, count=xp.asarray(f.count), trace=xp.asarray(f.trace)) for end, f in
              (("pre", act.pre), ("post", act.post))}  # fmt: skip
    return rule.step(proj, replace(act, **firing), p, np.random.default_rng(1))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_does_the_same_in_torch_as_in_numpy(name):
    one, other = lived(name, "numpy"), lived(name, "torch")
    for part in ("synapses", "target", "births", "candidates"):
        for column, values in getattr(one, part).columns.items():
            found = to_numpy(getattr(other, part).columns[column])
            assert found == pytest.approx(values), column


@pytest.mark.parametrize("name", RULES)
def test_every_start_value_is_a_number_or_a_parameter_that_the_rule_needs(name):
    rule = RULES[name]
    assert isinstance(rule, Rule)
    for start in (*rule.synapse.values(), *rule.neuron.values()):
        assert start in rule.needs if isinstance(start, str) else isinstance(start, float)


def test_rules_that_keep_the_same_column_start_it_the_same_way():
    starts = {}
    for rule in RULES.values():
        for column, start in (*rule.synapse.items(), *rule.neuron.items()):
            assert starts.setdefault(column, start) == start


def test_a_parameter_has_one_unit_in_all_rules():
    units = {}
    for rule in RULES.values():
        for parameter, unit in rule.needs.items():
            assert units.setdefault(parameter, unit) == unit


def test_a_rule_is_found_by_name_and_by_import_path():
    assert find_rule("survival") is SURVIVAL
    assert find_rule("dpap_bio.rules.survival:SURVIVAL") is SURVIVAL


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("survivel", "there are"),
        ("no_such_package.rules:A", "No module named"),
        ("dpap_bio.rules.survival:NO_SUCH", "no attribute"),
        ("dpap_bio.rules.survival:survive", "is a function"),
    ],
)
def test_a_rule_that_is_not_there_is_named_in_one_sentence(name, reason):
    with pytest.raises(ValueError, match=reason) as error:
        find_rule(name)
    assert "\n" not in str(error.value)
