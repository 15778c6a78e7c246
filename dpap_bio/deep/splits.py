"""The part of the training images that choices are made on: a function of the labels alone, the same everywhere."""

from __future__ import annotations

import hashlib

import numpy as np


def held_out(labels: np.ndarray, n: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Divide training images in two, every class keeping its share to within one image.

    Within a class the images are ranked by the SHA-256 of "<name>/<index>"; of all images the n with the lowest
    (rank + 1/2) / class size are held out, ties by that hash. So the images held out for a smaller n are among those
    for a larger one, and neither a seed nor the version of a library changes them.

    Arguments
        labels  (n_images,) int, 1    classes in the official order
        n       int, 1                how many to hold out
        name    str                   of the data set
    Returns
        (n_images - n,) int           indices that are kept, sorted
        (n,) int                      indices that are held out, sorted
    Raises
        ValueError                    n is negative or leaves nothing to train on
    Source
        our own choice; checksums of the outcome are in tests/test_deep_data.py
    """
    labels = np.asarray(labels)
    if not 0 <= n < labels.size:
        raise ValueError(f"held out: {n} of {labels.size} training images; wanted 0 to {labels.size - 1}")
    key = np.array([int.from_bytes(hashlib.sha256(f"{name}/{i}".encode()).digest()[:7], "big")
                    for i in range(labels.size)])
    quantile = np.empty(labels.size)
    for c in np.unique(labels):
        mine = np.flatnonzero(labels == c)
        mine = mine[np.argsort(key[mine], kind="stable")]
        quantile[mine] = (np.arange(mine.size) + 0.5) / mine.size
    order = np.lexsort((key, quantile))
    return np.sort(order[n:]), np.sort(order[:n])
