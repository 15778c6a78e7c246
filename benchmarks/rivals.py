"""Others that live workload W: stock Brian2 standalone, the hand-written limit, NEST. Each gives CPU s and rates.

NEST runs in a Python of its own: DPAP_NEST=/path/to/python (pip install nest-simulator==3.10.0).
"""

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

PROJECTIONS = ("ee", "ei", "ie", "ii")  # the order in which limit.cpp takes them
_LIMIT = ["dt", "tau_m", "v_rest", "v_th", "v_reset", "t_ref", "tau_syn", "tau_inh", "q_syn", "q_inh", "tau_plus",
          "tau_minus", "a_plus", "a_minus", "tau_rate", "tau_bcm", "rate_bcm", "eta_bcm", "tau_coincidence",
          "tau_spine", "spine_gain", "delay"]


class Limit:
    """The hand-written kernel of limit.cpp."""

    def __init__(self, folder: Path):
        made, source = folder / "limit.so", Path(__file__).with_name("limit.cpp")
        subprocess.run(["g++", "-O3", "-march=native", "-ffast-math", "-fPIC", "-c", str(source), "-o",
                        str(folder / "limit.o")], check=True)
        subprocess.run(["g++", "-shared", str(folder / "limit.o"), "-o", str(made)], check=True)  # linked with
        # -ffast-math it would change the rounding of the whole process
        self.run_ = ctypes.CDLL(str(made)).limit_run

    def run(self, m, network, steps: int) -> dict:
        """Live for `steps`; CPU s of its process are measured around the call by the caller."""
        owners = (*m.populations.values(), *m.projections.values())
        values = {n: p.si for owner in owners for n, p in owner.parameters.items()}
        values |= {n.removesuffix("_ee").removesuffix("_ie"): value for n, value in values.items()}
        values |= {"dt": m.dt, "delay": m.projections["ee"].delay, "q_syn": m.projections["ee"].parameters["q_syn"].si}
        parameters = np.array([values[n] for n in _LIMIT], np.float32)
        v = [network.neurons[n].v.astype(np.float32) for n in ("e", "i")]
        tables = [network.synapses[n] for n in PROJECTIONS]
        arrays = [[np.ascontiguousarray(t.columns[c], d) for t in tables]
                  for c, d in (("pre", np.int32), ("post", np.int32), ("w", np.float32))]
        n_syn, counts = np.array([len(t) for t in tables], np.int64), np.zeros(2, np.int64)
        w, spine = (np.empty(len(tables[0]), np.float32) for _ in range(2))
        pointers = [(ctypes.c_void_p * 4)(*(a.ctypes.data for a in each)) for each in arrays]
        at = [ctypes.c_void_p(a.ctypes.data) for a in (parameters, *v, n_syn, w, spine, counts)]
        self.run_(at[0], len(v[0]), len(v[1]), ctypes.c_int64(steps), at[1], at[2], at[3], *pointers, *at[4:])
        return {"rates": _rates(counts, (len(v[0]), len(v[1])), steps * m.dt), "w": w, "spine": spine}


class Brian2Standalone:
    """Brian2's own cpp_standalone device, compiled with its default flags (-O3 -ffast-math -march=native)."""

    def __init__(self, folder: Path, m, network, steps: int):
        self.folder, self.seconds = folder, steps * m.dt
        self.sizes = {n: len(table) for n, table in network.neurons.items()}
        if not (folder / "main").exists():
            self._build(m, network)

    def _build(self, m, network) -> None:
        from dpap_bio import brian
        from dpap_bio._brian_load import brian2

        b2 = brian2()
        b2.set_device("cpp_standalone", directory=str(self.folder), build_on_run=False)
        b2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
        groups, made = brian._objects(b2, m, network, True)
        monitors = [b2.SpikeMonitor(g, record=False, name=f"count_{n}") for n, g in groups.items()]
        net = b2.Network(*groups.values(), *(o for parts in made.values() for o in parts if o is not None), *monitors)
        b2.device.insert_code("before_network_run", "const std::clock_t _begun = std::clock();")
        b2.device.insert_code("after_network_run", 'std::cout << "CPU " << double(std::clock() - _begun) / '
                                                   "CLOCKS_PER_SEC << std::endl;")
        net.run(self.seconds * b2.second, namespace={})
        b2.device.build(directory=str(self.folder), compile=True, run=False, with_output=False)
        b2.device.reinit()
        b2.set_device("runtime")

    def run(self) -> dict:
        """One execution of the binary: CPU s of its time loop, loading left out."""
        (self.folder / "results").mkdir(exist_ok=True)
        done = subprocess.run(["./main"], cwd=self.folder, check=True, capture_output=True, text=True)
        counts = [sum(np.fromfile(next(self.folder.glob(f"results/_array_count_{n}_count*")), np.int32))
                  for n in self.sizes]
        return {"cpu": float(re.search(r"CPU ([\d.e+-]+)", done.stdout)[1]),
                "rates": _rates(counts, self.sizes.values(), self.seconds)}


