"""Never lose work: the epochs of a run, committed whole or not at all, in a folder that one process owns.

An epoch is a folder `epoch-00042` with `arrays.npz` (no pickle), `state.json` (everything else) and `manifest.json`,
which is written last and holds the SHA-256 of the other two. It is made under a temporary name, flushed to the disk
file by file, and renamed; so whatever kills the process, a reader finds the epochs before and perhaps the new one.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np

from dpap_bio.atomic import (
    atomic_path,
    clear,
    flush,
    flush_folder,
    one_sentence,
    write_bytes_atomically,
    write_text_atomically,
)

__all__ = ["Lock", "atomic_path", "commit", "latest", "write_bytes_atomically", "write_text_atomically"]

_SCHEMA = "dpap-epoch/1"
_EPOCH = re.compile(r"epoch-(\d{5,9})", re.ASCII)
_FILES = ("arrays.npz", "state.json")
_MAX_DEPTH = 30  # of dicts and lists in one another
_KINDS = "biufcSUmMV"  # dtypes that a .npz holds without pickle


class Lock:
    """Own a run folder while the `with` block lasts: `with Lock(folder): ...`; a second process is turned away at once.

    Arguments
        folder     path                 made if missing; the lock is its file `.lock`, which stays
    Raises
        BlockingIOError                 another process has it; the sentence names its number
    Source
        flock: the kernel frees it when the process ends, however it ends, so no lock is ever stale.
    """

    def __init__(self, folder):
        self._path = Path(folder) / ".lock"

    def __enter__(self):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path, "a+", encoding="ascii")  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise BlockingIOError(
                f"{self._path.parent}: process {holder} is working here; wait for it, stop it, or choose another folder"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        os.register_at_fork(after_in_child=self._file.close)  # a forked worker must not keep what we lose
        return self

    def __exit__(self, *_):
        self._file.truncate(0)
        self._file.close()


def commit(folder, epoch, state, keep=2):
    """Put an epoch on the disk, whole and flushed, or leave the folder as it was.

    Call it with the `Lock` held: it clears away what dead processes have left.

    Arguments
        folder     path                 of the run; made if missing
        epoch      int                  0 or more, larger than every epoch committed before
        state      dict                 str keys; values: arrays, numpy and Python scalars, str, None, lists, dicts
        keep       int                  how many good epochs stay, the new one among them; older ones go
    Raises
        ValueError                      the state holds something else, or the epoch is there already and in order
        OSError                         the disk is full or broken: one sentence; the epochs before are intact
    Source
        order of events after SQLite and torch's distributed checkpoints: files, manifest, flush, rename, flush.
    """
    folder = Path(folder)
    if not isinstance(epoch, int) or epoch < 0 or keep < 1:
        raise ValueError(f"epoch {epoch!r}, keep {keep!r}: an epoch is 0 or more, and at least one is kept")
    arrays = {}
    skeleton = _take_apart(state, arrays, ())
    for number in _epochs(folder):
        if number >= epoch and not _damage(folder, number):
            raise ValueError(f"{folder}: epoch {number} is committed already, so epoch {epoch} cannot follow it")
    with one_sentence(f"epoch {epoch} is not safely in {folder}; the epochs before it are"):
        folder.mkdir(parents=True, exist_ok=True)
        clear(folder)
        _write_epoch(folder, epoch, skeleton, arrays)
    with contextlib.suppress(OSError):  # what cannot be removed now is tried again by the next commit
        _forget(folder, epoch, keep)
        clear(folder)


def latest(folder, tell=warnings.warn, before=None):
    """Read the newest epoch whose hashes fit, and tell about damaged ones on the way to it.

    Arguments
        folder     path                 of the run; need not exist
        tell       function of a str    gets a sentence for each damaged epoch; `messages.append` collects them
        before     int or None          only epochs below this one
    Returns
        (int, dict) or None             the epoch and its state as committed; None where no epoch is in order
    """
    for epoch in _epochs(folder):
        if before is not None and epoch >= before:
            continue
        damage, state = _read(Path(folder), epoch)
        if not damage:
            return epoch, state
        tell(f"{Path(folder) / _name(epoch)}: {damage}; looking at the epoch before")
    return None


def _take_apart(value, arrays, where):
    """The JSON form of `value`; arrays go to `arrays`. Dicts, lists and arrays become [kind, content]."""
    kind = type(value)
    if len(where) > _MAX_DEPTH:
        raise ValueError(f"state{_index(where[:3])}... is nested deeper than {_MAX_DEPTH}; store a flatter dict")
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is dict and all(type(key) is str for key in value):
        return ["dict", {key: _take_apart(v, arrays, (*where, key)) for key, v in value.items()}]
    if kind is list:
        return ["list", [_take_apart(v, arrays, (*where, n)) for n, v in enumerate(value)]]
    plain = kind is np.ndarray or isinstance(value, np.generic)
    if plain and value.dtype.kind in _KINDS and not value.dtype.hasobject:
        arrays[f"a{len(arrays)}"] = value
        return ["array" if kind is np.ndarray else "scalar", f"a{len(arrays) - 1}"]
    what = f"an array of {value.dtype}" if plain else f"a {kind.__name__}"
    if kind is dict:
        what = "a dict with keys that are not text"
    raise ValueError(f"state{_index(where)} is {what}; arrays, numbers, text, None, lists and dicts can be stored")


def _index(where):
    return "".join(f"[{key!r}]" for key in where)


def _put_together(value, arrays):
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "dict":
        return {key: _put_together(v, arrays) for key, v in content.items()}
    if kind == "list":
        return [_put_together(v, arrays) for v in content]
    return arrays[content] if kind == "array" else arrays[content][()]


def _write_epoch(folder, epoch, skeleton, arrays):
    """Make the folder of an epoch under a temporary name, everything flushed, and give it its name."""
    new, final = folder / f"tmp-{os.getpid()}-new", folder / _name(epoch)
    try:
        new.mkdir()
        with open(new / "arrays.npz", "wb") as file:
            np.savez(file, **arrays)
            flush(file)
        _write(new / "state.json", _json(skeleton))
        hashes = {}
        for name in _FILES:
            with open(new / name, "rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        _write(new / "manifest.json", _json({"schema": _SCHEMA, "epoch": epoch, "sha256": hashes}))
        flush_folder(new)
        if final.exists():  # damaged, or `commit` had refused
            os.rename(final, folder / f"tmp-{os.getpid()}-damaged")
        os.rename(new, final)
        flush_folder(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)
        flush(file)


def _json(value):
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _name(epoch):
    return f"epoch-{epoch:05d}"


def _read(folder, epoch):
    """What is wrong with an epoch, or None, and its state; every byte that is used has been hashed."""
    try:
        files = {name: (folder / _name(epoch) / name).read_bytes() for name in (*_FILES, "manifest.json")}
        manifest = json.loads(files["manifest.json"])
        hashes = {name: hashlib.sha256(files[name]).hexdigest() for name in _FILES}
        if _json(manifest) != files["manifest.json"] or manifest.get("schema") != _SCHEMA:
            return f"its manifest is not that of {_SCHEMA}", None
        if manifest != {"schema": _SCHEMA, "epoch": epoch, "sha256": hashes}:
            return "its files are not those of its manifest", None
        with np.load(io.BytesIO(files["arrays.npz"]), allow_pickle=False) as arrays:
            return None, _put_together(json.loads(files["state.json"]), dict(arrays))
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing", None
    except MemoryError:
        raise
    except Exception as error:  # whatever it is, the epoch before is better
        return f"it cannot be read ({type(error).__name__})", None


def _damage(folder, epoch):
    return _read(folder, epoch)[0]


def _epochs(folder):
    """Numbers of the epoch folders, newest first."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted((int(match[1]) for match in map(_EPOCH.fullmatch, names) if match), reverse=True)


def _forget(folder, epoch, keep):
    """Take their names from epochs older than the last `keep` good ones; the newest is known to be good."""
    for number in _epochs(folder):
        if keep > 0:
            keep -= number == epoch or not _damage(folder, number)
        else:
            os.rename(folder / _name(number), folder / f"tmp-{os.getpid()}-{_name(number)}")
