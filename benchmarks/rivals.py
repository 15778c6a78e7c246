"""Who lives workload W: our backends, stock Brian2 standalone, the hand-written limit, simulators in other Pythons.

One round of each gives CPU s and wall s of the time loop alone, and the rates of E and I cells.
"""

import contextlib
import ctypes
import json
import os
import re
import subprocess
import time
from pathlib import Path

import numpy as np

PROJECTIONS = ("ee", "ei", "ie", "ii")  # the order in which limit.cpp takes them
_LIMIT = ["dt", "tau_m", "v_rest", "v_th", "v_reset", "t_ref", "tau_syn", "tau_inh", "q_syn", "q_inh", "tau_plus",
          "tau_minus", "a_plus", "a_minus", "tau_rate", "tau_bcm", "rate_bcm", "eta_bcm", "tau_coincidence",
          "tau_spine", "spine_gain", "delay"]


PEERS = (("NEST, STDP only", "DPAP_NEST", "nest_peer.py", "1"),  # name, who names its Python, script, arguments
         ("NEST, STDP only, 2 threads", "DPAP_NEST", "nest_peer.py", "2"),
         ("ANNarchy", "DPAP_ANNARCHY", "annarchy_peer.py"))


def epoch(advance, m, network, steps: int, **how) -> dict:
    """One epoch on one of our backends."""
    (_, fired), times = _timed(lambda n: advance(m, network, {}, n, **how), 0, steps)
    return {**times, "rates": _rates([len(fired[n][0]) for n in ("e", "i")], network, steps * m.dt)}


def _timed(live, fewest: int, steps: int, clock=time.process_time):
    """What `live(steps)` gives, and the times of its steps alone: less the cheaper of two epochs of the fewest steps.

    State in, indices and state out are given on their own, as "boundary".
    """
    times = []
    for n in (fewest, fewest, fewest + steps):
        begun = clock(), time.perf_counter()
        out = live(n)
        times.append((clock() - begun[0], time.perf_counter() - begun[1]))
    boundary = min(times[:2])
    return out, {"cpu": times[2][0] - boundary[0], "wall": times[2][1] - boundary[1], "boundary": boundary[0]}


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
        """Live for `steps`."""
        counts, times = _timed(lambda n: self._live(m, network, n), 0, steps)
        return {**times, "rates": _rates(counts, network, steps * m.dt)}

    def _live(self, m, network, steps: int):
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
        return counts


class Brian2Standalone:
    """Brian2's own cpp_standalone device, compiled with its default flags (-O3 -ffast-math -march=native)."""

    def __init__(self, folder: Path, m, network, steps: int):
        self.folder, self.seconds = folder, steps * m.dt
        self.network = network
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
        begun = time.perf_counter()
        done = subprocess.run(["./main"], cwd=self.folder, check=True, capture_output=True, text=True)
        counts = [sum(np.fromfile(next(self.folder.glob(f"results/_array_count_{n}_count*")), np.int32))
                  for n in ("e", "i")]
        return {"cpu": float(re.search(r"CPU ([\d.e+-]+)", done.stdout)[1]), "wall": time.perf_counter() - begun,
                "rates": _rates(counts, self.network, self.seconds)}


class Genn:
    """Our genn backend (Brian2GeNN's code, -O3) in its own process; CPU s are those of all our children."""

    def __init__(self, m, network, steps: int):
        from dpap_bio.genn import Genn as Backend

        self.advance, self.m, self.network, self.steps = Backend("cpu"), m, network, steps

    def run(self) -> dict:
        live = lambda n: self.advance(self.m, self.network, {}, n)  # noqa: E731
        (_, fired), times = _timed(live, 1, self.steps, _children_cpu)  # GeNN takes no epoch of no steps
        return {**times, "rates": _rates([len(fired[n][0]) for n in ("e", "i")], self.network, self.steps * self.m.dt)}

    def close(self) -> None:
        self.advance.close()


class Peer:
    """A simulator in a Python of its own that stays alive: the network is built once, each line asks for a span.

    Arguments
        python   command
        script   a file beside this one: it gets the case, and further arguments
    """

    def __init__(self, python: str, script: str, folder: Path, m, network, *arguments: str):
        path = folder / f"{Path(script).stem}.npz"
        values = {n: p.si for owner in (*m.projections.values(), *m.populations.values())
                  for n, p in owner.parameters.items()}
        values |= {n.removesuffix("_ee").removesuffix("_ie"): value for n, value in values.items()}
        values |= {n: p.si for n, p in m.projections["ee"].parameters.items()}
        columns = {f"{n}_{c}": network.synapses[n].columns[c] for n in PROJECTIONS for c in ("pre", "post", "w")}
        np.savez(path, **columns, v_e=network.neurons["e"].v, v_i=network.neurons["i"].v,
                 given=json.dumps({**values, "dt": m.dt, "delay": m.projections["ee"].delay}))
        self.log = (folder / f"{Path(script).stem}.log").open("w")
        self.process = subprocess.Popen([python, str(Path(__file__).with_name(script)), str(path), *arguments],
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.built = self._answer()

    def run(self, seconds: float) -> dict:
        """Live on for a span; CPU s, and wall s, which count where there is more than one thread."""
        begun = time.perf_counter()
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return {**self._answer(), "wall": time.perf_counter() - begun}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.log.close()

    def _answer(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.close()
        raise ChildProcessError(f"{self.process.args[1]} ended without an answer; {self.log.name} says why")


def _children_cpu() -> float:
    """CPU s of the living processes that descend from this one, from /proc."""
    parents, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)], spent[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    ours, new = set(), {p for p, parent in parents.items() if parent == os.getpid()}
    while new:
        ours |= new
        new = {p for p, parent in parents.items() if parent in ours} - ours
    return sum(spent[p] for p in ours) / os.sysconf("SC_CLK_TCK")


def _rates(counts, network, seconds: float) -> list[float]:
    return [float(c / len(network.neurons[n]) / max(seconds, 1e-12)) for n, c in zip(("e", "i"), counts, strict=True)]
