"""What surgery and compaction are worth on this machine: each way beside the plain one, in one run, as ratios."""

from __future__ import annotations

from time import process_time

import numpy as np

from dpap_bio import brian

SYNAPSES = 1_000_000
KEPT = (1.0, 0.5, 0.2, 0.05)
_STDP = "w : 1\nalive : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)\ndy/dt = -y/(20*ms) : 1 (event-driven)"
_ON_PRE = "v_post += alive * w; x += 1; w = clip(w - alive * 0.01 * y, 0, 1)"
_ON_POST = "y += 1; w = clip(w + alive * 0.01 * x, 0, 1)"


def measure(synapses: int = SYNAPSES, repeats: int = 3) -> list[dict[str, object]]:
    """One row a comparison, in processor time: what, seconds, the plain way's seconds, their ratio.

    Arguments
        synapses  int   before anything is removed
        repeats   int   the best of so many counts
    Returns
        list of dict with keys what, seconds, plain, plain_seconds, ratio, synapses; numpy target, one thread
    """
    b2 = brian.brian2()
    before = b2.prefs.codegen.target
    b2.prefs.codegen.target = "numpy"
    try:
        return [*_surgery(b2, synapses, repeats), *_epochs(b2, synapses, repeats)]
    finally:
        b2.prefs.codegen.target = before


def table(rows: list[dict[str, object]]) -> str:
    """The rows of `measure` as text."""
    lines = [f"{'processor time':44}{'ms':>9}{'plain ms':>10}{'ratio':>8}"]
    lines += [f"{r['what'] + ' / ' + r['plain']:44}{1e3 * r['seconds']:9.1f}{1e3 * r['plain_seconds']:10.1f}"
              f"{r['ratio']:8.2f}" for r in rows]
    return "\n".join(lines)


def _row(what: str, seconds: float, plain: str, plain_seconds: float, synapses: int) -> dict[str, object]:
    return {"what": what, "seconds": seconds, "plain": plain, "plain_seconds": plain_seconds,
            "ratio": seconds / plain_seconds, "synapses": synapses}


def _surgery(b2, n: int, repeats: int):
    """Prune four fifths of the synapses, then let as many be born, beside connecting the same ones anew."""
    from dpap_bio import surgery

    rng = np.random.default_rng(0)
    size = int(np.sqrt(10 * n))
    table_ = {"i": rng.integers(0, size, n), "j": rng.integers(0, size, n)} | {v: rng.random(n) for v in "wxy"}
    gone = rng.permutation(n) < 0.8 * n
    born = {k: v[gone] for k, v in table_.items()}
    seconds: dict[str, list[float]] = {"prune": [], "grow": [], "rebuild few": [], "rebuild all": []}
    for _ in range(repeats):
        _, S = _connected(b2, size, table_)
        seconds["prune"].append(_timed(lambda S=S: surgery.prune(S, gone)))
        seconds["grow"].append(_timed(lambda S=S: surgery.grow(S, **born, alive=1)))
        for name, rows in (("rebuild few", ~gone), ("rebuild all", slice(None))):
            kept = {k: v[rows] for k, v in table_.items()}
            seconds[name].append(_timed(lambda S=S, kept=kept: _joined(b2, S.source, S.target, kept)))
    best = {name: min(times) for name, times in seconds.items()}
    yield _row("prune 80 %", best["prune"], "rebuild the rest", best["rebuild few"], n)
    yield _row("grow 80 %", best["grow"], "rebuild all", best["rebuild all"], n)


def _epochs(b2, n: int, repeats: int):
    """Run on with a share of the synapses, removed from the arrays or only multiplied by zero."""
    from dpap_bio import surgery

    rng = np.random.default_rng(1)
    size = int(np.sqrt(10 * n))
    table_ = {"i": rng.integers(0, size, n), "j": rng.integers(0, size, n), "w": rng.random(n)}
    rank = rng.permutation(n) / n
    for kept in KEPT:
        times = {}
        for way in ("compacted", "gated"):
            net, S = _connected(b2, size, table_)
            if way == "compacted":
                surgery.prune(S, rank >= kept)
            else:
                S.alive = rank < kept
            net.run(5 * b2.ms)
            times[way] = min(_timed(lambda net=net: net.run(50 * b2.ms)) for _ in range(repeats))
        yield _row(f"epoch with {kept:.0%} compacted", times["compacted"], "gated", times["gated"], n)


def _connected(b2, size: int, columns):
    """Input and cells, `size` each, that fire by chance at 20 Hz whatever is left between them."""
    step, neuron = np.nonzero(np.random.default_rng(2).random((400, size)) < 0.02)
    source = b2.SpikeGeneratorGroup(size, neuron, step * b2.ms, dt=1 * b2.ms, name="bench_source")
    target = b2.NeuronGroup(size, "dv/dt = -v/(20*ms) : 1", threshold="rand() < 0.02", reset="v = 0", method="exact",
                            dt=1 * b2.ms, name="bench_target")
    S = _joined(b2, source, target, columns)
    net = b2.Network(source, target, S)
    net.run(0 * b2.ms)
    return net, S


def _joined(b2, source, target, columns):
    S = b2.Synapses(source, target, _STDP, on_pre=_ON_PRE, on_post=_ON_POST, dt=1 * b2.ms, name="bench_synapses")
    S.connect(i=columns["i"], j=columns["j"])
    S.alive = 1
    for name in set(columns) - {"i", "j"}:
        S.variables[name].set_value(columns[name])
    for pathway in (S.pre, S.post):
        pathway.initialise_queue()
    return S


def _timed(do) -> float:
    begun = process_time()
    do()
    return process_time() - begun
