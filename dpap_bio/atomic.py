"""Files that are written whole or not at all: a temporary name beside the right one, flushed to the disk, renamed."""

import contextlib
import errno
import os
import re
import shutil
from pathlib import Path

_TEMPORARY = re.compile(r"\.?tmp-(\d+)-.*", re.ASCII)
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit on file sizes is reached",
    errno.EIO: "the disk does not work",
}


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`, with the same ending, and move it there when it is written and flushed.

    HDF5 ends the process (segmentation fault) where the disk fills up under it: make a .nc file in memory, with
    `to_netcdf()` without a path, and put it in place with `write_bytes_atomically`.

    Arguments
        path       path                 e.g. of a .png or .html file; a link is followed
    Returns
        Path                            to write to and close inside the `with` block
    Raises
        OSError                         the disk is full or broken: one sentence; what was at `path` is intact
    """
    path = Path(os.path.realpath(path))
    new = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with one_sentence(f"{path} is not safely written, and holds what it held before or all of the new"):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear(path.parent, path.name)
        try:
            yield new
            with open(new, "rb") as file:
                flush(file)
            os.replace(new, path)
            flush_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                new.unlink()


def write_bytes_atomically(path, data):
    """Put bytes or a memoryview into a file, all or none, replacing what was there; see `atomic_path`."""
    with atomic_path(path) as new:
        new.write_bytes(data)


def write_text_atomically(path, text):
    """Put text into a file as UTF-8, all or none of it, replacing what was there; see `atomic_path`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def flush(file):
    """Put what was written to an open file on the disk."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder):
    """Put the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clear(folder, ending=""):
    """Remove what dead processes, and this one earlier, have left half-written or half-removed."""
    for name in os.listdir(folder):
        match = _TEMPORARY.fullmatch(name)
        if match and name.startswith("." if ending else "tmp") and name.endswith(ending) and not _other(int(match[1])):
            if (folder / name).is_dir():
                shutil.rmtree(folder / name, ignore_errors=True)
            else:
                (folder / name).unlink(missing_ok=True)


def _other(process):
    """Whether `process` is another one, and alive."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def one_sentence(consequence):
    """Say in a sentence that the disk is full, where that is at the bottom of an error; let other errors pass."""
    try:
        yield
    except Exception as error:
        cause = error
        while cause is not None and getattr(cause, "errno", None) not in _FULL:
            cause = cause.__context__
        if cause is None:
            raise
        full = OSError(f"{_FULL[cause.errno]}: {consequence}; put that right and resume")
        full.errno = cause.errno
        raise full from error
