"""Images with a class as rates: one neuron a pixel."""
import numpy as np

from dpap_bio.datasets_images import digits as _digits
from dpap_bio.datasets_images import mnist as _mnist
from dpap_bio.datasets_images import resized
from dpap_bio.spikes import one_of, present, side_of, slots, whole


def digits(n_neurons, n_steps, dt, rng, *, rate, window, gap=0.0, images="digits", part="train", order="random",
           first=0, classes=10, background=0.0):
    """Handwritten digits: neuron i fires at rate * intensity of pixel i, row by row; the label is the digit.

    Arguments
        rate        float, Hz   at full ink; rate * dt <= 0.5
        window      float, s    length of a presentation
        gap         float, s    pause after each
        images      name        "digits" (scikit-learn, 8 x 8, always there) or "mnist" (28 x 28, must be fetched);
                                a sheet of another size than the images gets them averaged over area
        part        name        "train" or "test"
        order       name        "random": drawn with replacement; "sequential": as filed, round and round
        first       int, 1      where in the part a sequential order starts
        classes     int, 1      only the digits below this number
        background  float, Hz   of every neuron at all times
    """
    load = {"digits": _digits, "mnist": _mnist}[one_of("images", images, ("digits", "mnist"))]
    whole("classes", classes, 1)
    shown = load(one_of("part", part, ("train", "test")))
    index = np.flatnonzero(shown.labels < classes)
    onset, width = slots(n_steps, dt, window, gap)
    chosen = index[numbers(index.size, onset.size, order, first, rng)]
    sheet = resized(shown.pixels[chosen], side_of(n_neurons, "digits")).reshape(onset.size, n_neurons)
    return present(n_neurons, n_steps, dt, rng, rate=rate, onset=onset, width=width, label=shown.labels[chosen],
                   share=lambda k, t, i: sheet[k, i], background=background)


def numbers(n, n_wanted, order, first, rng):
    """Which of n items are presented: drawn with replacement, or one after the other from `first`."""
    if one_of("order", order, ("random", "sequential")) == "random":
        return rng.integers(n, size=n_wanted)
    return (whole("first", first) + np.arange(n_wanted)) % n
