"""Images with a class: the handwritten digits that ship with scikit-learn, and MNIST."""
import gzip
import math
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dpap_bio.datasets_files import find

_PARTS = ("train", "test", "all")
_MNIST = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 60000),
          "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10000)}


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images: pixels (n, height, width) float in [0, 1], 1 is full ink, and labels (n,) int."""
    pixels: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        for array in (self.pixels, self.labels):
            array.flags.writeable = False

    def part(self, index):
        """The images at these indices."""
        return Images(self.pixels[index], self.labels[index])


@lru_cache(maxsize=3)
def digits(part="all"):
    """The 1,797 handwritten 8 x 8 digits bundled with scikit-learn, or a part of them.

    The test part is every third image of each class, counted in file order from the third: 596 images, the same on
    every machine. The writers of the two parts are partly the same; scikit-learn does not tell who wrote what.

    Arguments
        part  name      "train", "test" or "all"
    Returns
        Images          pixel values 0..16 of the file divided by 16
    Source
        the test part of the UCI set "Optical recognition of handwritten digits", through scikit-learn
    """
    _check(part)
    from sklearn.datasets import load_digits
    data = load_digits()
    images = Images((data.images / 16).astype(np.float32), data.target.astype(np.int64))
    if part == "all":
        return images
    rank = np.empty(images.labels.size, np.int64)
    for c in np.unique(images.labels):
        rank[images.labels == c] = np.arange((images.labels == c).sum())
    return images.part((rank % 3 == 2) == (part == "test"))


@lru_cache(maxsize=3)
def mnist(part="train"):
    """MNIST, 28 x 28, from the four official files, gzipped or not.

    Arguments
        part  name      "train" (60,000), "test" (10,000) or "all", in this order
    Returns
        Images          pixel values 0..255 divided by 255
    Raises
        FileNotFoundError   the files are not there
        ValueError          a file is damaged
    Source
        LeCun, Bottou, Bengio & Haffner 1998
    """
    _check(part)
    if part == "all":
        both = mnist("train"), mnist("test")
        return Images(*(np.concatenate([getattr(b, name) for b in both]) for name in ("pixels", "labels")))
    pixels, labels = idx_bytes("mnist", part)
    return Images(pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64))


def idx_bytes(name, part):
    """The bytes of MNIST or of a set published in the same four files: (n, 28, 28) and (n,) uint8."""
    images, labels, n = _MNIST[part]
    folder = find(name)
    return _idx(folder, images, (n, 28, 28)), _idx(folder, labels, (n,))


def split(labels, n_train, n_test, rng):
    """Draw two disjoint sets of images in which every class keeps its share, to within two images.

    Arguments
        labels   (n,) int, 1    classes
        n_train  int, 1         size of the first set
        n_test   int, 1         size of the second
        rng      Generator      numpy generator
    Returns
        (n_train,) int, (n_test,) int    indices into `labels`, sorted
    Raises
        ValueError                       more asked for than there is
    """
    n = len(labels)
    if n_train < 0 or n_test < 0 or n_train + n_test > n:
        raise ValueError(f"{n_train} training and {n_test} test images are asked for; there are {n} in all")
    order = rng.permutation(n)
    order = order[np.argsort(np.asarray(labels)[order], kind="stable")]    # class by class, at random within a class
    chosen = order[_evenly(n_train + n_test, n, rng.integers(max(n, 1)))]
    first = _evenly(n_train, chosen.size, rng.integers(max(chosen.size, 1)))
    return np.sort(chosen[first]), np.sort(chosen[~first])


def resized(pixels, side):
    """Images brought to side x side by averaging over area, which keeps the mean ink: (n, side, side) float."""
    return _areas(pixels.shape[1], side) @ pixels @ _areas(pixels.shape[2], side).T


def _evenly(k, n, offset):
    """Which of n places are taken when k are taken at even distances: (n,) bool with exactly k True."""
    place = np.arange(n + 1) * k + offset
    return np.diff(place // max(n, 1)) > 0


def _areas(n_from, n_to):
    """The share that each of n_from old pixels has in each of n_to new ones: (n_to, n_from), rows sum to 1."""
    edge = np.arange(n_to + 1)[:, None] * n_from / n_to
    low, high = np.maximum(edge[:-1], np.arange(n_from)), np.minimum(edge[1:], np.arange(n_from) + 1)
    return (np.maximum(high - low, 0) * n_to / n_from).astype(np.float32)


def _check(part):
    if part not in _PARTS:
        raise ValueError(f"part is {part!r}; wanted one of {', '.join(_PARTS)}")


def _idx(folder, name, shape):
    """The bytes of one idx file with the shape wanted."""
    path = next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), folder / f"{name}.gz")
    size = math.prod(shape)
    header = b"\0\0\x08" + bytes([len(shape)]) + np.array(shape, ">i4").tobytes()
    try:
        with (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")) as file:
            data = file.read(len(header) + size + 1)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist; wanted the four official files in one folder") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}; fetch it again") from None
    if data[:len(header)] != header or len(data) != len(header) + size:
        wanted = " x ".join(map(str, shape))
        raise ValueError(f"{path} is damaged: wanted an idx file of {wanted} bytes; fetch it again")
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)
