"""Recordings of event cameras and cochleas as frames: events counted in equal bins of time, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dpap_bio.complaint import did_you_mean
from dpap_bio.datasets_events import events, nmnist
from dpap_bio.datasets_files import DataMissing, find


@dataclass(frozen=True)
class Source:
    """One set of recordings.

    shape  (channels, height, width)   of a frame
    reads  f(part) -> (x, y, channel, time), class, for each recording, in the same order on every machine
    """

    shape: tuple[int, int, int]
    reads: Callable[[str], Iterator[tuple[tuple[np.ndarray, ...], int]]]


def binned(x, y, channel, t, *, steps: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Count events in `steps` bins of equal length from the first event to the last, both counted.

    Arguments
        x, y, channel  (n,) int           pixel and polarity
        t              (n,) float or int  time, in any unit
        steps          int                bins of time
        shape          (C, H, W)
    Returns
        (steps, C, H, W) uint8            255 at most
    Raises
        ValueError                        an event lies outside the frame, or there is none
    """
    channels, height, width = shape
    if not len(t):
        raise ValueError("a recording without events has no frames")
    if min(x.min(), y.min(), channel.min()) < 0 or x.max() >= width or y.max() >= height or channel.max() >= channels:
        raise ValueError(f"an event lies outside {width} x {height} pixels with {channels} channels")
    first, last = t.min(), t.max()
    step = np.minimum(((t - first) * steps / max(last - first, 1e-12)).astype(np.int64), steps - 1)
    place = ((step * channels + channel) * height + y) * width + x
    counts = np.bincount(place.astype(np.int64), minlength=steps * channels * height * width)
    return np.minimum(counts, 255).astype(np.uint8).reshape(steps, *shape)


def event_frames(name: str, part: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The recordings of a part as frames.

    Arguments
        name   str   a key of SOURCES
        part   str   "train" or "test"
        steps  int   frames of each recording
    Returns
        (n, steps, channels, height, width) uint8, (n,) int64
    Raises
        DataMissing         the data are not on this machine
        ValueError          no such set or part, or a damaged file
    """
    if name not in SOURCES:
        raise ValueError(f"there are no recordings {name!r}{did_you_mean(name, SOURCES)}; there are "
                         f"{', '.join(SOURCES)}")
    if part not in ("train", "test"):
        raise ValueError(f"part is {part!r}; wanted train or test")
    source = SOURCES[name]
    rows = [(binned(*event, steps=steps, shape=source.shape), label) for event, label in source.reads(part)]
    return np.stack([frames for frames, _ in rows]), np.array([label for _, label in rows], np.int64)


def _nmnist(part: str):
    for path, label in nmnist(part):
        found = events(path)
        yield (found.x, found.y, found.polarity, found.t_us), label


def _dvs_gesture(part: str):
    """Arrays (n, 4) of x, y, polarity and ms, one file a gesture, named by its class, in folders by user and light."""
    folder = find("dvs_gesture") / f"ibmGesture{part.capitalize()}"
    paths = sorted(folder.glob("user*/*.npy"))
    if not paths:
        raise DataMissing(f"{folder} holds no user*/*.npy; unpack ibmGesture{part.capitalize()}.tar.gz there")
    for path in paths:
        table = _array(path)
        yield tuple(table[:, k].astype(np.int64) for k in range(3)) + (table[:, 3],), int(path.stem)


def _coarse(reads: Callable, side: int, to: int):
    """The same recordings with events of a sensor of side x side pixels counted on to x to pixels."""
    def read(part: str):
        for (x, y, channel, t), label in reads(part):
            yield (x * to // side, y * to // side, channel, t), label
    return read


def _array(path: Path) -> np.ndarray:
    try:
        table = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} is damaged: {error}; fetch it again") from None
    if table.ndim != 2 or table.shape[1] != 4 or not path.stem.isdecimal():
        raise ValueError(f"{path}: wanted an array of rows x, y, polarity, ms in a file named by its class")
    return table


def _shd(part: str):
    """Spiking Heidelberg Digits: cochlear channels 0..699 and times in s, one row a recording."""
    import h5py

    path = find("shd") / f"shd_{part}.h5"
    if not path.is_file():
        raise DataMissing(f"{path} does not exist; unpack shd_{part}.h5.zip there")
    try:
        with h5py.File(path) as file:
            for times, units, label in zip(file["spikes/times"], file["spikes/units"], file["labels"], strict=True):
                zeros = np.zeros(len(times), np.int64)
                yield (units.astype(np.int64), zeros, zeros, times.astype(np.float64)), int(label)
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}; fetch it again") from None


def _cifar10_dvs(part: str):
    """AEDAT4 recordings in a folder a class; of each class, in order of number, the first 90 % are for training."""
    folder = find("cifar10_dvs")
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("*.aedat4")))
    if not classes:
        raise DataMissing(f"{folder} holds no <class>/*.aedat4; unpack CIFAR10DVS.zip there")
    try:
        import aedat
    except ImportError:
        raise DataMissing("CIFAR10-DVS is read by the package aedat: pip install aedat") from None
    for label, place in enumerate(classes):
        paths = sorted(place.glob("*.aedat4"), key=lambda p: (len(p.stem), p.stem))
        cut = len(paths) * 9 // 10
        for path in paths[:cut] if part == "train" else paths[cut:]:
            packets = [p["events"] for p in aedat.Decoder(str(path)) if "events" in p]
            if not packets:
                raise ValueError(f"{path} is damaged: it holds no events; fetch it again")
            table = np.concatenate(packets)
            on = table[table.dtype.names[-1]]
            yield tuple(table[n].astype(np.int64) for n in ("x", "y")) + (on.astype(np.int64), table["t"]), label


SOURCES = {
    "nmnist": Source((2, 34, 34), _nmnist),
    "dvs_gesture": Source((2, 128, 128), _dvs_gesture),
    "dvs_gesture_48": Source((2, 48, 48), _coarse(_dvs_gesture, 128, 48)),
    "cifar10_dvs": Source((2, 128, 128), _cifar10_dvs),
    "shd": Source((1, 1, 700), _shd),
}
