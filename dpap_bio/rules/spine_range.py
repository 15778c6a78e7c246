"""SD-SNN's spine range: the bound of each weight grows when it is pressed against and shrinks when it is not used.

Only persistent change counts: a streak of days, not one. Weights are magnitudes, so there is an upper bound alone.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from dpap_bio.rules.rule import Rule

Array = Any


def range_step(
    w: Array,
    w_before: Array,
    upper: Array,
    pressed: Array,
    overshoot: Array,
    falling: Array,
    *,
    dt: float,
    persistence: float,
    shrink: float,
) -> tuple[Array, Array, Array, Array]:
    """Move the upper bound r of each weight after one step.

    Arguments
        w, w_before  (n_syn,) float, w's unit   weight now and at the last step, >= 0
        upper        (n_syn,) float, w's unit   r
        pressed      (n_syn,) float, 1          steps in a row with w >= r
        overshoot    (n_syn,) float, w's unit   sum of w - r over that streak, its first step left out
        falling      (n_syn,) float, 1          steps in a row with w < w_before
        dt           float, day                 length of a step
        persistence  float, day                 streak that counts, its first step left out
        shrink       float, 1                   factor on r after a falling streak
    Returns
        upper, pressed, overshoot, falling      r grows by the mean overshoot of a streak; after a change the streak
                                                goes on as if it had just begun
    Source
        SD-SNN reference code, get_range_weight (18 epochs, 0.75). There the bounds of convolutional layers are never
        updated, which is a slip: here they are.
    """
    xp = array_namespace(w)
    zero, one = xp.zeros_like(w), xp.ones_like(w)
    pressed = xp.where(w >= upper, pressed + 1, zero)
    overshoot = xp.where(pressed >= 2, overshoot + w - upper, zero)
    falling = xp.where(w < w_before, falling + 1, zero)
    grows = (pressed - 1) * dt >= persistence - 1e-9
    shrinks = (falling - 1) * dt >= persistence - 1e-9
    steps = xp.where(grows, pressed - 1, one)
    upper = xp.where(grows, upper + overshoot / steps, upper)
    upper = xp.where(shrinks, shrink * upper, upper)
    return upper, xp.where(grows, one, pressed), xp.where(grows, zero, overshoot), xp.where(shrinks, one, falling)


def _spine_range(proj, act, p, rng):
    syn = proj.synapses
    xp = array_namespace(syn.w)
    state = syn.w, syn.w_before, syn.range_upper, syn.pressed, syn.overshoot, syn.falling
    options = {"persistence": p.range_persistence, "shrink": p.range_shrink}
    upper, pressed, overshoot, falling = range_step(*state, dt=act.days, **options)
    bounded = act.age - act.days > p.range_from
    w = xp.minimum(syn.w, upper) if bounded else syn.w
    return proj.replace(
        w=w,
        w_before=w,
        range_upper=upper,
        pressed=pressed,
        overshoot=overshoot,
        falling=falling,
    )


SPINE_RANGE = Rule(
    _spine_range,
    needs={"range_start": "1", "range_persistence": "day", "range_shrink": "1", "range_from": "day"},
    synapse={"range_upper": "range_start", "w_before": 0.0, "pressed": 0.0, "overshoot": 0.0, "falling": 0.0},
)
