"""`dpap bench`: workload W beside other simulators, and with fewer and fewer synapses; all of it in one run.

Every figure is the median of interleaved rounds, in s of processor time for one simulated s, without loading, building
and compiling; all are given the same synapses and start values (NEST and ANNarchy go on from where they were).
Rates must agree within 10 % with those of all synapses on cpp_standalone; rows where they do not are marked.
NEST, ANNarchy and GeNN are beside if DPAP_NEST, DPAP_ANNARCHY and DPAP_GENN name a Python that has them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import rivals
import workload

from dpap_bio import brian, newborn, protocol, standalone
from dpap_bio._brian_load import has_compiler
from dpap_bio.backends import BACKENDS
from dpap_bio.development import develop

SECONDS = 1.0  # simulated in a round
OFF = 0.1  # rates may differ by so much, relative
SWAPPED = 0.001  # of the E to E synapses are removed and made again; NEST takes half a minute for that at (4000, 1000)
_TUNED = 0.03  # to so much the rate is brought back when synapses are removed, before anything is timed
OURS = "cpp_standalone"


def measure(folder: Path, neurons: int, inputs: int, kept: tuple[float, ...], rounds: int) -> dict:
    """Everything, as one JSON document.

    Arguments
        folder    for compiled rivals; the same case finds them there again
        neurons   int      N: 80 % of them excitatory
        inputs    int      K: to each neuron, on average
        kept      shares of the E to E synapses that are left
        rounds    int      of SECONDS each
    """
    folder.mkdir(parents=True, exist_ok=True)
    m = workload.load(folder, neurons, inputs)
    network = newborn.start_network(m, 1)
    steps = round(SECONDS / m.dt)
    told = {n: len(t) for n, t in network.synapses.items()}
    case = {"neurons": neurons, "inputs": inputs, "synapses": sum(told.values()), "plastic": told["ee"],
            "seconds": SECONDS, "rounds": rounds, "load": os.getloadavg()[0], "cores": os.cpu_count()}
    runs, peers = _beside(folder, m, network, f"{neurons}-{inputs}-{steps}")
    beside = _rounds(runs, rounds)
    for peer in peers:
        peer.close()
    wanted = beside[OURS]["rates"]
    shares = {}
    for share in kept:
        gain = _gain(folder, neurons, inputs, network, share, steps, wanted[0])
        _say(f"{share:.0%} kept, {gain:.2f} times as strong")
        shares[f"{share:g}"] = {"gain": gain, **_rounds(_thinned(folder, neurons, inputs, share, gain, steps), rounds)}
    for row in [*beside.values(), *(r for rows in shares.values() for n, r in rows.items() if n != "gain")]:
        row["rates agree"] = all(abs(a - b) <= OFF * b for a, b in zip(row["rates"], wanted, strict=True))
    return {"case": case, "beside": beside, "kept": shares, "structural": _structural(m, network),
            "epochs per hour": _epochs()}


# -- who is measured -----------------------------------------------------------------------------------------------


def _beside(folder: Path, m, network, case: str) -> tuple[dict[str, Callable[[], dict]], list]:
    """Name -> one round of it, all synapses there; and what has to be closed."""
    steps = round(SECONDS / m.dt)
    plain = workload.textbook(m)
    start = newborn.start_network(plain, 1)
    limit, peers = rivals.Limit(folder), []
    runs = {OURS: lambda: rivals.epoch(standalone.advance, m, network, steps),
            "hand-written limit, 4-byte numbers": lambda: limit.run(m, network, steps)}
    if has_compiler():
        runs["runtime, Cython"] = lambda: rivals.epoch(brian.advance, m, network, steps, target="cython")
        runs["Brian2 Cython, plain equations"] = lambda: rivals.epoch(brian.advance, plain, start, steps,
                                                                      target="cython")
    _say("building Brian2's own cpp_standalone")
    textbook = rivals.Brian2Standalone(folder / f"textbook-{case}", plain, start, steps)
    runs["Brian2 cpp_standalone, plain equations"] = textbook.run
    for name, variable, script, *arguments in rivals.PEERS:
        if not (python := os.environ.get(variable)):
            continue
        _say(f"building {name}")
        try:
            peers.append(rivals.Peer(python, script, folder, m, network, *arguments))
        except ChildProcessError as error:
            _say(f"{name} is left out: {error}")
        else:
            runs[name] = lambda peer=peers[-1]: peer.run(SECONDS)
    if os.environ.get("DPAP_GENN"):
        genn = rivals.Genn(m, network, steps)
        peers.append(genn)
        runs["genn, on the processor"] = genn.run
    return runs, peers


def _thinned(folder: Path, n: int, k: int, share: float, gain: float, steps: int) -> dict[str, Callable[[], dict]]:
    """Fewer synapses: removed or behind a gate, on our backends and as plain Brian2."""
    runs = {}
    for way, gated in (("pruned", False), ("gated", True)):
        m = workload.load(folder, n, k, gain, gated)
        plain = workload.textbook(m)
        few, few_plain = (workload.thinned(newborn.start_network(each, 1), share, gated) for each in (m, plain))
        runs[f"{OURS}, {way}"] = lambda m=m, few=few: rivals.epoch(standalone.advance, m, few, steps)
        if has_compiler():
            runs[f"runtime, Cython, {way}"] = lambda m=m, few=few: rivals.epoch(brian.advance, m, few, steps,
                                                                                target="cython")
            runs[f"Brian2 Cython, plain equations, {way}"] = lambda m=plain, few=few_plain: rivals.epoch(
                brian.advance, m, few, steps, target="cython")
    return runs


def _gain(folder: Path, n: int, k: int, network, share: float, steps: int, wanted: float) -> float:
    """How much stronger the synapses that are left must be for the E cells to fire as they did, by bisection."""
    low, high = 1.0, 1.5 / share
    if share == 1.0:
        return 1.0
    few = workload.thinned(network, share)
    for _ in range(12):
        gain = (low + high) / 2
        rate = rivals.epoch(standalone.advance, workload.load(folder, n, k, gain), few, steps)["rates"][0]
        if abs(rate - wanted) <= _TUNED * wanted:
            break
        low, high = (gain, high) if rate < wanted else (low, gain)
    return gain


def _structural(m, network) -> dict[str, dict[str, float]]:
    """Who -> CPU s in which SWAPPED of the E to E synapses die, and as many are born; NEST makes its own synapses."""
    table, rng = network.synapses["ee"], np.random.default_rng(3)
    alive = rng.random(len(table)) >= SWAPPED
    begun = time.process_time()
    smaller = replace(network, synapses={**network.synapses, "ee": table.replace(alive=alive)}).compact()
    died = time.process_time()
    smaller.born("ee", newborn.synapses(m, smaller, "ee", table.pre[~alive], table.post[~alive], rng))
    n = int((~alive).sum())
    found = {"ours": {"deaths": died - begun, "number of deaths": n, "births": time.process_time() - died,
                      "number of births": n}}
    if python := os.environ.get("DPAP_NEST"):
        _say("structural plasticity in NEST")
        n_e = len(network.neurons["e"])
        done = subprocess.run([python, str(Path(__file__).with_name("nest_structural.py")), str(n_e),
                               str(len(table) // n_e), str(SWAPPED)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found["NEST"] = json.loads(done.stdout.splitlines()[-1])
        else:
            _say(f"left out: {(done.stderr.splitlines() or ['it said nothing'])[-1]}")
    return found


def _epochs() -> dict[str, float]:
    """Epochs of critical_period (full size) in an hour of processor time: a whole development with rules and probes."""
    p, found = protocol.load("critical_period"), {}
    for backend, target in (("cpp_standalone", "cpp"), ("runtime", "cython" if has_compiler() else "numpy")):
        _say(f"critical_period on {backend}, {target}")
        advance = BACKENDS[backend].open(target)
        lived = develop(p, p.arms[0], p.seeds[0], advance)
        next(lived), next(lived)  # birth, and the epoch that may compile
        begun = time.process_time()
        found[f"{backend}, {target}"] = sum(3600 for _ in lived) / (time.process_time() - begun)
    return found


# -- rounds and tables ---------------------------------------------------------------------------------------------


def _rounds(runs: dict[str, Callable[[], dict]], rounds: int) -> dict[str, dict]:
    found = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            _say(f"{'first round, not counted' if number == 0 else f'round {number} of {rounds}'}: {name}")
            out = run()
            if number:
                found[name].append(out)
    return {name: {"cpu": median(r["cpu"] for r in rows) / SECONDS, "wall": median(r["wall"] for r in rows) / SECONDS,
                   "rates": rows[-1]["rates"], "all": [r["cpu"] / SECONDS for r in rows],
                   "boundary": rows[-1].get("boundary")} for name, rows in found.items()}


def table(found: dict) -> str:
    """What `measure` gives, in lines."""
    case = found["case"]
    first = found["kept"][next(iter(found["kept"]))] if found["kept"] else {}
    lines = [f"W({case['neurons']}, {case['inputs']}): {case['synapses']} synapses, {case['plastic']} of them plastic; "
             f"median of {case['rounds']} rounds of {case['seconds']:g} s; load {case['load']:.1f} on "
             f"{case['cores']} cores", *_lines("all synapses", found["beside"], lambda name: found["beside"][OURS])]
    for share, rows in found["kept"].items():
        rows = {n: r for n, r in rows.items() if n != "gain"}
        lines += _lines(f"{float(share):.0%} of E to E kept", rows,
                        lambda name: first[name.replace("gated", "pruned")])
    lines += [f"\n{SWAPPED:.1%} of E to E dies, and is born again"]
    for who, row in found["structural"].items():
        lines += [f"{who:44} {row['deaths']:10.3f} CPU s for {row['number of deaths']:.0f} deaths, "
                  f"{row['births']:.3f} for {row['number of births']:.0f} births"]
    lines += ["\nepochs of critical_period (full) in an hour of processor time",
              *(f"{name:44} {n:10.0f}" for name, n in found["epochs per hour"].items())]
    wrong = "! rates are not within 10 % of those of all synapses on cpp_standalone: not to be compared"
    return "\n".join(lines + ([wrong] if any(line.endswith("!") for line in lines) else []))


def _lines(title: str, rows: dict[str, dict], reference: Callable[[str], dict]):
    yield f"\n{title:44} {'CPU s / s':>10} {'wall':>7} {'ratio':>7} {'E Hz':>6} {'I Hz':>6} {'boundary, CPU s':>16}"
    for name, row in rows.items():
        boundary = f"{row['boundary']:16.3f}" if row["boundary"] is not None else " " * 16
        yield (f"{name:44} {row['cpu']:10.4f} {row['wall']:7.3f} {row['cpu'] / reference(name)['cpu']:7.2f} "
               f"{row['rates'][0]:6.2f} {row['rates'][1]:6.2f} {boundary}{'' if row['rates agree'] else ' !'}")


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")
