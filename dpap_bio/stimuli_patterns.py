"""Drawn patterns with a class: moving bars and gratings on a sheet, bumps on a ring."""
import numpy as np

from dpap_bio.spikes import above, at_least, present, share_of, side_of, slots, whole


def bars(n_neurons, n_steps, dt, rng, *, rate, window=0.1, gap=0.0, orientations=4, width=1.0, sweep=1.0,
         background=0.0):
    """Bars of random orientation move over a square sheet; the label is the orientation k, an angle of pi k / n.

    A neuron at distance d across the bar fires at rate * exp(-d^2 / (2 width^2)). The bar moves across itself through
    the share `sweep` of the sheet's diagonal, either way, from a place drawn so that it never leaves the diagonal.

    Arguments
        rate          float, Hz   on the bar's middle line
        window        float, s    length of a presentation
        gap           float, s    pause after each
        orientations  int, 1      number of orientations
        width         float, 1    sd of the bar, in neurons
        sweep         float, 1    0 stands still, 1 crosses the whole sheet in a window
        background    float, Hz   of every neuron at all times
    """
    onset, steps = slots(n_steps, dt, window, gap)
    label = rng.integers(whole("orientations", orientations, 1), size=onset.size)
    x, y, cos, sin = _turned(n_neurons, label, orientations)
    reach = np.abs(x).max() * 2**0.5 if n_neurons > 1 else 1.0
    start = -reach + 2 * reach * rng.random(onset.size) * (1 - share_of("sweep", sweep))
    way = rng.choice([-1.0, 1.0], onset.size)
    above("width", width, 0, "neurons")

    def share(k, t, i):
        place = way[k] * (start[k] + 2 * reach * sweep * (t + 0.5) / steps)
        return np.exp(-(((x[i] * cos[k] + y[i] * sin[k]) - place) / width) ** 2 / 2)

    return present(n_neurons, n_steps, dt, rng, rate=rate, onset=onset, width=steps, label=label, share=share,
                   background=background)


def gratings(n_neurons, n_steps, dt, rng, *, rate, window=0.1, gap=0.0, orientations=4, period=4.0, drift=0.0,
             background=0.0):
    """Sinusoidal gratings of random orientation and phase on a square sheet; the label is the orientation k.

    A neuron at distance d across the grating fires at rate * (1 + cos(2 pi (d / period - drift t) + phase)) / 2.

    Arguments
        rate          float, Hz   at the crests
        window        float, s    length of a presentation
        gap           float, s    pause after each
        orientations  int, 1      number of orientations, at angles pi k / n
        period        float, 1    of the grating, in neurons; at least 2, or the sheet cannot show it
        drift         float, Hz   periods that pass in a second
        background    float, Hz   of every neuron at all times
    """
    onset, steps = slots(n_steps, dt, window, gap)
    label = rng.integers(whole("orientations", orientations, 1), size=onset.size)
    x, y, cos, sin = _turned(n_neurons, label, orientations)
    phase = 2 * np.pi * rng.random(onset.size)
    at_least("period", period, 2, "neurons")

    def share(k, t, i):
        cycle = (x[i] * cos[k] + y[i] * sin[k]) / period - drift * (t + 0.5) * dt
        return (1 + np.cos(2 * np.pi * cycle + phase[k])) / 2

    return present(n_neurons, n_steps, dt, rng, rate=rate, onset=onset, width=steps, label=label, share=share,
                   background=background)


def bumps(n_neurons, n_steps, dt, rng, *, rate, window=0.1, gap=0.0, classes=4, width=2.0, background=0.0):
    """Bumps of firing on a ring of neurons, at evenly spaced centres; the label is the number of the centre.

    A neuron at ring distance d from the centre k n / classes fires at rate * exp(-d^2 / (2 width^2)): the input of a
    cell that shall become selective for orientation, neuron i preferring pi i / n.

    Arguments
        rate        float, Hz   at the centre
        window      float, s    length of a presentation
        gap         float, s    pause after each
        classes     int, 1      number of centres
        width       float, 1    sd of the bump, in neurons
        background  float, Hz   of every neuron at all times
    """
    onset, steps = slots(n_steps, dt, window, gap)
    label = rng.integers(whole("classes", classes, 1), size=onset.size)
    above("width", width, 0, "neurons")

    def share(k, t, i):
        d = np.abs(i - label[k] * n_neurons / classes)
        return np.exp(-(np.minimum(d, n_neurons - d) / width) ** 2 / 2)

    return present(n_neurons, n_steps, dt, rng, rate=rate, onset=onset, width=steps, label=label, share=share,
                   background=background)


def _turned(n_neurons, label, orientations):
    """Places of the neurons about the middle of their sheet, and the cosine and sine of each presentation."""
    side = side_of(n_neurons, "a pattern with an orientation")
    y, x = np.divmod(np.arange(n_neurons), side) - np.array([[(side - 1) / 2]] * 2)
    angle = np.pi * label / orientations
    return x, y, np.cos(angle), np.sin(angle)
