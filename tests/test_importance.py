import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules import importance
from dpap_bio.rules.importance import (
    IMPORTANCE,
    bcm_score,
    kept_share,
    min_max,
    remember,
    sliding_threshold,
    spine_density,
)

LIBRARIES = ["numpy", "array_api_strict", "torch"]


class P:
    score_memory = math.inf
    threshold_memory = math.inf
    threshold_power = 1.0
    threshold_scale = 1.0


def draw(n_samples=6, n_pre=5, n_post=4, n_syn=9, seed=0):
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.choice(n_pre * n_post, n_syn, replace=False))
    return rng.random((n_samples, n_pre)), rng.random((n_samples, n_post)), pairs // n_post, pairs % n_post


def loop_score(x, y, theta, pre, post):
    return [
        sum(y[b, j] * (y[b, j] - theta[j]) * x[b, i] for b in range(len(x))) for i, j in zip(pre, post, strict=True)
    ]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("n_syn", [1, 9, 20])
def test_the_score_is_the_sum_of_bcm_steps_over_the_samples(library, n_syn):
    xp = pytest.importorskip(library)
    x, y, pre, post = draw(n_syn=n_syn)
    found = bcm_score(*(xp.asarray(a) for a in (x, y, y.mean(0), pre, post)))
    assert to_numpy(found) == pytest.approx(loop_score(x, y, y.mean(0), pre, post))


def test_blocks_of_synapses_do_not_change_the_score(monkeypatch):
    x, y, pre, post = draw(n_syn=8)
    whole = bcm_score(x, y, y.mean(0), pre, post)
    monkeypatch.setattr(importance, "BLOCK", 1)
    assert bcm_score(x, y, y.mean(0), pre, post) == pytest.approx(whole)


def test_a_sparse_score_never_holds_the_full_matrix():
    n, n_syn = 3000, 20_000
    rng = np.random.default_rng(0)
    x = rng.random((10, n))
    pre, post = np.sort(rng.integers(0, n, n_syn)), rng.integers(0, n, n_syn)
    tracemalloc.start()
    bcm_score(x, x, x.mean(0), pre, post)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n * n / 4


@given(st.permutations(range(9)))
def test_permuting_the_synapses_permutes_the_scores(order):
    x, y, pre, post = draw()
    order = np.array(order)
    whole = bcm_score(x, y, y.mean(0), pre, post)
    assert bcm_score(x, y, y.mean(0), pre[order], post[order]) == pytest.approx(whole[order])


