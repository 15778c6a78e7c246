"""Compile a model's program into a shared library, once: kept in a cache folder under a hash of all it is from.

The flags keep to IEEE arithmetic (no -ffast-math): a value does not depend on where in a loop it is computed, so N
epochs equal one run and pruned equals gated bit for bit, whatever the sizes.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path

from dpap_bio._standalone_interface import Layout
from dpap_bio.atomic import atomic_path, write_text_atomically

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fPIC",
         "-shared", "-w")
_SOURCES = ("_standalone_code.py", "_standalone_source.py", "_standalone_neurons.py", "_standalone_interface.py",
            "standalone.hpp", "brian.py")


def compiler() -> list[str] | None:
    """The command of the C++ compiler, $CXX or g++; None where there is none."""
    command = shlex.split(os.environ.get("CXX") or "g++")
    return command if command and shutil.which(command[0]) and sys.platform != "win32" else None


def cache_folder() -> Path:
    """$DPAP_CACHE, else dpap_bio in the user's cache folder."""
    place = os.environ.get("DPAP_CACHE")
    if place:
        return Path(place)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dpap_bio" / "standalone"


def key(structure: object) -> str:
    """A name for everything that the program is made from: the model's structure, our code, versions, the machine."""
    made_from = {"structure": structure, "flags": FLAGS, "own": _own_code(), "machine": _machine(),
                 "versions": _versions()}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]


def library(name: str, make: Callable[[], tuple[str, Layout]], title: str) -> tuple[ctypes.CDLL, Layout]:
    """The compiled program of that key: from the cache, or made now.

    Arguments
        name    of `key`
        make    the source and its layout; called only if nothing is in the cache
        title   what is compiled, for the line on stderr
    Raises
        ValueError   the compiler failed; the sentence says where its output is
    """
    place = cache_folder() / f"{name}.so"
    described = place.with_suffix(".json")
    if not (place.exists() and described.exists()):
        sys.stderr.write(f"compiling {title} once, a few seconds; it is kept in {place.parent}\n")
        text, layout = make()
        write_text_atomically(described, json.dumps(asdict(layout)))
        _compile(text, place)
    try:
        return _loaded(str(place)), _layout(json.loads(described.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        for path in (place, described):
            path.unlink(missing_ok=True)
        raise ValueError(f"{place} cannot be loaded ({error}); it was removed: run again and it is compiled anew"
                         ) from None


def _compile(text: str, place: Path) -> None:
    source = place.with_suffix(".cpp")
    write_text_atomically(source, text)
    with atomic_path(place) as new:
        done = subprocess.run([*compiler(), *FLAGS, str(source), "-o", str(new)], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            log = place.with_suffix(".log")
            log.write_text(done.stderr, encoding="utf-8")
            first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
            raise ValueError(f"the compiler failed: {first}; its output is in {log}, or use --backend runtime")


@cache
def _loaded(place: str) -> ctypes.CDLL:
    made = ctypes.CDLL(place)
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    made.dpap_open.restype, made.dpap_open.argtypes = pointer, [ctypes.c_double, number, pointer, pointer, pointer]
    made.dpap_run.restype, made.dpap_run.argtypes = None, [pointer, number]
    made.dpap_close.restype, made.dpap_close.argtypes = None, [pointer, pointer]
    made.dpap_fired.restype, made.dpap_fired.argtypes = number, [pointer, number, pointer, pointer]
    made.dpap_base.restype, made.dpap_base.argtypes = number, [pointer, number]
    return made


def _layout(stored: dict) -> Layout:
    return Layout(
        tuple(stored["groups"]), {n: tuple(ends) for n, ends in stored["synapses"].items()},
        tuple(tuple(p) for p in stored["parameters"]),
        {n: tuple(tuple(c) for c in columns) for n, columns in stored["columns"].items()}, tuple(stored["inputs"]),
        {n: tuple(variables) for n, variables in stored["fading"].items()})


@cache
def _versions() -> list[str]:
    return [version(name) for name in ("brian2", "numpy", "sympy")]


@cache
def _own_code() -> list[str]:
    here = Path(__file__).parent
    return [hashlib.sha256((here / name).read_bytes()).hexdigest() for name in _SOURCES]


@cache
def _machine() -> list[str]:
    """What -march=native and the compiler make of a machine; a cache on a shared disk serves several."""
    said = subprocess.run([*compiler(), "-march=native", "-E", "-v", "-", "-x", "c++"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False).stderr
    lines = [line.strip() for line in said.splitlines() if "cc1" in line or line.startswith(("gcc version", "Target:"))]
    return lines
