"""The shipped experiments on plasticity pass, their controls fail, and a mutant of a mechanism is seen."""

import sys
import tomllib
from pathlib import Path

import pytest
from data_folder import DATA, needs
from lived import failures, lived

from dpap_bio import kinds, library, validate

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from mutations import COVERED, mutants  # noqa: E402

ALL = ["plasticity_rules", "stdp_window", "triplet_stdp", "wang_triplets", "triplet_threshold", "frequency_curve",
       "bcm_threshold", "homeostasis"]


def test_every_rule_is_what_its_equations_say():
    assert failures(lived("plasticity_rules")) == []


def test_the_window_passes():
    assert failures(lived("stdp_window")) == []


@needs("stdp")
def test_recorded_pairings_are_42_with_their_lags_rates_and_errors(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))
    _, protocol = kinds.load("recorded_pairings")
    shown = protocol.conditions
    assert shown.n == 42
    row = {n: float(v[shown.names.index("sjs01_04")]) for n, v in shown.columns.items()}
    assert row == pytest.approx({"lag": 10, "interval": 25, "spikes": 5, "sweeps": 15, "sweep_rate": 0.1, "n": 6,
                                 "change": 0.5395, "sem": 0.1127, "study": 3})


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_protocol_passes_at_its_quick_size_and_its_controls_fail(name):
    _, protocol = kinds.load(name, size="quick")
    assert failures(lived(name, arms=[arm.name for arm in protocol.arms])) == []


@pytest.mark.slow
@needs("stdp")
def test_recorded_pairings_pass_and_the_pair_rule_fails(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))
    assert failures(lived("recorded_pairings", arms=("main", "pairs"))) == []


def test_a_changed_mechanism_is_seen(monkeypatch, tmp_path):
    """The mutant that reads the slow trace after it rose: the classical mistake in a triplet rule."""
    text = library.find("mechanism", "triplet_stdp").read_text()
    mutant = dict(mutants(text))["order: y_slow += 1 before w"]
    model = library.find("model", "wang_triplets").read_text()
    (tmp_path / "mutant.toml").write_text(mutant)
    mine = tmp_path / "mine.toml"
    mine.write_text(model.replace('"triplet_stdp"', '"./mutant.toml"'))
    assert "largest_error 1 in main" in failures(lived("wang_triplets", model=str(mine)))


def test_mutants_are_many_and_all_different():
    for name in COVERED:
        text = library.find("mechanism", name).read_text()
        made = [changed for _, changed in mutants(text)]
        assert len(made) >= 3
        assert len({text, *made}) == len(made) + 1


def test_every_mechanism_that_learns_is_mutated_and_part_of_a_validation_protocol():
    learning = {n for n in library.names("mechanism") if "learning" in library.find("mechanism", n).read_text()}
    assert learning - {"bcm_local"} == set(COVERED)  # bcm_local is a control
    used = {n: _mechanisms(n) for n in validate.names()}
    assert learning - set().union(*used.values()) == set()
    for name, protocols in COVERED.items():
        assert [p for p in protocols if name not in used[p]] == []


def _mechanisms(name):
    """The mechanisms of all models of a protocol; none of an experiment that is computed."""
    spec = tomllib.loads(library.find("protocol", name).read_text())
    models = [spec.get("model"), *(arm.get("model") for arm in spec.get("arms", []))]
    texts = [tomllib.loads(library.find("model", m).read_text()) for m in models if m]
    parts = [part for t in texts for part in [*t["populations"].values(), *t["projections"].values()]]
    return {mechanism for part in parts for mechanism in part.get("mechanisms", [])}
