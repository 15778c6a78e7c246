"""Pruning a live Synapses is the same as multiplying all that the synapse does by zero, bit for bit."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, Synapses, ms, prefs
from hypothesis import given
from hypothesis import strategies as st
from surgery_net import FEW, STEP, TARGETS, build, columns, differences, in_flight

from dpap_bio import _brian_private as private
from dpap_bio._brian_condition import where
from dpap_bio.surgery import Structure, prune

STEPS, MOMENTS = 150, (30, 60, 100)


def dying(seed, fraction, n):
    """Which synapses die at each moment."""
    rng = np.random.default_rng(seed + 1)
    return [rng.random(n) < fraction for _ in MOMENTS]


def lived(how, where, seed, fraction, **structure):
    """The net after a life in which synapses were pruned or gated, between runs or inside one."""
    net = build(seed, **structure)
    deaths, act = dying(seed, fraction, len(net.S)), getattr(net, how)
    if where == "inside a run":
        net.at(MOMENTS, lambda step: act(deaths[MOMENTS.index(step)]))
        net.run(STEPS)
    else:
        for steps, dead in zip(np.diff((0, *MOMENTS)), deaths, strict=True):
            net.run(int(steps))
            act(dead)
        net.run(STEPS - MOMENTS[-1])
    return net


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("where", ["between runs", "inside a run"])
@pytest.mark.parametrize("ends", ["whole", "subgroups"])
@pytest.mark.parametrize("delays", ["zero", "one", "each"])
@FEW
@given(seed=st.integers(0, 1000), fraction=st.sampled_from([0.4, 0.1, 1.0]))
def test_pruning_is_gating_bit_for_bit(target, where, ends, delays, seed, fraction):
    prefs.codegen.target = target
    structure = {"delays": delays, "ends": ends}
    gated = lived("gate", where, seed, fraction, **structure)
    pruned = lived("prune", where, seed, fraction, **structure)
    assert differences(gated, pruned) == []
    assert len(gated.spikes.i) > 20
    assert np.array_equal(np.flatnonzero(gated.S.alive[:]), pruned.ids)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("inside", [False, True])
@FEW
@given(seed=st.integers(0, 10**6), moment=st.integers(1, 60), homogeneous=st.booleans())
def test_a_pruned_synapse_never_acts_again_not_even_by_a_spike_in_flight(target, inside, seed, moment, homogeneous):
    prefs.codegen.target = target
    rng = np.random.default_rng(seed)
    n_syn = 12
    delay = np.full(n_syn, rng.integers(0, 30)) if homogeneous else rng.integers(0, 30, n_syn)
    beats = np.unique(rng.integers(0, 60, 40) * 3 + rng.integers(0, 3, 40))
    i, weight, dead = rng.integers(0, 3, n_syn), 2.0 ** np.arange(n_syn), rng.random(n_syn) < 0.5
    source = SpikeGeneratorGroup(3, beats % 3, beats // 3 * STEP * ms, name="source")
    counter = NeuronGroup(1, "v : 1", name="counter")
    S = Synapses(
        source, counter, "w : 1", on_pre="v_post += w", delay=delay[0] * STEP * ms if homogeneous else None, name="S"
    )
    S.connect(i=i, j=0)
    S.w = weight
    if not homogeneous:
        S.delay = delay * STEP * ms
    network = Network(source, counter, S)
    if inside:
        ticks = iter(range(200))
        network.add(
            Structure(
                S,
                prune=lambda S: dead & (next(ticks) == moment - 1) if len(S) == n_syn else np.zeros(len(S), bool),
                dt=STEP * ms,
            )
        )
        network.run(100 * STEP * ms)
    else:
        network.run(moment * STEP * ms)
        prune(S, dead)
        network.run((100 - moment) * STEP * ms)
    arrivals = beats[:, None] // 3 + delay
    heard = (beats[:, None] % 3 == i) & ~(dead & (arrivals >= moment))
    assert counter.v[0] == (heard * weight).sum()


@pytest.mark.parametrize("target", TARGETS)
def test_a_structure_object_prunes_in_one_run_what_calls_between_runs_prune(target):
    prefs.codegen.target = target
    w_min, interval = 0.3, 40
    one, other = build(1), build(1)
    plan = Structure(one.S, prune="w < w_min and a < b + 0.5", dt=interval * STEP * ms, name="plan")
    one.network.add(plan)
    one.network.run(STEPS * STEP * ms)  # from here, so that the run sees w_min
    other.run(1)
    died = []
    for steps in (interval, interval, interval, STEPS - 1 - 3 * interval):
        died.append(prune(other.S, f"w < {w_min} and a < b + 0.5"))
        other.run(steps)
    assert [entry[1] for entry in plan.history] == [len(gone) for gone in died]
    assert sum(map(len, died)) > 10
    one.ids = other.ids = np.arange(len(other.S))
    assert differences(one, other) == []


def test_an_event_driven_variable_in_a_condition_has_its_value_of_now():
    source = SpikeGeneratorGroup(2, [0, 1], [0, 10] * ms, name="source")
    counter = NeuronGroup(1, "v : 1", name="counter")
    tau = 8 * ms
    S = Synapses(source, counter, "da/dt = -a/tau : 1 (event-driven)\nhalf = a/2 : 1", on_pre="a += 1", name="S")
    S.connect()
    Network(source, counter, S).run(18 * ms)
    stored, now = S.a[:].copy(), np.exp([-18 / 8, -8 / 8])
    assert stored.tolist() == [1, 1]  # Brian2 alone would compare these
    between = np.sqrt(now.prod())
    for condition in ("a < between", "2*half < between", "not (a >= between)"):
        assert where(S, condition, {"tau": tau, "between": between}).tolist() == [0]
    for edge, found in ((now[1] * 1.0001, [0, 1]), (now[0] * 0.9999, [])):
        assert where(S, "half < edge/2", {"tau": tau, "edge": edge}).tolist() == found
    assert S.a[:].tolist() == stored.tolist()
    assert prune(S, "a < between").tolist() == [0]


def test_a_condition_may_mix_event_driven_variables_with_indices_and_subexpressions_of_subgroups():
    net = build(0, ends="subgroups")
    G = NeuronGroup(20, "v : 1\nhigh = v > 0.5 : boolean", threshold="v > 9", reset="", name="readout")
    G.v = np.arange(20) % 2
    S = Synapses(net.G[3:15], G[7:], "da/dt = -a/ms : 1 (event-driven)\ndouble = 2*a : 1", on_pre="a += 1", name="R")
    S.connect()
    S.a = np.arange(len(S)) % 3
    Network(net.G, G, S).run(1 * ms)
    expected = (2 * S.a[:] * np.exp(-(1 - S.lastupdate[:] / ms)) > 0.5) & (S.i[:] > 2) & (S.j[:] % 2 == 0)
    assert where(S, "double > 0.5 and i > 2 and high_post", {}).tolist() == np.flatnonzero(expected).tolist()
    assert 5 < expected.sum() < len(S) - 5


def test_a_condition_finds_names_where_prune_is_called_or_in_the_namespace_given():
    net = build(2)
    limit = 0.2
    expected = np.flatnonzero(net.S.w[:] < limit)
    assert prune(net.S, "w < limit").tolist() == expected.tolist()
    expected = np.flatnonzero(net.S.w[:] < 0.3)
    assert prune(net.S, "w < limit", namespace={"limit": 0.3}).tolist() == expected.tolist()
    assert len(expected) > 0


def test_a_function_around_prune_can_look_for_names_where_it_was_called_itself():
    def without(S, condition):
        return prune(S, condition, level=1)

    net = build(2)
    limit = 0.25
    expected = np.flatnonzero(net.S.w[:] < limit)
    assert without(net.S, "w < limit").tolist() == expected.tolist()


@pytest.mark.parametrize("target", TARGETS)
def test_a_state_monitor_goes_on_recording_the_same_synapses(target):
    prefs.codegen.target = target
    gated, pruned = build(3), build(3)
    rng = np.random.default_rng(0)
    dead = rng.random(len(pruned.S)) < 0.5
    watched = np.flatnonzero(~dead)[[4, 9, 2]]
    monitors = [StateMonitor(net.S, ["w", "c", "v_post"], record=watched, name="watch") for net in (gated, pruned)]
    for net, monitor, act in zip((gated, pruned), monitors, (gated.gate, pruned.prune), strict=True):
        net.network.add(monitor)
        net.run(30)
        act(dead)
        net.at((20,), lambda step, act=act: act(np.roll(dead, 1) & ~np.isin(np.arange(len(dead)), watched)))
        net.run(50)
    for name in ("w", "c", "v_post"):
        assert np.array_equal(getattr(monitors[0], name), getattr(monitors[1], name))
    here = np.searchsorted(pruned.ids, watched)
    assert np.array_equal(monitors[1][here].w, monitors[0][watched].w)


def test_integer_boolean_single_precision_shared_and_per_step_variables_survive():
    source = SpikeGeneratorGroup(1, [0] * 5, np.arange(5) * ms, name="source")
    counter = NeuronGroup(1, "v : 1", name="counter")
    model = """n : integer
    flag : boolean
    x : 1 (constant)
    all_of_them : 1 (shared)
    noise = x*rand() : 1 (constant over dt)
    twice = 2*x : 1"""
    S = Synapses(source, counter, model, on_pre="n += 1", dtype={"x": np.float32, "n": np.int64}, name="S")
    S.connect(i=0, j=np.zeros(6, int))
    S.n, S.flag, S.x, S.all_of_them = np.arange(6), [1, 0, 1, 1, 0, 0], np.arange(6) / 3, 7
    S.run_regularly("n += 10", dt=1 * ms)
    network = Network(source, counter, S)
    network.run(1 * ms)
    assert prune(S, "flag").tolist() == [0, 2, 3]
    network.run(1 * ms)
    assert S.n[:].tolist() == [1 + 22, 4 + 22, 5 + 22]
    assert S.twice[:].tolist() == (2 * np.arange(6, dtype=np.float32) / 3)[[1, 4, 5]].tolist()
    assert (S.all_of_them, S.x[:].dtype, len(S.noise[:]), S.flag[:].any()) == (7, np.float32, 3, False)


def test_an_object_without_synapses_has_none_to_prune():
    net = build(4)
    assert len(prune(net.S, np.ones(len(net.S), bool))) > 100
    for condition in ("w < 1", "a < 1", "i == j"):
        assert prune(net.S, condition).tolist() == []
    net.run(20)


def test_pruning_nothing_touches_nothing():
    net = build(4)
    net.run(50)
    before, flying = columns(net.S), in_flight(net.S)
    assert prune(net.S, "w < -1").tolist() == []
    assert all(np.array_equal(before[name], after) for name, after in columns(net.S).items())
    assert in_flight(net.S) == flying
    assert any(flying.values())


# -- teeth: each thing surgery carries is needed, or the tests above would not be able to tell


def _forget_queue(monkeypatch):
    monkeypatch.setattr(private, "write_queue", lambda pathway, steps, synapse: None)


def _empty_queue(monkeypatch):
    monkeypatch.setattr(private, "read_queue", lambda pathway: (np.zeros(0, int), np.zeros(0, int)))


def _forget_column(name):
    def mutate(monkeypatch):
        write = private.write_columns

        def wrong(S, new):
            variable = next(v for v in new if v.name == name or name == "delay" and "delay" in v.name)
            write(S, new | {variable: variable.get_value()[: len(new[variable])].copy()})

        monkeypatch.setattr(private, "write_columns", wrong)

    return mutate


def _forget_restart(monkeypatch):
    monkeypatch.setattr(private, "restart", lambda S: None)


MUTATIONS = {
    "the queue": _forget_queue,
    "the events in it": _empty_queue,
    "the source lists and code": _forget_restart,
    **{name: _forget_column(name) for name in ("lastupdate", "w", "a", "c", "tag", "delay", "_synaptic_post")},
}


@pytest.mark.parametrize("forgotten", MUTATIONS)
def test_surgery_that_forgets_is_found_out(forgotten, monkeypatch):
    gated = lived("gate", "inside a run", 5, 0.4)
    MUTATIONS[forgotten](monkeypatch)
    try:
        pruned = lived("prune", "inside a run", 5, 0.4)
    except Exception:
        return
    assert differences(gated, pruned) != []
