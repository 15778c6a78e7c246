"""Networks: what is born keeps its identity, what dies takes its events with it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio.network import Network, Table


def network(rng, n_source, n_target, n_syn):
    pre, post = rng.integers(n_source, size=n_syn), rng.integers(n_target, size=n_syn)
    neurons = {name: Table({"id": np.arange(n), "alive": np.ones(n, bool)}) for name, n in
               (("a", n_source), ("b", n_target))}
    none = np.empty(0, np.int64)
    empty = Table({"id": none, "pre": none, "post": none, "alive": np.empty(0, bool), "w": np.empty(0)})
    events = Table({"delay": rng.integers(5, size=4), "index": rng.integers(max(n_syn, 1), size=4)})
    start = Network(0, neurons, {"ab": empty}, {"ab": ("a", "b")}, next_id={"a": n_source, "b": n_target, "ab": 0})
    grown = start.born("ab", newborn(rng, pre, post))
    arrivals = Table({"delay": rng.integers(5, size=4), "index": rng.integers(n_source, size=4)})
    return Network(**{**vars(grown), "pending": {"ab.pre": events if n_syn else events.keep(none), "a.ab": arrivals}})


def newborn(rng, pre, post):
    return Table({"pre": pre, "post": post, "alive": np.ones(len(pre), bool), "w": rng.random(len(pre))})


def by_id(table):
    rows = zip(table.id, table.pre, table.post, table.w, strict=True)
    return {int(i): (int(a), int(b), float(w)) for i, a, b, w in rows}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.integers(0, 40), st.integers(0, 20))
def test_births_and_deaths_keep_identity_order_and_the_balance(seed, n_source, n_target, n_syn, n_born):
    rng = np.random.default_rng(seed)
    before = network(rng, n_source, n_target, n_syn)
    pre, post = rng.integers(n_source, size=n_born), rng.integers(n_target, size=n_born)
    grown = before.born("ab", newborn(rng, pre, post))
    assert len(set(grown.synapses["ab"].id.tolist())) == n_syn + n_born
    table = grown.synapses["ab"]
    assert (np.diff(table.pre) >= 0).all()
    dead = rng.random(len(table)) < 0.4
    target_dies = rng.random(n_target) < 0.3
    marked = grown.with_projection(grown.projection("ab").replace(alive=~dead).replace_target(alive=~target_dies))
    after = marked.compact()
    lost = dead | target_dies[table.post]
    assert len(after.synapses["ab"]) == n_syn + n_born - lost.sum()
    ids = after.neurons["b"].id
    old, new = by_id(table), by_id(after.synapses["ab"])
    for i, (a, b, w) in new.items():
        assert (old[i][0], old[i][1], old[i][2]) == (a, int(ids[b]), w)
    assert (np.diff(after.synapses["ab"].pre) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_events_in_flight_follow_their_synapse_and_vanish_with_it(seed, n_syn):
    rng = np.random.default_rng(seed)
    before = network(rng, 5, 5, n_syn)
    travelling = before.synapses["ab"].id[before.pending["ab.pre"].index]
    grown = before.born("ab", newborn(rng, rng.integers(5, size=7), rng.integers(5, size=7)))
    assert np.array_equal(grown.synapses["ab"].id[grown.pending["ab.pre"].index], travelling)
    alive = rng.random(len(grown.synapses["ab"])) < 0.5
    after = grown.with_projection(grown.projection("ab").replace(alive=alive)).compact()
    left = [i for i in travelling if i in after.synapses["ab"].id]
    assert after.synapses["ab"].id[after.pending["ab.pre"].index].tolist() == left
    assert np.array_equal(after.pending["a.ab"].index, before.pending["a.ab"].index)


def test_arriving_spikes_of_a_removed_neuron_vanish_and_the_others_keep_theirs():
    before = network(np.random.default_rng(1), 5, 5, 12)
    source = before.neurons["a"]
    gone = int(before.pending["a.ab"].index[0])
    neurons = {**before.neurons, "a": source.replace(alive=source.id != gone)}
    after = Network(**{**vars(before), "neurons": neurons}).compact()
    kept = before.pending["a.ab"].index[before.pending["a.ab"].index != gone]
    assert after.neurons["a"].id[after.pending["a.ab"].index].tolist() == kept.tolist()
    assert gone not in after.neurons["a"].id[after.synapses["ab"].pre]


def test_columns_of_a_table_cannot_be_written():
    import pytest

    table = Table({"w": np.ones(3)})
    with pytest.raises(ValueError, match="read-only"):
        table.w[0] = 2.0
    with pytest.raises(AttributeError, match="frozen"):
        table.w = np.zeros(3)
