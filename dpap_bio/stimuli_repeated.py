"""Spikes at times of their own for each neuron, repeated: the pairings and tetani of experiments on plasticity."""
import numpy as np

from dpap_bio.spikes import Spikes, at_least, merge, tiles, whole


def repeated(n_neurons, n_steps, dt, rng, *, rate, repeats=None, shift=0.0, spikes=1, interval=0.01, start=0.0,
             window=0.1):
    """Trains of spikes, `repeats` of them at `rate`, in each neuron by itself; nothing is drawn by chance.

    Spike m of train k comes at start + k / rate + m * interval + shift. The first three terms are rounded to the next
    step together and `shift` by itself, so neurons that differ in the shift alone fire exactly that far apart.

    Arguments (all but start and window may differ between neurons)
        rate      float, Hz   of the trains; 0 is silence
        repeats   int, 1      trains; where it is not given, they begin until the epoch ends
        shift     float, s    of all spikes of the neuron; a whole number of steps
        spikes    int, 1      in a train
        interval  float, s    between the spikes of a train
        start     float, s    of the first train, before the shift
        window    float, s    length of the windows without a class that tile the epoch
    """
    if repeats is None:
        repeats = np.ceil(np.maximum(n_steps * dt - start, 0) * np.asarray(rate, float) * (1 - 1e-9))
    rate, repeats, shift, spikes, interval = (np.broadcast_to(np.asarray(x, float), n_neurons)
                                              for x in (rate, repeats, shift, spikes, interval))
    at_least("start", start, 0, "s")
    for name, values, unit in (("rate", rate, "Hz"), ("interval", interval, "s")):
        at_least(name, values.min(), 0, unit)
    lag = np.rint(shift / dt)
    if np.abs(lag * dt - shift).max() > 1e-6 * dt:
        odd = shift[np.argmax(np.abs(lag * dt - shift))]
        raise ValueError(f"shift is {odd:g} s; wanted a whole number of steps of {dt:g} s")
    steps, neurons = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for k in range(n_neurons):
        trains, inside = whole("repeats", repeats[k], 0), whole("spikes", spikes[k], 1)
        if rate[k] > 0 and trains:
            onset = start + np.add.outer(np.arange(trains) / rate[k], np.arange(inside) * interval[k])
            steps.append((np.rint(onset / dt) + lag[k]).astype(np.int64).ravel())
            neurons.append(np.full(steps[-1].size, k))
    step, neuron = np.concatenate(steps), np.concatenate(neurons)
    if step.size and (step.min() < 0 or step.max() >= n_steps):
        raise ValueError(f"spikes from {step.min() * dt:g} s to {step.max() * dt:g} s do not fit the epoch of "
                         f"{n_steps * dt:g} s: start later, simulate longer or repeat less")
    given = step.size
    step, neuron = merge(step, neuron, n_neurons)
    if step.size < given:
        raise ValueError(f"{given - step.size} spikes of a neuron fall into one step of {dt:g} s with another; "
                         "lower the rate or the step")
    return Spikes(step, neuron, n_neurons, n_steps, dt, **tiles(n_steps, dt, window))
