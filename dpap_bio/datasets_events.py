"""Events of a neuromorphic camera: the 5-byte files of N-MNIST, and the same events as tonic takes them."""
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dpap_bio.datasets_files import find

SIDE = 34            # pixels of an N-MNIST recording along each side
_OVERFLOW = 240      # in place of y: no event, the clock ran over
_TICKS = 2**13       # us that an overflow adds
_MOST = 50_000_000   # bytes: a hundred times any recording


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one recording, in order of time.

    Fields
        x, y      (n,) int, 1    pixel, 0..33, y downwards
        polarity  (n,) int, 1    1 brighter, 0 darker
        t_us      (n,) int, us   time since the recording began
    """
    x: np.ndarray
    y: np.ndarray
    polarity: np.ndarray
    t_us: np.ndarray


def events(path):
    """Read one N-MNIST recording (.bin, or .bs2, which is the same).

    An event is five bytes: x, y, then one bit of polarity and 23 bits of time in us, high byte first. Where y is 240
    the five bytes are no event but say that all later times are 8192 us later.

    Arguments
        path  Path or str
    Returns
        Events
    Raises
        FileNotFoundError   there is no such file
        ValueError          it is damaged, in one sentence naming it
    Source
        orchard2015 and the reader that comes with the data
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    size = path.stat().st_size
    if size == 0 or size % 5 or size > _MOST:
        raise ValueError(f"{path} is damaged: {size} bytes; wanted events of five bytes each, up to {_MOST} bytes")
    x, y, high, middle, low = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 5).T.astype(np.int64)
    late = y == _OVERFLOW
    t = ((high & 127) << 16 | middle << 8 | low) + _TICKS * np.cumsum(late)
    x, y, polarity, t = (a[~late] for a in (x, y, high >> 7, t))
    if t.size == 0 or max(x.max(), y.max()) >= SIDE:
        raise ValueError(f"{path} is damaged: wanted at least one event, all within {SIDE} x {SIDE} pixels")
    order = np.argsort(t, kind="stable")
    return Events(x[order], y[order], polarity[order], t[order])


def nmnist(part="train"):
    """The recordings of N-MNIST in the order of MNIST, whichever layout is there.

    Arguments
        part  name                   "train" or "test"
    Returns
        list of (Path, int)          file for `events`, and its digit
    Raises
        FileNotFoundError            the data are not there, in one sentence saying what to do
        ValueError                   a list of files is damaged
    """
    if part not in ("train", "test"):
        raise ValueError(f"part is {part!r}; wanted train or test")
    return list(_listed(find("nmnist"), part))


def as_tonic(events):
    """The events as tonic's structured array, fields x, y, t (us), p, for tonic.transforms; needs no tonic itself."""
    table = np.empty(events.t_us.size, dtype=[("x", int), ("y", int), ("t", int), ("p", int)])
    table["x"], table["y"], table["t"], table["p"] = events.x, events.y, events.t_us, events.polarity
    return table


@lru_cache(maxsize=4)
def _listed(folder, part):
    """(file, digit) of a part: from the list beside .bs2 files, or from the official folders Train/<digit>/*.bin."""
    table = folder / {"train": "train1K.txt", "test": "test100.txt"}[part]
    if table.is_file():
        rows = [line.split() for line in table.read_text(errors="replace").splitlines() if line and line[0] != "#"]
        if not all(len(row) == 2 and row[0].isdecimal() and row[1] in "0123456789" for row in rows):
            raise ValueError(f"{table} is damaged: wanted a line of number and digit for each recording")
        return [(folder / f"{number}.bs2", int(digit)) for number, digit in rows]
    found = sorted((folder / part.capitalize()).glob("[0-9]/*.bin"), key=lambda path: (path.name, path.parent.name))
    if not found:
        raise FileNotFoundError(f"{folder / part.capitalize()} holds no <digit>/*.bin; unpack N-MNIST there")
    return [(path, int(path.parent.name)) for path in found]
