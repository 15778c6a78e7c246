"""Removing neurons leaves everybody else as if the removed had only lost their synapses."""

import numpy as np
import pytest
from brian2 import (
    Network,
    NetworkOperation,
    NeuronGroup,
    PoissonInput,
    PopulationRateMonitor,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    ms,
    prefs,
)
from hypothesis import given
from hypothesis import strategies as st
from surgery_net import FEW, STEP, TARGETS, build, columns, in_flight

from dpap_bio.surgery import prune, read_queue, remove_neurons

AGE, STEPS = 60, 150


def life(act, seed, ends, delays):
    """A net in which `act(net, dead neurons)` happens at AGE; the counts and traces of a part of it."""
    net = build(seed, ends=ends, delays=delays)
    net.network.remove(net.spikes)
    dead = np.random.default_rng(seed).random(len(net.G)) < 0.4
    dead[[0, 8, 16, 19]] = False
    part = net.G[5:17]
    count = SpikeMonitor(part, record=False, name="count")
    trace = StateMonitor(part, "v", record=np.flatnonzero(~dead[5:17])[[1, -1]], name="trace")
    net.network.add(count, trace, PopulationRateMonitor(part, name="rate"))
    net.run(AGE)
    act(net, dead)
    net.run(STEPS - AGE)
    return net, dead, count, trace


def isolate(net, dead):
    """What removal must equal: the dead lose their synapses, and go on firing for nobody."""
    for S in (o for o in net.network.objects if isinstance(o, Synapses)):
        pre = dead[S.variables["_synaptic_pre"].get_value()] if S.name == "S" else np.zeros(len(S), bool)
        gone = pre | dead[S.variables["_synaptic_post"].get_value()]
        prune(S, gone)


def remove(net, dead):
    assert remove_neurons(net.G, dead).tolist() == np.flatnonzero(dead).tolist()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ends", ["whole", "subgroups"])
@pytest.mark.parametrize("delays", ["one", "each"])
@FEW
@given(seed=st.integers(0, 1000))
def test_removing_neurons_is_pruning_their_synapses_for_all_others(target, ends, delays, seed):
    prefs.codegen.target = target
    isolated, dead, count_all, trace_all = life(isolate, seed, ends, delays)
    removed, _, count, trace = life(remove, seed, ends, delays)
    assert np.array_equal(count_all.count[:][~dead[5:17]], count.count[:])
    assert np.array_equal(trace_all.v, trace.v)
    alive, new = np.flatnonzero(~dead), np.cumsum(~dead) - 1
    for name in ("v", "g", "load", "lastspike", "not_refractory"):
        assert np.array_equal(getattr(isolated.G, name)[:][alive], getattr(removed.G, name)[:]), name
    mine, theirs = columns(isolated.S), columns(removed.S)
    for end, offsets in (
        ("i", starts(isolated.S.source, removed.S.source)),
        ("j", starts(isolated.S.target, removed.S.target)),
    ):
        mine[end] = new[mine[end] + offsets[0]] - offsets[1]
    for name in mine:
        assert np.array_equal(mine[name], theirs[name]), name
    assert in_flight(isolated.S) == in_flight(removed.S)
    assert any(in_flight(removed.S).values())
    for name in ("N_outgoing_pre", "N_incoming_post"):
        old, now = getattr(isolated.S, name), getattr(removed.S, name)
        assert old.sum() == now.sum() == len(removed.S)
        assert np.array_equal(old[: len(dead)][~dead[: len(old)]], now)
    assert (len(removed.G), removed.G.i[:].tolist()) == (len(alive), list(range(len(alive))))


def starts(*groups):
    return [getattr(group, "start", 0) for group in groups]


