"""GeNN against Brian2 itself, where DPAP_GENN names its environment: the same spikes, weights to rounding."""

import os
from dataclasses import replace

import numpy as np
import pytest
import test_epochs as epochs

from dpap_bio import brian, newborn
from dpap_bio.genn import Genn
from dpap_bio.network import Table
from dpap_bio.settle import settled

pytestmark = [
    pytest.mark.skipif(not os.environ.get("DPAP_GENN"), reason="DPAP_GENN does not name GeNN's environment"),
    pytest.mark.slow,  # compiling: half a minute a model, once
]
RULES = ["pair_stdp", "triplet_stdp", "triplet_stdp_nearest", "bcm", "post_stdp"]


@pytest.fixture(scope="module")
def genn():
    made = Genn("cpu")
    yield made
    made.close()


def pair(m, genn, between=lambda network: network, lengths=(epochs.STEPS,) * 4, before=lambda network: network):
    """Both backends through epochs of these lengths: (network, spikes of the cells) of Brian2, then of GeNN."""
    spikes, out = epochs.stimulus(m, sum(lengths)), []
    for advance in (lambda *a: brian.advance(*a, target="numpy"), genn):
        network, fired = newborn.start_network(m, 3), []
        for first, steps in zip(np.cumsum((0, *lengths)), lengths, strict=False):
            network, got = advance(m, network if advance is not genn else before(network),
                                   {"input": epochs.part(spikes, first, steps)}, steps)
            fired.append(np.stack([got["cells"][0] + first, got["cells"][1]]))
            network = between(network)
        out.append((network, np.concatenate(fired, axis=1)))
    return out


def assert_same(m, ours, theirs):
    """Spikes and events in flight equal; state, carried to now, equal to 1e-12 of the largest value of its column."""
    (a, fired_a), (b, fired_b) = ours, theirs
    a, b = now(m, a), now(m, b)
    assert fired_a.shape[1] > 40 and np.array_equal(fired_a, fired_b)
    assert a.step == b.step
    for group in ("neurons", "synapses", "pending"):
        assert getattr(a, group).keys() == getattr(b, group).keys()
        for name, table in getattr(a, group).items():
            assert table.columns.keys() == getattr(b, group)[name].columns.keys()
            for column, values in table.columns.items():
                if column == "lastupdate":
                    continue  # there are more events where traces are in synapses
                other = getattr(b, group)[name].columns[column]
                np.testing.assert_allclose(other, values, rtol=0, atol=1e-12 * max(1.0, np.abs(values).max(initial=0)),
                                           err_msg=f"{name}.{column}")


def now(m, network):
    time = network.step * m.dt
    return replace(network, synapses={
        n: settled(m.projections[n], t, time) if "lastupdate" in t else t for n, t in network.synapses.items()})


@pytest.mark.parametrize("rule", RULES)
def test_four_epochs_are_those_of_brian2_in_its_own_schedule(tmp_path, genn, rule):
    m = epochs.load(tmp_path, rule)
    assert_same(m, *pair(m, genn))


def test_nothing_is_compiled_or_started_anew_after_the_first_epoch(tmp_path, genn, capfd):
    m = epochs.load(tmp_path)
    pair(m, genn, lengths=(200,))
    process, _ = genn._worker._process.pid, capfd.readouterr()
    pair(m, genn, lengths=(200, 100))
    assert genn._worker._process.pid == process and "compiling" not in capfd.readouterr().err


@pytest.mark.parametrize("rule", ["pair_stdp", "bcm"])
def test_pruning_births_and_dying_neurons_between_epochs_are_as_in_brian2(tmp_path, genn, rule):
    """Three steps are shorter than the delay of five: spikes stay in flight over two borders, with births at each."""
    m = epochs.load(tmp_path, rule)
    assert_same(m, *pair(m, genn, between=lambda n: changed(m, n), lengths=(150, 3, 3, 3, 1, 140, 100)))


def changed(m, network):
    """Some synapses go, some come, and now and then a cell dies: by the clock, so in the same way on both backends."""
    rng = np.random.default_rng(network.step)
    forward = network.synapses["forward"]
    network = replace(network, synapses={
        **network.synapses, "forward": forward.replace(alive=rng.random(len(forward)) > 0.02)})
    if network.step % 150 == 0 and len(network.neurons["cells"]) > 10:
        cells = network.neurons["cells"]
        network = replace(network, neurons={**network.neurons, "cells": cells.replace(alive=cells.id != cells.id[2])})
    network = network.compact()
    pre, post = rng.integers(0, 12, 12), rng.integers(0, len(network.neurons["cells"]), 12)
    return network.born("forward", newborn.synapses(m, network, "forward", pre, post, rng))


def test_frozen_learning_changes_no_weight(tmp_path, genn):
    m = epochs.load(tmp_path)
    network = newborn.start_network(m, 3)
    after, fired = genn(m, network, {"input": epochs.stimulus(m, 200)}, 200, learning=False)
    assert len(fired["cells"][0]) > 20
    for name in ("forward", "lateral"):
        assert np.array_equal(after.synapses[name].w, network.synapses[name].w)


@pytest.mark.parametrize("left_out", ["forward.pre", "drive.pre", "theta", "lastspike", "x_forward", "w"])
def test_what_is_left_out_between_epochs_breaks_the_equality(tmp_path, genn, left_out):
    m = epochs.load(tmp_path)
    birth = newborn.start_network(m, 3)

    def forget(network):
        if left_out.endswith(".pre"):
            empty = Table({"delay": np.empty(0, np.int64), "index": np.empty(0, np.int64)})
            return replace(network, pending={**network.pending, left_out: empty})
        group, name = {"x_forward": ("neurons", "input"), "w": ("synapses", "forward")}.get(
            left_out, ("neurons", "cells"))
        table = getattr(network, group)[name].replace(**{left_out: getattr(birth, group)[name].columns[left_out]})
        return replace(network, **{group: {**getattr(network, group), name: table}})

    with pytest.raises(AssertionError):
        assert_same(m, *pair(m, genn, before=forget, lengths=(200,) * 3))


def test_in_spite_of_its_name_clip_is_in_double(tmp_path, genn):
    """Brian2GeNN's own clip rounds weights to 1e-7: the control of the tolerance above."""
    m = epochs.load(tmp_path)
    (_, _), (network, _) = pair(m, genn, lengths=(200,))
    w = network.synapses["forward"].w
    assert np.abs(w - w.astype(np.float32)).max() > 1e-9
