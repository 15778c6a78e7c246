"""Ocular dominance by BCM in rate form: normal rearing, monocular and binocular deprivation, reverse suture.

Two eyes see the same one of K patterns; an open eye adds a little noise to it, a closed one is noise alone. Blais,
Shouval & Cooper 1999: in BCM the noise of the closed eye drives its loss, so more noise loses it faster; where synapses
compete for a limited sum (Oja's rule, the control) noise does not.
"""

from __future__ import annotations

import numpy as np

from dpap_bio.experiments.experiment import Experiment, Given

REST = -1.0  # responses are measured from spontaneous activity, which can be suppressed to no firing at all
HIGHEST = 1e3


def seen(steps: int, n_patterns: int, open_: np.ndarray, noise: np.ndarray, noise_open: float, rng) -> np.ndarray:
    """What both eyes of every cell send, step by step.

    Arguments
        steps       int
        n_patterns  int                    K
        open_       (n_cells, 2) bool      left and right eye
        noise       (n_cells,) float       standard deviation of what a closed eye sends
        noise_open  float                  the same, added to the pattern, of an open eye
    Returns
        (steps, n_cells, 2, K) float
    """
    x = rng.standard_normal((steps, len(open_), 2, n_patterns))
    x *= np.where(open_, noise_open, noise[:, None])[:, :, None]
    shown = rng.integers(n_patterns, size=(steps, len(open_), 1, 1))
    np.put_along_axis(x, shown, np.take_along_axis(x, shown, axis=3) + open_[:, :, None], axis=3)
    return x


def rear(w, theta, steps, open_, noise, p, rng, *, every):
    """Let cells live through one condition.

    Arguments
        w         (n_cells, 2, K) float, theta (n_cells,) float    where they stand
        steps     int
        open_, noise                                               as in `seen`
        every     int, step                                        how often responses are kept
    Returns
        w, theta, kept (n_kept, n_cells, 2, K)                     kept: the weights, which are the
                                                                   responses of each eye to each pattern
    """
    n, _, k = w.shape
    flat, theta, kept = w.reshape(n, 2 * k).copy(), theta.copy(), [w.copy()]
    follow = _compete if p.competition > 0 else _slide
    for done in range(0, steps, every):
        now = min(every, steps - done)
        follow(flat, theta, seen(now, k, open_, noise, p.noise_open, rng).reshape(now, n, 2 * k), p)
        if now == every:
            kept.append(flat.reshape(w.shape).copy())
    return flat.reshape(w.shape), theta, np.array(kept)


def _slide(w, theta, inputs, p) -> None:
    """BCM, in place: dw = eta c (c - theta) x, theta the mean square of c; (n_cells, n_in) weights."""
    c, square, change, product = *np.empty((3, len(w))), np.empty_like(w)
    for x in inputs:
        _response(w, x, product, c)
        np.subtract(c, theta, out=change)
        change *= c
        change *= p.eta
        w += np.multiply(change[:, None], x, out=product)
        _follow(theta, c, square, p)


def _compete(w, theta, inputs, p) -> None:
    """Oja's rule, in place: dw = eta c (x - c w)."""
    c, square, product, decay = *np.empty((2, len(w))), np.empty_like(w), np.empty_like(w)
    for x in inputs:
        _response(w, x, product, c)
        np.subtract(x, np.multiply(w, c[:, None], out=decay), out=product)
        product *= np.multiply(c, p.eta_competition, out=square)[:, None]
        w += product
        _follow(theta, c, square, p)


def _response(w, x, product, c) -> None:
    np.add.reduce(np.multiply(w, x, out=product), axis=1, out=c)
    np.minimum(np.maximum(c, REST, out=c), HIGHEST, out=c)


def _follow(theta, c, square, p) -> None:
    if p.sliding > 0:
        np.subtract(np.multiply(c, c, out=square), theta, out=square)
        theta += np.divide(square, p.tau_threshold, out=square)


def half_time(response: np.ndarray, every: float) -> tuple[float, bool]:
    """When a response first is at half of its start, and whether it ever is; else the length of the record."""
    below = np.flatnonzero(response <= 0.5 * response[0])
    return (float(below[0] * every), True) if len(below) else (float((len(response) - 1) * every), False)


def _run(p, rng):
    cells, k, every = int(p.cells), int(p.n_patterns), int(p.every)
    w = rng.uniform(0, p.w_start, (cells, 2, k))
    quiet = np.zeros(cells)
    both = np.ones((cells, 2), bool)
    w, theta, kept = rear(w, np.zeros(cells), int(p.steps_normal), both, quiet, p, rng, every=every)
    normal = _end(kept.max(axis=3))
    n = len(p.noise) * cells  # one eye closed, then both closed, all side by side
    open_ = np.repeat([[False, True], [False, False]], n, axis=0)
    start = np.tile(w, (2 * len(p.noise), 1, 1)), np.tile(theta, 2 * len(p.noise)), int(p.steps)
    found = rear(*start, open_, np.tile(np.repeat(p.noise, cells), 2), p, rng, every=every)
    deprived = {"monocular": (found[0][:n], found[1][:n], found[2][:, :n]), "binocular": (None, None, found[2][:, n:])}
    at = int(np.argmin(np.abs(p.noise - p.noise_checked)))
    here = slice(at * cells, (at + 1) * cells)
    w, theta = (part[here] for part in deprived["monocular"][:2])
    noise = np.full(cells, p.noise_checked)
    reversed_ = rear(w, theta, int(p.steps), np.tile([True, False], (cells, 1)), noise, p, rng, every=every)
    courses = {name: _course(rows[2], normal, len(p.noise))
               for name, rows in (*deprived.items(), ("reverse", reversed_)) if name != "reverse"}
    courses["reverse"] = _course(reversed_[2], normal, 1)[0]
    return _given(p, normal, courses, at)


