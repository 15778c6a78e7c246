"""What an epoch costs around its time steps, at millions of synapses: state in and out, the rules of critical_period.

    python benchmarks/boundary.py [--synapses 4000000] [--rounds 3] [--backends cpp_standalone,runtime]

The model is that of critical_period, with more cells and inputs and all of them connected; a hundredth of the
synapses dies. CPU s, median; the first epoch of each backend, which may compile, is given apart. Peak memory is what
the process took beyond its start.
"""

import argparse
import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np

from dpap_bio import library, newborn
from dpap_bio import model as models
from dpap_bio.backends import BACKENDS
from dpap_bio.development import _replaced, _ruled
from dpap_bio.protocol import load
from dpap_bio.rules.rule import Firing
from dpap_bio.spikes import Spikes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synapses", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backends", default="cpp_standalone,runtime")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        m = _large(Path(folder), args.synapses)
    network = _with_dying(newborn.start_network(m, 1))
    columns = sum(c.nbytes for c in network.synapses["feedforward"].columns.values())
    n = len(network.synapses["feedforward"])
    print(f"{n} synapses that learn and obey {len(m.projections['feedforward'].rules)} rules, "
          f"{len(network.synapses['inhibition'])} others; {columns / n:.0f} bytes each in the network")
    stage = load("critical_period").stages[-1]
    for backend in args.backends.split(","):
        advance = BACKENDS[backend].open(BACKENDS[backend].targets[0] if backend != "runtime" else "cython")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = [_boundary(m, network, advance, stage) for _ in range(args.rounds + 1)]
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        steps, rules = (median(r[k] for r in rows[1:]) for k in (0, 1))
        print(f"{backend:16} state in and out {steps:.3f} s, rules, deaths and births {rules:.3f} s, together "
              f"{steps + rules:.3f} s; first epoch {sum(rows[0]):.1f} s; {peak / n:.0f} bytes a synapse more at peak")


def _boundary(m, network, advance, stage) -> tuple[float, float]:
    begun = process_time()
    none, n_input = np.empty(0, np.int64), len(network.neurons["input"])
    silence = Spikes(none, none, n_input, 1, m.dt, none, none, none)
    after, _ = advance(m, network, {"input": silence}, 1)
    between = process_time()
    rng = np.random.default_rng(0)
    firing = {name: Firing(rng.poisson(24, len(t)), rng.random((20, len(t)))) for name, t in after.neurons.items()}
    drawn = process_time()
    ruled, births = _ruled(m, after, firing, stage, 20.0, 20, 1, {})
    _replaced(m, ruled, births, 1, 20)
    return between - begun, process_time() - drawn


def _with_dying(network):
    """The network with a hundredth of the synapses that learn about to die."""
    table = network.synapses["feedforward"]
    reserve = np.where(np.random.default_rng(0).random(len(table)) < 0.01, -1e3, table.reserve)
    return replace(network, synapses={**network.synapses, "feedforward": table.replace(reserve=reserve)})


def _large(folder: Path, synapses: int):
    """critical_period with `synapses` from inputs to cells, and few between cells."""
    text = library.find("model", "critical_period").read_text(encoding="utf-8")
    n = round((synapses / 2) ** 0.5)
    for old, new in (("size       = 64", f"size = {2 * n}"), ("size       = 100", f"size = {n}"),
                     ("share = 0.25", "share = 1.0"), ("share = 1.0, autapses", f"share = {10 / n}, autapses")):
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "critical_period.toml"
    path.write_text(text.replace("share = 1.0, autapses", f"share = {10 / n}, autapses"), encoding="utf-8")
    return models.load(str(path))


if __name__ == "__main__":
    main()
