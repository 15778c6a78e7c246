"""Whatever happens to the process or the disk, a run folder holds whole epochs, and damage is noticed."""

import os
import random
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from store_children import (
    is_whole,
    state_of,
)

from dpap_bio import store


def _same(a, b):
    if isinstance(a, np.ndarray | np.generic):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and repr(a) == repr(b)


DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.datetime64_dtypes(),
    hnp.unicode_string_dtypes(),
    hnp.byte_string_dtypes(),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
SCALARS = ARRAYS.filter(np.size).map(lambda array: array.flat[0])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ARRAYS | SCALARS
NESTED = st.recursive(LEAVES, lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside), max_leaves=8)
SPECIAL = {
    "zero": np.array(-0.0),
    "empty": np.zeros((0, 3), ">i2"),
    "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "slice": np.arange(10)[::-2],
    "records": np.array([(1, 2.5)], [("a", "<i4"), ("b", ">f8")]),
    "scalar": np.float32(0.1),
    "numbers": [1e-320, -0.0, float("inf"), 10**30, True, None],
    "dict": {},
    "list": [],
    "array": {"list": [["dict", "a0"]], "": "ä\ud800\x00"},
}


def _stored(folder, state):
    shutil.rmtree(folder, ignore_errors=True)
    store.commit(folder, 0, state)
    return store.latest(folder)


@settings(max_examples=50, deadline=None)
@given(state=st.dictionaries(st.text(), NESTED))
def test_a_state_comes_back_bit_for_bit(tmp_path_factory, state):
    epoch, found = _stored(tmp_path_factory.getbasetemp() / "bits", state)
    assert epoch == 0 and _same(found, state)


def test_signs_byte_orders_records_and_empty_things_come_back_bit_for_bit(tmp_path):
    assert _same(_stored(tmp_path / "run", SPECIAL)[1], SPECIAL)


@pytest.mark.parametrize(
    ("value", "mentioned"),
    [
        ((1, 2), "tuple"),
        ({1: 2}, "keys that are not text"),
        (np.array([None]), "array of object"),
        (np.ma.masked_array([1.0], [True]), "MaskedArray"),
        (object(), "object"),
        (b"bytes", "bytes"),
        ({1.5}, "set"),
        (1j, "complex"),
    ],
)
def test_what_would_not_come_back_the_same_is_refused_before_anything_is_written(tmp_path, value, mentioned):
    with pytest.raises(ValueError, match=r"state\['net'\]\[1\] is an? .*" + mentioned):
        store.commit(tmp_path / "run", 0, {"net": [0, value]})
    assert not (tmp_path / "run").exists()


def test_a_state_that_contains_itself_is_refused(tmp_path):
    state = {}
    state["again"] = state
    with pytest.raises(ValueError, match="nested deeper"):
        store.commit(tmp_path, 0, state)


def test_the_last_good_epochs_stay_and_older_ones_go(tmp_path):
    for epoch in range(5):
        store.commit(tmp_path, epoch, state_of(epoch), keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-00003", "epoch-00004"]


def test_a_damaged_epoch_does_not_count_among_those_kept(tmp_path):
    for epoch in range(3):
        store.commit(tmp_path, epoch, state_of(epoch), keep=2)
    (tmp_path / "epoch-00002" / "arrays.npz").write_bytes(b"")
    store.commit(tmp_path, 3, state_of(3), keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-00001", "epoch-00002", "epoch-00003"]


def test_a_good_epoch_is_never_overwritten_and_a_damaged_one_is_replaced(tmp_path):
    store.commit(tmp_path, 4, state_of(4))
    for epoch in (3, 4):
        with pytest.raises(ValueError, match="epoch 4 is committed already"):
            store.commit(tmp_path, epoch, state_of(epoch))
    (tmp_path / "epoch-00004" / "manifest.json").unlink()
    store.commit(tmp_path, 4, state_of(4))
    assert is_whole(*store.latest(tmp_path)) and os.listdir(tmp_path) == ["epoch-00004"]


def test_nothing_is_found_where_nothing_was_committed(tmp_path):
    assert store.latest(tmp_path) is None and store.latest(tmp_path / "missing") is None


DAMAGES = {
    "truncated": lambda data, rng: data[: rng.randrange(len(data))],
    "one bit flipped": lambda data, rng: _flip(data, rng.randrange(len(data)), 1 << rng.randrange(8)),
    "zeroed": lambda data, rng: _zero(data, rng.randrange(len(data))),
    "longer": lambda data, rng: data + bytes([rng.randrange(256)]),
    "missing": lambda data, rng: None,
}


def _flip(data, at, mask):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def _zero(data, at):
    while not data[at]:  # somewhere it makes a difference
        at = (at + 1) % len(data)
    return data[:at] + bytes(len(data[at : at + 512])) + data[at + 512 :]


@pytest.mark.parametrize("name", ["arrays.npz", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_noticed_and_the_epoch_before_is_used(tmp_path, name, damage):
    for epoch in (7, 8):
        store.commit(tmp_path, epoch, state_of(epoch))
    path, rng = tmp_path / "epoch-00008" / name, random.Random(f"{name} {damage}")
    whole = path.read_bytes()
    for _ in range(100):
        broken = DAMAGES[damage](whole, rng)
        path.unlink(missing_ok=True)
        if broken is not None:
            path.write_bytes(broken)
        told = []
        epoch, state = store.latest(tmp_path, tell=told.append)
        assert epoch == 7 and is_whole(epoch, state)
        assert len(told) == 1 and "epoch-00008" in told[0] and "\n" not in told[0]
        path.write_bytes(whole)


def test_damage_is_told_as_a_warning_unless_asked_otherwise(tmp_path):
    store.commit(tmp_path, 0, state_of(0))
    (tmp_path / "epoch-00000" / "state.json").unlink()
    with pytest.warns(UserWarning, match="state.json is missing"):
        assert store.latest(tmp_path) is None


def test_an_epoch_of_another_name_or_format_is_not_taken_for_this_one(tmp_path):
    store.commit(tmp_path, 1, state_of(1))
    shutil.copytree(tmp_path / "epoch-00001", tmp_path / "epoch-00002")
    store.commit(tmp_path, 3, state_of(3), keep=9)
    manifest = tmp_path / "epoch-00003" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("dpap-epoch/1", "dpap-epoch/2"))
    told = []
    assert store.latest(tmp_path, tell=told.append)[0] == 1 and len(told) == 2
