"""Stimuli replayed from data: events of a camera that looked at digits, and recorded spikes of developing tissue."""
import numpy as np

from dpap_bio.datasets_events import SIDE, events
from dpap_bio.datasets_events import nmnist as _nmnist
from dpap_bio.datasets_recordings import recording as _recording
from dpap_bio.spikes import Spikes, above, at_least, merge, one_of, share_of, side_of, slots, tiles
from dpap_bio.stimuli_digits import numbers


def nmnist(n_neurons, n_steps, dt, rng, *, window, gap=0.0, part="train", order="random", first=0, keep=1.0):
    """Recordings of N-MNIST, one a window, its time stretched or compressed to fill the window; the label is the digit.

    The 34 x 34 pixels are pooled onto the square sheet of neurons, brighter and darker events alike; events of a neuron
    that fall into one step become one spike, so coarse steps and small sheets lose some.

    Arguments
        window  float, s    length of a presentation; a recording itself lasts about 0.3 s
        gap     float, s    pause after each
        part    name        "train" or "test"
        order   name        "random": drawn with replacement; "sequential": as filed, round and round
        first   int, 1      where in the part a sequential order starts
        keep    float, 1    share of the events that are used, drawn for each
    """
    onset, width = slots(n_steps, dt, window, gap)
    files, side = _nmnist(part), side_of(n_neurons, "nmnist")
    share_of("keep", keep)
    steps, neurons, label = [], [], []
    for start, number in zip(onset, numbers(len(files), onset.size, order, first, rng), strict=True):
        path, digit = files[number]
        seen = events(path)
        kept = rng.random(seen.t_us.size) < keep
        steps.append((start + seen.t_us * width // (seen.t_us[-1] + 1))[kept])
        neurons.append(((seen.y * side // SIDE) * side + seen.x * side // SIDE)[kept])
        label.append(digit)
    step, neuron = merge(np.concatenate(steps), np.concatenate(neurons), n_neurons)
    return Spikes(step, neuron, n_neurons, n_steps, dt, onset, onset + width, label)


def recording(n_neurons, n_steps, dt, rng, *, name, start=None, speed=1.0, layout="sheet", window=0.1):
    """A stretch of recorded spikes of a developing retina or culture.

    Arguments
        name    name        as `datasets.recording` takes it
        start   float, s    where in the recording the epoch starts; drawn where it is not given
        speed   float, 1    recorded seconds in a second of the epoch: waves a minute apart need compression
        layout  name        "sheet": a unit drives the neuron of the square sheet nearest to it, the sheet laid over the
                            longer side of the array; "modulo": unit k drives neuron k modulo n_neurons.
                            Units of one neuron add up, at most one spike a step; a neuron without a unit is silent
        window  float, s    length of the windows without a class that tile the epoch
    """
    data = _recording(name)
    wanted = n_steps * dt * above("speed", speed, 0, "recorded s a s")
    if start is None:
        start = rng.random() * max(data.duration - wanted, 0.0)
    if at_least("start", start, 0, "s") + wanted > data.duration:
        raise ValueError(f"recording {name} lasts {data.duration:g} s; wanted {wanted:g} s of it from {start:g} s on: "
                         "take a shorter epoch, a lower speed or an earlier start")
    first, end = np.searchsorted(data.times, [start, start + wanted])
    step = ((data.times[first:end] - start) / (speed * dt)).astype(np.int64)
    neuron = _nearest(data.positions, n_neurons, layout)[data.units[first:end]]
    step, neuron = merge(np.minimum(step, n_steps - 1), neuron, n_neurons)
    return Spikes(step, neuron, n_neurons, n_steps, dt, **tiles(n_steps, dt, window))


def _nearest(positions, n_neurons, layout):
    """The neuron that each recorded unit drives."""
    if one_of("layout", layout, ("sheet", "modulo")) == "modulo":
        return np.arange(len(positions)) % n_neurons
    side = side_of(n_neurons, "a recording laid out as a sheet")
    low, high = positions.min(0), positions.max(0)
    extent = max((high - low).max(), np.finfo(float).tiny)
    column, row = np.rint(((positions - (low + high) / 2) / extent + 0.5) * (side - 1)).astype(np.int64).T
    return row * side + column
