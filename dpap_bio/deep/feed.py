"""Images or recordings to batches: on one scale for training and test, shuffled and shifted by keyed draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dpap_bio.datasets_bytes import image_bytes
from dpap_bio.datasets_frames import SOURCES as FRAMES
from dpap_bio.datasets_frames import event_frames
from dpap_bio.deep.augment import mirrored, moved
from dpap_bio.deep.splits import held_out
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
    """The three parts of a data set; mean and spread (C, 1, 1) put its numbers on a common scale."""

    train: Part
    held_out: Part
    test: Part
    mean: Tensor
    spread: Tensor

    def shown(self, images: Tensor, encoding: str) -> Tensor:
        """Images as an encoding wants them: normalised, or chances to fire from 0 to 1 for "rate"."""
        return images.float() / 255 if encoding == "rate" else self.normalised(images)

    def normalised(self, images: Tensor) -> Tensor:
        """Images as the network receives them, the same way for training and test."""
        return (images.float() - self.mean) / self.spread

    def batches(self, size: int, *, shift: int, flip: bool, seed: int, epoch: int,
                encoding: str = "direct") -> Iterator[tuple[Tensor, Tensor]]:
        """The training images of an epoch, in batches of `size`; the last few that fill no batch are left out."""
        rng = generator(seed, epoch, "batches")
        n = len(self.train)
        order = torch.from_numpy(rng.permutation(n))
        images = moved(self.train.images, shift, rng) if shift else self.train.images
        images = mirrored(images, rng) if flip else images
        for start in range(0, n - n % size if n >= size else n, size):
            chosen = order[start : start + size]
            yield self.shown(images[chosen], encoding), self.train.labels[chosen]


def open_feed(data, steps: int) -> Feed:
    """The parts of the data set that a protocol's [data] asks for.

    Arguments
        data   name, held_out, limit: how many of the training and test parts to use; all if None
        steps  time bins of recordings of events
    Raises
        FileNotFoundError, ValueError   the data are not there, or fewer than are to be held out
    """
    train, test = (_part(data.name, part, steps) for part in ("train", "test"))
    if data.limit is not None:
        test = Part(test.images[: data.limit], test.labels[: data.limit])
    limit = len(train) if data.limit is None else min(data.limit, len(train))
    if data.held_out >= limit:
        raise ValueError(f"data.held_out: found {data.held_out}, fewer than the {limit} training images are wanted")
    labels = train.labels.numpy()
    _, used = held_out(labels, limit, data.name) if limit < len(labels) else (None, np.arange(len(labels)))
    kept, held = (used[part] for part in held_out(labels[used], data.held_out, data.name))
    mean, spread = _scale(data.name, train.images)
    return Feed(Part(train.images[kept], train.labels[kept]), Part(train.images[held], train.labels[held]), test,
                mean, spread)


def _part(name: str, part: str, steps: int) -> Part:
    if name in FRAMES:
        images, labels = event_frames(name, part, steps)
    else:
        images, labels = image_bytes(name, part)
    return Part(torch.from_numpy(np.array(images)), torch.from_numpy(np.array(labels, np.int64)))


def _scale(name: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of the training part's pixels, one per channel; counts of events stay as they are."""
    if name in FRAMES:
        return torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    values = [images[:, c].float() for c in range(images.shape[1])]
    return tuple(torch.stack([f(v) for v in values])[:, None, None] for f in (torch.mean, torch.std))
