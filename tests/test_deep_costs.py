import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio.deep.costs import CostedLayer, costs


def _counted(live, received, out_size, stride, padding):
    """Synaptic operations counted one by one."""
    n, (n_out, n_in, k, _) = 0, live.shape
    for o, y, x in np.ndindex(n_out, *out_size):
        for i, a, b in np.ndindex(n_in, k, k):
            at = y * stride + a - padding, x * stride + b - padding
            if live[o, i, a, b] and 0 <= at[0] < received.shape[1] and 0 <= at[1] < received.shape[2]:
                n += received[i, at[0], at[1]]
    return n


def test_a_chain_worked_out_by_hand():
    first = CostedLayer("conv", np.ones((2, 1, 3, 3)), np.array([True, False]), None, 5.0, (4, 4), padding=1, other=2)
    second_mask = np.ones((3, 32))
    second_mask[0, :4] = 0
    second = CostedLayer("fc", second_mask, np.ones(3), np.r_[np.full(16, 0.5), np.zeros(16)], 1.5)
    (conv, fc), total = costs([first, second])
    assert conv == {"name": "conv", "weights": 18, "live_weights": 9, "units": 2, "live_units": 1, "macs": 288,
                    "live_macs": 144, "synops": 0.0, "spikes": 5.0, "energy_pj": pytest.approx(4.6 * 144),
                    "energy_ann_pj": pytest.approx(4.6 * 288), "stored_bytes": 80, "effective_bytes": 40}
    assert fc == {"name": "fc", "weights": 96, "live_weights": 44, "units": 3, "live_units": 3, "macs": 96,
                  "live_macs": 44, "synops": 22.0, "spikes": 1.5, "energy_pj": pytest.approx(0.9 * 22),
                  "energy_ann_pj": pytest.approx(4.6 * 96), "stored_bytes": 384, "effective_bytes": 44 * 4 + 6}
    assert total["weights"] == 114 and total["spikes"] == 6.5
    assert total["energy_pj"] == pytest.approx(4.6 * 144 + 0.9 * 22)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(3, 6),
       st.integers(3, 6))
def test_synaptic_operations_of_a_convolution_are_what_counting_gives(seed, k, stride, padding, height, width):
    rng = np.random.default_rng(seed)
    out = tuple((n + 2 * padding - k) // stride + 1 for n in (height, width))
    mask, units = rng.random((3, 2, k, k)) < 0.6, rng.random(3) < 0.7
    received = rng.integers(0, 5, (2, height, width))
    (row,), _ = costs([CostedLayer("c", mask, units, received, 0.0, out, stride, padding)])
    live = mask & units[:, None, None, None]
    assert row["synops"] == _counted(live, received, out, stride, padding)
    assert row["synops"] <= live.sum((0, 2, 3)) @ received.sum((1, 2))     # the bound that ignores borders


def test_pruned_and_removed_weights_cost_nothing_and_dense_ones_all():
    received = np.arange(6.0)
    def row(mask, units):
        return costs([CostedLayer("fc", mask, units, received, 1.0)])[0][0]
    dense, none = row(np.ones((4, 6)), np.ones(4)), row(np.zeros((4, 6)), np.ones(4))
    assert dense["synops"] == 4 * 15 and dense["effective_bytes"] == dense["stored_bytes"] == 96
    assert (none["synops"], none["energy_pj"], none["live_macs"], none["effective_bytes"]) == (0, 0, 0, 3)
    gone = row(np.ones((4, 6)), np.zeros(4))
    assert (gone["synops"], gone["live_weights"], gone["effective_bytes"]) == (0, 0, 0)


def test_what_an_input_sends_to_a_removed_channel_is_followed_through_the_flattened_map():
    first = CostedLayer("conv", np.ones((2, 1, 1, 1)), np.array([True, False]), None, 0.0, (2, 2))
    second = CostedLayer("fc", np.ones((1, 8)), np.ones(1), np.ones(8), 0.0)
    assert costs([first, second])[0][1]["synops"] == 4


def test_an_analogue_input_that_changes_is_multiplied_at_every_step():
    once, eight = (costs([CostedLayer("fc", np.ones((2, 3)), np.ones(2), None, 0.0, runs=n)])[1] for n in (1, 8))
    assert eight["energy_pj"] == 8 * once["energy_pj"] and eight["energy_ann_pj"] == once["energy_ann_pj"]


@pytest.mark.parametrize("layer", [
    CostedLayer("fc", np.ones((2, 3)), np.ones(3), None, 0.0),
    CostedLayer("fc", np.ones((2, 3)), np.ones(2), np.ones(4), 0.0),
    CostedLayer("fc", np.ones((2, 3, 1, 1)), np.ones(2), np.ones(3), 0.0)])
def test_shapes_that_do_not_fit_are_named(layer):
    with pytest.raises(ValueError, match="layer fc"):
        costs([layer])
