"""Images or recordings to batches: on one scale for training and test, shuffled and shifted by keyed draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dpap_bio.datasets_bytes import image_bytes
from dpap_bio.datasets_frames import SOURCES, event_frames
from dpap_bio.newborn import generator


@dataclass(frozen=True)
class Part:
    """Images (N, C, H, W) or recordings (N, T, C, H, W) uint8, and labels (N,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Feed:
    """The three parts of a data set; `mean` and `spread` (C, 1, 1) put pixels in [0, 1] on a common scale.

    Counts of events are not scaled: spread is 1/255 there.
    """

    train: Part
    held_out: Part
    test: Part
    mean: Tensor
    spread: Tensor

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 images as the network receives them."""
        return (images.float().div_(255) - self.mean) / self.spread

    def batches(self, size: int, *, shift: int, flip: bool, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The training images of an epoch, in batches of `size`; the last few that fill no batch are left out."""
        rng = generator(seed, epoch, "batches")
        n = len(self.train)
        order = torch.from_numpy(rng.permutation(n))
        images = self.normalised(self.train.images)
        if shift:
            images = shifted(images, shift, rng)
        if flip:
            mirrored = torch.from_numpy(rng.random(n) < 0.5)
            images[mirrored] = images[mirrored].flip(-1)
        for start in range(0, n - n % size if n >= size else n, size):
            chosen = order[start : start + size]
            yield images[chosen], self.train.labels[chosen]


def shifted(images: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Move each image by up to `most` pixels in both directions; what comes in from outside is its top left pixel.

    The frames of a recording move together.
    """
    if images.ndim == 5:
        return shifted(images.flatten(1, 2), most, rng).view(images.shape)
    n, _, h, w = images.shape
    moves = rng.integers(-most, most + 1, (n, 2))
    out = images[:, :, :1, :1].expand_as(images).clone()
    for dy in range(-most, most + 1):
        for dx in range(-most, most + 1):
            which = torch.from_numpy(np.flatnonzero((moves[:, 0] == dy) & (moves[:, 1] == dx)))
            to = slice(max(0, dy), h + min(0, dy)), slice(max(0, dx), w + min(0, dx))
            fro = slice(max(0, -dy), h + min(0, -dy)), slice(max(0, -dx), w + min(0, -dx))
            moved = out[which]
            moved[:, :, *to] = images[which][:, :, *fro]
            out[which] = moved
    return out


def open_feed(data, steps: int) -> Feed:
    """The parts of the data set that a protocol's [data] asks for; recordings as `steps` frames.

    Raises
        FileNotFoundError, ValueError   one sentence
    """
    train, test, mean, spread = _read(data.name, steps)
    n = len(train) if data.limit is None else min(data.limit, len(train))
    if data.held_out >= n:
        raise ValueError(f"data.held_out: found {data.held_out}, fewer than the {n} training images are wanted")
    order = torch.from_numpy(generator(0, -1, f"held out of {data.name}").permutation(len(train))[:n])
    held, kept = order[: data.held_out], order[data.held_out :].sort().values
    if data.limit is not None:
        test = Part(test.images[: data.limit], test.labels[: data.limit])
    return Feed(Part(train.images[kept], train.labels[kept]), Part(train.images[held], train.labels[held]), test,
                mean, spread)


def _read(name: str, steps: int):
    if name in SOURCES:
        parts = [Part(*map(torch.from_numpy, event_frames(name, part, steps))) for part in ("train", "test")]
        zero = torch.zeros(parts[0].images.shape[2], 1, 1)
        return *parts, zero, zero + 1 / 255
    parts = [Part(*map(torch.from_numpy, image_bytes(name, part))) for part in ("train", "test")]
    return *parts, *_scale(parts[0].images)


def _scale(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of the training part's pixels, one per channel."""
    values = images.float() / 255
    return values.mean((0, 2, 3))[:, None, None], values.std((0, 2, 3))[:, None, None]
