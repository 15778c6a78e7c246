"""Build the program of a model: Brian2GeNN writes the GeNN model, GeNN its code, and our own main lives the epochs.

Runs in the worker's process only, the only place where Brian2GeNN is. A program is kept by what it was made from, so
that a second run of the same model compiles nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dpap_bio._brian_load import brian2
from dpap_bio._brian_mistakes import told
from dpap_bio._genn_state import delay_steps, rising
from dpap_bio.brian import METHOD, _namespace
from dpap_bio.model import Model
from dpap_bio.network import Network
from dpap_bio.worker_job import model_state

_TYPES = {"double": "<f8", "char": "|i1", "int32_t": "<i4"}
_FLAGS = "-std=c++11 -O3 -ffp-contract=off -fPIC"  # no -ffast-math: epochs are compared with the runtime backend
_TEMPLATE = Path(__file__).parent / "genn_main.cpp.jinja"


def rows_for(model: Model, network: Network) -> dict[str, list[int]]:
    """How long rows and columns of each projection must be for a network: (most synapses a source, most a target)."""
    out = {}
    for name, (source, target) in network.ends.items():
        table = network.synapses[name]
        ends = ((table.pre, len(network.neurons[source])), (table.post, len(network.neurons[target])))
        out[name] = [int(np.bincount(end, minlength=max(n, 1)).max(initial=1)) for end, n in ends]
    return out


def build(form: Model, sizes: dict[str, int], rows: dict[str, list[int]], learning: bool, genn: str,
          say: Callable[[str], None]) -> Path:
    """The folder of the program of a model with room for so many neurons and synapses; made if it is not there.

    Arguments
        form   from `genn_form.formulate`
        genn   folder of GeNN's sources
        say    f(sentence), called before it takes long
    Raises
        ValueError   one sentence: the compiler's or the generator's last words
    """
    made_from = json.dumps([model_state(form), sizes, rows, learning, _TEMPLATE.read_text(encoding="utf-8"), _FLAGS,
                            Path(__file__).read_text(encoding="utf-8"), genn], sort_keys=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dpap_bio" / "genn"
    folder = cache / hashlib.sha256(made_from.encode()).hexdigest()[:24]
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one build at a time: GeNN compiles parts of itself on the way
        if not (folder / "layout.json").is_file():
            say(f"compiling {form.name} for GeNN: about half a minute, kept for the next time")
            new = folder.with_name(f"{folder.name}.tmp-{os.getpid()}")
            shutil.rmtree(new, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                _make(new, form, sizes, rows, learning, genn)
                new.rename(folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return folder


def _make(folder: Path, form: Model, sizes, rows, learning: bool, genn: str) -> None:
    folder.mkdir()
    device = _generate(folder, form, sizes, rows, learning)
    # flags of the caller would change numbers, and are no part of what the program is kept by
    surroundings = {k: v for k, v in os.environ.items() if k not in ("CXXFLAGS", "LDFLAGS", "MAKEFLAGS")}
    surroundings["GENN_PATH"] = genn
    include = f"{folder}:{folder / 'brianlib' / 'randomkit'}"
    _call([f"{genn}/bin/genn-buildmodel.sh", "-c", "-i", include, "magicnetwork_model.cpp"], folder, surroundings)
    layout = _layout(device, form, sizes, rows, (folder / "magicnetwork_model_CODE" / "runner.cc").read_text())
    (folder / "main.cpp").write_text(_main(layout), encoding="utf-8")
    code = folder / "magicnetwork_model_CODE"
    _call(["make", "-C", str(code), f"CXXFLAGS=-c {_FLAGS} -MMD -MP"], folder, surroundings)
    _call(["g++", *_FLAGS.split(), "-I.", "main.cpp", "-o", "main", f"-L{code.name}", "-lrunner",
           f"-Wl,-rpath,$ORIGIN/{code.name}"], folder, surroundings)
    (folder / "layout.json").write_text(json.dumps(layout, indent=1), encoding="utf-8")
    for left in [*folder.iterdir(), *code.iterdir()]:  # 7 MB of intermediate files
        if left != code and left.name not in ("main", "main.cpp", "layout.json", "librunner.so"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _call(command: list[str], folder: Path, surroundings: dict) -> None:
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [x.strip() for x in (done.stderr + done.stdout).splitlines() if x.strip()]
        said = next((x for x in lines if "error" in x.lower()), lines[-1] if lines else "nothing")
        raise ValueError(f"GeNN's code does not compile: {Path(command[0]).name} said: {said[:300]}; "
                         "`dpap doctor` looks at the environment")


def _generate(folder: Path, form: Model, sizes, rows, learning: bool):
    """Let Brian2GeNN write its project into a folder; its device, which knows what is in it."""
    b2 = brian2()
    import brian2genn  # noqa: F401
    from brian2.core.functions import DEFAULT_FUNCTIONS
    from brian2.devices.device import get_device, reinit_and_delete, set_device
    from brian2genn.genn_generator import GeNNCodeGenerator

    clip = "SUPPORT_CODE_FUNC double _clip(const double x, const double low, const double high)\n" \
           "{\n    return x < low ? low : x > high ? high : x;\n}\n"  # its own rounds to float
    DEFAULT_FUNCTIONS["clip"].implementations.add_implementation(GeNNCodeGenerator, code=clip, name="_clip")
    set_device("genn", build_on_run=True, compile=False, run=False, use_GPU=False, directory=str(folder))
    try:
        b2.defaultclock.dt = form.dt * b2.second
        with told(form), contextlib.redirect_stdout(sys.stderr):
            net = b2.Network(*_objects(b2, form, sizes, rows, learning))
            net.run(form.dt * b2.second, namespace={})
        device = get_device()
        device.dpap_written = {m.name: m for m in [*device.neuron_models, *device.synapse_models]}
        return device
    finally:
        reinit_and_delete()
        set_device("runtime")


def _objects(b2, form: Model, sizes, rows, learning: bool):
    groups = {}
    for name, p in form.populations.items():
        if p.stimulated:
            groups[name] = b2.SpikeGeneratorGroup(sizes[name], [], [] * b2.second, name=f"population_{name}")
        else:
            groups[name] = b2.NeuronGroup(
                sizes[name], "\n".join(str(e) for e in p.equations), threshold=p.threshold,
                reset="\n".join(p.reset), refractory=p.refractory or False, method=METHOD,
                namespace=_namespace(b2, p.parameters, learning), name=f"population_{name}")
    yield from groups.values()
    for name, p in form.projections.items():
        synapses = b2.Synapses(
            groups[p.source], groups[p.target], "\n".join(str(e) for e in p.code.equations),
            on_pre="\n".join(p.code.on_pre) or None, on_post="\n".join(p.code.on_post) or None,
            delay=p.delay * b2.second, method=METHOD, namespace=_namespace(b2, p.parameters, learning),
            name=f"projection_{name}")
        row, column = rows[name]  # one full row and one full column: GeNN measures its room by the longest
        pre = np.concatenate([np.zeros(row, int), np.arange(1, column)])
        post = np.concatenate([np.arange(row) % sizes[p.target], np.zeros(max(column - 1, 0), int)])
        synapses.connect(i=pre % sizes[p.source], j=post)
        yield synapses


def _layout(device, form: Model, sizes, rows, runner: str) -> dict:
    """What the program holds, in the order in which it reads and writes."""
    lengths = {m[1]: int(m[2]) for m in re.finditer(r"(\w+) = new [\w ]+\[(\d+)\];", runner)}
    populations, projections = {}, {}
    for name, p in form.populations.items():
        genn = f"population_{name}"
        slots = lengths[f"glbSpkCnt{genn}"]
        variables = [] if p.stimulated else _variables(device.dpap_written[genn])
        populations[name] = {
            "n": sizes[name], "stimulated": p.stimulated, "slots": slots,
            "variables": [v for v in variables if v[0] != "i"], "numbers": [v for v, _ in variables if v == "i"],
            "queued": [v for v, _ in variables if lengths[f"{v}{genn}"] > sizes[name]]}
    for name, p in form.projections.items():
        written = re.findall(r"(\w+)_post\s*\+=", "\n".join(p.code.on_pre))
        row = lengths[f"ind{'projection_' + name}"] // sizes[p.source]
        projections[name] = {
            "n_pre": sizes[p.source], "row": row, "column": rows[name][1], "delay": delay_steps(form, p),
            "variables": _variables(device.dpap_written[f"projection_{name}"]), "target": p.target,
            "writes": written[0] if written else "", "source": p.source,
            "arriving": [[t.equation.name, *rising(p, t)] for t in p.arrivals]}
    return {"populations": populations, "projections": projections}


def _variables(written) -> list[list[str]]:
    return [[v, _TYPES[t]] for v, t in zip(written.variables, written.variabletypes, strict=True)]


def _main(layout: dict) -> str:
    from jinja2 import Environment

    populations, projections = [], []
    for name, held in layout["populations"].items():
        waiting = [(p["writes"], f"projection_{n}") for n, p in layout["projections"].items()
                   if p["target"] == name and p["writes"]]
        populations.append({**held, "name": name, "genn": f"population_{name}", "waiting": waiting,
                            "variables": [v for v, _ in held["variables"]]})
    for name, held in layout["projections"].items():
        source = {"genn_source": f"population_{held['source']}", **layout["populations"][held["source"]]}
        projections.append({**held, "name": name, "genn": f"projection_{name}", "origin": source,
                            "variables": [v for v, _ in held["variables"]]})
    template = Environment(trim_blocks=True, lstrip_blocks=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(populations=populations, projections=projections)
