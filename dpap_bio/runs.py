"""A run: a folder in which every arm and seed of a protocol develops, each resumable, then one result for all.

    <out>/run.json                      what was asked for, versions, wall times, hashes of the results
    <out>/developments/<arm>-<seed>/    epochs as they are committed; gone once run.nc is written
    <out>/run.nc, report.html, *.png    the results
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import platform
import queue
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dpap_bio import store
from dpap_bio.backends import BACKENDS, choose_target
from dpap_bio.development import Epoch, Unhealthy, develop
from dpap_bio.network import Network, Table
from dpap_bio.protocol import Arm, Protocol
from dpap_bio.protocol import load as load_protocol

Say = Callable[[str], None]
_STOPPED = "stopped.txt"  # in the folder of a development that ended early: why


@dataclass(frozen=True)
class Request:
    """What a run was asked for: enough to do the same again."""

    protocol: str
    size: str
    set: Mapping[str, object]
    seeds: tuple[int, ...]
    backend: str
    target: str


@dataclass(frozen=True)
class Progress:
    """One epoch of one development out of `developments`, as a progress bar needs it."""

    arm: str
    seed: int
    epoch: int
    epochs: int
    age: float
    left: float
    rate: float
    developments: int


def new_folder(root: Path, name: str) -> Path:
    """A folder for a run that does not exist yet: <root>/<name>, <name>-2, ..."""
    for k in range(1, 10_000):
        folder = root / (name if k == 1 else f"{name}-{k}")
        if not folder.exists():
            return folder
    raise FileExistsError(f"{root} holds 10000 runs called {name}: tidy up or give --out")


def start(request: Request, out: Path, *, jobs: int | None = None, say: Say = print,
          progress: Callable[[Progress], None] | None = None) -> Path:
    """Begin a run in a new folder and finish it.

    Raises
        ValueError, FileExistsError, BlockingIOError, Unhealthy, KeyboardInterrupt   each one sentence
    """
    if (out / "run.json").exists():
        raise FileExistsError(f"{out} holds a run already: give another --out, or `dpap resume {out}`")
    protocol = _protocol(request)
    target = choose_target(request.target, total_steps(protocol))
    request = Request(**{**asdict(request), "target": target, "seeds": tuple(protocol.seeds), "size": protocol.size})
    with store.Lock(out):
        _write_json(out / "run.json", {
            "schema": "dpap-run-folder/1", "status": "begun", "request": asdict(request), "begun": _now(),
            "texts": {n: _sha(t) for n, t in protocol.texts.items()}, "versions": versions(), "machine": machine(),
            "wall_s": {},
        })
        return _finish(request, protocol, out, jobs, say, progress)


def resume(out: Path, *, jobs: int | None = None, say: Say = print,
           progress: Callable[[Progress], None] | None = None) -> Path:
    """Go on with a run that was stopped or killed; the result is the one it would have had, bit for bit.

    Raises
        ValueError   there is no run, or its protocol or model files changed since it began
    """
    info = read_info(out)
    if info["status"] == "finished":
        say(f"{out}: this run is finished already")
        return out / "run.nc"
    request = _request_of(info)
    protocol = _protocol(request)
    now = {n: _sha(t) for n, t in protocol.texts.items()}
    changed = sorted(n for n in {*now, *info["texts"]} if now.get(n) != info["texts"].get(n))
    if changed:
        raise ValueError(f"{changed[0]} changed since the run in {out} began: put it back, or begin a new run")
    with store.Lock(out):
        return _finish(request, protocol, out, jobs, say, progress)


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


def total_steps(protocol: Protocol) -> int:
    """Time steps that the whole run simulates, probes included."""
    lived = sum(s.epochs * s.n_steps for s in protocol.stages)
    probed = sum(len(p.after) * p.n_steps // p.copies for p in protocol.probes)
    return (lived + probed) * len(protocol.arms) * len(protocol.seeds)


def records(folder: Path, upto: int, tell: Say) -> list[dict] | int:
    """The records of epochs -1..upto of a development, or the number of the first that is missing or damaged."""
    out = []
    for number in range(-1, upto + 1):
        found = store.latest(folder / "records" / f"{number + 1:05d}", tell)
        if found is None:
            return number
        out.append(found[1])
    return out


def live(request: Request, arm_name: str, seed: int, folder: Path, quotas, report: Callable[[Progress], None],
         say: Say) -> float:
    """Let one arm and seed develop to the end in its folder, from where it was. Returns wall seconds spent."""
    begun = time.perf_counter()
    protocol = _protocol(request)
    arm = protocol.arm(arm_name)
    advance = BACKENDS[request.backend].open(request.target)
    projections = protocol.model(arm, protocol.stages[0]).projections
    plastic = [n for n, p in projections.items() if p.rules] or list(projections)
    with store.Lock(folder), _controls_may_end_early(protocol, arm, seed, folder, say):
        after = last_epoch(folder, say)
        _forget_later(folder, -2 if after is None else after.number)
        if after is not None:
            report(_progress(protocol, plastic, arm_name, seed, after))
        for epoch in develop(protocol, arm, seed, advance, after=after, quotas=quotas):
            number = epoch.number + 1
            store.commit(folder / "records" / f"{number:05d}", number, dict(epoch.record))
            store.commit(folder / "state", number, network_state(epoch.network))
            report(_progress(protocol, plastic, arm_name, seed, epoch))
    return time.perf_counter() - begun


@contextlib.contextmanager
def _controls_may_end_early(protocol: Protocol, arm: Arm, seed: int, folder: Path, say: Say):
    """A control that dies or runs away has failed, which may be what it is for; the run goes on without it."""
    try:
        yield
    except Unhealthy as error:
        if arm is protocol.arms[0] or any(a.density_of == arm.name for a in protocol.arms):
            raise
        store.write_text_atomically(folder / _STOPPED, str(error))
        say(f"{arm.name}, seed {seed}, ended early: {error}")


def last_epoch(folder: Path, say: Say) -> Epoch | None:
    """The newest epoch of a development whose state and records are all in order."""
    before = None
    while (found := store.latest(folder / "state", say, before=before)) is not None:
        number = found[0] - 1
        kept = records(folder, number, say)
        if isinstance(kept, list):
            return Epoch(number, network_from(found[1]), kept[-1])
        before = kept + 1
    if (folder / "state").exists():
        say(f"{folder.name}: no epoch of it is in order; it starts again from birth")
    return None


def _forget_later(folder: Path, number: int) -> None:
    """Remove epochs after `number`, those of a kill between record and state among them: they are lived again."""
    for path in [*folder.glob("records/[0-9]*"), *folder.glob("state/epoch-*")]:
        if int(path.name.removeprefix("epoch-")) > number + 1:
            shutil.rmtree(path)


def network_state(network: Network) -> dict:
    """A network as nested dicts of arrays, and back with `network_from`."""
    def tables(group):
        return {name: dict(table.columns) for name, table in group.items()}

    return {"step": network.step, "neurons": tables(network.neurons), "synapses": tables(network.synapses),
            "ends": {n: list(e) for n, e in network.ends.items()}, "candidates": tables(network.candidates),
            "pending": tables(network.pending), "next_id": {n: int(k) for n, k in network.next_id.items()}}


def network_from(state: Mapping) -> Network:
    """The network of a `network_state`."""
    def tables(group):
        return {name: Table(columns) for name, columns in group.items()}

    return Network(state["step"], tables(state["neurons"]), tables(state["synapses"]),
                   {n: tuple(e) for n, e in state["ends"].items()}, tables(state["candidates"]),
                   tables(state["pending"]), dict(state["next_id"]))


# -- all developments of a run, side by side ----------------------------------------------------------------------


def _finish(request, protocol: Protocol, out: Path, jobs, say, progress) -> Path:
    from dpap_bio import report

    walls = _develop_all(request, protocol, out, jobs or os.cpu_count() or 1, say, progress or (lambda p: None))
    _collect(request, protocol, out, say)
    info = read_info(out)
    info["wall_s"] |= walls
    info |= {"status": "developed", "ended": _now(), "sha256": {"run.nc": _sha_file(out / "run.nc")}}
    _write_json(out / "run.json", info)
    report.write(out)
    info["status"] = "finished"
    _write_json(out / "run.json", info)
    _tidy(out)
    return out / "run.nc"


def _collect(request, protocol: Protocol, out: Path, say) -> None:
    """Put the records of all developments into run.nc; the records and the tree are gone from memory afterwards."""
    from dpap_bio import results

    lived, stopped = {}, {}
    for arm in protocol.arms:
        for seed in protocol.seeds:
            folder = _folder(out, arm.name, seed)
            last = protocol.epochs - 1
            if (folder / _STOPPED).exists():
                stopped[arm.name, seed] = (folder / _STOPPED).read_text(encoding="utf-8")
                last = len(list(folder.glob("records/[0-9]*"))) - 2
            kept = records(folder, last, say)
            if not isinstance(kept, list):
                raise ValueError(f"{out}: epoch {kept} of {arm.name}, seed {seed}, was damaged after it was written: "
                                 "resume the run")
            lived[arm.name, seed] = kept
    tree = results.assemble(protocol, lived, backend=request.backend, target=request.target, stopped=stopped)
    results.save(tree, out / "run.nc")


def _develop_all(request, protocol: Protocol, out: Path, jobs: int, say, progress) -> dict[str, float]:
    """Run the developments in processes of their own; an arm with `density_of` waits for its reference."""
    todo = [(arm, seed) for seed in protocol.seeds for arm in protocol.arms]
    todo.sort(key=lambda job: job[0].density_of is not None)
    done: set[tuple[str, int]] = set()
    walls, running = {}, {}
    context = multiprocessing.get_context("spawn")
    events = context.Queue()  # pipes: the socket of a Manager fails where the temporary folder has a long name
    with ProcessPoolExecutor(min(jobs, len(todo)), mp_context=context, initializer=_quiet_worker,
                             initargs=(os.getpid(), events)) as pool:
        try:
            while todo or running:
                ready = [j for j in todo if j[0].density_of is None or (j[0].density_of, j[1]) in done]
                for arm, seed in ready[: max(0, jobs - len(running))]:
                    todo.remove((arm, seed))
                    quotas = _quotas(out, protocol, arm, seed, say)
                    future = pool.submit(_live_in_worker, request, arm.name, seed, str(_folder(out, arm.name, seed)),
                                         quotas)
                    running[future] = (arm.name, seed)
                finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                _drain(events, progress, say)
                for future in finished:
                    job = running.pop(future)
                    walls[f"{job[0]}-{job[1]}"] = round(future.result(), 2)
                    done.add(job)
        except BaseException:
            for process in list(pool._processes.values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    _drain(events, progress, say)
    return walls


def _live_in_worker(request, arm, seed, folder, quotas) -> float:
    return live(request, arm, seed, Path(folder), quotas, _EVENTS.put, _EVENTS.put)


def _quiet_worker(parent: int, events) -> None:
    """A worker tells `events` what it does, ends with its parent, however that ends, and leaves Ctrl+C to it."""
    global _EVENTS
    _EVENTS = events
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _drain(events, progress, say) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            event = events.get_nowait()
            (say if isinstance(event, str) else progress)(event)


def _quotas(out: Path, protocol: Protocol, arm, seed: int, say) -> dict | None:
    """Synapses the reference arm had left after each epoch's deaths and before its births: what a control keeps."""
    if arm.density_of is None:
        return None
    kept = records(_folder(out, arm.density_of, seed), protocol.epochs - 1, say)
    quotas: dict[str, dict[int, int]] = {}
    for record in kept:
        for name, value in record["summary"].items():
            projection, _, what = name.rpartition(".")
            if what == "synapses":
                born = record["summary"][f"{projection}.born"]
                quotas.setdefault(projection, {})[record["epoch"]] = int(value - born)
    return quotas


