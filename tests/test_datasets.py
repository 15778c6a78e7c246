import functools
import gzip
import http.server
import threading

import numpy as np
import pooch
import pytest
from data_folder import DATA, needs
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio.datasets import as_tonic, digits, events, fetch, find, mnist, nmnist, split
from dpap_bio.datasets_images import resized


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("DPAP_DATA", raising=False)
    return tmp_path


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))


def test_bundled_digits_are_1797_images_of_17_grey_levels():
    images = digits()
    assert images.pixels.shape == (1797, 8, 8) and images.labels.shape == (1797,)
    assert np.array_equal(np.unique(images.pixels), np.arange(17) / 16)


def test_digit_parts_are_disjoint_complete_stratified_and_fixed():
    whole, train, test = digits(), digits("train"), digits("test")
    assert (train.labels.size, test.labels.size) == (1201, 596)
    rows = {p.tobytes() for p in train.pixels} | {p.tobytes() for p in test.pixels}
    assert rows == {p.tobytes() for p in whole.pixels}
    per_class = np.bincount(whole.labels)
    assert np.array_equal(np.bincount(test.labels), per_class // 3)
    assert test.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 5, 9]    # with scikit-learn 1.9.1


def test_images_cannot_be_changed_behind_the_cache():
    with pytest.raises(ValueError, match="read-only"):
        digits().pixels[0] = 0


@given(st.lists(st.integers(0, 4), max_size=200), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_a_drawn_split_is_disjoint_exact_in_size_and_keeps_the_classes(labels, of_all, of_chosen, seed):
    labels = np.array(labels, int)
    chosen = int(of_all * labels.size)
    n_train = int(of_chosen * chosen)
    train, test = split(labels, n_train, chosen - n_train, np.random.default_rng(seed))
    assert (train.size, test.size) == (n_train, chosen - n_train)
    assert not set(train) & set(test) and len(set(train)) == train.size
    for part in (train, test):
        share = part.size / max(labels.size, 1)
        kept = np.bincount(labels[part], minlength=5) - np.bincount(labels, minlength=5) * share
        assert np.abs(kept).max() < 2


def test_every_image_is_equally_likely_to_be_drawn():
    labels = np.repeat([0, 1, 2], [7, 2, 21])
    drawn = np.zeros((2, 30))
    for seed in range(3000):
        for row, part in zip(drawn, split(labels, 10, 5, np.random.default_rng(seed)), strict=True):
            row[part] += 1
    assert np.abs(drawn - [[1000], [500]]).max() < 4.5 * 1000**0.5


def test_a_split_larger_than_the_set_is_refused():
    with pytest.raises(ValueError, match="8 training and 3 test images are asked for; there are 10"):
        split(np.zeros(10, int), 8, 3, np.random.default_rng(0))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_resizing_keeps_the_mean_ink_and_a_uniform_image_uniform(side, new, seed):
    pixels = np.random.default_rng(seed).random((2, side, side))
    assert resized(pixels, new).mean((1, 2)) == pytest.approx(pixels.mean((1, 2)), rel=1e-5)
    assert resized(np.ones((1, side, side)), new) == pytest.approx(np.ones((1, new, new)), rel=1e-5)
    assert resized(pixels, side) == pytest.approx(pixels, rel=1e-6)


@needs("mnist")
def test_mnist_has_its_published_class_counts_and_mean(data):
    train, test = mnist("train"), mnist("test")
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.pixels.mean(dtype=float) == pytest.approx(0.1307, abs=5e-5)
    assert train.pixels.shape == (60000, 28, 28) and train.pixels.max() == 1
    mnist.cache_clear()


@pytest.mark.parametrize(("damage", "said"), [
    (lambda b: gzip.compress(b[:-1]), "is damaged"), (lambda b: gzip.compress(b + b"0"), "is damaged"),
    (lambda b: gzip.compress(b"\1" + b[1:]), "is damaged"), (lambda b: gzip.compress(b)[:-900], "is damaged"),
    (lambda b: b"no gzip", "is damaged"), (lambda b: b"", "is damaged"),
    (lambda b: gzip.compress(b)[:50] + b"\xff" * 30 + gzip.compress(b)[80:], "is damaged")])
def test_a_damaged_mnist_file_is_named_in_one_sentence(tmp_path, monkeypatch, damage, said):
    right = b"\0\0\x08\1" + np.array([10000], ">i4").tobytes() + np.random.default_rng(0).bytes(10000)
    images = b"\0\0\x08\3" + np.array([10000, 28, 28], ">i4").tobytes() + bytes(7840000)
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "t10k-images-idx3-ubyte").write_bytes(images)    # unpacked, as torchvision leaves it
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(right))
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    mnist.cache_clear()
    assert mnist("test").labels.size == 10000
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(damage(right))
    mnist.cache_clear()
    with pytest.raises(ValueError, match=said) as refusal:
        mnist("test")
    assert "t10k-labels-idx1-ubyte.gz" in str(refusal.value)


