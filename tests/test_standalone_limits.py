"""What the compiled backend refuses, that it compiles every function a model may use, and what its cache does."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from test_epochs import load, part, same, stimulus

from dpap_bio import _standalone_library, asked, brian, model, newborn, show, standalone, words
from dpap_bio._brian_load import brian2
from dpap_bio.expressions import Equation
from dpap_bio.spikes import Spikes

pytestmark = pytest.mark.skipif(_standalone_library.compiler() is None, reason="no C++ compiler here")


@pytest.fixture(autouse=True)
def _kept_programs(request, monkeypatch):
    monkeypatch.setenv("DPAP_CACHE", str(request.config.cache.mkdir("standalone")))


def simulated(m, steps=50, network=None):
    network = network or newborn.start_network(m, 3)
    return standalone.advance(m, network, {"input": part(stimulus(m), 0, steps)}, steps)


def test_no_compiler_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    with pytest.raises(ValueError, match=r"needs a C\+\+ compiler.*install g\+\+, set CXX, or use --backend runtime"):
        simulated(load(tmp_path))


@pytest.mark.parametrize(("where", "equation", "said"), [
    ("projections", Equation("parameter", "switch", None, "boolean"), "projection forward: switch is boolean"),
    ("projections", Equation("subexpression", "all_post", "w", "1", frozenset({"summed"})), "all_post is summed"),
    ("populations", Equation("parameter", "mood", None, "1", frozenset({"shared"})), "cells: mood is shared"),
])
def test_what_cannot_run_is_refused_before_anything_is_built(tmp_path, monkeypatch, where, equation, said):
    monkeypatch.setattr(_standalone_library, "_compile", _must_not)
    m = load(tmp_path)
    if where == "projections":
        forward = m.projections["forward"]
        code = replace(forward.code, equations=(*forward.code.equations, equation))
        m = replace(m, projections={**m.projections, "forward": replace(forward, code=code)})
    else:
        cells = m.populations["cells"]
        changed = replace(cells, equations=(*cells.equations, equation))
        m = replace(m, populations={**m.populations, "cells": changed})
    with pytest.raises(ValueError, match=rf"^small.toml: .*{said}.*use --backend runtime$"):
        simulated(m, network=newborn.start_network(load(tmp_path), 3))


def test_synapses_out_of_order_are_refused(tmp_path):
    m = load(tmp_path)
    network = newborn.start_network(m, 3)
    table = network.synapses["forward"]
    mixed = replace(network, synapses={**network.synapses, "forward": table.keep(np.arange(len(table))[::-1])})
    with pytest.raises(ValueError, match="projection forward: synapses must be sorted by their source"):
        simulated(m, network=mixed)


EVERYTHING = """
schema = "dpap-mechanism/1"
title  = "Every function"
[neuron]
equations = \"\"\"
dc/dt = (0.5 - c) / tau : 1
f = FUNCTIONS + t/second : 1
da/dt = (f + b - a) / tau : 1
b = int(a > 3) + sign(a) : 1 (constant over dt)
dv/dt = 0 / tau : 1
\"\"\"
threshold = "v > 1"
reset = "v = 0"
refractory = "2*ms"
[start]
a = 0.5
c = 0.1
v = 0.0
[parameters.tau]
value = 20.0
unit = "ms"
chosen = "any"
"""
SYNAPSE = """
schema = "dpap-mechanism/1"
title  = "Time, a power, a remainder"
[synapse]
equations = "w : 1"
on_pre = \"\"\"
w = w + t/second + abs(w)**1.5 + w % 0.3
v_post += 0.2
\"\"\"
[start]
w = 0.3
"""
HOST = """
schema = "dpap-model/1"
title = "A host"
dt = "1 ms"
populations.input = { size = 12, stimulated = true }
populations.cells = { size = 5, mechanisms = ["./everything.toml"] }
[projections.wire]
from = "input"
to = "cells"
mechanisms = ["./synapse.toml"]
delay = "2 ms"
connect = { share = 0.5 }
"""


def test_every_function_gives_what_it_gives_at_runtime(tmp_path):
    arguments = {"clip": "clip(c, 0.1, 0.9)", "timestep": "timestep(t, dt)"}
    calls = [arguments.get(f, f"{f}(0.3 + 0.1*sin(a))") for f in sorted(words.FUNCTIONS)]
    (tmp_path / "everything.toml").write_text(EVERYTHING.replace("FUNCTIONS", " + ".join(calls)))
    (tmp_path / "synapse.toml").write_text(SYNAPSE)
    (tmp_path / "host.toml").write_text(HOST)
    m = model.load(str(tmp_path / "host.toml"))
    start = newborn.start_network(m, 1)
    step, neuron = np.nonzero(np.random.default_rng(0).random((200, 12)) < 0.05)
    none = np.empty(0, np.int64)
    spikes = {"input": Spikes(step, neuron, 12, 200, m.dt, none, none, none)}
    ours, fired = standalone.advance(m, start, spikes, 200)
    theirs, fired_there = brian.advance(m, start, spikes, 200, target="numpy")
    assert len(fired["cells"][0]) > 5 and np.array_equal(fired["cells"], fired_there["cells"])
    np.testing.assert_allclose(ours.neurons["cells"].a, theirs.neurons["cells"].a, rtol=1e-11)
    np.testing.assert_allclose(ours.synapses["wire"].w, theirs.synapses["wire"].w, rtol=1e-11)


RESTING = """
schema = "dpap-mechanism/1"
title  = "Cells that rest after a spike"
[neuron]
equations = \"\"\"
dv/dt = (1.3 + 0.1*int(high) - v) / tau : 1 (unless refractory)
lag : second (constant)
high = v > 0.7 : boolean (constant over dt)
\"\"\"
threshold = "v > 1"
reset = "v = 0"
refractory = "WHEN"
[start]
v = { uniform = [0.0, 1.0] }
lag = { uniform = ["least", "most"] }
[parameters]
least = { value = 1.0, unit = "ms", chosen = "any" }
most = { value = 9.0, unit = "ms", chosen = "any" }
[parameters.tau]
value = 20.0
unit = "ms"
chosen = "any"
"""


@pytest.mark.parametrize(("when", "asked"), [("3*ms", "who rests"), ("lag", "all"), ("v < 0.05", "all")])
def test_rest_after_a_spike_is_that_of_runtime_however_it_ends(tmp_path, monkeypatch, when, asked):
    monkeypatch.setenv("DPAP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "everything.toml").write_text(RESTING.replace("WHEN", when))
    (tmp_path / "synapse.toml").write_text(SYNAPSE)
    (tmp_path / "host.toml").write_text(HOST.replace("size = 5", "size = 300"))
    m = model.load(str(tmp_path / "host.toml"))
    start, none = newborn.start_network(m, 1), np.empty(0, np.int64)
    spikes = {"input": Spikes(np.arange(0, 200, 7), np.arange(29) % 12, 12, 200, m.dt, none, none, none)}
    ours, fired = standalone.advance(m, start, spikes, 200)
    theirs, fired_there = brian.advance(m, start, spikes, 200, target="numpy")
    assert len(fired["cells"][0]) >= 300 and np.array_equal(fired["cells"], fired_there["cells"])
    for name, column in theirs.neurons["cells"].columns.items():
        np.testing.assert_allclose(ours.neurons["cells"].columns[name], column, rtol=1e-12, err_msg=name)
    [written] = (tmp_path / "cache").glob("*.cpp")
    assert (".wake(" in written.read_text()) == (asked == "who rests")


def test_a_model_in_the_cache_runs_without_brian2_and_without_a_compiler_call(tmp_path):
    simulated(load(tmp_path))
    code = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import pathlib, subprocess
import numpy as np
from dpap_bio import _standalone_library, model, newborn, standalone
from dpap_bio.stimuli import STIMULI
_standalone_library._compile = None
m = model.load({str(tmp_path / "small.toml")!r})
spikes = STIMULI["poisson"](12, 50, m.dt, np.random.default_rng(0), rate=60.0)
standalone.advance(m, newborn.start_network(m, 3), {{"input": spikes}}, 50)
print("brian2" in sys.modules)"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "False", said.stderr


def test_a_damaged_program_is_said_and_made_anew(tmp_path, monkeypatch):
    m = load(tmp_path)
    simulated(m)
    (tmp_path / "cache").mkdir()
    for described in _standalone_library.cache_folder().glob("*.json"):
        (tmp_path / "cache" / described.name).write_bytes(described.read_bytes())
        (tmp_path / "cache" / described.with_suffix(".so").name).write_bytes(b"not a program")
    monkeypatch.setenv("DPAP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ValueError, match="cannot be loaded.*was removed: run again"):
        simulated(m)
    simulated(m)


def test_a_living_brian2_network_and_the_device_are_left_alone(tmp_path, monkeypatch):
    from brian2.devices.device import get_device

    monkeypatch.setenv("DPAP_CACHE", str(tmp_path / "cache"))
    b2 = brian2()
    device, target = get_device(), b2.prefs.codegen.target
    group = b2.NeuronGroup(3, "dv/dt = (1.1 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact",
                           name="population_cells")
    monitor = b2.SpikeMonitor(group)
    net = b2.Network(group, monitor)
    net.run(50 * b2.ms)
    simulated(load(tmp_path))
    net.run(50 * b2.ms)
    assert get_device() is device and b2.prefs.codegen.target == target
    assert list(monitor.count) == [4, 4, 4]


def test_ctrl_c_ends_an_epoch_and_leaves_the_network_as_it_was(tmp_path):
    m = load(tmp_path)
    start = newborn.start_network(m, 3)
    simulated(m)
    before = simulated(m)[0]
    none, steps = np.empty(0, np.int64), 5_000_000
    silence = {"input": Spikes(none, none, 12, steps, m.dt, none, none, none)}
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        standalone.advance(m, start, silence, steps)
    assert same(simulated(m)[0], before) == "same"


def test_auto_is_the_backends_first_target():
    assert asked.request("critical_period", "quick", None, None, "cpp_standalone", "auto").target == "cpp"
    assert asked.request("critical_period", "quick", None, None, "runtime", "auto").target == "auto"


def test_show_says_what_runs_without_exponentials(tmp_path):
    load(tmp_path)
    text = show.model_text(str(tmp_path / "small.toml"))
    assert "one factor a step for all synapses" in text and "spine = spine at a base time * exp(-0.1/second" in text


def _must_not(*arguments):
    raise AssertionError("something was compiled")