def test_at_the_mean_threshold_the_score_is_a_covariance_and_independent_firing_scores_zero():
    rng = np.random.default_rng(1)
    y = rng.random((200_000, 1))
    x = np.stack([y[:, 0], rng.random(200_000), np.ones(200_000)], axis=1)
    theta = y.mean(0)
    score = bcm_score(x, y, theta, np.arange(3), np.zeros(3, int)) / len(y)
    assert score[2] == pytest.approx(1 / 12, rel=0.02)  # E[y (y - Ey)] = var of a uniform number
    assert score[1] == pytest.approx(1 / 24, rel=0.02)  # a partner of mean 1/2 that ignores y
    assert score[0] > 1.4 * score[1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_threshold_is_used_before_it_is_updated_and_starts_at_zero(library):
    xp = pytest.importorskip(library)
    y = xp.asarray([[1.0, 0.0], [3.0, 2.0], [5.0, 1.0]])
    zero = xp.asarray([0.0, 0.0])
    theta = sliding_threshold(y, zero, zero, power=1.0, scale=1.0)
    assert to_numpy(theta).tolist() == [[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]]


def test_with_power_two_the_threshold_is_the_mean_square_over_the_scale():
    y = np.array([[1.0], [3.0], [0.0]])
    theta = sliding_threshold(y, np.zeros(1), np.zeros(1), power=2.0, scale=2.0)
    assert theta[:, 0] == pytest.approx([0.0, 0.5, 2.5])


@given(st.floats(-5, 5), st.floats(0, 50), st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_samples_added_in_two_parts_or_at_once_give_one_mean(mean, weight, samples):
    mean, weight = np.array([mean]), np.array([weight])
    half = remember(mean, weight, np.array([samples[0]]), 1, kept=0.5)
    parts = remember(*half, np.array([sum(samples[1:])]), len(samples) - 1, kept=1.0)
    whole = remember(mean, weight, np.array([sum(samples)]), len(samples), kept=0.5)
    assert parts[0] == pytest.approx(whole[0], abs=1e-9)
    assert parts[1] == pytest.approx(whole[1])


def test_without_memory_only_this_epoch_counts_and_an_empty_epoch_changes_nothing():
    mean, weight = remember(np.array([7.0]), np.array([100.0]), np.array([6.0]), 3, kept=0.0)
    assert (mean, weight) == (2.0, 3.0)
    assert remember(mean, weight, np.array([0.0]), 0, kept=0.0)[0] == 2.0


@given(st.floats(0, 20), st.floats(0, 20), st.floats(0.1, 50))
def test_forgetting_for_two_spans_is_forgetting_for_their_sum(a, b, memory):
    assert kept_share(a, memory) * kept_share(b, memory) == pytest.approx(kept_share(a + b, memory))


def test_an_infinite_memory_keeps_all_and_none_keeps_nothing():
    assert kept_share(3.0, math.inf) == 1.0
    assert kept_share(3.0, 0.0) == 0.0
    with pytest.raises(ValueError, match="0 day or longer"):
        kept_share(1.0, -1.0)


@pytest.mark.parametrize("library", LIBRARIES)
def test_dead_neurons_are_in_neither_minimum_nor_maximum(library):
    xp = pytest.importorskip(library)
    values, alive = xp.asarray([-50.0, 1.0, 2.0, 3.0, 99.0]), xp.asarray([False, True, True, True, False])
    assert to_numpy(min_max(values, alive)) == pytest.approx([0, 0, 0.5, 1, 0])


@pytest.mark.parametrize(("value", "wanted"), [(0.0, 0.0), (0.3, 1.0)])
def test_equals_are_all_kept_when_used_and_none_when_silent(value, wanted):
    assert min_max(np.full(3, value), np.ones(3, bool)).tolist() == [wanted] * 3


@pytest.mark.parametrize("library", LIBRARIES)
def test_spine_density_is_the_product_of_both_ranks_and_ignores_dead_synapses(library):
    xp = pytest.importorskip(library)
    density = spine_density(
        score=xp.asarray([1.0, 1.0, 5.0, 3.0, 100.0]),
        use=xp.asarray([0.0, 4.0, 8.0]),
        post=xp.asarray([0, 1, 2, 1, 0]),
        synapse_alive=xp.asarray([True, True, True, True, False]),
        alive=xp.asarray([True, True, True]),
    )
    assert to_numpy(density) == pytest.approx([0, (3 / 4) * (4 / 8), 1])


def test_the_rule_over_three_epochs_is_one_long_cumulative_count():
    x, y, pre, post = draw(n_samples=30)
    proj = whole = projection(pre, post, x.shape[1], y.shape[1], rule=IMPORTANCE)
    for k in range(3):
        proj = IMPORTANCE.step(proj, activity(x[10 * k : 10 * k + 10], y[10 * k : 10 * k + 10]), P, None)
    whole = IMPORTANCE.step(whole, activity(x, y), P, None)
    for column in IMPORTANCE.synapse:
        assert proj.synapses.columns[column] == pytest.approx(whole.synapses.columns[column])
    for column in IMPORTANCE.neuron:
        assert proj.target.columns[column] == pytest.approx(whole.target.columns[column])
    assert proj.target.threshold_bcm == pytest.approx(y.mean(0))
    assert proj.target.use == pytest.approx(y.mean(0))


def test_score_and_threshold_forget_at_their_own_pace():
    class Forgetful(P):
        score_memory, threshold_memory = 2.0, 5.0

    x, y, pre, post = draw(n_samples=20)
    first, second = (x[:10], y[:10]), (x[10:], y[10:])
    proj = projection(pre, post, x.shape[1], y.shape[1], rule=IMPORTANCE)
    for traces in (first, second):
        proj = IMPORTANCE.step(proj, activity(*traces), Forgetful, None)
    kept, kept_threshold = math.exp(-1 / 2), math.exp(-1 / 5)
    assert proj.target.use_weight == pytest.approx(np.full(4, 10 * kept + 10))
    assert proj.target.use == pytest.approx((kept * y[:10].sum(0) + y[10:].sum(0)) / (10 * kept + 10))
    weight = 10 * kept_threshold + 10
    assert proj.target.threshold_bcm == pytest.approx((kept_threshold * y[:10].sum(0) + y[10:].sum(0)) / weight)
    zero = np.zeros(4)
    theta = sliding_threshold(y[:10], zero, zero, power=1.0, scale=1.0)
    later = sliding_threshold(y[10:], y[:10].mean(0), zero + 10 * kept_threshold, power=1.0, scale=1.0)
    wanted = kept * bcm_score(*first, theta, pre, post) + bcm_score(*second, later, pre, post)
    assert proj.synapses.score == pytest.approx(wanted / (10 * kept + 10))


def test_a_synapse_born_later_is_rated_by_its_own_samples():
    x, y, pre, post = draw(n_samples=10)
    proj = projection(pre, post, x.shape[1], y.shape[1], rule=IMPORTANCE)
    weight = np.where(np.arange(len(pre)) == 0, 0.0, 1e9)  # all others have a long history of nothing
    proj = IMPORTANCE.step(proj.replace(score_weight=weight), activity(x, y), P, None)
    assert abs(proj.synapses.score[0]) > 1e5 * abs(proj.synapses.score[1:]).max()


def test_a_silent_epoch_gives_every_neuron_zero_density():
    x, y, pre, post = draw()
    proj = IMPORTANCE.step(
        projection(pre, post, x.shape[1], y.shape[1], rule=IMPORTANCE), activity(0 * x, 0 * y), P, None
    )
    assert proj.target.density.tolist() == [0, 0, 0, 0]
    assert not proj.synapses.score.any()
