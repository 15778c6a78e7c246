"""The compiled backend lives the same epoch as Brian2 at runtime, and nothing shows where an epoch begins."""

from dataclasses import replace

import numpy as np
import pytest
from test_epochs import CARRIED, MODEL, STEPS, load, part, same, stimulus

from dpap_bio import _standalone_library, backends, brian, model, newborn, protocol, standalone
from dpap_bio.development import develop
from dpap_bio.network import Table
from dpap_bio.settle import settled
from dpap_bio.spikes import Spikes

pytestmark = pytest.mark.skipif(_standalone_library.compiler() is None, reason="no C++ compiler here")
RULES = ["pair_stdp", "triplet_stdp", "bcm", "post_stdp", "inhibitory_stdp"]


@pytest.fixture(autouse=True)
def _kept_programs(request, monkeypatch):
    """Programs are compiled into pytest's cache: a second run of the tests compiles nothing."""
    monkeypatch.setenv("DPAP_CACHE", str(request.config.cache.mkdir("standalone")))


def lived(m, network, spikes, lengths, between=lambda network: network, advance=standalone.advance, **how):
    """The network after epochs of these lengths (steps), and all spikes of the cells on the absolute clock."""
    fired, first = [], 0
    for n in lengths:
        network, out = advance(m, network, {"input": part(spikes, first, n)}, n, **how)
        fired.append(np.stack([out["cells"][0] + first, out["cells"][1]]))
        network, first = between(network), first + n
    return network, np.concatenate(fired, axis=1)


def today(m, network):
    """The synapses with event-driven variables as of now; `lastupdate`, a matter of storage, left out."""
    out = {}
    for name, projection in m.projections.items():
        columns = settled(projection, network.synapses[name], network.step * m.dt).columns
        out[name] = Table({n: c for n, c in columns.items() if n != "lastupdate"})
    return replace(network, synapses=out)


def close(a, b, tolerance):
    for group in ("neurons", "synapses", "pending"):
        for name, table in getattr(b, group).items():
            assert getattr(a, group)[name].columns.keys() == table.columns.keys()
            for column, values in table.columns.items():
                found = getattr(a, group)[name].columns[column]
                bound = tolerance * np.abs(values).max(initial=0)
                np.testing.assert_allclose(found, values, rtol=tolerance, atol=bound, err_msg=f"{name}.{column}")
    return True


