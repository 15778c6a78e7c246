"""Say what Cython is doing: a model's first epoch compiles for a minute or two, and silence looks like a hang."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

FIRST, EVERY = 2.0, 5.0  # s until the first line, and between two
_seen: set[str] = set()  # models that were compiled, or found compiled, in this process


@contextlib.contextmanager
def compiling(name: str, target: str) -> Iterator[None]:
    """While the block lasts, say on stderr how many parts of a model were compiled; nothing where none is."""
    if target != "cython" or name in _seen:
        yield
        return
    from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

    ended, place = threading.Event(), Path(get_cython_cache_dir())
    watch = threading.Thread(target=_watch, args=(name, place, _parts(place), ended), daemon=True)
    watch.start()
    try:
        yield
        _seen.add(name)
    finally:
        ended.set()
        watch.join()


def _watch(name: str, place: Path, before: set[str], ended: threading.Event) -> None:
    begun, wait = time.monotonic(), FIRST
    while not ended.wait(wait):
        made = len(_parts(place) - before)
        if made or any(place.glob("*.pyx")):  # a source is there as long as its compiler is at work
            sys.stderr.write(f"compiling {name} for Cython: part {made + 1}, {time.monotonic() - begun:.0f} s; "
                             f"1-2 minutes in all, once: kept in {place}\n")
        wait = EVERY


def _parts(place: Path) -> set[str]:
    return {path.name for path in place.glob("*.so")}
