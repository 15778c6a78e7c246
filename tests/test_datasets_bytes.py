"""Images and event recordings as deep networks take them: official layouts, damage in one sentence, nothing lost."""

import gzip
import lzma
import struct

import numpy as np
import pytest
from data_folder import DATA, needs

from dpap_bio.datasets_bytes import image_bytes
from dpap_bio.datasets_events import events, nmnist
from dpap_bio.datasets_frames import binned, event_frames


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    return tmp_path


def records(path, labels, classes, n=20):
    """A CIFAR file of n records: label bytes, then 3072 pixels that count up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.arange(n * 3072) % 251).astype(np.uint8).reshape(n, 3072)
    label = np.stack([np.zeros(n, np.uint8)] * (labels - 1) + [np.arange(n, dtype=np.uint8) % classes], 1)
    path.write_bytes(np.concatenate([label, pixels], 1).tobytes())
    return pixels.reshape(n, 3, 32, 32), label[:, -1]


def test_bundled_digits_keep_their_sixteen_levels():
    pixels, labels = image_bytes("digits", "train")
    assert pixels.shape == (1201, 1, 8, 8) and set(np.unique(pixels)) == {round(k * 255 / 16) for k in range(17)}
    assert len(image_bytes("digits", "test")[1]) + len(labels) == 1797


def test_binary_cifar_is_read_in_the_order_of_its_batches(here):
    made = [records(here / "cifar-10-batches-bin" / f"data_batch_{k}.bin", 1, 10, 10 + k) for k in range(1, 6)]
    test = records(here / "cifar-10-batches-bin" / "test_batch.bin", 1, 10)
    pixels, labels = image_bytes("cifar10", "train")
    np.testing.assert_array_equal(pixels, np.concatenate([m[0] for m in made]))
    np.testing.assert_array_equal(labels, np.concatenate([m[1] for m in made]))
    np.testing.assert_array_equal(image_bytes("cifar10", "test")[0], test[0])


def test_cifar100_has_its_fine_classes(here):
    made, labels = records(here / "cifar100" / "train.bin", 2, 100)
    found = image_bytes("cifar100", "train")
    np.testing.assert_array_equal(found[0], made)
    np.testing.assert_array_equal(found[1], labels)


def test_a_packed_batch_holds_what_was_packed(here):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (3, 3, 32, 32)).astype(np.int16)
    planes = [x[:, 1], (x[:, 0] - x[:, 1] + 128) & 255, (x[:, 2] - x[:, 1] + 128) & 255]
    out = b"C10L" + struct.pack("<I", 3) + bytes([7, 0, 2])
    for plane in planes:  # the median-edge predictor, pixel by pixel
        residual = np.zeros_like(plane)
        padded = np.pad(plane, ((0, 0), (1, 0), (1, 0)))
        a, b, c = padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1]
        guess = np.where(c >= np.maximum(a, b), np.minimum(a, b), np.where(c <= np.minimum(a, b), np.maximum(a, b),
                                                                          a + b - c))
        residual = ((plane - guess) & 255).astype(np.uint8)
        packed = lzma.compress(residual.tobytes())
        out += struct.pack("<I", len(packed)) + packed
    (here / "cifar10").mkdir()
    (here / "cifar10" / "test_batch.c10l").write_bytes(out)
    pixels, labels = image_bytes("cifar10", "test")
    np.testing.assert_array_equal(pixels, x.astype(np.uint8))
    assert labels.tolist() == [7, 0, 2]


@needs("cifar10")
@pytest.mark.slow
def test_the_real_test_batch_has_a_thousand_images_of_each_class(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))
    pixels, labels = image_bytes("cifar10", "test")
    assert np.bincount(labels).tolist() == [1000] * 10
    assert abs(pixels.mean() / 255 - 0.477) < 0.005  # the mean pixel of the published test part is 0.4766


def test_fashion_is_read_from_the_four_official_files(here):
    folder = here / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for part, n in (("train", 60000), ("t10k", 10000)):
        header = struct.pack(">4i", 2051, n, 28, 28)
        folder.joinpath(f"{part}-images-idx3-ubyte").write_bytes(header + bytes(n * 784))
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(struct.pack(">2i", 2049, n) + bytes(k % 10 for k in range(n)))
    pixels, labels = image_bytes("fashion_mnist", "test")
    assert pixels.shape == (10000, 1, 28, 28) and np.bincount(labels).tolist() == [1000] * 10


@pytest.mark.parametrize(("name", "content", "sentence"), [
    ("cifar10/test_batch.bin", b"\0" * 3072, "3072 bytes; wanted records of 3073 bytes"),
    ("cifar10/test_batch.c10l", b"C10L\1\0\0\0\5\x09\0\0\0junk!junk", "is damaged"),
    ("cifar10/test_batch.c10l", b"PK", "does not begin with C10L"),
])
def test_a_damaged_file_is_one_sentence_naming_it(here, name, content, sentence):
    (here / "cifar10").mkdir()
    (here / name).write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as error:
        image_bytes("cifar10", "test")
    assert name.split("/")[1] in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "part", "sentence"), [
    ("cifar", "test", "did you mean 'cifar10'?"), ("mnist", "val", "wanted train or test")])
def test_an_unknown_set_or_part_is_one_sentence(name, part, sentence):
    with pytest.raises(ValueError, match=sentence):
        image_bytes(name, part)


# -- event recordings --


def test_every_event_is_counted_once_the_first_and_the_last_with_the_others():
    rng = np.random.default_rng(1)
    x, y, p = rng.integers(0, 5, 300), rng.integers(0, 4, 300), rng.integers(0, 2, 300)
    t = np.sort(rng.random(300))
    frames = binned(x, y, p, t, steps=7, shape=(2, 4, 5))
    assert frames.sum() == 300 and frames.shape == (7, 2, 4, 5)
    slow = np.zeros_like(frames, int)
    width = (t[-1] - t[0]) / 7
    for k in range(300):
        slow[min(int((t[k] - t[0]) / width), 6), p[k], y[k], x[k]] += 1
    np.testing.assert_array_equal(frames, slow)


def test_an_event_outside_the_frame_is_refused():
    one = np.array([0])
    with pytest.raises(ValueError, match="outside 5 x 4 pixels"):
        binned(np.array([5]), one, one, one, steps=1, shape=(2, 4, 5))


@needs("nmnist")
def test_frames_of_real_nmnist_hold_all_events_of_each_recording(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))
    frames, labels = event_frames("nmnist", "test", 10)
    assert frames.shape == (100, 10, 2, 34, 34) and labels[:3].tolist() == [label for _, label in nmnist("test")[:3]]
    assert int(frames[0].sum()) == events(nmnist("test")[0][0]).t_us.size


def test_dvs_gesture_is_read_in_sorted_order_from_the_official_layout(here):
    rng = np.random.default_rng(2)
    for user, label in (("user02_led", 10), ("user02_led", 3), ("user01_lab", 7)):
        folder = here / "DVSGesture" / "ibmGestureTrain" / user
        folder.mkdir(parents=True, exist_ok=True)
        n = 50
        table = np.stack([rng.integers(0, 128, n), rng.integers(0, 128, n), rng.integers(0, 2, n),
                          np.sort(rng.random(n)) * 6000], 1).astype(np.float64)
        np.save(folder / f"{label}.npy", table)
    frames, labels = event_frames("dvs_gesture", "train", 4)
    assert labels.tolist() == [7, 10, 3] and frames.sum((1, 2, 3, 4)).tolist() == [50, 50, 50]
    coarse, same = event_frames("dvs_gesture_48", "train", 4)
    assert coarse.shape == (3, 4, 2, 48, 48) and same.tolist() == labels.tolist()
    assert np.array_equal(coarse.sum((3, 4)), frames.sum((3, 4)))
    assert np.array_equal(coarse[:, :, :, :3, :3].sum((3, 4)), frames[:, :, :, :8, :8].sum((3, 4)))
    with pytest.raises(FileNotFoundError, match="ibmGestureTest"):
        event_frames("dvs_gesture", "test", 4)


def test_shd_is_read_from_its_hdf5_file(here):
    h5py = pytest.importorskip("h5py")
    (here / "SHD").mkdir()
    with h5py.File(here / "SHD" / "shd_test.h5", "w") as file:
        spikes = {"times": (np.float16, [[0.0, 0.5, 1.0], [0.1]]), "units": (np.uint16, [[0, 699, 3], [5]])}
        for name, (kind, rows) in spikes.items():
            data = file.create_dataset(f"spikes/{name}", (2,), h5py.vlen_dtype(kind))
            for k, row in enumerate(rows):
                data[k] = np.array(row, kind)
        file["labels"] = np.array([4, 19])
    frames, labels = event_frames("shd", "test", 2)
    assert labels.tolist() == [4, 19] and frames.shape == (2, 2, 1, 1, 700)
    assert frames[0, 0, 0, 0, 0] == 1 and frames[0, 1, 0, 0, 699] == 1 and frames[0, 1, 0, 0, 3] == 1
