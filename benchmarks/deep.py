"""Step time and memory of training the DPAP network on a CPU, with peers, in one run: what docs/deep.md quotes.

    python benchmarks/deep.py                        batch 4, one thread
    python benchmarks/deep.py --batch 16 --threads 2

Everybody trains 128C3-128C3-P2-256C3-256C3-P2-512C3-512C3-512FC-10FC for eight steps a sample on the same random
images, float32, each in a process of its own, in turns; the median step of all rounds counts, without the first two
of each round. With one thread seconds are CPU time, else wall time.
Ours keep all the books of DPAP (traces, thresholds, BCM scores); "without books" is the same step without.
DPAP_BRAINCOG names a checkout of Brain-Cog, DPAP_PEERS a Python that has snntorch 1.0.0 and spikingjelly 2.0.0.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

OURS = {"ours": {}, "without books": {"method": "none"}, "50 % pruned": {"pruned": 0.5}, "80 % pruned": {"pruned": 0.8},
        "bfloat16": {"precision": "bfloat16"}}
WANTED = {4: {"braincog": 0.5, "snntorch": 0.55, "spikingjelly": 0.87}, 16: {"braincog": 0.7, "snntorch": 0.8,
                                                                             "spikingjelly": 0.9}}
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000",
          "MALLOC_TOP_PAD_": "268435456"}  # for everybody: large tensors are kept, not given back to the system


def ours(batch: int, pruned: float = 0.0, method: str = "dpap", precision: str = "float32"):
    """A step of the training that `dpap run dpap_cifar10` does."""
    import torch

    from dpap_bio.deep import deaths, optimiser, protocol, training

    found = protocol.load("dpap_cifar10")
    arm = found.arm("main" if method == "dpap" else "dense")
    model, p = found.model(arm), found.p(arm)
    learner = training._begin(model, arm, 1, p, None)
    if pruned:
        for layer in learner.net.prunable():
            layer.alive = torch.arange(layer.weight.shape[0]) >= round(pruned * layer.weight.shape[0])
        deaths.settle(learner.net, final=True)
        _, learner.structure.columns = deaths.compact(learner.net, {}, learner.structure.columns)
        learner.optimiser = optimiser.adamw(learner.net, lr=p.lr, weight_decay=p.weight_decay)
    for columns in learner.structure.columns.values():  # as after an epoch: no column is the same everywhere
        synapse = columns["synapse"]
        synapse |= {n: torch.rand(synapse[n].shape) for n in ("score", "reserve") if n in synapse}
    learner.net.train()
    see = _timed(learner.structure.see(learner.net))
    form = found.training.model_copy(update={"precision": precision})
    return lambda x, target: training.step(learner, x, target.argmax(1), p.lr, form, see)[0]


BOOKS = [0.0]  # s spent on the books in this process


def clock() -> float:
    """CPU time if there is one thread, else wall time."""
    import torch

    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def _timed(see):
    def timed(*given):
        begun = clock()
        see(*given)
        BOOKS[0] += clock() - begun

    return see and timed


def one(name: str, batch: int, threads: int, steps: int) -> dict:
    """Inside a process: s of each step, and its peak memory, MB."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if name in OURS:
        step = ours(batch, **OURS[name])
    else:
        from deep_rivals import RIVALS

        step = RIVALS[name](batch)
    x, target, spent = torch.randn(batch, 3, 32, 32), torch.eye(10)[torch.arange(batch) % 10], []
    for _ in range(steps + 2):
        begun = clock()
        step(x, target)
        spent.append(clock() - begun)
        BOOKS[0] *= len(spent) > 2
    return {"s": spent[2:], "books": BOOKS[0] / sum(spent[2:]),
            "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def contestants() -> dict[str, str]:
    """Who is there: name -> Python that runs it."""
    peers = os.environ.get("DPAP_PEERS", sys.executable)
    found = dict.fromkeys(OURS, sys.executable)
    if "DPAP_BRAINCOG" in os.environ:
        found["braincog"] = sys.executable
    for name in ("snntorch", "spikingjelly"):
        if subprocess.run([peers, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0:
            found[name] = peers
    return found


def measured(names: dict[str, str], batch: int, threads: int, rounds: int, steps: int) -> dict[str, dict]:
    found: dict[str, dict] = {name: {"s": [], "MB": 0.0, "books": 0.0} for name in names}
    env = {**os.environ, **MEMORY, "OMP_NUM_THREADS": str(threads)}
    for _ in range(rounds):
        for name, python in names.items():
            done = subprocess.run([python, __file__, "--one", name, "--batch", str(batch), "--threads", str(threads),
                                   "--steps", str(steps)], env=env, check=True, capture_output=True, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            found[name]["s"] += row["s"]
            found[name] |= {what: max(found[name][what], row[what]) for what in ("MB", "books")}
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in (("batch", 4), ("threads", 1), ("rounds", 2), ("steps", 4)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--one")
    parser.add_argument("--only", nargs="*")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.batch, given.threads, given.steps)))
        return
    names = {n: python for n, python in contestants().items() if n in (given.only or (*OURS, *WANTED[4]))}
    found = measured(names, given.batch, given.threads, given.rounds, given.steps)
    mine = statistics.median(found["ours"]["s"])
    books = found["ours"]["books"]
    print(f"batch {given.batch}, {given.threads} thread(s); the books take {100 * books:.1f} % of our step")
    print(f"{'':15} {'s a step':>9} {'fastest':>9} {'MB':>6} {'ratio':>8}  ours to theirs, wanted")
    for name, row in found.items():
        middle = statistics.median(row["s"])
        wanted = WANTED.get(given.batch, {}).get(name)
        ratio = middle / mine if name in OURS else mine / middle
        print(f"{name:15} {middle:9.3f} {min(row['s']):9.3f} {row['MB']:6.0f} {ratio:7.3f}x  "
              + ("" if wanted is None else f"{wanted}x: {'met' if ratio <= wanted else 'not met'}"))


if __name__ == "__main__":
    main()
