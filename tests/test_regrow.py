from types import SimpleNamespace

import numpy as np
import pytest
from small import activity, projection

from dpap_bio.rules.regrow import REGROW, REGROW_NO_AUTAPSES, count_wanted, wanted_percentile

P = SimpleNamespace(
    regrow_start=0.0, regrow_persistence=3.0, probed_share=1.0, regrow_percentile=85.0, regrow_tightening=1.1,
    regrow_ceiling=99.0,
)  # fmt: skip
TOGETHER = {"pre": [[1.0, 0.0, 0.1]] * 2, "post": [[1.0, 0.0, 0.1]] * 2}


def grown(days, proj=None, traces=TOGETHER, rule=REGROW, p=P, dt=1.0):
    proj = proj or projection([1], [1], n_pre=3, n_post=3)
    for day in range(days):
        proj = rule.step(proj, activity(**traces, days=dt, age=(day + 1) * dt), p, np.random.default_rng(day))
    return proj


@pytest.mark.parametrize(("day", "wanted"), [(0, 66.0), (10, 67.6), (20, 71.7), (30, 82.4), (37, 99.0), (1e6, 99.0)])
def test_regrowth_tightens_until_only_the_top_percent_qualifies(day, wanted):
    found = wanted_percentile(day, percentile=65.0, tightening=1.1, ceiling=99.0)
    assert found == pytest.approx(wanted, abs=0.05)


def test_a_pair_counts_only_while_it_is_wanted():
    score, before = np.array([2.0, 2.0, 1.0]), np.array([True, False, True])
    assert count_wanted(score, before, np.array([4, 0, 4]), threshold=1.0).tolist() == [5, 0, -1]


def test_a_wanted_pair_is_born_after_more_days_than_the_persistence():
    assert len(grown(4).births) == 0
    born = grown(5).births
    assert (born.pre.tolist(), born.post.tolist()) == ([0], [0])


def test_with_half_the_days_an_epoch_it_takes_twice_the_epochs():
    assert len(grown(7, dt=0.5).births) == 0
    assert len(grown(8, dt=0.5).births) == 1


def test_one_quiet_day_starts_the_count_again():
    proj = grown(3)
    assert proj.candidates.count.tolist() == [2]
    proj = REGROW.step(
        proj, activity(pre=np.zeros((1, 3)), post=np.zeros((1, 3)), age=4.0), P, np.random.default_rng(0)
    )
    assert len(proj.candidates) == 0
    assert len(grown(4, proj).births) == 0


def test_nothing_is_watched_before_regrowth_starts():
    p = SimpleNamespace(**{**vars(P), "regrow_start": 2.0})
    assert len(grown(2, p=p).candidates) == 0
    assert len(grown(3, p=p).candidates) == 1


def test_a_pair_that_is_connected_or_dead_is_no_longer_watched():
    proj = grown(3)
    connected = projection([0], [0], n_pre=3, n_post=3).watch(proj.candidates.pre, proj.candidates.post, [2])
    assert (0, 0) not in zip(*(grown(1, connected).candidates.columns[c] for c in ("pre", "post")), strict=True)
    dead = grown(1, proj.replace_target(alive=np.array([False, True, True])))
    assert 0 not in dead.candidates.post


def test_autapses_are_watched_only_where_they_are_allowed():
    assert (grown(1).candidates.pre == grown(1).candidates.post).any()
    found = grown(1, rule=REGROW_NO_AUTAPSES).candidates
    assert not (found.pre == found.post).any()


def test_a_watched_pair_goes_on_counting_when_others_are_probed():
    p = SimpleNamespace(**{**vars(P), "probed_share": 1e-9})
    proj = projection([1, 1, 2, 2], [1, 2, 1, 2], n_pre=3, n_post=3).watch([0], [0], [3])
    assert len(grown(1, proj, p=p).births) == 1
