"""`dpap bench`: the scripts of benchmarks/, which are shipped beside the package, as one call."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dpap_bio import library
from dpap_bio.atomic import write_text_atomically


def measure(neurons: int, inputs: int, kept: tuple[float, ...], rounds: int) -> dict:
    """What `benchmarks/bench.py` measures, as one JSON document; compiled rivals stay in the cache.

    Raises
        ValueError   a number that makes no network, or no share
    """
    from dpap_bio._standalone_library import cache_folder, compiler

    if neurons < 10 or not 0 < inputs < neurons:
        raise ValueError(f"{neurons} neurons with {inputs} inputs each: 10 at least, and fewer inputs than neurons")
    if not kept or kept[0] != 1 or any(not 0 < share <= 1 for share in kept):
        raise ValueError(f"--kept is {','.join(f'{k:g}' for k in kept)}: shares above 0 are wanted, 1 first")
    if rounds < 1:
        raise ValueError(f"--rounds is {rounds}: at least one is wanted")
    if compiler() is None:
        raise ValueError("dpap bench needs a C++ compiler and found none: install g++ or set CXX")
    return _scripts().measure(cache_folder() / "bench", neurons, inputs, kept, rounds)


def table(found: dict) -> str:
    """What was measured, in lines."""
    return _scripts().table(found)


def write(found: dict, out: Path) -> None:
    """bench.json, and bench.png: time against the share that is kept."""
    from dpap_bio import figures

    out.mkdir(parents=True, exist_ok=True)
    write_text_atomically(out / "bench.json", json.dumps(found, indent=1))
    figures.draw(str(library.folder("benchmark") / "bench_figure.py"), found, out / "bench.png")


def _scripts():
    place = str(library.folder("benchmark"))
    if place not in sys.path:
        sys.path.insert(0, place)
    import bench

    return bench
