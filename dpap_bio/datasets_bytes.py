"""Images as they were published, byte for byte: digits, MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, by name."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dpap_bio.complaint import did_you_mean
from dpap_bio.datasets_files import find
from dpap_bio.datasets_images import digits, idx_bytes

SIDE, PIXELS = 32, 3 * 32 * 32  # of a CIFAR image


def image_bytes(name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """The images of a published part of a data set.

    Arguments
        name  str   a key of READERS
        part  str   "train" or "test", as published; of digits, every third image of a class is the test part
    Returns
        (n, channels, height, width) uint8   pixels
        (n,) int64                           classes
    Raises
        FileNotFoundError   the data are not on this machine: one sentence saying where they were looked for
        ValueError          no such data set or part, or a damaged file
    """
    if name not in READERS:
        raise ValueError(f"there is no data set {name!r}{did_you_mean(name, READERS)}; there are {', '.join(READERS)}")
    if part not in ("train", "test"):
        raise ValueError(f"part is {part!r}; wanted train or test")
    pixels, labels = READERS[name](part)
    return np.array(pixels), labels.astype(np.int64)  # copies: what a file gave cannot be written to


def _digits(part: str):
    found = digits(part)
    return np.round(found.pixels * 255).astype(np.uint8)[:, None], found.labels


def _mnist(part: str):
    pixels, labels = idx_bytes("mnist", part)
    return pixels[:, None], labels


def _fashion(part: str):
    pixels, labels = idx_bytes("fashion_mnist", part)
    return pixels[:, None], labels


def _cifar10(part: str):
    """The official binary batches, or packed ones; of the training part, as many batches as are there."""
    folder = find("cifar10")
    names = ["test_batch"] if part == "test" else [f"data_batch_{k}" for k in range(1, 6)]
    batches = []
    for name in names:
        if (folder / f"{name}.bin").is_file():
            batches.append(_records(folder / f"{name}.bin", 1))
        elif (folder / f"{name}.c10l").is_file():
            batches.append(_packed(folder / f"{name}.c10l"))
    if not batches:
        raise FileNotFoundError(f"{folder} holds no {names[0]}.bin; unpack cifar-10-binary.tar.gz there")
    return tuple(np.concatenate([b[k] for b in batches]) for k in (0, 1))


def _cifar100(part: str):
    return _records(find("cifar100") / f"{part}.bin", 2)


def _records(path: Path, labels: int):
    """Records of one or two label bytes (the last one is the class) and 3072 pixels, red plane first."""
    size = labels + PIXELS
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; unpack the official binary archive there")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if data.size == 0 or data.size % size:
        raise ValueError(f"{path} is damaged: {data.size} bytes; wanted records of {size} bytes")
    rows = data.reshape(-1, size)
    return rows[:, labels:].reshape(-1, 3, SIDE, SIDE), rows[:, labels - 1]


def _packed(path: Path):
    """A batch of CIFAR-10 packed without loss: planes less green, residuals of a median-edge predictor, LZMA."""
    data = path.read_bytes()
    try:
        if data[:4] != b"C10L":
            raise ValueError("it does not begin with C10L")
        (n,) = struct.unpack("<I", data[4:8])
        labels, at, planes = np.frombuffer(data[8 : 8 + n], np.uint8), 8 + n, []
        for _ in range(3):
            (length,) = struct.unpack("<I", data[at : at + 4])
            residual = np.frombuffer(lzma.decompress(data[at + 4 : at + 4 + length]), np.uint8)
            planes.append(_unpredicted(residual.reshape(n, SIDE, SIDE)))
            at += 4 + length
    except (ValueError, lzma.LZMAError, struct.error) as error:
        raise ValueError(f"{path} is damaged: {error}; fetch it again") from None
    green, red, blue = planes[0], planes[1] + 128 + planes[0], planes[2] + 128 + planes[0]
    return np.stack([red, green, blue], 1).astype(np.uint8), labels


def _unpredicted(residual: np.ndarray) -> np.ndarray:
    """Pixels (n, side, side) int16 in 0..255 from residuals, pixel by pixel, all images at once."""
    n = len(residual)
    found = np.zeros((SIDE + 1, SIDE + 1, n), np.int16)
    residual = np.ascontiguousarray(residual.transpose(1, 2, 0)).astype(np.int16)
    for i in range(SIDE):
        for j in range(SIDE):
            left, above, corner = found[i + 1, j], found[i, j + 1], found[i, j]
            low, high = np.minimum(left, above), np.maximum(left, above)
            guess = np.where(corner >= high, low, np.where(corner <= low, high, left + above - corner))
            found[i + 1, j + 1] = (guess + residual[i, j]) & 255
    return found[1:, 1:].transpose(2, 0, 1)


READERS: dict[str, Callable[[str], tuple[np.ndarray, np.ndarray]]] = {
    "digits": _digits, "mnist": _mnist, "fashion_mnist": _fashion, "cifar10": _cifar10, "cifar100": _cifar100}
