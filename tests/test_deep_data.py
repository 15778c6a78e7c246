import hashlib
import time

import numpy as np
import pytest
from data_folder import needs
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from dpap_bio.datasets import digits  # noqa: E402
from dpap_bio.datasets_bytes import image_bytes  # noqa: E402
from dpap_bio.deep.augment import erased, mirrored, moved  # noqa: E402
from dpap_bio.deep.splits import held_out  # noqa: E402


def _checksum(index):
    return hashlib.sha256(index.astype("<i8").tobytes()).hexdigest()[:16]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=120), st.floats(0, 0.99))
def test_held_out_images_are_sorted_disjoint_exact_in_number_and_keep_the_classes(labels, share):
    labels = np.array(labels)
    n = int(share * labels.size)
    kept, held = held_out(labels, n, "any")
    assert held.size == n and np.array_equal(np.sort(np.r_[kept, held]), np.arange(labels.size))
    assert (np.diff(kept) > 0).all() and (np.diff(held) > 0).all()
    off = np.bincount(labels[held], minlength=5) - np.bincount(labels, minlength=5) * n / labels.size
    assert np.abs(off).max() <= 1


def test_fewer_held_out_images_are_among_more_and_data_sets_differ():
    labels = np.arange(500) % 10
    few, many, other = (held_out(labels, n, name)[1] for n, name in ((50, "a"), (100, "a"), (100, "b")))
    assert set(few) < set(many) and set(many) != set(other)


def test_the_division_of_digits_is_what_it_was():
    _, held = held_out(digits("train").labels, 200, "digits")
    assert _checksum(held) == "58176ac704d58ef4"


@needs("mnist")
def test_the_division_of_mnist_is_what_it_was(monkeypatch):
    from data_folder import DATA
    monkeypatch.setenv("DPAP_DATA", str(DATA))
    _, held = held_out(image_bytes("mnist", "train")[1], 5000, "mnist")
    assert _checksum(held) == "37d1c6e776980316"


@pytest.mark.parametrize("n", [-1, 10, 11])
def test_a_division_that_leaves_nothing_to_train_on_is_refused(n):
    with pytest.raises(ValueError, match=f"held out: {n} of 10"):
        held_out(np.zeros(10), n, "any")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.sampled_from([(3, 5, 6), (4, 2, 5, 6), (3, 2, 2, 6, 5)]))
def test_a_moved_image_is_the_padded_image_cropped(seed, most, shape):
    images = torch.from_numpy(np.random.default_rng(seed).integers(1, 255, shape).astype(np.uint8))
    found = moved(images, most, np.random.default_rng(seed), fill=7)
    moves = np.random.default_rng(seed).integers(-most, most + 1, (2, shape[0]))
    for k, (dy, dx) in enumerate(moves.T):
        for y, x in np.ndindex(*shape[-2:]):
            inside = 0 <= y - dy < shape[-2] and 0 <= x - dx < shape[-1]
            wanted = images[k, ..., y - dy, x - dx] if inside else torch.full(shape[1:-2], 7, dtype=torch.uint8)
            assert torch.equal(found[k, ..., y, x], wanted)


def test_about_half_of_the_images_are_mirrored_and_the_others_are_not():
    images = torch.arange(4000 * 6, dtype=torch.int32).view(4000, 1, 2, 3)
    found = mirrored(images, np.random.default_rng(0))
    turned, kept = ((found == other).flatten(1).all(1) for other in (images.flip(-1), images))
    assert (turned ^ kept).all() and abs(int(turned.sum()) - 2000) < 4 * 1000**0.5


def test_a_square_is_erased_around_any_pixel_and_cut_off_at_the_border():
    images = torch.ones(3000, 2, 7, 9)
    found = erased(images, 3, np.random.default_rng(0), share=0.5)
    gone = found == 0
    assert torch.equal(gone[:, 0], gone[:, 1])
    sizes = gone[:, 0].sum((1, 2))
    assert set(sizes.tolist()) == {0, 4, 6, 9} and abs(int((sizes > 0).sum()) - 1500) < 4 * 750**0.5
    centre = gone[:, 0].float().mean(0)[1:-1, 1:-1]                   # inner pixels are erased equally often
    assert (centre - 0.5 * 9 / 63).abs().max() < 5 * (0.0714 * 0.93 / 3000) ** 0.5


def test_what_is_changed_is_a_copy_and_the_same_draws_give_the_same_images():
    images = torch.arange(48, dtype=torch.uint8).view(3, 1, 4, 4)
    before = images.clone()
    for change in (lambda r: moved(images, 2, r), lambda r: mirrored(images, r), lambda r: erased(images, 2, r)):
        assert torch.equal(change(np.random.default_rng(5)), change(np.random.default_rng(5)))
        assert torch.equal(images, before)


@pytest.mark.slow
def test_sixty_thousand_images_are_moved_and_mirrored_in_a_second_of_one_core():
    images, threads = torch.zeros(60000, 1, 28, 28, dtype=torch.uint8), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        start = time.process_time()
        mirrored(moved(images, 2, np.random.default_rng(0)), np.random.default_rng(0))
        assert time.process_time() - start < 1
    finally:
        torch.set_num_threads(threads)
