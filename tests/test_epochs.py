"""The epoch in Brian2: what travels between epochs, and that lifted traces are exact."""

from dataclasses import replace

import numpy as np
import pytest

from dpap_bio import brian, model, newborn
from dpap_bio.lift import renamed
from dpap_bio.network import Table
from dpap_bio.stimuli import STIMULI

MODEL = """
schema = "dpap-model/1"
title  = "Small and mean: delays, refractoriness, adaptation, STDP, an event-driven spine, inhibition"
dt     = "0.5 ms"
[populations.input]
size = 12
stimulated = true
[populations.cells]
size = 15
mechanisms = ["lif", "adaptive_threshold"]
[projections.forward]
from = "input"
to = "cells"
mechanisms = ["current_synapse", "{rule}", "spine"]
delay = "2.5 ms"
connect = {{ share = 0.6 }}
start = {{ w = {{ uniform = [0.2, 0.8] }} }}
[projections.drive]
from = "input"
to = "cells"
mechanisms = ["current_synapse"]
delay = "1 ms"
connect = {{ share = 0.7 }}
start = {{ w = {{ uniform = [0.5, 1.5] }} }}
[projections.lateral]
from = "cells"
to = "cells"
mechanisms = ["inhibitory_current_synapse", "inhibitory_stdp"]
delay = "1.5 ms"
connect = {{ share = 1.0, autapses = false }}
start = {{ w = 0.3 }}
[projections.forward.parameters]
q_syn = {{ value = {q}, unit = "mV", chosen = "0: the plastic synapses do not move the cells (open loop)" }}
[projections.drive.parameters]
q_syn = {{ value = 30.0, unit = "mV", chosen = "the cells fire" }}
[parameters.tau_theta]
value = 1.0
unit = "s"
chosen = "adapts within the test"
"""
STEPS = 400


def load(tmp_path, rule="pair_stdp", q=20.0):
    path = tmp_path / "small.toml"
    path.write_text(MODEL.format(rule=rule, q=q))
    return model.load(str(path))


def stimulus(m, n_steps=4 * STEPS, seed=0):
    return STIMULI["poisson"](12, n_steps, m.dt, np.random.default_rng(seed), rate=60.0)


def part(spikes, first, n_steps):
    inside = (spikes.step >= first) & (spikes.step < first + n_steps)
    none = np.empty(0, np.int64)
    return replace(spikes, step=spikes.step[inside] - first, neuron=spikes.neuron[inside], n_steps=n_steps,
                   onset=none, offset=none, label=none)


def lived(m, network, spikes, epochs, between=lambda network: network, target="numpy"):
    """The network after `epochs` equal parts of the stimulus, and all spikes of the cells on the absolute clock."""
    n, fired = spikes.n_steps // epochs, []
    for k in range(epochs):
        network, out = brian.advance(m, network, {"input": part(spikes, k * n, n)}, n, target=target)
        fired.append(np.stack([out["cells"][0] + k * n, out["cells"][1]]))
        network = between(network)
    return network, np.concatenate(fired, axis=1)


def same(a, b):
    for group in ("neurons", "synapses", "pending"):
        for name, table in getattr(a, group).items():
            other = getattr(b, group)[name]
            assert table.columns.keys() == other.columns.keys()
            for column in table.columns:
                if not np.array_equal(table.columns[column], other.columns[column]):
                    return f"{name}.{column}"
    return "same"


@pytest.mark.parametrize("rule", ["pair_stdp", "triplet_stdp", "bcm", "post_stdp"])
def test_four_epochs_equal_one_run_bit_for_bit(tmp_path, rule):
    m = load(tmp_path, rule)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    whole, fired = lived(m, start, spikes, 1)
    parts, fired_in_parts = lived(m, start, spikes, 4)
    assert fired.shape[1] > 100 and any(len(t) for t in whole.pending.values())
    assert np.array_equal(fired, fired_in_parts)
    assert same(whole, parts) == "same"


@pytest.mark.slow
def test_four_epochs_equal_one_run_bit_for_bit_in_cython(tmp_path):
    if not brian.has_compiler():
        pytest.skip("no C compiler here")
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    whole, fired = lived(m, start, spikes, 1, target="cython")
    parts, fired_in_parts = lived(m, start, spikes, 4, target="cython")
    assert np.array_equal(fired, fired_in_parts) and same(whole, parts) == "same"