@pytest.mark.parametrize("target", TARGETS)
@FEW
@given(seed=st.integers(0, 1000))
def test_inside_a_run_removing_neurons_is_the_same_as_between_two(target, seed):
    prefs.codegen.target = target
    net, other = ring(seed), ring(seed)
    dead = np.random.default_rng(seed).random(len(net.G)) < 0.4
    dead[:3] = False
    net.at((AGE,), lambda step: remove_neurons(net.G, dead))
    net.run(STEPS)
    other.run(AGE)
    remove_neurons(other.G, dead)
    other.run(STEPS - AGE)
    assert net.G.v[:].tolist() == other.G.v[:].tolist()
    assert columns_of(net.S) == columns_of(other.S)
    assert in_flight(net.S) == in_flight(other.S)
    assert any(in_flight(net.S).values())


def ring(seed):
    """`build` without its summed variable, which cannot be recounted inside a run, and without its monitor."""
    net = build(seed)
    G = NeuronGroup(
        15,
        "dv/dt = (1.5 - v)/(4*ms) : 1 (unless refractory)",
        threshold="v > 1",
        reset="v = 0",
        refractory=0.3 * ms,
        name="ring",
    )
    rng = np.random.default_rng(seed)
    G.v = rng.random(15)
    S = Synapses(
        G[2:],
        G,
        "w : 1\nda/dt = -a/(5*ms) : 1 (event-driven)",
        on_pre="v_post += w*(1 + a)\na += 1",
        on_post="w += 0.01*a",
        name="chords",
    )
    S.connect(condition="i != j")
    S.w, S.delay = rng.random(len(S)) * 0.02, rng.integers(0, 30, len(S)) * STEP * ms
    net.G, net.S, net.network = G, S, Network(G, S)
    return net


def columns_of(S):
    return {name: np.array(getattr(S, name)[:]).tolist() for name in ("i", "j", "w", "a", "lastupdate", "delay")}


def test_a_condition_chooses_neurons_and_input_goes_on_reaching_the_right_ones():
    source = SpikeGeneratorGroup(4, [0, 1, 2, 3], [5] * 4 * ms, name="source")
    G = NeuronGroup(4, "v : 1\nu : 1\nwanted : boolean", name="G")
    G.wanted = [True, False, True, False]
    S = Synapses(source, G, "w : 1", on_pre="v_post += w", name="S")
    S.connect(j="i")
    S.w = [1, 2, 4, 8]
    steady = PoissonInput(G, "u", N=1, rate=1 / (0.1 * ms), weight=1)
    network = Network(source, G, S, steady)
    network.run(2 * ms)
    assert remove_neurons(G, "not wanted").tolist() == [1, 3]
    network.run(4 * ms)
    assert G.v[:].tolist() == [1, 4]
    assert (S.i[:].tolist(), S.j[:].tolist()) == ([0, 2], [0, 1])
    assert G.u[:].tolist() == [60, 60]


def test_subgroups_made_before_stand_for_their_surviving_neurons():
    G = NeuronGroup(10, "v : 1", threshold="v > 5", reset="", name="G")
    G.v = np.arange(10)
    low, high = G[:4], G[4:9]
    remove_neurons(G, np.isin(np.arange(10), [1, 2, 5, 9]))
    assert (low.v[:].tolist(), high.v[:].tolist()) == ([0, 3], [4, 6, 7, 8])
    assert (low.i[:].tolist(), high.i[:].tolist(), len(high)) == ([0, 1], [0, 1, 2, 3], 4)
    high.v = -1
    assert G.v[:].tolist() == [0, 3, -1, -1, -1, -1]


def test_spikes_of_the_present_step_keep_their_neurons():
    beats = SpikeGeneratorGroup(1, [0], [0] * ms)
    G = NeuronGroup(4, "v : 1", threshold="v > 1", reset="v = 0", name="G")
    G.v = [2, 0, 2, 2]
    counter = NeuronGroup(4, "n : 1", name="counter")
    S = Synapses(G, counter, "w : 1", on_pre="n_post += w", name="S")
    S.connect(j="i")
    S.w = [1, 2, 4, 8]
    act = NetworkOperation(
        lambda t: remove_neurons(G, np.array([1, 1, 0, 0], bool)) if len(G) == 4 else None, when="before_synapses"
    )
    Network(beats, G, counter, S, act).run(1 * ms)
    assert counter.n[:].tolist() == [0, 0, 4, 8]
    assert len(read_queue(S.pre)[0]) == 0
