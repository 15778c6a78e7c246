"""A newborn synapse is as if it had been connected, with the same state, at the moment of its birth."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, prefs, run
from hypothesis import given
from hypothesis import strategies as st
from surgery_net import FEW, STEP, TARGETS, build, columns, differences, in_flight

from dpap_bio import _brian_private as private
from dpap_bio.surgery import Structure, grow, prune, read_queue, write_queue

AGE, STEPS = 60, 150
STATE = ("w", "alive", "tag", "a", "b", "c", "lastupdate")


def born_then(seed, inside, delays, ends):
    """The net in which a part of the synapses is born at AGE; its ids, and what it was like at that moment."""
    whole = build(seed, delays=delays, ends=ends)
    rng = np.random.default_rng(seed)
    later = rng.random(len(whole.S)) < 0.4
    table = {"i": whole.S.i[:][later], "j": whole.S.j[:][later]}
    table |= {name: rng.random(later.sum()) for name in ("w", "a", "b", "c")}
    table |= {"alive": 1, "tag": rng.integers(0, 9, later.sum())}
    if delays == "each":
        table["delay"] = {p.objname: p.delay[:][later] for p in whole.S._pathways}
    net = build(seed, delays=delays, ends=ends, rows=np.flatnonzero(~later))
    moment = {}

    def birth(step=None):
        grow(net.S, **table)
        net.ids = np.concatenate([np.flatnonzero(~later), np.flatnonzero(later)])
        moment.update(S=columns(net.S), flying=in_flight(net.S), spikes=len(net.spikes.i))
        moment.update({name: np.array(getattr(net.G, name)) for name in ("v", "g", "load", "lastspike")})

    if inside:
        net.at((AGE,), birth)
        net.run(STEPS)
    else:
        net.run(AGE)
        birth()
        net.run(STEPS - AGE)
    return net, moment


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("ends", ["whole", "subgroups"])
@pytest.mark.parametrize("delays", ["one", "each"])
@FEW
@given(seed=st.integers(0, 1000))
def test_growing_is_connecting_from_the_start_of_that_life(target, inside, ends, delays, seed):
    prefs.codegen.target = target
    grown, moment = born_then(seed, inside, delays, ends)
    fresh = build(seed, delays=delays, ends=ends, rows=grown.ids, start=AGE)
    for name in STATE:
        setattr(fresh.S, name + "_", moment["S"][name])
    for name in ("v", "g", "load", "lastspike"):
        setattr(fresh.G, name + "_", moment[name])
    for pathway in fresh.S._pathways:
        if delays == "each":
            pathway.delay_ = moment["S"][f"{pathway.objname}.delay"]
        events = np.array(moment["flying"][pathway.objname], dtype=int).reshape(-1, 2)
        write_queue(pathway, events[:, 0], events[:, 1])
    fresh.run(STEPS - AGE)
    later = slice(moment["spikes"], None)
    assert np.array_equal(grown.spikes.i[later], fresh.spikes.i)
    assert np.array_equal(grown.spikes.t_[later], fresh.spikes.t_)
    assert sum(map(len, moment["flying"].values())) > 0
    grown.spikes = fresh.spikes
    grown.ids = fresh.ids = np.arange(len(grown.S))
    assert differences(grown, fresh) == []
    assert counts(grown.S) == counts(fresh.S)


@pytest.mark.parametrize("target", TARGETS)
@FEW
@given(seed=st.integers(0, 10**6), ends=st.sampled_from(["whole", "subgroups"]))
def test_at_every_age_born_minus_died_is_alive_and_counts_are_those_of_a_fresh_connect(target, seed, ends):
    prefs.codegen.target = target
    net, rng = build(seed % 50, ends=ends), np.random.default_rng(seed)
    born, died = len(net.S), 0
    ends_alive = np.column_stack([net.S.i[:], net.S.j[:]])
    for _ in range(4):
        net.run(5)
        gone = rng.random(len(net.S)) < rng.choice([0, 0.2, 0.9, 1])
        died += len(prune(net.S, gone))
        n_new = int(rng.integers(0, 60))
        newborn = np.column_stack([rng.integers(0, len(end), n_new) for end in (net.S.source, net.S.target)])
        indices = grow(
            net.S, i=newborn[:, 0], j=newborn[:, 1], w=0.3, alive=1, tag=0, a=0, b=0, c=0, delay=delays_of(rng, n_new)
        )
        born += n_new
        ends_alive = np.concatenate([ends_alive[~gone], newborn])
        assert born - died == len(net.S) == len(net.S.w[:]) == len(ends_alive)
        assert indices.tolist() == list(range(len(net.S) - n_new, len(net.S)))
        if len(ends_alive):
            fresh = Synapses(net.S.source, net.S.target, "", multisynaptic_index="k", name="fresh")
            fresh.connect(i=ends_alive[:, 0], j=ends_alive[:, 1])
            assert counts(net.S) == counts(fresh)
    net.S.connect(i=[0, 1], j=[2, 2])
    fresh = Synapses(net.S.source, net.S.target, "", multisynaptic_index="k", name="fresh")
    fresh.connect(i=net.S.i[:], j=net.S.j[:])
    assert counts(net.S) == counts(fresh)
    net.run(20)


def delays_of(rng, n):
    return {name: rng.integers(0, 30, n) * STEP * ms for name in ("pre", "slow", "post", "late")}


def counts(S):
    held = [S.N_outgoing_pre, S.N_incoming_post, S.k[:], S.i[:], S.j[:], S.N_outgoing[:], S.N_incoming[:]]
    return [len(S), *(column.tolist() for column in held)]


def one_synapse(**options):
    source = SpikeGeneratorGroup(2, [0, 1, 0, 1], [0, 0, 5, 5] * ms, name="source")
    counter = NeuronGroup(3, "v : 1", name="counter")
    model = "w : 1\nda/dt = -a/(10*ms) : 1 (event-driven)"
    S = Synapses(source, counter, model, on_pre="a += 1\nv_post += w", name="S", **options)
    return source, counter, S


def test_a_newborn_event_driven_variable_decays_from_its_birth_on():
    source, counter, S = one_synapse()
    S.connect(i=0, j=0)
    network = Network(source, counter, S)
    network.run(2 * ms)
    grow(S, i=1, j=1, w=0, a=1)
    network.run(4 * ms)
    assert S.a[1] == pytest.approx(np.exp(-3 / 10) + 1)
    assert S.a[0] == pytest.approx(np.exp(-5 / 10) + 1)


def test_a_newborn_synapse_does_not_hear_spikes_from_before_its_birth():
    source, counter, S = one_synapse(delay=3 * ms)
    S.connect(i=0, j=0)
    network = Network(source, counter, S)
    network.run(2 * ms)
    grow(S, i=[0, 1], j=[1, 2], w=[1, 2], a=0)
    assert len(read_queue(S.pre)[0]) == 1
    network.run(4 * ms)
    assert counter.v[:].tolist() == [0, 0, 0]
    network.run(4 * ms)
    assert counter.v[:].tolist() == [0, 1, 2]


def test_the_first_synapses_of_an_empty_object_can_be_grown():
    source, counter, S = one_synapse()
    assert grow(S, i=[0, 1], j=2, w=[1, 2], a=0).tolist() == [0, 1]
    Network(source, counter, S).run(1 * ms)
    assert counter.v[:].tolist() == [0, 0, 3]


def test_only_what_brian2_computes_itself_may_be_left_out():
    source, counter, _ = one_synapse()
    S = Synapses(source, counter, "x : 1\nnoise = x*rand() : 1 (constant over dt)", on_pre="v_post += x", name="noisy")
    with pytest.raises(ValueError, match="no value for x;"):
        grow(S, i=0, j=0)
    grow(S, i=0, j=0, x=2)
    Network(source, counter, S).run(1 * ms)
    assert 0 < S.noise[0] < 2


def test_a_state_stored_before_surgery_can_be_restored_after_it():
    net, other = build(6, delays="one"), build(6, delays="one")
    for one in (net, other):
        one.run(40)
    net.network.store()
    gone = np.arange(len(net.S)) % 2 == 0
    prune(net.S, gone)
    grow(net.S, i=0, j=1, w=0.3, alive=1, tag=0, a=0, b=0, c=0)
    net.run(40)
    net.network.restore()
    for one in (net, other):
        one.run(40)
    assert differences(net, other) == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_structure_object_prunes_then_grows_at_each_tick(target):
    prefs.codegen.target = target
    net = build(7, contacts=False)
    n_syn, rng = len(net.S), np.random.default_rng(0)

    def replace(S):
        missing = n_syn - len(S)
        if not missing:
            return None
        ends = {"i": rng.integers(0, 20, missing), "j": rng.integers(0, 20, missing)}
        return ends | dict(w=0.3, alive=1, tag=0, a=0, b=0, c=0, delay=delays_of(rng, missing))

    plan = Structure(net.S, "w < 0.2", replace, dt=3 * ms)
    net.network.add(plan)
    net.network.run(15 * ms)
    assert [round(t * 1e3, 6) for t, _, _ in plan.history] == [0, 3, 6, 9, 12]
    assert all(died == born for _, died, born in plan.history)
    assert sum(born for _, _, born in plan.history) > 50
    assert len(net.S) == n_syn
    assert len(net.spikes.i) > 20


def test_a_structure_object_may_join_a_magic_network_between_two_runs():
    source, counter, S = one_synapse()
    S.connect(i=[0, 1], j=0)
    S.w = [1, 2]
    run(1 * ms)
    plan = Structure(S, prune="w < 2", dt=1 * ms)
    run(6 * ms)
    assert [died for _, died, _ in plan.history] == [1, 0, 0, 0, 0, 0]
    assert counter.v[0] == 3 + 2


@pytest.mark.parametrize("forgotten", ["restart", "refresh_code"])
def test_growing_that_forgets_running_code_is_found_out(forgotten, monkeypatch):
    right, _ = born_then(3, True, "each", "whole")
    monkeypatch.setattr(private, forgotten, lambda changed: None)
    try:
        wrong, _ = born_then(3, True, "each", "whole")
    except Exception:
        return
    assert differences(right, wrong) != []
