"""How long surgery takes beside building the synapses anew; prints one table.

    python benchmarks/surgery.py [--synapses 1000000] [--target numpy|cython] [--repeats 5]

A plastic, delayed Synapses object with events in flight loses 80 % of its synapses and gets as many new ones. The
plain rebuild makes a new Synapses, connects the same index arrays and sets the same values; like surgery it ends with
pathways ready to run, but it drops the events in flight. Every row is the best of the repeats.
"""

import argparse
from time import perf_counter

import brian2
import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, prefs

from dpap_bio.surgery import grow, prune, read_queue

MODEL = "w : 1\nda/dt = -a/(20*ms) : 1 (event-driven)\ndb/dt = -b/(20*ms) : 1 (event-driven)"
ON_PRE, ON_POST = "v_post += w; a += 1; w = clip(w - 0.01*b, 0, 1)", "b += 1; w = clip(w + 0.01*a, 0, 1)"
KEPT = 0.2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synapses", type=int, default=1_000_000)
    parser.add_argument("--target", choices=["numpy", "cython"], default="numpy")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    prefs.codegen.target = args.target
    brian2.BrianLogger.log_level_error()
    best = {}
    for repeat in range(args.repeats):
        for name, seconds in one_round(args.synapses, seed=repeat).items():
            best[name] = min(seconds, best.get(name, np.inf))
    print(f"Brian2 {brian2.__version__}, {args.target}, {args.synapses} synapses, best of {args.repeats}")
    print(f"{'':34} {'ms':>8} {'/ rebuild':>10}")
    for name, reference in ROWS:
        print(f"{name:34} {1e3 * best[name]:8.1f} {best[name] / best[reference]:10.2f}")


ROWS = [
    ("rebuild the surviving 20 %", "rebuild the surviving 20 %"),
    ("prune 80 %, mask", "rebuild the surviving 20 %"),
    ("prune 80 %, condition", "rebuild the surviving 20 %"),
    ("prune 80 %, event-driven condition", "rebuild the surviving 20 %"),
    ("rebuild 100 %", "rebuild 100 %"),
    ("grow 80 %", "rebuild 100 %"),
]


def one_round(n_syn, seed):
    rng = np.random.default_rng(seed)
    n_neu = int(np.sqrt(10 * n_syn))
    table = {
        "i": rng.integers(0, n_neu, n_syn),
        "j": rng.integers(0, n_neu, n_syn),
        "w": rng.random(n_syn),
        "a": rng.random(n_syn),
        "delay": rng.random(n_syn) * 5 * ms,
    }
    rank = table["w"].argsort().argsort()
    gone = rank < (1 - KEPT) * n_syn
    names = {"limit": np.sort(table["w"])[gone.sum()]}
    seconds = {}
    for name, which in (
        ("mask", gone),
        ("condition", "w < limit"),
        ("event-driven condition", "w < limit and a < 2"),
    ):
        S, source, target = living(n_neu, table)
        S.w, S.a = table["w"], table["a"]
        start = perf_counter()
        prune(S, which, namespace=names)
        seconds[f"prune 80 %, {name}"] = perf_counter() - start
        if len(S) != n_syn - gone.sum():
            raise SystemExit(f"{name} left {len(S)} synapses")
    born = {name: column[gone] for name, column in table.items()}
    start = perf_counter()
    grow(S, **born, b=0)
    seconds["grow 80 %"] = perf_counter() - start
    for name, rows in (("rebuild the surviving 20 %", ~gone), ("rebuild 100 %", slice(None))):
        start = perf_counter()
        ready(connected(source, target, {key: column[rows] for key, column in table.items()}))
        seconds[name] = perf_counter() - start
    return seconds


def living(n_neu, table):
    """Synapses after a run, with events in flight."""
    spiking = np.arange(0, n_neu, 20)
    source = SpikeGeneratorGroup(n_neu, spiking, np.full(len(spiking), 2) * ms, name="source")
    target = NeuronGroup(n_neu, "v : 1", threshold="v > 1", reset="v = 0", name="target")
    S = connected(source, target, table)
    Network(source, target, S).run(3 * ms)
    if not len(read_queue(S.pre)[0]):
        raise SystemExit("no event in flight")
    return S, source, target


def connected(source, target, table):
    S = Synapses(source, target, MODEL, on_pre=ON_PRE, on_post=ON_POST, name="synapses")
    S.connect(i=table["i"], j=table["j"])
    S.w, S.a, S.b, S.delay = table["w"], table["a"], 0, table["delay"]
    return S


def ready(S):
    """What Brian2 does for the pathways at the start of a run, and surgery at its end."""
    for pathway in (S.pre, S.post):
        pathway.initialise_queue()


if __name__ == "__main__":
    main()