def _folder(out: Path, arm: str, seed: int) -> Path:
    return out / "developments" / f"{arm}-{seed}"


def _progress(protocol: Protocol, plastic: list[str], arm: str, seed: int, epoch: Epoch) -> Progress:
    summary = epoch.record["summary"]
    rates = [v for n, v in summary.items() if n.endswith(".rate") and v == v]
    left = sum(summary[f"{n}.density"] for n in plastic) / len(plastic)
    rate, developments = rates[-1] if rates else 0.0, len(protocol.arms) * len(protocol.seeds)
    return Progress(arm, seed, epoch.number + 1, protocol.epochs, epoch.record["age"], left, rate, developments)


def _request_of(info: Mapping) -> Request:
    return Request(**{**info["request"], "seeds": tuple(info["request"]["seeds"])})


def _protocol(request: Request) -> Protocol:
    return load_protocol(request.protocol, size=request.size, set_=request.set, seeds=tuple(request.seeds) or None)


def _tidy(out: Path) -> None:
    shutil.rmtree(out / "developments", ignore_errors=True)


# -- provenance ---------------------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    out = {"python": platform.python_version()}
    for name in ("dpap-bio", "brian2", "numpy", "scipy", "sympy", "cython", "xarray", "h5netcdf", "scikit-learn"):
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
