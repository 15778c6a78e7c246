"""The same pattern in two eyes, each open or closed; a closed eye sends noise only."""
import numpy as np

from dpap_bio.spikes import present, share_of, slots, whole


def eyes(n_neurons, n_steps, dt, rng, *, rate, window=0.15, gap=0.0, patterns=4, left=1.0, right=1.0, noise=0.0):
    """One of several patterns is shown to both eyes at a time; the label is the pattern.

    The first half of the neurons are of the left eye, the others of the right one. Each eye is cut into as many groups
    of neighbours as there are patterns; in pattern k its group k fires.

    Arguments
        rate         float, Hz   of the pattern's neurons in an open eye
        window       float, s    length of a presentation
        gap          float, s    pause after each
        patterns     int, 1      number of patterns
        left, right  float, 1    1 open, 0 closed; between, the pattern's rate is that much lower
        noise        float, Hz   of every neuron of either eye at all times, independent of all others
    """
    onset, width = slots(n_steps, dt, window, gap)
    label = rng.integers(whole("patterns", patterns, 1), size=onset.size)
    index = np.arange(n_neurons)
    each = n_neurons // 2
    if each < patterns or n_neurons != 2 * each:
        raise ValueError(f"eyes needs an even number of neurons, at least one an eye and pattern; got {n_neurons} for "
                         f"{patterns:g} patterns")
    group = index % each * int(patterns) // each
    openness = np.where(index < each, share_of("left", left), share_of("right", right))

    def share(k, t, i):
        return np.where(group[i] == label[k], openness[i], 0.0)

    return present(n_neurons, n_steps, dt, rng, rate=rate, onset=onset, width=width, label=label, share=share,
                   background=noise)
