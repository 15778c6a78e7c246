import pytest

from dpap_bio.rules import RULES, Rule, find_rule
from dpap_bio.rules.survival import SURVIVAL


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
