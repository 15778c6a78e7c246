"""A run: a folder in which every arm and seed of a protocol develops, each resumable, then one result for all.

    <out>/run.json                      what was asked for, versions, wall times, hashes of the results
    <out>/developments/<arm>-<seed>/    epochs as they are committed; gone once run.nc is written
    <out>/run.nc, report.html, *.png    the results
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from dpap_bio import store
from dpap_bio.living import STOPPED, Progress, Request, Say, records
from dpap_bio.pool import Begun, develop_all, place

if TYPE_CHECKING:
    import xarray as xr

    from dpap_bio.judge import Verdict

__all__ = ["Progress", "Request", "begin", "conclude", "finished", "machine", "new_folder", "read_info", "reopen",
           "resume", "start", "versions"]


def new_folder(root: Path, name: str) -> Path:
    """A folder for a run that does not exist yet: <root>/<name>, <name>-2, ..."""
    for k in range(1, 10_000):
        folder = root / (name if k == 1 else f"{name}-{k}")
        if not folder.exists():
            return folder
    raise FileExistsError(f"{root} holds 10000 runs called {name}: tidy up or give --out")


def start(request: Request, out: Path, *, jobs: int | None = None, say: Say = print,
          progress: Callable[[Progress], None] | None = None) -> list[Verdict]:
    """Begin a run in a new folder and finish it.

    Returns
        the verdict on each criterion
    Raises
        ValueError, FileExistsError, BlockingIOError, Unhealthy, KeyboardInterrupt   each one sentence
    """
    if (out / "run.json").exists():
        raise FileExistsError(f"{out} holds a run already: give another --out, or `dpap resume {out}`")
    with store.Lock(out):
        return _finish(begin(request, out), jobs, say, progress)


def resume(out: Path, *, jobs: int | None = None, say: Say = print,
           progress: Callable[[Progress], None] | None = None) -> list[Verdict]:
    """Go on with a run that was stopped or killed; the result is the one it would have had, bit for bit.

    Returns
        the verdict on each criterion
    Raises
        ValueError   there is no run, or its protocol or model files changed since it began
    """
    if finished(out):
        from dpap_bio import judge, results

        say(f"{out}: this run is finished already")
        return judge.verdicts(results.load(out / "run.nc"))
    begun = reopen(out)
    with store.Lock(out):
        return _finish(begun, jobs, say, progress)


def begin(request: Request, out: Path) -> Begun:
    """Write down in a folder, whose lock is held, what is asked for; nothing is lived yet."""
    kind, protocol = request.load()
    request = replace(request, target=kind.target(protocol, request.target), seeds=tuple(protocol.seeds),
                      size=protocol.size)
    _write_json(out / "run.json", {
        "schema": "dpap-run-folder/1", "status": "begun", "request": asdict(request), "begun": _now(),
        "texts": {n: _sha(t) for n, t in protocol.texts.items()}, "versions": versions(), "machine": machine(),
        "wall_s": {},
    })
    return Begun(request, kind, protocol, out)


def reopen(out: Path) -> Begun:
    """A run that was begun, if its files are still what they were.

    Raises
        ValueError   there is no run, or its protocol or model files changed since it began
    """
    info = read_info(out)
    request = _request_of(info)
    kind, protocol = request.load()
    now = {n: _sha(t) for n, t in protocol.texts.items()}
    changed = sorted(n for n in {*now, *info["texts"]} if now.get(n) != info["texts"].get(n))
    if changed:
        raise ValueError(f"{changed[0]} changed since the run in {out} began: put it back, or begin a new run")
    return Begun(request, kind, protocol, out)


def finished(out: Path) -> bool:
    """Whether the run in a folder has its results and its report."""
    return read_info(out)["status"] == "finished"


def conclude(out: Path, walls: Mapping[str, float], say: Say = print) -> list[Verdict]:
    """Make the results and the report of a run of which everything was lived; its lock is held by who lived it."""
    from dpap_bio import judge, report

    begun = reopen(out)
    run = _collect(begun.request, begun.protocol, out, say)
    info = read_info(out)
    info["wall_s"] |= walls
    info |= {"status": "developed", "ended": _now(), "sha256": {"run.nc": _sha_file(out / "run.nc")}}
    _write_json(out / "run.json", info)
    report.write(out, run)
    info["status"] = "finished"
    _write_json(out / "run.json", info)
    shutil.rmtree(out / "developments", ignore_errors=True)
    return judge.verdicts(run)


def read_info(out: Path) -> dict:
    """The content of a run folder's run.json, or one sentence why not."""
    try:
        info = json.loads((out / "run.json").read_text(encoding="utf-8"))
        if info["schema"] != "dpap-run-folder/1":
            raise ValueError
        _request_of(info), info["status"], dict(info["texts"]), dict(info["wall_s"])
        return info
    except FileNotFoundError:
        raise ValueError(f"{out} is not the folder of a run: it has no run.json") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{out / 'run.json'} is damaged: the run cannot be resumed, begin a new one") from None


def _finish(begun: Begun, jobs, say, progress) -> list[Verdict]:
    develop_all([begun], jobs or os.cpu_count() or 1, say, progress or (lambda p: None))
    return conclude(begun.out, begun.walls, say)


def _collect(request, protocol, out: Path, say) -> xr.DataTree:
    """Put the records of all developments into run.nc; the records are gone from memory afterwards."""
    from dpap_bio import results

    lived, stopped = {}, {}
    for arm in protocol.arms:
        for seed in protocol.seeds:
            folder = place(out, arm.name, seed)
            last = protocol.epochs - 1
            if (folder / STOPPED).exists():
                stopped[arm.name, seed] = (folder / STOPPED).read_text(encoding="utf-8")
                last = len(list(folder.glob("records/[0-9]*"))) - 2
            kept = records(folder, last, say)
            if not isinstance(kept, list):
                raise ValueError(f"{out}: epoch {kept} of {arm.name}, seed {seed}, was damaged after it was written: "
                                 "resume the run")
            lived[arm.name, seed] = kept
    tree = results.assemble(protocol, lived, backend=request.backend, target=request.target, stopped=stopped)
    results.save(tree, out / "run.nc")
    return tree


def _request_of(info: Mapping) -> Request:
    return Request(**{**info["request"], "seeds": tuple(info["request"]["seeds"])})


# -- provenance ---------------------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    out = {"python": platform.python_version()}
    for name in ("dpap-bio", "brian2", "numpy", "scipy", "sympy", "cython", "xarray", "h5netcdf", "scikit-learn",
                 "torch"):
        with contextlib.suppress(PackageNotFoundError):
            out[name] = version(name)
    return out


def machine() -> dict[str, object]:
    """The kind of machine, for the record; never its name."""
    return {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sha_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, content) -> None:
    store.write_text_atomically(path, json.dumps(content, indent=1) + "\n")
