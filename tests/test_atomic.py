"""A file is written whole or left alone."""

import errno
import json
import os
import subprocess
import sys

import pytest
from store_children import failing_at

from dpap_bio import store


def test_a_file_is_replaced_whole_or_left_alone(tmp_path):
    path = tmp_path / "deep" / "result.json"
    store.write_text_atomically(path, json.dumps({"ä": 1}))
    with pytest.raises(RuntimeError), store.atomic_path(path) as new:
        assert new.suffix == ".json" and new.parent == path.parent
        new.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text("utf-8")) == {"ä": 1} and os.listdir(path.parent) == ["result.json"]
    store.write_bytes_atomically(path, b"new")
    assert path.read_bytes() == b"new" and os.listdir(path.parent) == ["result.json"]


def test_a_link_to_a_file_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    store.write_text_atomically(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"


def test_a_file_survives_an_error_at_any_step(tmp_path):
    def fail():
        raise OSError(errno.ENOSPC, "No space left on device")

    path, step, clean, refused = tmp_path / "result.txt", 0, False, 0
    while not clean:
        step += 1
        path.write_text("old")
        try:
            with failing_at(step, fail) as disk:
                store.write_text_atomically(path, "new")
            clean = disk.left > 0
            assert path.read_text() == "new"
        except OSError as error:
            refused += 1
            assert str(error).startswith(f"the disk is full: {path} is not safely written")
        assert path.read_text() in ("old", "new") and os.listdir(tmp_path) == ["result.txt"]
    assert refused >= 3


def test_what_a_dead_writer_left_is_cleared_and_what_a_live_one_writes_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".tmp-{dead.pid}-a.txt").write_text("half")
    (tmp_path / f".tmp-{os.getppid()}-a.txt").write_text("being written")
    store.write_text_atomically(tmp_path / "a.txt", "whole")
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert left == {"a.txt", f".tmp-{os.getppid()}-a.txt"}
