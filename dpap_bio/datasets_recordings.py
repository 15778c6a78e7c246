"""Spikes recorded from developing tissue with electrode arrays, in the HDF5 layout of the retinal-wave repository."""
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dpap_bio.datasets_files import DataMissing, find

_MOST = 100_000_000    # spikes: ten times what the largest such file holds; a damaged header may say anything


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes of the units of one recording.

    Fields
        times      (n_spk,) float, s      sorted; since the recording began, its first spike if the file does not say
        units      (n_spk,) int, 1        unit that fired
        positions  (n_units, 2) float, um place of each unit
        age_day    float, day             postnatal, or days in vitro of a culture; nan where unknown
        source     str                    key of the study, else the file's name
        duration   float, s               length of the recording
    """
    times: np.ndarray
    units: np.ndarray
    positions: np.ndarray
    age_day: float
    source: str
    duration: float

    def __post_init__(self):
        for array in (self.times, self.units, self.positions):
            array.flags.writeable = False


def recording(name):
    """Read one recording of a developing retina or culture.

    Arguments
        name  str or Path   an .h5 file, or its name without the ending, as `find` and `recordings` know it
    Returns
        Recording
    Raises
        DataMissing         there is no such file
        ValueError          the file is damaged or of another kind, in one sentence naming it
    Source
        eglen2014: `spikes` (s, unit after unit), `sCount` spikes a unit, `epos` (um, 2 x units), `meta/age` (days)
    """
    path = _file(name)
    return _read(path, path.stat().st_mtime_ns)


def recordings(study):
    """The recordings of a study, youngest first.

    Arguments
        study  str                    a folder that `find` knows: "retinal_waves", "Maccione2014", ...
    Returns
        list of (str, float)          name for `recording`, and age in days, nan where unknown
    Raises
        DataMissing                   no such folder, or no .h5 file in it
        ValueError                    a file is damaged
    """
    folder = find(study)
    files = sorted(folder.rglob("*.h5")) if folder.is_dir() else []
    if not files:
        raise DataMissing(f"{folder} holds no .h5 recordings")
    aged = [(path.stem, _open(path, lambda file, path=path: _age(file, path))) for path in files]
    return sorted(aged, key=lambda row: (row[1] != row[1], row[1], row[0]))


def _file(name):
    """The file that a name or a path means."""
    path = Path(name) if Path(name).suffix in (".h5", ".hdf5") else find(str(name))
    if path.is_dir():
        raise ValueError(f"{name} is a folder of recordings; name one of them, recordings({str(name)!r}) lists them")
    if not path.is_file():
        raise DataMissing(f"{path} does not exist")
    return path


@lru_cache(maxsize=8)
def _read(path, changed):
    """Read and check one file; `changed` is its time of change, so that an edited file is read anew."""
    times, count, at, begin, end, age, source = _open(path, lambda file: _content(file, path))
    if count.sum() != times.size or np.any(count < 0):
        raise ValueError(f"{path} is damaged: sCount adds up to {count.sum()}, there are {times.size} spikes")
    if at.shape != (2, count.size):
        raise ValueError(f"{path} is damaged: epos is {at.shape}; wanted (2, {count.size}), a place for each unit")
    if not (np.isfinite(times).all() and np.isfinite(at).all() and np.isfinite([begin, end]).all()):
        raise ValueError(f"{path} is damaged: a spike time, a place or the recording time is not a finite number")
    if times.size == 0:
        raise ValueError(f"{path} holds no spikes")
    units = np.repeat(np.arange(count.size), count)
    if np.any(np.diff(times)[np.diff(units) == 0] < 0):
        raise ValueError(f"{path} is damaged: the spike times of a unit are not sorted")
    order = np.argsort(times, kind="stable")
    times, begin = times[order], min(begin, times.min())
    return Recording(times - begin, units[order], at.T.astype(float), age, source, float(max(end, times[-1]) - begin))


def _content(file, path):
    """What is needed of an open file."""
    for name in ("spikes", "sCount", "epos"):
        if file[name].size > _MOST or file[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} holds {file[name].size} values of type {file[name].dtype}")
    times = np.asarray(file["spikes"][()], float).ravel()
    count = np.asarray(file["sCount"][()]).ravel().astype(np.int64)
    at = np.asarray(file["epos"][()], float)
    span = np.asarray(file["recordingtime"][()], float).ravel() if "recordingtime" in file else times
    source = bytes(np.ravel(file["meta/key"][()])[0]).decode() if "meta/key" in file else path.stem
    begin, end = (span.min(), span.max()) if span.size else (0.0, 0.0)
    return times, count, at, begin, end, _age(file, path), source


def _age(file, path):
    """Age in days from the file, else from DIVnn in its name."""
    if "meta/age" in file:
        return float(np.ravel(file["meta/age"][()])[0])
    named = re.search(r"DIV(\d+)", path.stem)
    return float(named[1]) if named else float("nan")


def _open(path, read):
    """read(open file), with whatever HDF5 says about a damaged file turned into one sentence."""
    import h5py
    try:
        with h5py.File(path, "r") as file:
            return read(file)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, IndexError, MemoryError) as error:
        said = " ".join(str(error).strip("'\"").split())
        raise ValueError(f"{path} is damaged or not a recording (HDF5 with spikes, sCount, epos): {said}") from None
