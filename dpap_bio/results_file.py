"""Write a run to one netCDF file, read it back, and fingerprint it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import xarray as xr

from dpap_bio.atomic import atomic_path
from dpap_bio.results_validate import validate

_SEAL = "sha256"  # attribute of the file: over everything else in it
_ADVICE = "run the protocol again, or `dpap resume` its folder"


def save(run: xr.DataTree, path: Path) -> None:
    """Write a run, compressed and with a checksum on every block, under a temporary name; then rename it.

    Raises
        ValueError   the run violates SCHEMA: nothing is written
        OSError      the disk is full or broken: what was there before still is
    """
    path = Path(path)
    _refuse(validate(run), path)
    encoding = {node.path: {name: _packed(v) for name, v in node.to_dataset(inherit=False).variables.items()}
                for node in run.subtree}
    sealed = run.copy()
    sealed.attrs[_SEAL] = _seal(run)
    with atomic_path(path) as new:
        sealed.to_netcdf(new, engine="h5netcdf", encoding=encoding)


def load(path: Path) -> xr.DataTree:
    """Read a run into memory and check it: all of it against the hash it was sealed with, every table against SCHEMA.

    Raises
        FileNotFoundError   there is no such file
        ValueError          one sentence: the file is damaged, is no run, or violates SCHEMA
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            run = opened.load()
    except MemoryError:
        raise
    except Exception as error:  # HDF5 has no exception of its own: OSError, KeyError, RuntimeError, ... are all seen
        raise ValueError(f"{path}: the file cannot be read, it is damaged or not a netCDF file "
                         f"({type(error).__name__}); {_ADVICE}") from None
    seal = run.attrs.pop(_SEAL, None)
    _refuse(validate(run), path)
    if seal != _seal(run):
        raise ValueError(f"{path}: the file is damaged: its content is not what was written; {_ADVICE}")
    return run


def digest(run: xr.DataTree) -> str:
    """The SHA-256 of all names and arrays of a run or of a part of it, attributes left out.

    Equal for two runs exactly if every table has the same columns with the same bits, in memory or from a file.
    """
    sha = hashlib.sha256()
    for node in sorted(run.subtree, key=lambda node: node.path):
        dataset = node.to_dataset(inherit=False)
        _add(sha, node.path.removeprefix(run.path))
        for name in sorted(dataset.variables, key=str):
            values = dataset.variables[name].values
            _add(sha, f"{name} {dataset.variables[name].dims} {values.shape}")
            if values.dtype.kind in "UOST":
                for text in values.ravel():
                    _add(sha, str(text))
            else:
                _add(sha, values.dtype.newbyteorder("<").str)
                sha.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return sha.hexdigest()


def _seal(run: xr.DataTree) -> str:
    """The SHA-256 of the digest and of every attribute."""
    sha = hashlib.sha256(digest(run).encode("ascii"))
    for node in sorted(run.subtree, key=lambda node: node.path):
        dataset = node.to_dataset(inherit=False)
        for name, attributes in [("", dataset.attrs), *((n, v.attrs) for n, v in dataset.variables.items())]:
            _add(sha, f"{node.path} {name} {sorted((str(k), str(v)) for k, v in attributes.items())}")
    return sha.hexdigest()


def _packed(variable: xr.Variable) -> dict:
    if variable.dtype.kind in "UO" or not variable.size:
        return {}
    fill = {"_FillValue": None} if variable.dtype.kind == "f" else {}
    return {"zlib": True, "complevel": 4, "shuffle": True, "fletcher32": True, **fill}


def _add(sha, text: str) -> None:
    data = text.encode("utf-8")
    sha.update(len(data).to_bytes(8, "little") + data)


def _refuse(wrong: list[str], path: Path) -> None:
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ValueError(f"{path}: {wrong[0]}{more}")
