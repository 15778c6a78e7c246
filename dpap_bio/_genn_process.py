"""The epochs of the genn backend inside the worker's process: one running program for each shape of network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dpap_bio._genn_build import build, rows_for
from dpap_bio._genn_state import end, start
from dpap_bio.genn_environment import wrong_versions
from dpap_bio.genn_form import formulate
from dpap_bio.model import Model
from dpap_bio.network import Network
from dpap_bio.spikes import of_all
from dpap_bio.worker_job import model_state

SMALL = 1_000_000  # pairs of a projection up to which every pair has room, whatever grows: 50 MB with six variables
SPARE = 1.5  # rows and columns have room for so many times the longest at first, so that growth seldom rebuilds
STEP = 32  # rows are made a multiple of this, so that networks that hardly differ share a program


class Programs:
    """The programs that were built and are running.

    Arguments
        genn   folder of GeNN's sources
        say    f(sentence): what the user should know while it takes long
    Raises
        ValueError   the environment has other versions than those that were tried
    """

    def __init__(self, genn: str, say: Callable[[str], None]):
        if wrong := wrong_versions(_installed(), genn):
            raise ValueError(wrong)
        self._genn, self._say = genn, say
        self._running: dict[str, _Program] = {}

    def advance(self, model: Model, network: Network, stimuli: Mapping, n_steps: int, *, learning: bool = True):
        """One epoch, as `backends.Advance` says."""
        key = json.dumps([model_state(model), learning], sort_keys=True)
        program = self._running.get(key)
        if program is None or not program.holds(network):
            if program is not None:
                program.close()
            program = self._running[key] = self._program(model, network, learning)
        stimuli = of_all(stimuli, model, network, n_steps)
        begin = start(model, network, stimuli, n_steps, program.layout)
        return end(model, network, stimuli, n_steps, program.layout, program.live(begin))

    def _program(self, model: Model, network: Network, learning: bool) -> _Program:
        form = formulate(model)
        sizes = {name: max(len(t), 1) for name, t in network.neurons.items()}
        rows = {}
        for name, longest in rows_for(model, network).items():
            source, target = (sizes[end] for end in network.ends[name])
            # multapses are possible: more than the pairs is kept where it was found
            rows[name] = ([max(target, longest[0]), max(source, longest[1])] if source * target <= SMALL else
                          [max(min(_spare(k), n), k) for k, n in zip(longest, (target, source), strict=True)])
        return _Program(build(form, sizes, rows, learning, self._genn, self._say))


class _Program:
    """A program that waits for epochs."""

    def __init__(self, folder: Path):
        self.layout = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
        self._files = Path(os.environ["DPAP_WORKER_FOLDER"])
        self._process = subprocess.Popen([folder / "main"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def holds(self, network: Network) -> bool:
        """Whether a network has room: neurons may have gone, synapses may have come."""
        populations, projections = self.layout["populations"], self.layout["projections"]
        rows = rows_for(None, network)
        return (all(len(t) <= populations[n]["n"] for n, t in network.neurons.items())
                and all(rows[n][0] <= p["row"] and rows[n][1] <= p["column"] for n, p in projections.items()))

    def live(self, begin: bytes) -> bytes:
        """The end of an epoch, of its begin."""
        given, got = self._files / "begin.bin", self._files / "end.bin"
        given.write_bytes(begin)
        try:
            self._process.stdin.write(f"{given} {got}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline().strip()
        except OSError:
            answer = ""
        if answer != "done":
            raise RuntimeError(f"the program that GeNN's code was compiled to ended: {answer or self._process.wait()}")
        data = got.read_bytes()
        got.unlink()
        return data

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def _spare(longest: int) -> int:
    return (int(SPARE * longest) // STEP + 1) * STEP


def _installed() -> dict[str, str]:
    out = {}
    for name in ("brian2", "brian2genn", "numpy", "setuptools"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out
