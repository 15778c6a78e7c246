"""Workload W in ANNarchy, run by DPAP_ANNARCHY's Python: the whole model, with every trace in the synapse.

pip install ANNarchy==5.0.4.1 "numpy==1.26.4" (it compiles itself: cmake, nanobind, g++). Each line of stdin asks for a
span in s; each answer is one JSON line.
"""

import importlib.util  # ANNarchy uses it without importing it
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("nanobind_DIR", str(Path(importlib.util.find_spec("nanobind").origin).parent / "cmake"))
import ANNarchy as ann
from scipy.sparse import coo_matrix

CELL = """
    tau_m * dv/dt = v_rest - v + g_exc - g_inh : exponential, unless_refractory
    tau_syn * dg_exc/dt = -g_exc               : exponential
    tau_inh * dg_inh/dt = -g_inh               : exponential
"""
LEARNING = """
    tau_rate * drate/dt = -rate                            : exponential
    tau_bcm * dtheta/dt = rate * rate / rate_bcm - theta   : exponential, init = {rate_bcm}
"""
TRACES = """
    tau_plus * dx/dt = -x                   : event-driven
    tau_minus * dy/dt = -y                  : event-driven
    tau_coincidence * dx_spine/dt = -x_spine : event-driven
    tau_spine * dspine/dt = -spine          : event-driven, init = 0.5
"""
ON_PRE = """
    g_target += w * q_syn
    w = clip(w - a_minus * y, 0.0, 1.0)
    w = clip(w + eta_bcm * post.rate * (post.rate - post.theta) / (rate_bcm * rate_bcm), 0.0, 1.0)
    x += 1.0
    x_spine += 1.0
"""
ON_POST = """
    w = clip(w + a_plus * x, 0.0, 1.0)
    spine += spine_gain * x_spine * (1.0 - spine)
    y += 1.0
"""


def main(path: str) -> None:
    data = np.load(path)
    p = json.loads(str(data["given"]))  # s, V, Hz
    net = ann.Network(dt=p["dt"] * 1e3)
    cells = {n: net.create(len(data[f"v_{n}"]), _neuron(p, n == "e")) for n in "ei"}
    for name, group in cells.items():
        group.v = data[f"v_{name}"] * 1e3
    for name in ("ee", "ei", "ie", "ii"):
        _connect(net, cells, p, data, name)
    monitors = {n: net.monitor(group, ["spike"]) for n, group in cells.items()}
    begun = time.process_time()
    with _quiet():
        net.compile(directory=str(Path(path).with_name("annarchy")))
        net.simulate(1.0)
    for monitor in monitors.values():
        monitor.get("spike")
    print(json.dumps({"build": time.process_time() - begun}), flush=True)
    for line in sys.stdin:
        begun = time.process_time()
        net.simulate(float(line) * 1e3)
        spent = time.process_time() - begun
        fired = {n: sum(len(each) for each in m.get("spike").values()) for n, m in monitors.items()}
        rates = [fired[n] / len(data[f"v_{n}"]) / float(line) for n in "ei"]
        print(json.dumps({"cpu": spent, "rates": rates}), flush=True)


def _neuron(p: dict, learns: bool):
    names = ["tau_m", "v_rest", "v_th", "v_reset", "tau_syn", "tau_inh"] + (
        ["tau_rate", "tau_bcm", "rate_bcm"] if learns else [])
    return ann.Neuron(parameters=_parameters(p, names, "population"),
                      equations=CELL + (LEARNING.format(**p) if learns else ""), spike="v > v_th",
                      reset="v = v_reset" + ("\nrate += 1000.0 / tau_rate" if learns else ""),
                      refractory=p["t_ref"] * 1e3)


def _connect(net, cells, p: dict, data, name: str) -> None:
    if name == "ee":
        names = ["q_syn", "a_plus", "a_minus", "eta_bcm", "rate_bcm", "spine_gain", "tau_plus", "tau_minus",
                 "tau_coincidence", "tau_spine"]
        synapse = ann.Synapse(parameters=_parameters(p, names, "projection"), equations=TRACES, pre_spike=ON_PRE,
                              post_spike=ON_POST)
    else:
        q = "q_syn" if name[0] == "e" else "q_inh"
        synapse = ann.Synapse(parameters=_parameters(p, [q], "projection"), pre_spike=f"g_target += w * {q}")
    shape = (cells[name[0]].size, cells[name[1]].size)
    weights = coo_matrix((data[f"{name}_w"], (data[f"{name}_pre"], data[f"{name}_post"])), shape).tolil()
    net.connect(cells[name[0]], cells[name[1]], "exc" if name[0] == "e" else "inh", synapse).connect_from_sparse(
        weights, delays=p["delay"] * 1e3)


def _parameters(p: dict, names: list[str], where: str) -> str:
    """Times in ms, voltages in mV, rates in Hz."""
    unit = {"t": 1e3, "v": 1e3, "q": 1e3}
    return "\n".join(f"{n} = {p[n] * unit.get(n[0], 1.0)!r} : {where}" for n in names)


class _quiet:
    """What ANNarchy prints while it compiles goes to stderr: stdout is for answers."""

    def __enter__(self):
        sys.stdout.flush()
        self.kept = os.dup(1)
        os.dup2(2, 1)

    def __exit__(self, *_):
        sys.stdout.flush()
        os.dup2(self.kept, 1)


if __name__ == "__main__":
    main(sys.argv[1])