CARRIED = [("neurons", "cells", c) for c in ("v", "theta", "lastspike", "g_forward", "h_lateral", "y_forward")]
CARRIED += [("neurons", "input", "x_forward"), ("neurons", "cells", "x_lateral")]
CARRIED += [("synapses", "forward", c) for c in ("w", "spine", "lastupdate")] + [("synapses", "lateral", "w")]
CARRIED += [("pending", p, "") for p in ("forward.pre", "drive.pre", "input.forward")]


@pytest.mark.parametrize(("group", "name", "column"), CARRIED)
def test_every_carried_thing_matters_left_out_it_breaks_the_run(tmp_path, group, name, column):
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)

    def forget(network):
        if group == "pending":
            return replace(network, pending={**network.pending, name: network.pending[name].keep(slice(0, 0))})
        tables = dict(getattr(network, group))
        birth = getattr(start, group)[name].columns[column]
        tables[name] = tables[name].replace(**{column: birth})
        return replace(network, **{group: tables})

    whole, _ = lived(m, start, spikes, 8)
    broken, _ = lived(m, start, spikes, 8, between=forget)
    assert same(whole, broken) != "same"


@pytest.mark.parametrize("rule", ["pair_stdp", "triplet_stdp", "post_stdp", "inhibitory_stdp"])
@pytest.mark.parametrize("delay", ["0 ms", "2.5 ms"])
def test_traces_on_neurons_give_the_weights_of_traces_in_synapses(tmp_path, rule, delay):
    text = MODEL.format(rule=rule, q=0.0).replace('delay = "2.5 ms"', f'delay = "{delay}"')
    text = text.replace(', "spine"]', "]")
    (tmp_path / "small.toml").write_text(text)
    fast = model.load(str(tmp_path / "small.toml"))
    projection = fast.projections["forward"]
    assert projection.arrivals and not any("event-driven" in e.flags for e in projection.code.equations)
    textbook = replace(projection, code=renamed(projection.plain, {"g_post": "g_forward_post"}), arrivals=())
    plain = replace(fast, projections={**fast.projections, "forward": textbook})
    spikes = stimulus(fast)
    lifted, fired = lived(fast, newborn.start_network(fast, 3), spikes, 1)
    unlifted, fired_plain = lived(plain, newborn.start_network(plain, 3), spikes, 1)
    w, w_plain = lifted.synapses["forward"].w, unlifted.synapses["forward"].w
    assert np.array_equal(fired, fired_plain)
    assert np.abs(w - newborn.start_network(fast, 3).synapses["forward"].w).max() > 1e-3
    np.testing.assert_allclose(w, w_plain, rtol=1e-12, atol=1e-14)


def test_a_trace_that_rises_at_the_spike_instead_of_the_arrival_would_be_wrong(tmp_path):
    m = load(tmp_path, q=0.0)
    early = replace(m, projections={**m.projections, "forward": replace(m.projections["forward"], delay=0.0)})
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    w, w_early = (lived(x, start, spikes, 1)[0].synapses["forward"].w for x in (m, early))
    spread = np.std(w - start.synapses["forward"].w)
    assert np.sqrt(np.mean((w - w_early) ** 2)) > 0.05 * spread


def test_frozen_learning_changes_no_weight_and_no_threshold(tmp_path):
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m, STEPS)
    after, fired = brian.advance(m, start, {"input": spikes}, STEPS, target="numpy", learning=False)
    assert len(fired["cells"][0]) > 20
    for name in ("forward", "lateral"):
        assert np.array_equal(after.synapses[name].w, start.synapses[name].w)
    assert (after.synapses["forward"].spine <= start.synapses["forward"].spine).all()


def test_removed_neurons_leave_the_others_exactly_as_they_were(tmp_path):
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    lone = 4  # a cell cut off from the others before it is removed
    for name, table in start.synapses.items():
        apart = (table.post == lone) | ((table.pre == lone) & (name == "lateral"))
        start = replace(start, synapses={**start.synapses, name: table.replace(alive=~apart)})
    start = start.compact()

    def remove(network):
        cells = network.neurons["cells"]
        return replace(network, neurons={**network.neurons, "cells": cells.replace(alive=cells.id != lone)}).compact()

    kept, fired = lived(m, start, spikes, 4)
    gone, fired_without = lived(m, start, spikes, 4, between=remove)
    assert len(gone.neurons["cells"]) == 14
    assert same(replace(remove(kept), next_id=gone.next_id), gone) == "same"


def test_a_table_says_what_a_wrong_column_is():
    with pytest.raises(ValueError, match="one length"):
        Table({"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(AttributeError, match="no column 'w'"):
        Table({"a": np.zeros(2)}).w  # noqa: B018
