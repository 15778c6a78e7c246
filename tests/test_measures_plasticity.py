"""Measures of experiments on plasticity against values worked out by hand, on runs made by hand."""

import numpy as np
import pytest
import xarray as xr

from dpap_bio import measures_plasticity as measures
from dpap_bio.results_read import NotApplicable, TooLittleData

NAN = float("nan")
ALL = {"projection": "synapse"}


def made(change, copies=1, before=2.0, names=None, parameters=None, **columns):
    """A run of one stage of 10 s in which the weight of each condition (and copy) changed so."""
    change = np.repeat(change, copies) if np.ndim(change) == 1 else np.ravel(change)
    n = len(change)
    names = names or [f"c{k}" for k in range(n // copies)]
    shuffled = np.random.default_rng(0).permutation(n)
    shown = xr.Dataset({"copies": ("condition", np.full(n // copies, copies))}
                       | {k: ("condition", np.asarray(v, float)) for k, v in columns.items()}, {"condition": names})
    snapshot = xr.Dataset({"epoch": ("entry", np.zeros(n, int)), "id": ("entry", shuffled), "pre": ("entry", shuffled),
                           "w": ("entry", before * (1 + change[shuffled])), "size": ("entry", change[shuffled])})
    lives = xr.Dataset({"id": ("synapse", np.arange(n)), "pre": ("synapse", np.arange(n)),
                        "w_birth": ("synapse", np.full(n, before)), "died": ("synapse", np.full(n, NAN))})
    summary = xr.Dataset({"stage": ("epoch", ["birth", "test"]), "age": ("epoch", [0.0, 1.0])}, {"epoch": [-1, 0]})
    stages = xr.Dataset({"seconds": ("stage", [10.0]), "epochs": ("stage", [1])}, {"stage": ["test"]})
    given = parameters or {}
    in_force = xr.Dataset({"value": ("parameter", list(given.values())), "unit": ("parameter", ["1"] * len(given))},
                          {"parameter": list(given)})
    here = "/main/seed_1"
    return xr.DataTree.from_dict({
        "/conditions": shown, "/stages": stages, "/parameters": in_force, f"{here}/summary": summary,
        f"{here}/synapses_synapse": lives, f"{here}/snapshots_synapse": snapshot})


def value(run, name, **args):
    return getattr(measures, name)(run, "main", 1, **ALL, **args)


def test_a_change_is_relative_to_the_weight_before_and_a_mean_over_copies():
    run = made([[0.1, 0.3], [-0.2, -0.4]], copies=2, before=5.0)
    change, error = measures.changes(run, "main", 1, "synapse")
    assert change == pytest.approx([0.2, -0.3])
    assert error == pytest.approx([0.1, 0.1])


def test_conditions_are_found_by_name():
    run = made([0.5, -0.25], names=["plus", "minus"])
    assert value(run, "change_at", condition="minus") == pytest.approx(-0.25)
    assert value(run, "change_difference", condition="plus", minus="minus") == pytest.approx(0.75)
    with pytest.raises(NotApplicable, match="there are plus, minus"):
        value(run, "change_at", condition="other")


def test_the_error_of_fit_counts_standard_errors_and_leaves_gaps_out():
    run = made([0.1, 0.4, 9.0], data=[0.0, 0.0, NAN], sem=[0.1, 0.1, 0.1])
    assert value(run, "fit_error", data="data", sem="sem") == pytest.approx((1 + 16) / 2)
    assert value(run, "explained", data="data", sem="sem") == 1
    assert value(run, "largest_error", against="data") == pytest.approx(0.4)


def test_conditions_can_be_chosen_by_a_column():
    run = made([0.1, 0.4, -0.3], data=[0.0, 0.0, 0.0], sem=[0.1, 0.1, 0.1], study=[1, 2, 2])
    assert value(run, "largest_error", against="data", among="study", equals=1) == pytest.approx(0.1)
    with pytest.raises(NotApplicable):
        value(run, "largest_error", against="data", among="study", equals=3)


def test_bands_are_counted_with_their_ends():
    run = made([0.0, 0.5, 0.6], low=[0.0, 0.0, 0.0], high=[1.0, 0.5, 0.5])
    assert value(run, "in_bands", low="low", high="high") == 2


def test_the_border_lies_between_the_conditions_where_the_sign_turns():
    run = made([0.3, -0.1, -0.2, 0.2], rate=[30, 5, 10, 20])
    assert value(run, "zero_crossing", along="rate") == pytest.approx(15)


@pytest.mark.parametrize(("change", "border"), [([0.1, 0.2, 0.3], 0.0), ([-0.1, -0.2, -0.1], 20.0)])
def test_a_curve_of_one_sign_has_its_border_outside(change, border):
    assert value(made(change, rate=[5, 10, 20]), "zero_crossing", along="rate") == border


def test_two_histories_are_compared_by_their_borders():
    run = made([-1, 1, -1, 1], rate=[10, 20, 20, 40], history=[1, 1, 2, 2])
    args = {"along": "rate", "among": "history", "equals": 2, "over": 1}
    assert value(run, "crossing_ratio", **args) == pytest.approx(2)


def test_the_deepest_depression_of_a_parabola_is_its_vertex():
    rate = np.array([2.0, 5, 8, 12, 18, 25])
    assert value(made(0.01 * rate * (rate - 20), rate=rate), "lowest_at", along="rate") == pytest.approx(10)
    with pytest.raises(TooLittleData):
        value(made([1.0, 1.0, -1.0], rate=[1, 2, 3]), "lowest_at", along="rate")


def test_a_window_is_measured_on_each_side():
    lag = np.array([-20.0, -10, -5, 5, 10, 20])
    change = np.where(lag > 0, 0.8 * np.exp(-lag / 15), -0.3 * np.exp(lag / 30))
    run = made(change, lag=lag)
    assert value(run, "window_decay", along="lag", side=1) == pytest.approx(15)
    assert value(run, "window_decay", along="lag", side=-1) == pytest.approx(30)
    assert value(run, "window_height", along="lag", side=1) == pytest.approx(0.8)
    assert value(run, "window_height", along="lag", side=-1) == pytest.approx(-0.3)


def test_a_window_of_both_signs_on_one_side_is_none():
    with pytest.raises(NotApplicable):
        value(made([0.1, -0.1], lag=[5, 10]), "window_decay", along="lag", side=1)


def test_the_closed_form_potentiates_at_lag_0():
    p = {"a_plus": 0.01, "a_minus": 0.02, "tau_plus": 10.0, "tau_minus": 20.0, "w_max": 2.0}
    change = [-0.02 * 2 * 3 * np.exp(-1), 0.01 * 2 * 3, 0.01 * 2 * 3 * np.exp(-1)]
    run = made(change, lag=[-20, 0, 10], parameters=p)
    assert value(run, "window_error", along="lag", pairs=3) == pytest.approx(0, abs=1e-12)
    assert value(run, "window_error", along="lag", pairs=6) == pytest.approx(0.06)


def test_off_theory_needs_both_a_share_and_standard_errors():
    change = [[0.10, 0.10], [0.30, -0.10], [0.2, 0.2]]  # exactly 0.1; 0.1 +- 0.2; exactly 0.2
    run = made(change, copies=2, theory=[0.01, 0.008, 0.01])
    assert value(run, "off_theory", theory="theory") == 1


def test_a_state_is_compared_as_it_is():
    run = made([0.1, 0.5], wanted=[0.1, 0.2])
    assert value(run, "state_error", variable="size", against="wanted") == pytest.approx(0.3)
    with pytest.raises(NotApplicable, match="no 'spine'"):
        value(run, "state_error", variable="spine", against="wanted")


def test_a_protocol_without_conditions_has_no_changes():
    run = made([0.1])
    del run["conditions"]
    with pytest.raises(NotApplicable, match="no conditions"):
        measures.changes(run, "main", 1, "synapse")
