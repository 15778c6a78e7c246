"""Spikes of input neurons on the step clock, and how they are drawn without a dense array."""
from dataclasses import dataclass

import numpy as np

MOST = 0.5      # a step with a larger chance of a spike no longer resembles a Poisson process: our own choice
BLOCK = 2**20   # candidates drawn at a time: bounds the memory, does not change the spikes' statistics


@dataclass(frozen=True, eq=False)
class Spikes:
    """What the input neurons fire in one epoch, and what is presented when.

    Fields
        step       (n_spk,) int, step    time step of each spike, sorted, 0 <= step < n_steps
        neuron     (n_spk,) int, 1       input neuron, sorted within a step; at most one spike a neuron and step
        n_neurons  int, 1                input neurons, silent ones included
        n_steps    int, step             length of the epoch
        dt         float, s              length of a step
        onset      (n_pres,) int, step   first step of each presentation
        offset     (n_pres,) int, step   first step after it
        label      (n_pres,) int, 1      class presented, -1 where there is none
    Raises
        ValueError                       an array breaks what is said above
    """
    step: np.ndarray
    neuron: np.ndarray
    n_neurons: int
    n_steps: int
    dt: float
    onset: np.ndarray
    offset: np.ndarray
    label: np.ndarray

    def __post_init__(self):
        for name in ("step", "neuron", "onset", "offset", "label"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        if self.step.shape != self.neuron.shape or self.step.ndim != 1:
            raise ValueError(f"spikes: {self.step.shape} steps for {self.neuron.shape} neurons; wanted one of each")
        if self.step.size and (self.step[0] < 0 or self.step[-1] >= self.n_steps
                               or self.neuron.min() < 0 or self.neuron.max() >= self.n_neurons):
            raise ValueError(f"spikes: a spike outside of {self.n_steps} steps x {self.n_neurons} neurons")
        if np.any(np.diff(self.step * self.n_neurons + self.neuron) <= 0):
            raise ValueError("spikes: wanted sorted by (step, neuron), at most one spike a neuron and step")
        if not self.onset.shape == self.offset.shape == self.label.shape:
            raise ValueError("spikes: onset, offset and label of the presentations differ in length")
        if self.onset.size and (self.onset[0] < 0 or self.offset[-1] > self.n_steps
                                or np.any(self.onset >= self.offset) or np.any(self.onset[1:] < self.offset[:-1])):
            raise ValueError(f"spikes: presentations overlap, are empty or lie outside of {self.n_steps} steps")


def draw(n_neurons, n_steps, p, rng, share=None):
    """Draw independent spikes with chance p * share(step, neuron) in every cell of a step x neuron raster.

    The gap between spikes of a Bernoulli raster is geometric, so only the candidates are ever drawn: time and memory
    grow with the spikes, not with the raster.

    Arguments
        n_neurons  int, 1           neurons
        n_steps    int, step        steps
        p          float, 1         largest chance of a spike in a cell, from `chance`
        rng        Generator        numpy generator
        share      function or None (step, neuron) -> (n,) float in [0, 1], the cell's chance relative to p; None is 1
    Returns
        (n_spk,) int64, step        steps, sorted
        (n_spk,) int64, 1           neurons, sorted within a step, no cell twice
    """
    total, last = n_neurons * n_steps, -1
    steps, neurons = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    while p > 0 and last < total - 1:
        expected = (total - last) * p
        gap = rng.geometric(p, int(min(expected + 4 * expected**0.5 + 16, BLOCK)))
        cell = last + np.cumsum(np.minimum(gap, total + 1))
        last = int(cell[-1])
        step, neuron = np.divmod(cell[cell < total], n_neurons)
        if share is not None:
            kept = rng.random(step.size) < share(step, neuron)
            step, neuron = step[kept], neuron[kept]
        steps.append(step)
        neurons.append(neuron)
    return np.concatenate(steps), np.concatenate(neurons)


def merge(step, neuron, n_neurons):
    """Sort spikes by (step, neuron) and keep one of those that share a neuron and a step."""
    key = np.asarray(step, np.int64) * n_neurons + neuron
    key.sort(kind="stable")  # what comes here is mostly in order; np.unique would hash it, ten times slower
    fresh = np.append(True, key[1:] != key[:-1])[: key.size]
    return np.divmod(key[fresh], n_neurons)


def of_all(stimuli, model, network, n_steps):
    """The stimuli of an epoch, with no spikes for the stimulated populations that nothing is shown to."""
    none = np.empty(0, np.int64)
    return {name: stimuli[name] if name in stimuli else
            Spikes(none, none, len(network.neurons[name]), n_steps, model.dt, none, none, none)
            for name in [*stimuli, *(n for n in model.stimulated() if n not in stimuli)]}


def side_by_side(parts):
    """Populations of equal size that see the same presentations, as one; a class that differs between them is -1."""
    first, n = parts[0], parts[0].n_neurons
    key = np.concatenate([part.step * (n * len(parts)) + part.neuron + k * n for k, part in enumerate(parts)])
    key.sort(kind="stable")
    step, neuron = np.divmod(key, n * len(parts))
    label = np.where(np.all([part.label == first.label for part in parts], axis=0), first.label, -1)
    return Spikes(step, neuron, n * len(parts), first.n_steps, first.dt, first.onset, first.offset, label)


def chance(rate, dt):
    """The chance of a spike in a step, rate * dt; refused above 0.5, where a step would hold several spikes."""
    at_least("rate", rate, 0, "Hz")
    if rate * dt > MOST:
        raise ValueError(f"rate is {rate:g} Hz at a step of {dt:g} s, {rate * dt:.3g} spikes a step; "
                         f"wanted at most {MOST:g}: lower the rate or the step")
    return rate * dt


def tiles(n_steps, dt, window):
    """Whole windows that follow each other without a class; one for the whole epoch if that is shorter than a window.

    Returns
        dict of onset, offset, label, as in `Spikes`
    """
    width = min(steps_of("window", window, dt), n_steps)
    onset = np.arange(n_steps // width, dtype=np.int64) * width
    return {"onset": onset, "offset": onset + width, "label": np.full(onset.size, -1)}


def slots(n_steps, dt, window, gap):
    """Onsets of the presentations of `window` s that fit, with `gap` s between them, and their width in steps."""
    width = steps_of("window", window, dt)
    pause = round(at_least("gap", gap, 0, "s") / dt)
    if width > n_steps:
        raise ValueError(f"the epoch lasts {n_steps * dt:g} s, one presentation {window:g} s; "
                         "wanted an epoch that holds at least one: simulate longer or shorten the window")
    return np.arange((n_steps + pause) // (width + pause), dtype=np.int64) * (width + pause), width


def present(n_neurons, n_steps, dt, rng, *, rate, onset, width, label, share, background=0.0):
    """Draw presentations: neuron i fires at rate * share(k, t, i) in step t of presentation k, plus the background.

    Arguments
        rate        float, Hz         at share 1; rate * dt <= 0.5
        onset       (n_pres,) int     first steps, from `slots`
        width       int, step         length of every presentation
        label       (n_pres,) int, 1  class of each
        share       function          (k, t, i), three (n,) int -> (n,) float in [0, 1]
        background  float, Hz         of every neuron at all times, gaps included
    Returns
        Spikes
    """
    step, neuron = draw(n_neurons, onset.size * width, chance(rate, dt), rng,
                        lambda step, neuron: share(step // width, step % width, neuron))
    more, others = draw(n_neurons, n_steps, chance(background, dt), rng)
    step, neuron = merge(np.concatenate([onset[step // width] + step % width, more]),
                         np.concatenate([neuron, others]), n_neurons)
    return Spikes(step, neuron, n_neurons, n_steps, dt, onset, onset + width, label)


def steps_of(name, duration, dt):
    """A duration in whole steps; refused below one step."""
    steps = round(at_least(name, duration, 0, "s") / dt)
    if steps < 1:
        raise ValueError(f"{name} is {duration:g} s; wanted at least one step of {dt:g} s")
    return steps


def at_least(name, value, low, unit):
    """The value if it is a finite number >= low, else one sentence."""
    if not (np.isfinite(value) and value >= low):
        raise ValueError(f"{name} is {value} {unit}; wanted at least {low:g} {unit}")
    return value


def above(name, value, low, unit):
    """The value if it is a finite number > low, else one sentence."""
    if not (np.isfinite(value) and value > low):
        raise ValueError(f"{name} is {value} {unit}; wanted more than {low:g} {unit}")
    return value


def share_of(name, value):
    """The value if it lies in [0, 1], else one sentence."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; wanted a share between 0 and 1")
    return value


def whole(name, value, low=0):
    """The value as an int if it is a whole number >= low, else one sentence."""
    if not (value == int(value) and value >= low):
        raise ValueError(f"{name} is {value}; wanted a whole number of at least {low}")
    return int(value)


def one_of(name, value, choices):
    """The value if it is among the choices, else one sentence."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; wanted one of {', '.join(choices)}")
    return value


def side_of(n_neurons, kind):
    """The side of the square sheet that the neurons form, row by row; refused when they form none."""
    side = round(n_neurons**0.5)
    if side * side != n_neurons:
        raise ValueError(f"{kind} needs a square sheet of input neurons, got {n_neurons}; "
                         f"wanted {side * side} = {side} x {side}")
    return side
