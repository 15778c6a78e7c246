"""CPU time of workload W on the cpp_standalone backend beside others, interleaved in one run; prints tables.

    python benchmarks/standalone.py [--neurons 4000] [--inputs 1000] [--seconds 1] [--rounds 3] [--json FILE]

Every row is the median of the rounds, in CPU s of one thread per simulated s, without loading, building and compiling.
Each simulator begins each round from the same state (NEST goes on from where it was). Set DPAP_NEST to a Python with
nest-simulator to have NEST beside. Rates must agree within 10 % with ours (plasticity and rounding let spikes differ).
"""

import argparse
import contextlib
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

import rivals
import workload

from dpap_bio import newborn, standalone

KEPT = (1.0, 0.5, 0.2, 0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=4000)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", type=Path, help="keep the compiled rivals there, for the next run of the same case")
    args = parser.parse_args()
    with contextlib.nullcontext(args.work) if args.work else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        m = workload.load(Path(folder), args.neurons, args.inputs)
        network = newborn.start_network(m, 1)
        count = sum(len(t) for t in network.synapses.values())
        print(f"W({args.neurons}, {args.inputs}): {count} synapses, {len(network.synapses['ee'])} of them plastic; "
              f"{args.rounds} rounds of {args.seconds:g} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        beside = compared(Path(folder), m, network, args)
        _table("", beside, "ours")
        kept = sparser(Path(folder), network, args)
        _table("share of E to E synapses kept", kept, "100 % kept")
    if args.json:
        case = {n: getattr(args, n) for n in ("neurons", "inputs", "seconds", "rounds")}
        args.json.write_text(json.dumps({"case": case, "beside": beside, "kept": kept}, indent=1))


def compared(folder: Path, m, network, args) -> dict:
    """Name -> CPU s per simulated s and rates (E, I), all in the same rounds."""
    steps = round(args.seconds / m.dt)
    limit = rivals.Limit(folder)
    plain = workload.textbook(m)
    runs = {"ours": lambda: _ours(m, network, steps),
            "hand-written limit, 4-byte numbers": lambda: _limit(limit, m, network, steps)}
    case = f"{args.neurons}-{args.inputs}-{steps}"
    textbook = rivals.Brian2Standalone(folder / f"textbook-{case}", plain, newborn.start_network(plain, 1), steps)
    runs["Brian2 standalone, textbook synapse"] = textbook.run
    if os.environ.get("DPAP_NEST"):
        nest = rivals.Nest(folder, m, network)
        runs["NEST, STDP only"] = lambda: nest.run(args.seconds)
    return _rounds(runs, args)


def sparser(folder: Path, network, args) -> dict:
    """The same with fewer synapses; what is left is stronger by as much, so that cells fire on."""
    runs = {}
    for kept in KEPT:
        m = workload.load(folder, args.neurons, args.inputs)
        m = workload.load(folder, args.neurons, args.inputs,
                          **{"ee.q_syn": m.projections["ee"].parameters["q_syn"].value / kept})
        few, steps = workload.pruned(network, kept), round(args.seconds / m.dt)
        runs[f"{kept:.0%} kept".replace("%", " %")] = lambda m=m, few=few, steps=steps: _ours(m, few, steps)
    return _rounds(runs, args)


def _ours(m, network, steps: int) -> dict:
    """CPU s of an epoch less that of one of no steps: state in, indices, state out, which is given on its own."""
    begun = process_time()
    standalone.advance(m, network, {}, 0)
    boundary = process_time() - begun
    after, fired = standalone.advance(m, network, {}, steps)
    spent = process_time() - begun - 2 * boundary
    rates = [len(fired[n][0]) / len(network.neurons[n]) / (steps * m.dt) for n in ("e", "i")]
    return {"cpu": spent, "boundary": boundary, "rates": rates, "w": float(after.synapses["ee"].w.std())}


def _limit(limit, m, network, steps: int) -> dict:
    begun = process_time()
    limit.run(m, network, 0)
    boundary = process_time() - begun
    out = limit.run(m, network, steps)
    return {"cpu": process_time() - begun - 2 * boundary, "rates": out["rates"], "w": float(out["w"].std())}


def _rounds(runs: dict, args) -> dict:
    for run in runs.values():
        run()  # compile, load, warm up
    found = {name: [] for name in runs}
    for _ in range(args.rounds):
        for name, run in runs.items():
            found[name].append(run())
    out = {}
    for name, rounds in found.items():
        out[name] = {"cpu": median(r["cpu"] for r in rounds) / args.seconds, "rates": rounds[-1]["rates"],
                     "all": [r["cpu"] / args.seconds for r in rounds]}
        out[name] |= {"boundary": median(r["boundary"] for r in rounds)} if "boundary" in rounds[0] else {}
        out[name] |= {"w": rounds[-1]["w"]} if "w" in rounds[0] else {}
    return out


def _table(title: str, rows: dict, reference: str) -> None:
    print(f"\n{title:40} {'CPU s / s':>10} {'ratio':>7} {'E Hz':>6} {'I Hz':>6} {'epoch boundary, s':>18}")
    for name, row in rows.items():
        boundary = f"{row['boundary']:18.3f}" if "boundary" in row else ""
        e, i = row["rates"]
        print(f"{name:40} {row['cpu']:10.3f} {row['cpu'] / rows[reference]['cpu']:7.2f} {e:6.2f} {i:6.2f} {boundary}")


if __name__ == "__main__":
    main()
