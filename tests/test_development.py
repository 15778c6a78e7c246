"""Pieces of the loop: traces, counts, dealing a probe to copies, event-driven values carried to now."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio.expressions import parse_equations
from dpap_bio.network import Network, Table
from dpap_bio.probes import counts, fold, tile, traces
from dpap_bio.settle import settled, unsettled
from dpap_bio.stimuli import STIMULI


def test_a_trace_is_the_sum_of_decayed_spikes_before_the_end_of_its_presentation():
    onset, offset = np.array([0, 10, 25]), np.array([8, 18, 33])
    step, neuron = np.array([0, 7, 9, 20, 40]), np.array([0, 1, 0, 0, 0])
    dt, tau = 0.001, 0.02
    found = traces(step, neuron, 2, onset, offset, dt, tau)
    for k, end in enumerate(offset):
        for n in range(2):
            spikes = step[(neuron == n) & (step < end)]
            assert found[k, n] == pytest.approx(np.exp(-(end - spikes) * dt / tau).sum())


def test_counts_take_spikes_inside_presentations_only():
    found = counts(np.array([0, 4, 5, 9, 10, 14]), np.array([0, 1, 0, 0, 1, 1]), 2, np.array([0, 9]), np.array([5, 14]))
    assert found.tolist() == [[1, 1], [1, 1]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 7))
def test_dealing_presentations_to_copies_keeps_every_spike_of_every_presentation(seed, copies):
    shown = STIMULI["digits"](64, 900, 0.001, np.random.default_rng(seed), rate=60.0, window=0.06, gap=0.03)
    folded, length = fold(shown, copies)
    if len(shown.onset) < copies or copies == 1:
        assert folded is shown
        return
    step, neuron = folded.step + folded.neuron // 64 * length, folded.neuron % 64
    order = np.argsort(step, kind="stable")
    dealt = counts(step[order], neuron[order], 64, shown.onset, shown.offset)
    assert np.array_equal(dealt, counts(shown.step, shown.neuron, 64, shown.onset, shown.offset))


def test_copies_of_a_network_are_not_connected_to_each_other():
    cells = Table({"id": np.arange(3), "alive": np.ones(3, bool), "v": np.array([1.0, 2.0, 3.0])})
    syn = Table({"id": np.arange(2), "pre": np.array([0, 2]), "post": np.array([1, 0]), "alive": np.ones(2, bool)})
    many = tile(Network(0, {"c": cells}, {"cc": syn}, {"cc": ("c", "c")}), 4)
    table = many.synapses["cc"]
    assert len(many.neurons["c"]) == 12 and len(table) == 8
    assert np.array_equal(table.pre // 3, table.post // 3)
    assert np.array_equal(many.neurons["c"].v.reshape(4, 3), np.tile(cells.v, (4, 1)))


def spine(since):
    equation = parse_equations("dspine/dt = (rest - spine) / tau : 1 (event-driven)")[0]
    values = {"rest": SimpleNamespace(si=0.25), "tau": SimpleNamespace(si=3.0)}
    projection = SimpleNamespace(parameters=values, code=SimpleNamespace(equations=(equation,)))
    size = np.array([0.1, 0.25, 0.9])
    return projection, Table({"spine": size, "lastupdate": np.array([0.0, 1.0, 2.0]) + 5 - since, "w": np.ones(3)})


@given(st.floats(0, 20), st.floats(0.01, 20))
def test_an_event_driven_value_is_carried_to_now_exactly_and_in_two_steps_as_in_one(since, more):
    projection, table = spine(since)
    now = settled(projection, table, 10.0)
    expected = 0.25 + (table.spine - 0.25) * np.exp(-(10.0 - table.lastupdate) / 3.0)
    np.testing.assert_allclose(now.spine, expected, rtol=1e-12)
    later = settled(projection, now.replace(lastupdate=np.full(3, 10.0)), 10.0 + more)
    np.testing.assert_allclose(later.spine, settled(projection, table, 10.0 + more).spine, rtol=1e-9)


def test_what_no_rule_changed_keeps_its_value_at_the_last_event_bit_for_bit():
    projection, table = spine(2.0)
    fresh = settled(projection, table, 10.0)
    untouched = unsettled(table, fresh, fresh.replace(w=np.zeros(3)), 10.0)
    assert np.array_equal(untouched.spine, table.spine) and np.array_equal(untouched.lastupdate, table.lastupdate)
    changed = unsettled(table, fresh, fresh.replace(spine=fresh.spine * 2), 10.0)
    assert np.array_equal(changed.spine, fresh.spine * 2) and (changed.lastupdate == 10.0).all()


def test_a_network_is_its_state_as_plain_arrays_and_back():
    from dpap_bio.kind_development import network_from, network_state

    cells = Table({"id": np.arange(3), "alive": np.ones(3, bool)})
    syn = Table({"id": np.arange(2), "pre": np.array([0, 2]), "post": np.array([1, 0]), "alive": np.ones(2, bool)})
    there = Network(7, {"c": cells}, {"cc": syn}, {"cc": ("c", "c")}, next_id={"c": 3, "cc": 2})
    back = network_from(network_state(there))
    assert back.step == 7 and back.ends == {"cc": ("c", "c")} and back.next_id == {"c": 3, "cc": 2}
    assert np.array_equal(back.synapses["cc"].post, syn.post)
    assert replace(back, synapses={}).synapses == {}
