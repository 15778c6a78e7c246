"""Measures of competition between the inputs of cells that stand side by side: who wins, who loses, what they fire.

Copy k of the model lives through condition k // copies (`conditions.py`), so its cells and synapses follow from their
lasting ids. Weights are in units of w_max. `after` names the stage at whose end the weights are; without it, the last.
"""

from __future__ import annotations

import numpy as np

from dpap_bio import conditions
from dpap_bio import results_read as read
from dpap_bio.results_read import NotApplicable, TooLittleData


def cell_rate(run, arm, seed, *, population, condition, during=None, last=0.1):
    """Mean rate of a condition's cells over the last part of the epochs of a stage."""
    return float(np.nanmean(_rates(run, arm, seed, population, condition, during, last)))


def rate_gain(run, arm, seed, *, population, condition, over, last=0.1):
    """The `cell_rate` of one condition over that of another."""
    first, second = (cell_rate(run, arm, seed, population=population, condition=name, last=last)
                     for name in (condition, over))
    if second == 0:
        raise NotApplicable(f"the cells of condition {over} are silent")
    return first / second


def rate_change(run, arm, *, population, condition, before, during, of=None, last=0.1):
    """Relative change of a condition's mean rate: the whole of stage `during` against the last part of `before`.

    It is that of arm `of` where one is named, whatever arm is asked about.
    """
    arm, out = of or arm, {}
    for seed in read.seeds(run, arm):
        was, now = (cell_rate(run, arm, seed, population=population, condition=condition, during=stage, last=part)
                    for stage, part in ((before, last), (during, 1.0)))
        if was == 0:
            raise NotApplicable(f"the cells of condition {condition} are silent in stage {before}")
        out[seed] = now / was - 1
    return out


def weight_share(run, arm, seed, *, projection, condition, low, high, after=None):
    """The share of a condition's weights from `low` to below `high` (at most 1 where `high` is 1)."""
    w = weights(run, arm, seed, projection, condition, after)[0]
    return float(np.mean((w >= low) & ((w < high) | ((high >= 1) & (w <= high)))))


def modal_share(run, arm, *, projection, condition, bins=10, adjacent=3, of=None, after=None):
    """The largest share of a condition's weights that lies in `adjacent` neighbouring ones of `bins` equal bins.

    It is that of arm `of` where one is named, whatever arm is asked about.
    """
    arm, out = of or arm, {}
    for seed in read.seeds(run, arm):
        number = np.histogram(weights(run, arm, seed, projection, condition, after)[0], bins, (0, 1))[0]
        out[seed] = float(np.convolve(number, np.ones(adjacent), "valid").max() / number.sum())
    return out


def eliminated_in(run, arm, seed, *, projection, condition, low=0.0, high=1.0):
    """The share of a condition's synapses that died, of the inputs from share `low` to below share `high` of a copy."""
    return float(np.mean(~np.isnan(lives_of(run, arm, seed, projection, condition, low, high))))


def lives_of(run, arm, seed, projection, condition, low=0.0, high=1.0):
    """The age at death of a condition's synapses, nan of those that live, of that part of the inputs: (n,) float."""
    lives = read.table(run, arm, seed, f"synapses_{projection}")
    mine, place = _of_condition(run, arm, seed, projection, condition, lives.pre.values, lives.post.values)
    mine &= (place >= low) & (place < high)
    if not mine.any():
        raise TooLittleData(f"no synapse of {projection} has its input from {low:g} to {high:g} of a copy")
    return lives.died.values[mine]


def ocular_loss(run, arm, seed, *, projection, condition):
    """(share of the left eye's synapses lost - share of the right eye's) / (their sum); the left eye comes first."""
    left, right = (eliminated_in(run, arm, seed, projection=projection, condition=condition, low=low, high=low + 0.5)
                   for low in (0.0, 0.5))
    if left + right == 0:
        raise NotApplicable(f"no synapse of condition {condition} was lost")
    return (left - right) / (left + right)


def loss_ratio(run, arm, seed, *, projection, condition, over, low=0.0, high=1.0):
    """The share of synapses lost in one condition over that in another, of the same part of the inputs."""
    one, other = (eliminated_in(run, arm, seed, projection=projection, condition=name, low=low, high=high)
                  for name in (condition, over))
    if other == 0:
        raise NotApplicable(f"no synapse of condition {over} was lost")
    return one / other


