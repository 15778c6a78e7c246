"""A small plastic network with everything surgery must carry, run step by step by tests of surgery."""

import gc
from dataclasses import dataclass, field

import numpy as np
import pytest
from brian2 import Network, NetworkOperation, NeuronGroup, Quantity, SpikeGeneratorGroup, SpikeMonitor, Synapses, ms
from hypothesis import Phase, settings

from dpap_bio.surgery import prune, read_queue

gc.freeze()  # Brian2 collects garbage before every run; spare it what was imported
TARGETS = ["numpy", pytest.param("cython", marks=pytest.mark.slow)]
FEW = settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])  # a seed does not shrink

STEP = 0.1  # ms
N_INPUT, N_NEURONS = 6, 20

NEURON = """
dv/dt = (0.9 - v + g) / (5*ms) : 1 (unless refractory)
dg/dt = -g / (3*ms)            : 1
load                           : 1
"""
SYNAPSE = """
w                  : 1
alive              : 1
tag                : integer
da/dt = -a/(8*ms)  : 1 (event-driven)
db/dt = -b/(9*ms)  : 1 (event-driven)
dc/dt = -c/(7*ms)  : 1 (clock-driven)
load_post = c*w*alive : 1 (summed)
"""
ON_PRE = {
    "pre": "g_post += w*alive\na += alive\nc += alive\nw = clip(w - 0.05*b*alive, 0, 1)",
    "slow": "v_post += 0.1*w*alive\ntag += int(alive)",
}
ON_POST = {"post": "b += alive\nw = clip(w + 0.04*a*alive, 0, 1)", "late": "c += 0.5*alive"}
DELAYS = {"zero": None, "one": {"pre": 1.3 * ms, "slow": 0.4 * ms, "post": 0.7 * ms, "late": 2 * ms}, "each": None}


@dataclass
class Net:
    """A network with S, its synapses; `ids` says which of the synapses first made each present synapse is."""

    network: Network
    G: NeuronGroup
    S: Synapses
    spikes: SpikeMonitor
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    def run(self, steps):
        self.network.run(steps * STEP * ms)

    def at(self, steps, do):
        """Call `do` inside the coming run, at the end of each of these time steps."""
        now = []

        def tick():
            now.append(1)
            if len(now) in steps:
                do(len(now))

        self.network.add(NetworkOperation(tick, when="end"))

    def prune(self, dead):
        """Prune the synapses that still live of those in the mask `dead` over all synapses ever made."""
        prune(self.S, dead[self.ids])
        self.ids = self.ids[~dead[self.ids]]

    def gate(self, dead):
        """Keep these synapses but multiply all they do by 0."""
        self.S.alive[np.flatnonzero(dead)] = 0


def build(seed, *, delays="each", ends="whole", contacts=True, rows=None, start=0):
    """A recurrent network; `rows` takes only these of its synapses, `start` lets time begin at a later step."""
    rng = np.random.default_rng(seed)
    beats = np.unique(rng.integers(0, 600, 500) * N_INPUT + rng.integers(0, N_INPUT, 500))
    beats = beats[beats // N_INPUT >= start]
    source = SpikeGeneratorGroup(N_INPUT, beats % N_INPUT, beats // N_INPUT * STEP * ms, name="source")
    G = NeuronGroup(N_NEURONS, NEURON, threshold="v > 1", reset="v = 0", refractory=0.5 * ms, name="G")
    G.v = rng.random(N_NEURONS)
    drive = Synapses(source, G, on_pre="g_post += 0.4", name="drive")
    drive.connect(i=np.arange(N_NEURONS) % N_INPUT, j=np.arange(N_NEURONS))
    first, last = (G, G) if ends == "whole" else (G[3:15], G[7:])
    S = Synapses(
        first, last, SYNAPSE, on_pre=ON_PRE, on_post=ON_POST, delay=DELAYS[delays], multisynaptic_index="k", name="S"
    )
    i, j = np.nonzero(rng.random((len(first), len(last))) < 0.4)
    i, j = (np.concatenate([end, end[::3]]) for end in (i, j)) if contacts else (i, j)
    table = {"w": rng.random(len(i)) * 0.5, "alive": np.ones(len(i))}
    late = {name: rng.integers(0, 30, len(i)) * STEP * ms for name in [*ON_PRE, *ON_POST]}
    ids = np.arange(len(i)) if rows is None else rows
    S.connect(i=i[ids], j=j[ids])
    S.w, S.alive = table["w"][ids], table["alive"][ids]
    if delays == "each":
        for name, delay in late.items():
            getattr(S, name).delay = delay[ids]
    spikes = SpikeMonitor(G, name="spikes")
    network = Network(source, G, drive, S, spikes)
    network.t_ = start * STEP * 1e-3
    return Net(network, G, S, spikes, ids)


def columns(S):
    """Everything each synapse holds, as plain arrays; contact numbers apart, which are counted among the living."""
    held = {name: getattr(S, name)[:] for name in ("i", "j", "w", "alive", "tag", "a", "b", "c", "lastupdate")}
    held |= {f"{p.objname}.delay": p.delay[:] for p in S._pathways if np.shape(p.delay[:]) == (len(S),)}
    return {name: np.array(column) for name, column in held.items()}


def in_flight(S, rows=None):
    """The events on their way on each pathway; of all synapses, or of those in `rows` under their place there."""
    place = np.full(len(S), -1)
    place[slice(None) if rows is None else rows] = np.arange(len(S) if rows is None else len(rows))
    events = {}
    for pathway in S._pathways:
        steps, synapse = read_queue(pathway)
        kept = place[synapse] >= 0
        events[pathway.objname] = np.column_stack([steps[kept], place[synapse[kept]]]).tolist()
    return events


def differences(one, other):
    """Names of what is not the same, bit for bit, in two nets, for the synapses that live in `other`."""
    found = [name for name in ("v", "g", "load", "lastspike") if not same(getattr(one.G, name), getattr(other.G, name))]
    found += ["spikes"] if not (same(one.spikes.i, other.spikes.i) and same(one.spikes.t, other.spikes.t)) else []
    rows = np.searchsorted(one.ids, other.ids)
    mine, theirs = columns(one.S), columns(other.S)
    found += [name for name in theirs if not same(mine[name][rows], theirs[name])]
    return found + (["in flight"] if in_flight(one.S, rows) != in_flight(other.S) else [])


def same(one, other):
    return np.array_equal(plain(one), plain(other))


def plain(values):
    return np.asarray(values[:] if not isinstance(values, Quantity) else values)
