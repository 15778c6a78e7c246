"""Travelling waves of spontaneous firing, as in the developing retina."""
import numpy as np

from dpap_bio.spikes import Spikes, above, at_least, chance, draw, merge, one_of, side_of, tiles


def waves(n_neurons, n_steps, dt, rng, *, rate, interval, speed, width, spacing, front="plane", shape="sheet",
          background=0.0, window=0.1):
    """Waves of firing travel over the neurons, each from a place and in a direction of its own.

    A neuron at distance d along a wave that starts at t_0 fires at rate * exp(-z^2 / 2), z = (t - t_0 - d / speed -
    4 sigma) / sigma, sigma = width / speed, while |z| <= 4. The gap between starts is interval * (1 + e) / 2 with e
    exponential of mean 1: never under half the interval, as waves leave the tissue refractory.

    Arguments
        rate        float, Hz    at the crest; rate * dt <= 0.5
        interval    float, s     mean time between starts; the first start is uniform over one interval
        speed       float, m/s   of the front
        width       float, m     sd of the active strip along the wave's way
        spacing     float, m     between neighbouring neurons
        front       name         "plane": a random direction; "ring": spreads from a random place
        shape       name         "sheet": square, row by row; "line"
        background  float, Hz    of every neuron at all times
        window      float, s     length of the windows without a class that tile the epoch
    Source
        our own minimal form; interval, speed and width are a matter of the preparation and are set in the protocol
    """
    sigma = above("width", width, 0, "m") / above("speed", speed, 0, "m/s")
    p = chance(rate, dt)
    at = sites(n_neurons, shape) * above("spacing", spacing, 0, "m")
    steps, neurons = ([part] for part in draw(n_neurons, n_steps, chance(background, dt), rng))
    start = rng.random() * at_least("interval", interval, dt, "s")
    while start < n_steps * dt:
        crest = start + 4 * sigma + _way(at, front, shape, rng) / speed
        first, last = int(start / dt), min(n_steps, int((crest.max() + 4 * sigma) / dt) + 1)

        def share(step, neuron, crest=crest, first=first):
            z = ((step + first + 0.5) * dt - crest[neuron]) / sigma
            return np.exp(-z * z / 2) * (np.abs(z) <= 4)

        step, neuron = draw(n_neurons, last - first, p, rng, share)
        steps.append(step + first)
        neurons.append(neuron)
        start += interval * (1 + rng.exponential()) / 2
    step, neuron = merge(np.concatenate(steps), np.concatenate(neurons), n_neurons)
    return Spikes(step, neuron, n_neurons, n_steps, dt, **tiles(n_steps, dt, window))


def sites(n_neurons, shape):
    """Places of neurons one apart: (n_neurons, 2) float, on a "line" or row by row on a square "sheet"."""
    one_of("shape", shape, ("sheet", "line"))
    side = side_of(n_neurons, "a sheet") if shape == "sheet" else n_neurons
    return np.stack([np.arange(n_neurons) % side, np.arange(n_neurons) // side], axis=1).astype(float)


def _way(at, front, shape, rng):
    """Distance of every neuron along one drawn wave, 0 where it starts."""
    if one_of("front", front, ("plane", "ring")) == "ring":
        origin = at.min(0) + rng.random(2) * np.ptp(at, axis=0)
        return np.hypot(*(at - origin).T)
    angle = np.pi * rng.integers(2) if shape == "line" else 2 * np.pi * rng.random()
    way = at @ np.array([np.cos(angle), np.sin(angle)])
    return way - way.min()
