"""The same epoch as a job for another process, which may live in an environment of its own.

A worker is one process for as long as its `Worker` lives: it imports its simulator once. Jobs and results are files in
a folder of its own, written whole (`store`); what is said about them goes through two pipes, a line of JSON each.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

from dpap_bio import store, worker_job
from dpap_bio.model import Model
from dpap_bio.network import Network
from dpap_bio.spikes import Spikes

# dpap_bio is found at its place and nothing else of this environment is: the worker's own packages are not mixed up
_BOOT = """
import importlib.util, os, sys
place = sys.argv[1]
spec = importlib.util.spec_from_file_location("dpap_bio", os.path.join(place, "__init__.py"),
                                              submodule_search_locations=[place])
sys.modules["dpap_bio"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from dpap_bio._worker_process import serve
serve(sys.argv[2], sys.argv[3])
"""


class Worker:
    """A process that lives epochs for us; it is started by the first one.

    Arguments
        backend      str    "runtime" or "genn": who simulates there (`_worker_process.SIMULATORS`)
        target       str    as in `backends.BACKENDS`
        python       path   of the environment's python; None is this one
        environment  dict   variables the process gets besides ours
    """

    def __init__(self, backend: str, target: str, *, python: str | None = None,
                 environment: Mapping[str, str] | None = None):
        self._command = [str(python or sys.executable), "-c", _BOOT, str(Path(__file__).parent), backend, target]
        self._name, self._surroundings = backend, {**os.environ, **(environment or {})}
        self._process, self._number = None, 0

    def advance(self, model: Model, network: Network, stimuli: Mapping[str, Spikes], n_steps: int, *,
                learning: bool = True):
        """One epoch, as `backends.Advance` says.

        Raises
            ValueError                 what the backend says of the model, or that its environment is not in order
            ChildProcessError          the process ended or answered nonsense: when, and its last words
        """
        if self._process is None:
            self._start()
        self._number += 1
        with _ends_with_us(self):
            job = worker_job.job(model, network, stimuli, n_steps, learning)
            store.commit(self._folder / "jobs", self._number, job, keep=1)
            answer = self._ask({"job": self._number}, f"in the epoch from step {network.step} on")
            if "error" in answer:
                raise _ERRORS.get(answer["kind"], ChildProcessError)(answer["error"])
            found = store.latest(self._folder / "results", self._say)
            if found is None or found[0] != self._number:
                raise ChildProcessError(f"the worker of backend {self._name} wrote no result for step {network.step}")
        return worker_job.returned(found[1])

    def versions(self) -> dict[str, str]:
        """Versions of what the process runs on, as it told them when it started."""
        if self._process is None:
            self._start()
        return self._versions

    def close(self) -> None:
        """End the process and remove its files."""
        if self._process is not None:
            self._finalizer()
            self._process = None

    def _start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="dpap-worker-"))
        words = open(self._folder / "words.txt", "wb")  # noqa: SIM115
        try:
            with words:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, cwd=self._folder,
                    env={**self._surroundings, "DPAP_WORKER_FOLDER": str(self._folder)}, text=True, encoding="utf-8",
                    start_new_session=True)  # Ctrl+C is for us: we end it
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ValueError(f"backend {self._name}: {self._command[0]} cannot be started ({error.strerror}); "
                             "`dpap doctor` says how its environment is set up") from None
        self._finalizer = weakref.finalize(self, _end, self._process, self._folder)
        with _ends_with_us(self):
            answer = self._read("while it started")
            if "error" in answer:
                raise ValueError(answer["error"])
        self._versions = answer["versions"]

    def _ask(self, question: dict, when: str) -> dict:
        with contextlib.suppress(OSError):  # if it has ended, what it said last is read below
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return self._read(when)

    def _read(self, when: str) -> dict:
        while line := self._process.stdout.readline():
            try:
                answer = json.loads(line)
            except ValueError:
                raise ChildProcessError(f"the worker of backend {self._name} said {line[:80]!r} {when}") from None
            if "say" not in answer:
                return answer
            self._say(answer["say"])
        code = self._process.wait()
        last = (self._folder / "words.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ChildProcessError(f"the worker of backend {self._name} ended {when} ({_ending(code)}), its last words: "
                                f"{' '.join(last[-1].split())[:200] if last else 'none'}")

    @staticmethod
    def _say(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)


_ERRORS = {"ValueError": ValueError, "MemoryError": MemoryError}


class _ends_with_us:
    """What interrupts or fails in the block ends the process too: it would be in the middle of something."""

    def __init__(self, worker: Worker):
        self._worker = worker

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and not issubclass(kind, ValueError):
            self._worker.close()


def _ending(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _end(process: subprocess.Popen, folder: Path) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was not yet sent to a process that has ended
            pipe.close()
    shutil.rmtree(folder, ignore_errors=True)
