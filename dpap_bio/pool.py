"""All developments of one run or of several, side by side in processes; whoever watches hears of every step."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dpap_bio.living import Progress, Request, Say, live, records, reference


@dataclass
class Begun:
    """A run that has begun, and how far it is: wall seconds of what has ended, or the error that ended it."""

    request: Request
    kind: Any
    protocol: Any
    out: Path
    walls: dict[str, float] = field(default_factory=dict)
    error: BaseException | None = None

    def jobs(self) -> list[tuple[Any, int]]:
        """Every arm and seed, those that wait for a reference arm last."""
        jobs = [(arm, seed) for seed in self.protocol.seeds for arm in self.protocol.arms]
        return sorted(jobs, key=lambda job: reference(job[0]) is not None)


def develop_all(runs: Sequence[Begun], jobs: int, say: Say, progress: Callable[[Progress], None],
                conclude: Callable[[Path, dict], None] | None = None) -> None:
    """Let every arm and seed of every run live, `jobs` at a time; an arm with `quota_of` waits for its reference.

    Arguments
        runs       what has begun; `walls` and `error` of each are filled in
        conclude   f(out, walls), called in a process of its own when all of a run has been lived; then a run that
                   fails does not stop the others. None: what a development raises stops all
    """
    todo = [(run, arm, seed) for run in runs for arm, seed in run.jobs()]
    running: dict = {}
    context = multiprocessing.get_context("spawn")
    events = context.Queue()  # pipes: the socket of a Manager fails where the temporary folder has a long name
    with ProcessPoolExecutor(min(jobs, len(todo)), mp_context=context, initializer=_quiet_worker,
                             initargs=(os.getpid(), events)) as pool:
        try:
            while todo or running:
                for job in _ready(todo, jobs - len(running)):
                    todo.remove(job)
                    run, arm, seed = job
                    quotas = _quotas(run, arm, seed, say)
                    running[pool.submit(_live_in_worker, run.request, arm.name, seed,
                                        str(place(run.out, arm.name, seed)), quotas)] = job
                finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                _drain(events, progress, say)
                for future in finished:
                    run, arm, seed = running.pop(future)
                    if conclude is not None and future.exception() is not None:
                        run.error = future.exception()
                        todo = [job for job in todo if job[0] is not run]
                        continue
                    wall = future.result()
                    if arm is None:
                        continue
                    run.walls[f"{arm.name}-{seed}"] = round(wall, 2)
                    if conclude is not None and not any(j[0] is run for j in [*todo, *running.values()]):
                        running[pool.submit(conclude, run.out, run.walls)] = (run, None, None)
        except BaseException:
            for process in list(pool._processes.values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    _drain(events, progress, say)


def place(out: Path, arm: str, seed: int) -> Path:
    """The folder of one development."""
    return out / "developments" / f"{arm}-{seed}"


def _ready(todo, free: int) -> list:
    """What may begin now: at most `free`, and no control before its reference has ended."""
    ready = [job for job in todo if reference(job[1]) is None
             or f"{reference(job[1])}-{job[2]}" in job[0].walls]
    return ready[: max(0, free)]


def _quotas(run: Begun, arm, seed: int, say):
    """What the reference arm had left after each step, for a control that keeps as many."""
    if reference(arm) is None:
        return None
    return run.kind.quotas(records(place(run.out, reference(arm), seed), run.protocol.epochs - 1, say))


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