@pytest.mark.parametrize("rule", RULES)
def test_an_epoch_equals_that_of_the_runtime_backend(tmp_path, rule):
    m = load(tmp_path, rule)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    ours, fired = lived(m, start, spikes, [4 * STEPS])
    theirs, fired_there = lived(m, start, spikes, [4 * STEPS], advance=brian.advance, target="numpy")
    assert fired.shape[1] > 100 and any(len(t) for t in theirs.pending.values())
    assert np.array_equal(fired, fired_there)
    assert close(today(m, ours), today(m, theirs), 1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_epochs_of_any_length_equal_one_run_bit_for_bit(tmp_path, rule):
    m = load(tmp_path, rule)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    whole, fired = lived(m, start, spikes, [4 * STEPS])
    parts, fired_in_parts = lived(m, start, spikes, [STEPS, 1, 3, 2 * STEPS - 4, STEPS])
    assert np.array_equal(fired, fired_in_parts)
    assert same(whole, parts) == "same"


def test_an_epoch_boundary_does_not_show_where_the_base_of_fading_variables_moves(tmp_path, monkeypatch):
    monkeypatch.setattr(standalone, "SPAN", 0.01)
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    every = standalone._Base.of(standalone.fading(m)["forward"].values(), m.dt, 0).every
    assert every == 200
    whole, _ = lived(m, start, spikes, [4 * STEPS])
    parts, _ = lived(m, start, spikes, [every, every - 1, 2, 4 * STEPS - 2 * every - 1])
    theirs, _ = lived(m, start, spikes, [4 * STEPS], advance=brian.advance, target="numpy")
    assert same(whole, parts) == "same" and close(today(m, whole), today(m, theirs), 1e-12)


@pytest.mark.parametrize(("group", "name", "column"), [c for c in CARRIED if c[2] != "lastupdate"])
def test_every_carried_thing_matters_left_out_it_breaks_the_run(tmp_path, group, name, column):
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)

    def forget(network):
        if group == "pending":
            return replace(network, pending={**network.pending, name: network.pending[name].keep(slice(0, 0))})
        tables = dict(getattr(network, group))
        tables[name] = tables[name].replace(**{column: getattr(start, group)[name].columns[column]})
        return replace(network, **{group: tables})

    whole, _ = lived(m, start, spikes, [STEPS // 2] * 8)
    broken, _ = lived(m, start, spikes, [STEPS // 2] * 8, between=forget)
    assert same(whole, broken) != "same"


def test_what_rules_leave_behind_goes_on_as_at_runtime(tmp_path):
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)

    def ruled(network):
        """Half of the spines change, a third of the synapses die, as many are born."""
        old = network.projection("forward").synapses
        fresh = settled(m.projections["forward"], old, network.step * m.dt)
        spine = np.where(fresh.id % 2 == 0, fresh.spine * 0.5, fresh.spine)
        changed = fresh.replace(spine=spine, lastupdate=np.full(len(old), network.step * m.dt), alive=fresh.id % 3 > 0)
        network = replace(network, synapses={**network.synapses, "forward": changed}).compact()
        rng = np.random.default_rng(network.step)
        pre, post = rng.integers(0, 12, 20), rng.integers(0, 15, 20)
        return network.born("forward", newborn.synapses(m, network, "forward", pre, post, rng))

    ours, fired = lived(m, start, spikes, [STEPS] * 4, ruled)
    theirs, fired_there = lived(m, start, spikes, [STEPS] * 4, ruled, advance=brian.advance, target="numpy")
    assert np.array_equal(fired, fired_there)
    assert close(today(m, ours), today(m, theirs), 1e-12)


GATED = """
schema = "dpap-mechanism/1"
title  = "A synapse that a gate can silence"
[synapse]
equations = "gate : 1"
on_pre = "g_post += gate * w * q_syn"
[target]
equations = "dg/dt = -g / tau_syn : volt"
adds = { drive = "g" }
[start]
g = 0.0
gate = 1.0
w = 1.0
[parameters]
tau_syn = { value = 5.0, unit = "ms", chosen = "as current_synapse" }
q_syn = { value = 1.62, unit = "mV", chosen = "as current_synapse" }
"""


def test_pruned_equals_gated_bit_for_bit(tmp_path):
    (tmp_path / "gated.toml").write_text(GATED)
    text = MODEL.format(rule="pair_stdp", q=20.0).replace('"current_synapse", "pair_stdp"',
                                                          '"weight", "./gated.toml", "pair_stdp"', 1)
    (tmp_path / "gates.toml").write_text(text)
    m = model.load(str(tmp_path / "gates.toml"))
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    gone = np.random.default_rng(5).random(len(start.synapses["forward"])) < 0.6

    def changed(network, **columns):
        table = network.synapses["forward"].replace(**columns)
        return replace(network, synapses={**network.synapses, "forward": table})

    before, _ = lived(m, start, spikes, [STEPS])
    assert gone[before.pending["forward.pre"].index].any()  # events in flight on the removed are dropped
    rest = part(spikes, STEPS, 3 * STEPS)
    gated, fired = lived(m, changed(before, gate=np.where(gone, 0.0, 1.0)), rest, [3 * STEPS])
    pruned, fired_pruned = lived(m, changed(before, alive=~gone).compact(), rest, [3 * STEPS])
    assert np.array_equal(fired, fired_pruned) and fired.shape[1] > 100
    assert same(changed(gated, alive=~gone).compact(), pruned) == "same"


def test_removed_neurons_leave_the_others_exactly_as_they_were_and_nothing_is_compiled(tmp_path, monkeypatch):
    m = load(tmp_path)
    start, spikes = newborn.start_network(m, 3), stimulus(m)
    lone = 4
    for name, table in start.synapses.items():
        apart = (table.post == lone) | ((table.pre == lone) & (name == "lateral"))
        start = replace(start, synapses={**start.synapses, name: table.replace(alive=~apart)})
    start = start.compact()

    def remove(network):
        cells = network.neurons["cells"]
        return replace(network, neurons={**network.neurons, "cells": cells.replace(alive=cells.id != lone)}).compact()

    kept, _ = lived(m, start, spikes, [STEPS] * 4)
    monkeypatch.setattr(_standalone_library, "_compile", _must_not)
    gone, _ = lived(m, start, spikes, [STEPS] * 4, remove)
    assert len(gone.neurons["cells"]) == 14
    assert same(replace(remove(kept), next_id=gone.next_id), gone) == "same"


def test_other_values_sizes_and_delays_run_in_the_same_program(tmp_path, monkeypatch):
    lived(load(tmp_path), newborn.start_network(load(tmp_path), 3), stimulus(load(tmp_path)), [10])
    monkeypatch.setattr(_standalone_library, "_compile", _must_not)
    text = (tmp_path / "small.toml").read_text().replace('delay = "1.5 ms"', 'delay = "4 ms"').replace("30.0", "35.0")
    (tmp_path / "small.toml").write_text(text.replace("size = 15", "size = 31"))
    m = model.load(str(tmp_path / "small.toml"), set_={"tau_m": 25.0, "tau_spine": "3 s"})
    start, spikes = newborn.start_network(m, 4), stimulus(m)
    ours, fired = lived(m, start, spikes, [STEPS])
    theirs, fired_there = lived(m, start, spikes, [STEPS], advance=brian.advance, target="numpy")
    assert np.array_equal(fired, fired_there) and fired.shape[1] > 50
    assert close(today(m, ours), today(m, theirs), 1e-12)


def test_frozen_learning_changes_no_weight(tmp_path):
    m = load(tmp_path)
    start = newborn.start_network(m, 3)
    after, fired = standalone.advance(m, start, {"input": stimulus(m, STEPS)}, STEPS, learning=False)
    assert len(fired["cells"][0]) > 20
    for name in ("forward", "lateral"):
        assert np.array_equal(after.synapses[name].w, start.synapses[name].w)


def test_a_network_without_synapses_lives(tmp_path):
    m = load(tmp_path)
    start = newborn.start_network(m, 3)
    bare = replace(start, synapses={n: t.replace(alive=np.zeros(len(t), bool)) for n, t in start.synapses.items()})
    ours, _ = lived(m, bare.compact(), stimulus(m), [STEPS])
    theirs, _ = lived(m, bare.compact(), stimulus(m), [STEPS], advance=brian.advance, target="numpy")
    assert close(ours, theirs, 1e-12)


def test_a_population_that_nothing_is_shown_to_is_silent_as_at_runtime():
    m = model.load("bcm_threshold")  # two inputs, each followed by the cell
    start, spikes = newborn.start_network(m, 3), np.arange(0, 400, 100)
    shown = {"pre": Spikes(spikes, 0 * spikes, 1, 500, m.dt, [0], [500], [-1])}
    ours, fired = standalone.advance(m, start, shown, 500)
    theirs, fired_there = brian.advance(m, start, shown, 500, target="numpy")
    assert close(ours, theirs, 1e-12)
    assert fired.keys() == fired_there.keys() and not len(fired["other"][0])


@pytest.mark.parametrize("name", ["critical_period", "spine_fading"])
def test_shipped_developments_begin_as_at_runtime(name):
    p = protocol.load(name, size="quick")
    develops = [develop(p, p.arms[0], p.seeds[0], backends.BACKENDS[b].open(t))
                for b, t in (("cpp_standalone", "cpp"), ("runtime", "numpy"))]
    for _ in range(3):
        ours, theirs = (next(d) for d in develops)
    for population, table in theirs.network.neurons.items():
        assert table.columns.keys() == ours.network.neurons[population].columns.keys()
    for key, value in theirs.record["summary"].items():
        np.testing.assert_allclose(ours.record["summary"][key], value, rtol=1e-6, err_msg=key)


def _must_not(*arguments):
    raise AssertionError("something was compiled")