def _course(kept, normal, n_noise):
    """Strongest response of each eye over that before, mean of the cells: (n_noise, n_kept, 2).

    The strongest, as an experimenter finds it: an eye that is opened again may come to prefer another pattern.
    """
    answer = kept.max(axis=3)  # (n_kept, n_noise n_cells, 2)
    share = answer.reshape(len(kept), n_noise, -1, 2) / normal.mean(axis=0)
    return np.moveaxis(share.mean(axis=2), 0, 1)


def _end(course):
    """Mean over the last quarter of a record (its first axis): an open eye's response goes on fluctuating."""
    return course[-max(1, len(course) // 4) :].mean(axis=0)


def _given(p, normal, courses, at):
    monocular, binocular, reverse = courses["monocular"], courses["binocular"], courses["reverse"]
    half = np.array([half_time(course[:, 0], p.every)[0] for course in monocular])
    half_binocular = np.array([half_time(course.mean(axis=1), p.every)[0] for course in binocular])
    left, right = normal.mean(axis=0)
    first = int(np.argmin(np.abs(p.noise - p.noise_low)))
    return {
        "noise": p.noise, "step": np.arange(monocular.shape[1]) * p.every,
        "monocular_left": monocular[:, :, 0], "monocular_right": monocular[:, :, 1],
        "binocular_both": binocular.mean(axis=2), "half_time": half, "half_time_binocular": half_binocular,
        "reverse_left": reverse[:, 0], "reverse_right": reverse[:, 1],
        "response_normal": left + right,
        "index_normal": np.mean((normal[:, 1] - normal[:, 0]) / normal.sum(axis=1)),
        "left_after_monocular": monocular[first, -1, 0], "right_after_monocular": _end(monocular[first])[1],
        "binocular_over_monocular": half_binocular[at] / half[at],
        "slowing": np.max(half[1:] / half[:-1]),
        "both_after_binocular_low": binocular[first, -1].mean(), "both_after_binocular": binocular[at, -1].mean(),
        "left_after_reverse": _end(reverse)[0], "right_after_reverse": reverse[-1, 1],
    }  # fmt: skip


_EYE = "over that before"
OCULAR_DOMINANCE = Experiment(
    _run,
    needs={
        "cells": "1", "n_patterns": "1", "w_start": "1", "steps_normal": "1", "steps": "1", "every": "1", "eta": "1",
        "tau_threshold": "1", "sliding": "1", "noise_open": "1", "noise": "1", "noise_checked": "1", "noise_low": "1",
        "competition": "1", "eta_competition": "1",
    },
    gives={
        "noise": Given("1", "noise of the closed eye", ("noise",)),
        "step": Given("1", "steps of learning since the deprivation", ("step",)),
        "monocular_left": Given("1", f"response of the closed eye {_EYE}", ("noise", "step")),
        "monocular_right": Given("1", f"response of the open eye {_EYE}", ("noise", "step")),
        "binocular_both": Given("1", f"response of both eyes, closed, {_EYE}", ("noise", "step")),
        "half_time": Given("1", "steps to half the response, one eye closed", ("noise",)),
        "half_time_binocular": Given("1", "steps to half the response, both eyes closed", ("noise",)),
        "reverse_left": Given("1", f"response of the eye opened again {_EYE}", ("step",)),
        "reverse_right": Given("1", f"response of the eye closed then {_EYE}", ("step",)),
        "response_normal": Given("1", "response of both eyes together after normal rearing"),
        "index_normal": Given("1", "ocular index, (right - left) / (right + left), after normal rearing"),
        "left_after_monocular": Given("1", f"response of the closed eye {_EYE}, low noise"),
        "right_after_monocular": Given("1", f"response of the open eye {_EYE}, low noise"),
        "binocular_over_monocular": Given("1", "half-time with both eyes closed over that with one; the run's length "
                                               "where a half is not reached"),
        "slowing": Given("1", "half-time over that with the next lower noise, the largest"),
        "both_after_binocular_low": Given("1", f"response of both closed eyes {_EYE}, low noise"),
        "both_after_binocular": Given("1", f"response of both closed eyes {_EYE}"),
        "left_after_reverse": Given("1", f"response of the eye opened again {_EYE}"),
        "right_after_reverse": Given("1", f"response of the eye closed then {_EYE}"),
    },
)  # fmt: skip