@pytest.mark.parametrize(("name", "todo"), [
    ("mnist", r'find\("mnist", download=True\)'), ("nmnist", "garrickorchard"), ("retinal_waves", "sje30/waverepo"),
    ("Maccione2014", "by hand")])
def test_absent_data_are_a_sentence_with_the_place_and_the_cure_and_no_download(empty_cache, name, todo):
    with pytest.raises(FileNotFoundError, match=todo) as refusal:
        find(name)
    assert str(empty_cache / "cache") in str(refusal.value) and "DPAP_DATA is not set" in str(refusal.value)
    assert not (empty_cache / "cache").exists()


def test_data_without_a_public_source_cannot_be_downloaded(empty_cache):
    with pytest.raises(FileNotFoundError, match="nmnist cannot be downloaded by dpap_bio: fetch Train.zip"):
        find("nmnist", download=True)


@pytest.mark.parametrize("name", ["../mnist", "/etc/passwd", "a*", "", ".hidden", "a/b"])
def test_a_dataset_name_cannot_be_a_path_or_a_pattern(name):
    with pytest.raises(ValueError, match="no folders"):
        find(name)


@pytest.fixture
def mirror(tmp_path):
    """A server on this machine, for the folder `mirror`."""
    (tmp_path / "mirror").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "mirror")
    handler.func.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_download_with_the_wrong_hash_is_refused_and_leaves_nothing(empty_cache, mirror):
    (empty_cache / "mirror" / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not the official file"):
        fetch("mnist", mirror)
    assert not list((empty_cache / "cache").rglob("train*"))


def test_a_silent_mirror_is_one_sentence(empty_cache, mirror):
    with pytest.raises(FileNotFoundError, match="could not be fetched"):
        fetch("mnist", mirror)


@needs("mnist")
def test_the_official_files_pass_the_hash_and_are_found_in_the_cache_afterwards(empty_cache, mirror):
    for file in (DATA / "mnist").glob("*.gz"):
        (empty_cache / "mirror" / file.name).symlink_to(file)
    folder = fetch("mnist", mirror)
    assert folder == find("mnist") and len(list(folder.glob("*.gz"))) == 4


# N-MNIST

def packed(x, y, p, t):
    """Events in the official five bytes."""
    x, y, p, t = np.broadcast_arrays(x, y, p, t)
    return np.stack([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255], 1).astype(np.uint8).tobytes()


@given(st.lists(st.tuples(st.integers(0, 33), st.integers(0, 33), st.integers(0, 1), st.integers(0, 2**23 - 1)),
                min_size=1, max_size=50))
def test_events_come_back_as_they_were_written(tmp_path_factory, rows):
    rows.sort(key=lambda row: row[3])
    path = tmp_path_factory.mktemp("events") / "1.bin"
    path.write_bytes(packed(*np.array(rows).T))
    seen = events(path)
    assert [*zip(seen.x, seen.y, seen.polarity, seen.t_us, strict=True)] == rows


def test_an_overflow_adds_8192_us_to_all_that_follows_and_is_no_event(tmp_path):
    (tmp_path / "1.bin").write_bytes(packed([1, 0, 2, 0, 3], [1, 240, 2, 240, 3], 1, [8000, 0, 100, 0, 200]))
    seen = events(tmp_path / "1.bin")
    assert seen.x.tolist() == [1, 2, 3] and seen.t_us.tolist() == [8000, 8292, 16584]


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_events_or_one_sentence(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("events") / "1.bin"
    path.write_bytes(content)
    try:
        seen = events(path)
    except ValueError as refusal:
        assert str(path) in str(refusal) and "\n" not in str(refusal)
    else:
        assert seen.t_us.size and np.all(np.diff(seen.t_us) >= 0) and max(seen.x.max(), seen.y.max()) < 34


def test_a_missing_event_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.bin does not exist"):
        events(tmp_path / "gone.bin")


def test_the_official_folders_are_read_in_the_order_of_mnist_not_of_the_file_system(tmp_path, monkeypatch):
    for digit, number in ((5, 1), (0, 2), (4, 3), (9, 10), (0, 22)):
        folder = tmp_path / "NMNIST" / "Train" / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.bin").write_bytes(packed(1, 1, [1], 5))
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    assert [label for _, label in nmnist("train")] == [5, 0, 4, 9, 0]
    with pytest.raises(FileNotFoundError, match="Test holds no"):
        nmnist("test")


def test_a_damaged_list_of_recordings_is_refused(tmp_path, monkeypatch):
    (tmp_path / "train1K.txt").write_text("#sample #class\n1 five\n")
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="train1K.txt is damaged"):
        nmnist("train")


@needs("nmnist")
def test_nmnist_has_its_known_labels_and_event_counts(data):
    train, test = nmnist("train"), nmnist("test")
    assert np.bincount([label for _, label in train]).tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    assert np.bincount([label for _, label in test]).tolist() == [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]
    seen = [events(path) for path, _ in train + test]
    counts = np.array([s.t_us.size for s in seen])
    assert counts.mean() == pytest.approx(4108, abs=1) and (counts.min(), counts.max()) == (1069, 7152)
    assert max(s.t_us.max() for s in seen) == 336_040
    assert np.concatenate([s.polarity for s in seen]).mean() == pytest.approx(0.5, abs=0.005)


@needs("nmnist", "mnist")
def test_nmnist_recordings_look_like_the_mnist_images_of_their_numbers(data):
    images = mnist("test")
    for k, (path, label) in enumerate(nmnist("test")[:20]):
        assert label == images.labels[k]
        seen = events(path)
        count = np.zeros((34, 34))
        np.add.at(count, (seen.y, seen.x), 1)
        best = max(np.corrcoef(count[dy:dy + 28, dx:dx + 28].ravel(), images.pixels[k].ravel())[0, 1]
                   for dy in range(7) for dx in range(7))
        assert best > 0.5


@needs("tonic_samples")
def test_tonic_reads_the_same_events_from_its_own_sample():
    functional = pytest.importorskip("tonic.io", reason="tonic is not installed (extra [data])")
    table = as_tonic(events(DATA / "tonic_samples" / "sample_nmnist.bin"))
    theirs = functional.read_mnist_file(str(DATA / "tonic_samples" / "sample_nmnist.bin"), dtype=table.dtype)
    assert np.array_equal(table, theirs)


@needs("nmnist")
def test_tonic_transforms_take_the_events(data):
    transforms = pytest.importorskip("tonic.transforms", reason="tonic is not installed (extra [data])")
    table = as_tonic(events(nmnist("train")[0][0]))
    frames = transforms.ToFrame(sensor_size=(34, 34, 2), time_window=10_000, include_incomplete=True)(table)
    assert frames.shape[1:] == (2, 34, 34) and frames.sum() == table.size
    fewer = transforms.Denoise(filter_time=10_000)(table)
    assert 0 < fewer.size < table.size and fewer.dtype == table.dtype
