"""All developments of a run, side by side in processes of their own; whoever watches hears of every step."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

from dpap_bio.living import live, records


def develop_all(request, kind, protocol, out: Path, jobs: int, say, progress) -> dict[str, float]:
    """Let every arm and seed live, `jobs` at a time; an arm with `density_of` waits for its reference.

    Returns
        "arm-seed" -> float, s   wall time of each
    Raises
        whatever a development raised; the others are stopped then, and can be resumed
    """
    todo = [(arm, seed) for seed in protocol.seeds for arm in protocol.arms]
    todo.sort(key=lambda job: _reference(job[0]) is not None)
    done: set[tuple[str, int]] = set()
    walls, running = {}, {}
    context = multiprocessing.get_context("spawn")
    events = context.Queue()  # pipes: the socket of a Manager fails where the temporary folder has a long name
    with ProcessPoolExecutor(min(jobs, len(todo)), mp_context=context, initializer=_quiet_worker,
                             initargs=(os.getpid(), events)) as pool:
        try:
            while todo or running:
                ready = [j for j in todo if _reference(j[0]) is None or (_reference(j[0]), j[1]) in done]
                for arm, seed in ready[: max(0, jobs - len(running))]:
                    todo.remove((arm, seed))
                    quotas = _quotas(out, kind, protocol, arm, seed, say)
                    future = pool.submit(_live_in_worker, request, arm.name, seed, str(place(out, arm.name, seed)),
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


def place(out: Path, arm: str, seed: int) -> Path:
    """The folder of one development."""
    return out / "developments" / f"{arm}-{seed}"


def _reference(arm) -> str | None:
    return getattr(arm, "density_of", None)


def _quotas(out: Path, kind, protocol, arm, seed: int, say):
    """What the reference arm had left after each step, for a control that keeps as many."""
    reference = _reference(arm)
    return None if reference is None else kind.quotas(records(place(out, reference, seed), protocol.epochs - 1, say))


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
