"""Competition: copies side by side, the two eyes, the measures, and what the protocols' models do in short."""

import numpy as np
import pytest

from dpap_bio import protocol as protocols
from dpap_bio import results
from dpap_bio.backends import BACKENDS
from dpap_bio.development import develop
from dpap_bio.judge import judge
from dpap_bio.measures_competition import _index_of, cell_rate, eliminated_in, weight_share, weights
from dpap_bio.newborn import start_network
from dpap_bio.stimuli import STIMULI

NAMES = ["song_competition", "correlated_competition", "competition_pruning", "ocular_dominance_spiking"]


def test_each_copy_is_connected_within_itself_only():
    protocol = protocols.load("ocular_dominance_spiking", size="quick")
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    network = start_network(model, 1)
    for name, per_pre, per_post in (("forward", 128, 8), ("inhibition", 8, 8)):
        table = network.synapses[name]
        assert (table.pre // per_pre == table.post // per_post).all()
    assert len(network.synapses["forward"]) == model.copies * 128 * 8
    assert len(network.synapses["inhibition"]) == model.copies * 8 * 7


def test_copies_see_draws_of_their_own_with_the_numbers_of_their_condition():
    from dpap_bio.probes import draw

    protocol = protocols.load("correlated_competition", size="quick")
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    shown = protocol.stages[0].shown[0]
    per_bin = round(0.01 / model.dt)
    spikes = draw(shown, model, start_network(model, 1), 1000 * per_bin, 1, 0)
    raster = np.zeros((3000, 1000), bool)  # bins of 10 ms
    raster[spikes.neuron, spikes.step // per_bin] = True
    upper = np.triu_indices(200, 1)
    pairs = [np.corrcoef(raster[k * 1000:k * 1000 + 200].astype(float))[upper].mean() for k in range(3)]
    assert abs(pairs[0]) < 0.003
    assert 0.005 < pairs[1] < 0.015
    assert 0.035 < pairs[2] < 0.06
    assert not np.array_equal(raster[:1000], raster[1000:2000])


def test_a_closed_eye_sends_noise_only():
    rng = np.random.default_rng(3)
    spikes = STIMULI["eyes"](40, 60_000, 1e-3, rng, rate=50.0, window=0.1, left=0.0, right=1.0, noise=5.0)
    rate = np.bincount(spikes.neuron, minlength=40) / 60.0
    assert rate[:20].mean() == pytest.approx(5.0, rel=0.1)
    assert rate[20:].mean() == pytest.approx(5.0 + 50.0 / 4, rel=0.1)


def test_both_eyes_see_the_same_pattern():
    rng = np.random.default_rng(4)
    spikes = STIMULI["eyes"](16, 4000, 1e-3, rng, rate=200.0, window=0.1, patterns=2)
    group = spikes.neuron % 8 // 4
    assert (group == spikes.label[spikes.step // 100]).all()


def test_eyes_refuses_an_odd_number_of_neurons_in_one_sentence():
    with pytest.raises(ValueError, match="even number of neurons"):
        STIMULI["eyes"](7, 100, 1e-3, np.random.default_rng(0), rate=50.0, window=0.1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["full", "quick"])
def test_each_protocol_and_its_criteria_are_read(name, size):
    protocol = protocols.load(name, size=size)
    judged = [c for c in protocol.criteria if not c.sizes or size in c.sizes]
    assert judged


@pytest.fixture(scope="module")
def short():
    """A minute of the pruning protocol cut down to seconds: two epochs of competition, the cut, one epoch more."""
    from dataclasses import replace

    protocol = protocols.load("competition_pruning", size="quick", set_={"input.size": 100, "inhibitory.size": 20,
                                                                         "excitation.g_syn": 0.15})
    lengths = {"competition": (2, 3000), "cut": (1, 1000), "relearning": (1, 1000), "later": (1, 1000)}
    stages = tuple(replace(s, epochs=lengths[s.name][0], n_steps=lengths[s.name][1]) for s in protocol.stages)
    protocol = replace(protocol, stages=stages)
    advance = BACKENDS["runtime"].open("numpy")
    lived = {arm.name: list(develop(protocol, arm, 1, advance)) for arm in protocol.arms}
    return protocol, lived


def test_arms_are_one_development_until_the_cut(short):
    _, lived = short
    for before, same in zip(lived["main"][:3], lived["unscaled"][:3], strict=True):
        a, b = (x.network.synapses["excitation"].columns for x in (before, same))
        assert all(np.array_equal(a[n], b[n]) for n in a)


def test_scaling_keeps_the_strength_of_each_cell_at_the_cut(short):
    _, lived = short
    cut = next(k for k, e in enumerate(lived["main"]) if e.record.get("stage") == "cut")
    scaled, bare = (lived[arm][cut].network.synapses["excitation"] for arm in ("main", "unscaled"))
    assert np.array_equal(scaled.id, bare.id) and len(scaled) < 200
    assert (bare.gain == 1).all() and (scaled.gain > 1).all()
    gone = lived["main"][cut].record["deaths"]["excitation"]["w"].sum()
    assert (scaled.gain * scaled.w).sum() == pytest.approx(bare.w.sum() + gone)


def test_measures_and_file_agree_with_the_developments(short, tmp_path):
    from dpap_bio.results_development import groups

    protocol, lived = short
    found = groups(protocol, {(arm, 1): [e.record for e in epochs] for arm, epochs in lived.items()})
    import xarray as xr

    run = xr.DataTree.from_dict(found)
    last = lived["main"][-1]
    w, place = weights(run, "main", 1, "excitation", "medium")
    table = last.network.synapses["excitation"]
    mine = table.post == 1
    assert sorted(w) == pytest.approx(sorted(table.w[mine]))
    assert place.min() >= 0 and place.max() < 1
    share = weight_share(run, "main", 1, projection="excitation", condition="medium", low=0.0, high=1.0)
    assert share == 1.0
    died = eliminated_in(run, "main", 1, projection="excitation", condition="medium")
    assert died == pytest.approx(1 - mine.sum() / 100)
    rate = cell_rate(run, "main", 1, population="cell", condition="slow", during="later", last=1.0)
    assert rate == pytest.approx(last.record["cells"]["cell"]["rate"][0])
    assert np.isfinite(_index_of(run, "main", 1, "excitation", "slow", 0.2, None))


def test_a_criterion_of_another_size_is_not_judged():
    class Run:
        attrs = {"size": "full"}

    protocol = protocols.load("song_competition")
    only_quick = type("P", (), {"criteria": [c for c in protocol.criteria if c.sizes == ["quick"]]})
    assert only_quick.criteria and judge(Run(), only_quick) == []


def test_measures_have_documented_units():
    assert results.SCHEMA["*/seed_*/cells_*"]["rate"].units == "Hz"
