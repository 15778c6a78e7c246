"""Events in flight can be read, written, and carried from one network to the next."""

import sys

import brian2
import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, prefs
from hypothesis import given
from hypothesis import strategies as st
from surgery_net import FEW, STEP, TARGETS, build, columns, differences

from dpap_bio.surgery import read_queue, write_queue

OLD_QUEUE = pytest.param(
    "python",
    marks=pytest.mark.skipif(
        tuple(map(int, brian2.__version__.split(".")[:2])) >= (2, 10), reason="Brian2 2.10 dropped its Python queue"
    ),
)


@pytest.fixture(params=["compiled", OLD_QUEUE])
def queue(request, monkeypatch):
    """The compiled queue, or the one Brian2 < 2.10 falls back to where its compiled one is missing."""
    if request.param == "python":
        monkeypatch.setitem(sys.modules, "brian2.synapses.cythonspikequeue", None)
    return request.param


events = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=60)


@pytest.mark.parametrize("ran", [0, 17])
def test_what_is_written_is_read_in_order_of_delivery(queue, ran):
    @FEW
    @given(events=events)
    def check(events):
        net = build(0)
        assert type(net.S.pre.queue).__module__.endswith("cythonspikequeue") == (queue == "compiled")
        if ran:
            net.run(ran)
        steps, synapse = np.array(events, dtype=int).reshape(-1, 2).T
        write_queue(net.S.pre, steps, synapse)
        found = np.column_stack(read_queue(net.S.pre)).tolist()
        assert found == [list(event) for event in sorted(events, key=lambda event: event[0])]

    check()


@pytest.mark.parametrize("ran", [0, 17])
def test_an_event_is_delivered_after_the_steps_written(queue, ran):
    silent = SpikeGeneratorGroup(1, [], [] * ms, name="source")
    counter = NeuronGroup(1, "v : 1", name="counter")
    S = Synapses(silent, counter, "w : 1", on_pre="v_post += w", name="S")
    S.connect(i=0, j=[0, 0, 0])
    S.w, S.delay = [1, 2, 4], [0, 1, 5] * ms
    network = Network(silent, counter, S)
    network.run(ran * STEP * ms)
    write_queue(S.pre, [40, 0, 3], [2, 0, 1])
    for steps, heard in ((1, 1), (2, 1), (1, 3), (36, 3), (1, 7)):
        network.run(steps * STEP * ms)
        assert counter.v[0] == heard
    assert len(read_queue(S.pre)[0]) == 0


@pytest.mark.parametrize("target", TARGETS)
@FEW
@given(seed=st.integers(0, 1000), moment=st.integers(20, 100))
def test_a_network_built_anew_goes_on_where_the_old_one_stopped(target, seed, moment):
    prefs.codegen.target = target
    whole, first = build(seed), build(seed)
    whole.run(150)
    first.run(moment)
    then = build(seed, start=moment)
    for name, values in columns(first.S).items():
        if name in ("w", "alive", "tag", "a", "b", "c", "lastupdate"):
            setattr(then.S, name + "_", values)
    for name in ("v", "g", "load", "lastspike"):
        setattr(then.G, name + "_", getattr(first.G, name + "_")[:])
    for old, new in zip(first.S._pathways, then.S._pathways, strict=True):
        write_queue(new, *read_queue(old))
    then.run(150 - moment)
    later = whole.spikes.t_[:] > (moment - 0.5) * STEP * 1e-3
    assert np.array_equal(whole.spikes.i[:][later], then.spikes.i)
    assert sum(later) > 10
    then.spikes = whole.spikes
    assert differences(whole, then) == []


def test_writing_what_was_read_in_the_middle_of_a_run_changes_nothing(queue):
    net, other = build(8), build(8)
    for pathway in other.S._pathways:
        other.at(range(20, 120), lambda step, pathway=pathway: write_queue(pathway, *read_queue(pathway)))
    for one in (net, other):
        one.run(150)
    assert differences(net, other) == []


def test_surgery_works_on_the_python_queue_too(queue):
    from test_surgery_prune import lived

    for where in ("between runs", "inside a run"):
        gated, pruned = (lived(how, where, 1, 0.4) for how in ("gate", "prune"))
        assert differences(gated, pruned) == []
