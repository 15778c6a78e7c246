"""What a worker's process does: it greets with its versions, then lives one epoch for each line it is sent.

It runs in its own environment (for GeNN: brian2 2.5.4 and numpy 1): nothing is imported here that is not in each.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def _runtime(target: str, say: Callable[[str], None]):
    from dpap_bio import brian

    brian.brian2()
    return partial(brian.advance, target=target)


def _genn(target: str, say: Callable[[str], None]):
    from dpap_bio._genn_process import Programs

    return Programs(os.environ["GENN_PATH"], say).advance


SIMULATORS = {"runtime": _runtime, "genn": _genn}


def serve(backend: str, target: str) -> None:
    """Answer until the other end closes its pipe. Whatever prints meanwhile goes to stderr, not into the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**content) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    folder = Path(os.environ["DPAP_WORKER_FOLDER"])
    try:
        from dpap_bio import store, worker_job

        advance = SIMULATORS[backend](target, lambda sentence: answer(say=sentence))
    except Exception as error:
        answer(error=f"the environment of backend {backend} ({sys.executable}) is not in order: "
                     f"{_said(error)}; `dpap doctor` says how it is set up")
        return
    answer(versions=_versions())
    for line in sys.stdin:
        number = json.loads(line)["job"]
        try:
            _, state = store.latest(folder / "jobs")
            *epoch, learning = worker_job.arguments(state)
            done = worker_job.result(*advance(*epoch, learning=learning))
            store.commit(folder / "results", number, done, keep=1)
        except Exception as error:
            answer(error=_said(error), kind=type(error).__name__)
        else:
            answer(done=number)


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _versions() -> dict[str, str]:
    out = {"python": platform.python_version()}
    for name in ("brian2", "brian2genn", "numpy"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out
