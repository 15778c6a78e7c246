"""What this installation can do, with the step that mends each thing it cannot; and compiling ahead of time."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_NEEDED = ("brian2", "numpy", "scipy", "xarray", "h5netcdf", "h5py", "matplotlib", "scikit-learn", "pydantic", "jinja2")
_DATA = ("mnist", "nmnist", "retinal_waves", "hippocampal_cortical_cultures_mea", "epa_cortical_mea_development")
_EXTRAS = {"torch": "deep", "safetensors": "deep", "tonic": "data"}
_OK, _NO, _NOTE = "ok  ", "NO  ", "-   "
_LEAST = 1e9  # bytes of free memory below which even the shipped protocols may not fit


def examine() -> tuple[str, bool]:
    """The state of the installation, a line an item, each that is not in order with its remedy; and whether all is.

    Optional things that are absent are marked "-" and do not count.
    """
    rows = [*_packages(), *_brian(), *_compiler(), *_memory(), *_data(), *_optional(), *_genn()]
    width = max(len(name) for _, name, _ in rows)
    return "\n".join(f"{mark}{name:{width}}  {said}" for mark, name, said in rows), all(m != _NO for m, _, _ in rows)


def warmup(protocol: str) -> str:
    """Compile the code of a protocol's model by living two steps of it on the cython target.

    Returns
        str          how long it took
    Raises
        ValueError   there is no compiler, or the protocol is wrong
    """
    import numpy as np

    from dpap_bio import newborn
    from dpap_bio import protocol as protocols
    from dpap_bio.backends import BACKENDS, choose_target
    from dpap_bio.spikes import Spikes

    loaded = protocols.load(protocol)
    target = choose_target("cython", 0)
    begun = time.monotonic()
    model = loaded.model(loaded.arms[0], loaded.stages[0])
    print(f"compiling {model.name}; 1-2 minutes the first time, nothing when it is in the cache", file=sys.stderr)
    network = newborn.start_network(model, seed=0)
    none = np.empty(0, np.int64)
    silence = {name: Spikes(none, none, model.populations[name].size, 2, model.dt, none, none, none)
               for name in model.stimulated()}
    BACKENDS["runtime"].open(target)(model, network, silence, 2, learning=True)
    return f"{model.name} is compiled, {time.monotonic() - begun:.0f} s"


def memory() -> tuple[float, float] | None:
    """Bytes of memory in this machine, and those that are free for a run; None where that cannot be asked."""
    try:
        rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        total, free = (float(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, min(free, _group_limit(total))
    except (OSError, KeyError, ValueError):
        return None


def _group_limit(total: float) -> float:
    """What the control group of this process (a container, a batch job) still allows."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        return float(limit) - float(used)
    except (OSError, ValueError):
        return total


def _packages() -> Iterator[tuple[str, str, str]]:
    yield (_OK if sys.version_info >= (3, 11) else _NO), "Python", (
        platform.python_version() + ("" if sys.version_info >= (3, 11) else "; 3.11 or newer is needed"))
    yield _OK, "dpap-bio", _version("dpap-bio") or "not installed as a package; run from a checkout"
    for name in _NEEDED:
        found = _version(name)
        yield (_OK if found else _NO), name, found or f"missing: pip install {name}"


def _brian() -> Iterator[tuple[str, str, str]]:
    """Whether Brian2 can be imported here, and its inner parts are those that surgery knows."""
    from dpap_bio import brian

    try:
        b2 = brian.brian2()
        before = b2.prefs.codegen.target
        b2.prefs.codegen.target = "numpy"
        from dpap_bio import surgery

        surgery.self_test()
        b2.prefs.codegen.target = before
        yield _OK, "surgery", "prune and grow inside a run give what they should"
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        yield _NO, "surgery", f"{said}; pip install 'brian2>=2.9' in a fresh environment if this stays"


def _compiler() -> Iterator[tuple[str, str, str]]:
    from dpap_bio import brian

    if not brian.has_compiler():
        yield _NOTE, "compiler", ("none: runs take the slower numpy target; "
                                  "install gcc and python3-dev (Debian) or gcc and python3-devel (Fedora)")
        return
    yield _OK, "compiler", "found, with Python's headers: long runs are compiled"
    if not _version("brian2"):
        return
    from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

    cache = Path(get_cython_cache_dir())
    place = next(p for p in (cache, *cache.parents) if p.exists())
    size = sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) if cache.exists() else 0
    if os.access(place, os.W_OK):
        yield _OK, "Cython cache", f"{cache}, {size / 1e6:.0f} MB"
    else:
        yield _NO, "Cython cache", f"{cache} cannot be written: every run would compile anew; chown or chmod {place}"


def _memory() -> Iterator[tuple[str, str, str]]:
    found = memory()
    if found is None:
        yield _NOTE, "memory", "cannot be asked on this system"
        return
    total, free = found
    low = free < _LEAST
    yield (_NO if low else _OK), "memory", (f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB, "
                                            f"{os.cpu_count()} cores" + ("; close other programs" if low else ""))


def _data() -> Iterator[tuple[str, str, str]]:
    from dpap_bio import datasets

    place = os.environ.get("DPAP_DATA")
    if place is None:
        yield _NOTE, "DPAP_DATA", "not set (digits come with scikit-learn); export DPAP_DATA=<folder with more data>"
    elif not Path(place).is_dir():
        yield _NO, "DPAP_DATA", f"{place} is not a folder; correct it or unset DPAP_DATA"
    else:
        yield _OK, "DPAP_DATA", place
    for name in _DATA:
        try:
            yield _OK, f"data {name}", str(datasets.find(name))
        except FileNotFoundError as error:
            yield _NOTE, f"data {name}", str(error).partition(";")[2].strip()


def _optional() -> Iterator[tuple[str, str, str]]:
    for name, extra in _EXTRAS.items():
        found = importlib.util.find_spec(name) is not None
        yield _NOTE if not found else _OK, name, (
            _version(name) or "present") if found else f"not installed: pip install 'dpap-bio[{extra}]'"


def _genn() -> Iterator[tuple[str, str, str]]:
    """The environment of the genn backend; where it works it is noted down for later runs."""
    from dpap_bio import genn_environment

    mark, said = genn_environment.examined()
    yield {"ok": _OK, "no": _NO, "absent": _NOTE}[mark], "backend genn", said.replace("\n", "\n        ")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
