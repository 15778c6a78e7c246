"""Stimuli without a shape: silence, independent Poisson spikes, and groups that share a common source."""
import numpy as np

from dpap_bio.spikes import Spikes, at_least, chance, draw, merge, share_of, tiles, whole


def silence(n_neurons, n_steps, dt, rng, *, window=0.1):
    """No spikes.

    Arguments
        window  float, s    length of the windows without a class that tile the epoch
    """
    return Spikes([], [], n_neurons, n_steps, dt, **tiles(n_steps, dt, window))


def poisson(n_neurons, n_steps, dt, rng, *, rate, window=0.1):
    """Every neuron fires independently, with chance rate * dt in each step.

    Arguments
        rate    float, Hz   of each neuron, one number or one a neuron; rate * dt <= 0.5
        window  float, s    length of the windows without a class that tile the epoch
    """
    rate = np.asarray(rate, float)
    at_least("rate", rate.min(), 0, "Hz")
    highest, share = float(rate.max()), None
    if rate.ndim and highest > 0:
        def share(step, neuron):
            return rate[neuron] / highest

    step, neuron = draw(n_neurons, n_steps, chance(highest, dt), rng, share)
    return Spikes(step, neuron, n_neurons, n_steps, dt, **tiles(n_steps, dt, window))


def correlated(n_neurons, n_steps, dt, rng, *, rate, correlation, groups=1, share=1.0, jitter=0.0, window=0.1):
    """The first `share` of the neurons form groups with a common source; a pair within a group correlates by c.

    A neuron copies each spike of its group's source with chance s and adds spikes of its own with chance q a step:
    q = p (1 - sqrt(c)), s = sqrt(c) / (1 - q) with p = rate * dt. As a neuron fires at most once a step, these and not
    s = sqrt(c) make the chance of a spike exactly p and the correlation of the steps of a pair exactly c.

    Arguments
        rate         float, Hz   of each neuron, grouped or not; rate * dt <= 0.5
        correlation  float, 1    c, in [0, 1]
        groups       int, 1      groups of neighbouring indices, as equal as can be, each with a source of its own
        share        float, 1    share of the neurons in groups; the others fire independently
        jitter       float, s    sd of the normal shift of each copied spike; what leaves the epoch enters at its other
                                 end. It spreads the correlation over time and loses the copies that then coincide
        window       float, s    length of the windows without a class that tile the epoch
    Source
        the common-source construction in general use; the correction for one spike a step follows from the line above
    """
    p, root = chance(rate, dt), share_of("correlation", correlation) ** 0.5
    own = p * (1 - root)
    in_groups = round(share_of("share", share) * n_neurons)
    steps, neurons = [], []
    for members in np.array_split(np.arange(in_groups), whole("groups", groups, 1)):
        source, _ = draw(1, n_steps, p, rng)
        event, member = draw(members.size, source.size, root / (1 - own), rng)
        shift = np.rint(rng.normal(0, at_least("jitter", jitter, 0, "s") / dt, event.size)).astype(np.int64)
        steps.append((source[event] + shift) % n_steps)
        neurons.append(members[member])
    for first, count, q in ((0, in_groups, own), (in_groups, n_neurons - in_groups, p)):
        step, neuron = draw(count, n_steps, q, rng)
        steps.append(step)
        neurons.append(neuron + first)
    step, neuron = merge(np.concatenate(steps), np.concatenate(neurons), n_neurons)
    return Spikes(step, neuron, n_neurons, n_steps, dt, **tiles(n_steps, dt, window))