class Nest:
    """NEST in a Python of its own that stays alive: the network is built once, each line asks for a span."""

    def __init__(self, folder: Path, m, network):
        path = folder / "nest.npz"
        own = {n: m.projections["ee"].parameters[n].si for n in ("q_syn", "tau_plus", "tau_minus", "a_plus", "a_minus")}
        cell = {n: p.si for n, p in m.populations["e"].parameters.items()}
        columns = {f"{n}_{c}": network.synapses[n].columns[c] for n in PROJECTIONS for c in ("pre", "post", "w")}
        np.savez(path, **columns, v_e=network.neurons["e"].v, v_i=network.neurons["i"].v,
                 given=json.dumps({**own, **cell, "dt": m.dt, "delay": m.projections["ee"].delay,
                                   "q_inh": m.projections["ie"].parameters["q_inh"].si}))
        self.process = subprocess.Popen([os.environ["DPAP_NEST"], __file__, str(path)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.built = self._answer()

    def run(self, seconds: float) -> dict:
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit("NEST ended without an answer")


def _rates(counts, sizes, seconds: float) -> list[float]:
    return [float(c / n / max(seconds, 1e-12)) for c, n in zip(counts, sizes, strict=True)]


def _nest(path: str) -> None:
    """Inside NEST's Python: STDP only, static synapses else; less work than W."""
    import time

    import nest

    data = np.load(path)
    p = json.loads(str(data["given"]))
    nest.set_verbosity("M_ERROR")
    nest.SetKernelStatus({"resolution": p["dt"] * 1e3, "local_num_threads": 1})
    ms, mv, c_m = 1e3, 1e3, 200.0
    common = {"C_m": c_m, "tau_m": p["tau_m"] * ms, "t_ref": p["t_ref"] * ms, "E_L": p["v_rest"] * mv,
              "V_th": p["v_th"] * mv, "V_reset": p["v_reset"] * mv, "tau_syn_ex": 5.0, "tau_syn_in": 10.0}
    cells = {"e": nest.Create("iaf_psc_exp", len(data["v_e"]), {**common, "tau_minus": p["tau_minus"] * ms}),
             "i": nest.Create("iaf_psc_exp", len(data["v_i"]), common)}
    unit = c_m / (p["tau_m"] * ms)  # pA for 1 mV in the membrane equation
    for name, group in cells.items():
        group.V_m = list(data[f"v_{name}"] * mv)
    begun = time.process_time()
    top = p["q_syn"] * mv * unit  # pA at w = 1
    nest.CopyModel("stdp_synapse", "plastic", {"Wmax": top, "lambda": p["a_plus"], "alpha": p["a_minus"] / p["a_plus"],
                                               "mu_plus": 0.0, "mu_minus": 0.0, "tau_plus": p["tau_plus"] * ms})
    for name in PROJECTIONS:
        pre, post = (np.array(cells[end].tolist())[data[f"{name}_{side}"]] for end, side in zip(name, ("pre", "post"),
                                                                                               strict=True))
        scale = p["q_syn"] if name[0] == "e" else -p["q_inh"]
        nest.Connect(pre, post, "one_to_one", {
            "synapse_model": "plastic" if name == "ee" else "static_synapse",
            "weight": data[f"{name}_w"] * scale * mv * unit, "delay": np.full(len(pre), p["delay"] * ms)})
    counters = {n: nest.Create("spike_recorder", params={"record_to": "memory"}) for n in cells}
    for name, group in cells.items():
        nest.Connect(group, counters[name])
    nest.Simulate(1.0)
    print(json.dumps({"build": time.process_time() - begun}), flush=True)
    for line in sys.stdin:
        seconds = float(line)
        before = [c.n_events for c in counters.values()]
        begun = time.process_time()
        nest.Simulate(seconds * ms)
        spent = time.process_time() - begun
        counts = [c.n_events - b for c, b in zip(counters.values(), before, strict=True)]
        rates = _rates(counts, [len(g) for g in cells.values()], seconds)
        print(json.dumps({"cpu": spent, "rates": rates}), flush=True)


if __name__ == "__main__":
    _nest(sys.argv[1])
