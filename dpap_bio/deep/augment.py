"""Random changes of training images, a whole set at once: moved, mirrored, partly erased; drawn in numpy from `rng`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def moved(images: Tensor, most: int, rng: np.random.Generator, *, fill: float = 0) -> Tensor:
    """Move each image by up to `most` pixels along both sides: pad, and crop at a random place, in one gather.

    Arguments
        images  (n, ..., height, width)    any type; the frames of a recording move together
        most    int, pixel                 0 leaves them as they are
        rng     Generator                  n x 2 draws
        fill    float                      what comes in from outside
    Returns
        as `images`                        new; `images` is not changed
    """
    n, (height, width) = len(images), images.shape[-2:]
    down, right = torch.from_numpy(rng.integers(-most, most + 1, (2, n)))
    if most == 0 or n == 0:
        return images.clone()
    wide = images.new_full((n, images[0].numel() // (height * width), height + 2 * most, width + 2 * most), fill)
    wide[:, :, most:most + height, most:most + width] = images.flatten(1, -3) if images.ndim > 3 else images[:, None]
    out = torch.empty_like(images)
    by_move = (down + most) * (2 * most + 1) + right + most
    for move in range((2 * most + 1) ** 2):
        which = (by_move == move).nonzero()[:, 0]
        dy, dx = divmod(move, 2 * most + 1)
        if len(which):
            top, left = 2 * most - dy, 2 * most - dx
            out[which] = wide[which, :, top:top + height, left:left + width].reshape(-1, *images.shape[1:])
    return out


def mirrored(images: Tensor, rng: np.random.Generator, share: float = 0.5) -> Tensor:
    """Mirror each image left to right with probability `share`; n draws; `images` is not changed."""
    which = torch.from_numpy(rng.random(len(images)) < share)
    out = images.clone()
    out[which] = images[which].flip(-1)
    return out


def erased(images: Tensor, side: int, rng: np.random.Generator, *, share: float = 1.0, fill: float = 0) -> Tensor:
    """Blank a square in each image with probability `share`; its centre is any pixel, so it may hang over the border.

    Arguments
        images  (n, ..., height, width)
        side    int, pixel
        rng     Generator                  n x 3 draws
        share   float, 1
        fill    float
    Returns
        as `images`, new
    Source
        cutout of DeVries & Taylor 2017 (arXiv:1708.04552), evidence: from memory
    """
    n, (height, width) = len(images), images.shape[-2:]
    top, left = rng.integers(0, height, n) - side // 2, rng.integers(0, width, n) - side // 2
    chosen = rng.random(n) < share
    rows, columns = np.arange(height) - top[:, None], np.arange(width) - left[:, None]
    rows, columns = (rows >= 0) & (rows < side) & chosen[:, None], (columns >= 0) & (columns < side)
    blank = torch.from_numpy(rows[:, :, None] & columns[:, None, :])
    return images.masked_fill(blank.view(n, *[1] * (images.ndim - 3), height, width), fill)