def left_share(run, arm, seed, *, projection, condition, after=None):
    """The left eye's share of the weight that a condition's cells receive; what is dead weighs nothing."""
    w, place = weights(run, arm, seed, projection, condition, after)
    if w.sum() == 0:
        raise NotApplicable(f"all weights of condition {condition} are 0")
    return float(w[place < 0.5].sum() / w.sum())


def correlation_index(run, arm, *, projection, condition, share, of=None, after=None):
    """(mean weight of the first `share` of the inputs - that of the others) / (their sum), the copies taken together.

    It is that of arm `of` where one is named, whatever arm is asked about.
    """
    arm = of or arm
    return {s: _index_of(run, arm, s, projection, condition, share, after) for s in read.seeds(run, arm)}


def index_order(run, arm, *, first, second, projection, condition, share, after=None):
    """How far the `correlation_index` of arm `first` lies above that of arm `second`, whatever arm is asked about."""
    args = {"projection": projection, "condition": condition, "share": share, "after": after}
    one, other = (correlation_index(run, arm, of=name, **args) for name in (first, second))
    return {s: one[s] - other[s] for s in one if s in other}


def weights(run, arm, seed, projection, condition, after=None, epoch=None):
    """Weights of a condition's live synapses in units of w_max, and where in its copy's inputs each comes from.

    They are those of a snapshot: of `epoch`, at the end of stage `after`, or the last.

    Returns
        (n,) float, 1   weight
        (n,) float, 1   place of the input among those of its copy, in [0, 1)
    """
    if epoch is None:
        epoch = read.epochs(run, arm, seed, "snapshots")[-1] if after is None else _end_of(run, arm, seed, after)
    then = read.snapshot(run, arm, seed, projection, epoch)
    mine, place = _of_condition(run, arm, seed, projection, condition, then.pre.values, then.post.values)
    if not mine.any():
        raise TooLittleData(f"condition {condition} has no synapse of {projection} left")
    return then.w.values[mine] / read.parameter(run, "w_max")[0], place[mine]


def _index_of(run, arm, seed, projection, condition, share, after):
    w, place = weights(run, arm, seed, projection, condition, after)
    first, others = w[place < share], w[place >= share]
    if not len(first) or not len(others):
        raise TooLittleData("no synapse is left of the inputs on one side")
    total = first.mean() + others.mean()
    if total == 0:
        raise NotApplicable("all weights are 0")
    return float((first.mean() - others.mean()) / total)


def _of_condition(run, arm, seed, projection, condition, pre, post):
    """Which synapses belong to a condition, and the place of the input of each among those of its copy."""
    shown = conditions.of_run(run)
    index = _index(shown, condition)
    copies = int(shown.copies.values.sum())
    every = read.table(run, arm, seed, f"synapses_{projection}")
    n_pre, n_post = (_size(ids, copies) for ids in (every.pre.values, every.post.values))
    of = np.asarray(post) // n_post // int(shown.copies.values[0])
    return of == index, np.asarray(pre) % n_pre / n_pre


def _size(ids, copies: int) -> int:
    """Neurons of a population in one copy: every copy has synapses, so the largest id lies in the last copy."""
    return -(-(int(ids.max()) + 1) // copies)


def _rates(run, arm, seed, population, condition, during, last):
    shown = conditions.of_run(run)
    cells = read.table(run, arm, seed, f"cells_{population}")
    epoch = cells.epoch.values
    if during is not None:
        stages = read.table(run, arm, seed, "summary")
        epoch = epoch[np.isin(epoch, stages.epoch.values[stages.stage.values.astype(str) == during])]
    kept = epoch[-max(1, round(len(epoch) * last)):]
    each = cells.sizes["cell"] // shown.sizes["condition"]
    index = _index(shown, condition)
    return cells.rate.sel(epoch=kept).values[:, index * each:(index + 1) * each]


def _index(shown, condition: str) -> int:
    names = shown.condition.values.astype(str).tolist()
    if condition not in names:
        raise NotApplicable(f"there is no condition {condition!r}")
    return names.index(condition)


def _end_of(run, arm, seed, stage: str) -> int:
    summary = read.table(run, arm, seed, "summary")
    mine = summary.epoch.values[summary.stage.values.astype(str) == stage]
    if not len(mine):
        raise NotApplicable(f"there is no stage {stage!r}")
    return int(mine[-1])
