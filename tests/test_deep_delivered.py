"""DPAP that scores what a synapse delivers: our correction of the score where inputs are never negative."""

from types import SimpleNamespace

import numpy as np
import pytest
from deep_small import DPAP, model_text

torch = pytest.importorskip("torch")

from dpap_bio.deep import model  # noqa: E402
from dpap_bio.deep.methods import LayerView, find_method  # noqa: E402
from dpap_bio.deep.methods.dpap import delivered_score  # noqa: E402
from dpap_bio.deep.network import DeepNetwork  # noqa: E402
from dpap_bio.deep.statistics import Traces  # noqa: E402
from dpap_bio.network import Projection, Table  # noqa: E402
from dpap_bio.rules.rule import Activity, Firing  # noqa: E402


def _relations(seed, n=4000):
    """BCM factor of two units and the activity of three inputs: one goes along with unit 0, one against, one is bright
    and knows nothing."""
    rng = np.random.default_rng(seed)
    y = rng.random((n, 2))
    factor = y * (y - y.mean(0))
    with_it = np.clip(y[:, 0] + 0.1 * rng.standard_normal(n), 0, None)
    against = np.clip(1 - y[:, 0] + 0.1 * rng.standard_normal(n), 0, None)
    return factor, np.stack([with_it, against, 5 + 0.1 * rng.standard_normal(n)], 1)


def test_delivered_scores_of_a_unit_add_up_to_the_covariance_of_its_bcm_term_with_its_current():
    factor, x = _relations(0)
    w = np.array([[0.3, -0.7, 0.2], [0.1, 0.4, -0.5]])
    score = delivered_score(w, factor.T @ x, np.outer(factor.sum(0), x.mean(0)))
    current = x @ w.T
    assert np.allclose(score.sum(1), (factor * (current - current.mean(0))).sum(0))


def test_a_bright_input_that_knows_nothing_leads_the_plain_score_and_is_last_in_the_delivered_one():
    factor, x = _relations(1)
    plain = (factor.T @ x)[0]
    delivered = delivered_score(np.array([0.5, -0.5, 0.5]), plain, factor.sum(0)[0] * x.mean(0))
    assert plain.argmax() == 2
    assert delivered[2] < 0.05 * min(delivered[0], delivered[1])


def test_an_inhibitory_synapse_counts_where_its_source_is_silent_when_the_unit_fires():
    factor, x = _relations(2)
    fresh, chance = (factor.T @ x)[0], factor.sum(0)[0] * x.mean(0)
    against = delivered_score(np.array([-1.0, 1.0, 0.0]), fresh, chance)
    along = delivered_score(np.array([1.0, -1.0, 0.0]), fresh, chance)
    assert (along[:2] > 0).all() and (against[:2] < 0).all() and along[2] == 0


def test_what_would_be_scored_by_chance_is_the_mean_input_times_the_bcm_terms():
    net = DeepNetwork(model.from_text("small", model_text(pool_of="spikes"), {})).grow(1).train()
    zero = {layer.name: (torch.zeros(layer.weight.shape[0]),) * 2 for layer in net.prunable()}
    seen = Traces(net, zero, decay=0.5, power=1.0, scale=1.0)
    with torch.no_grad():
        for k in range(4):
            net(torch.randn(9, 1, 8, 8, generator=torch.Generator().manual_seed(k)), seen)
    kept = {name: list(batches) for name, batches in seen._waiting.items()}  # so few are not added up yet
    for layer in net.prunable():
        factor, x = (torch.cat(parts) for parts in zip(*kept[layer.name], strict=True))
        chance = seen.by_chance(layer.name)
        assert torch.allclose(chance, torch.outer(factor.sum(0), x.mean(0)), rtol=1e-4, atol=1e-7)
        centred = (factor - factor.mean(0)).T @ (x - x.mean(0))
        near = 1e-4 * float(centred.abs().max())
        assert torch.allclose(seen.score[layer.name] - chance, centred, rtol=1e-3, atol=near)


def _view(kind, w, fresh, chance):
    n_post, n_pre = w.shape
    index, zero, one = torch.arange(n_post * n_pre), torch.zeros(n_post * n_pre), torch.ones(n_post)
    synapses = Table({"id": index, "pre": index % n_pre, "post": index // n_pre, "alive": zero == 0, "w": w.flatten(),
                      "score": zero, "score_weight": zero, "reserve": zero + 0.5, "fresh": fresh.flatten(),
                      "fresh_by_chance": chance.flatten()})
    target = Table({"id": torch.arange(n_post), "alive": one > 0, "use": 0 * one, "use_weight": 0 * one,
                    "density": 0 * one, "reserve_neuron": 50 * one, "fresh_use": one, "samples": one,
                    "threshold_bcm": one, "threshold_weight": one})
    source = Table({"id": torch.arange(n_pre), "alive": torch.ones(n_pre) > 0})
    nothing = Firing(torch.zeros(1), torch.zeros(0, 1))
    return LayerView(kind, Projection("x", source, target, synapses), Activity(nothing, nothing, 1.0, 1.0, 7.0, 6))


def test_fc_synapses_live_by_what_they_deliver_and_conv_filters_by_the_plain_score():
    """By brightness alone inputs 0 to 4 would live and the others die; by what is delivered the other way round."""
    torch.manual_seed(0)
    chance = torch.ones(20, 10)
    chance[:, :5] = 9.0
    related = 0.1 * torch.rand(20, 10)
    related[:, 5:] += 1.0
    w = torch.where(torch.rand(20, 10) < 0.5, -1.0, 1.0)
    fresh = chance + w * related
    p = SimpleNamespace(**{**DPAP, "survival_start": 5.0, "subtract_minimum": 0.0})
    alive = {m: find_method(m).step({"fc1": _view("fc", w, fresh, chance)}, p, np.random.default_rng(0))["fc1"]
             .synapses.alive.reshape(20, 10) for m in ("dpap", "dpap_delivered")}
    assert alive["dpap_delivered"][:, 5:].all() and not alive["dpap_delivered"][:, :5].any()
    assert alive["dpap"][:, :5].all() and not alive["dpap"][:, 5:].any()
    conv = [find_method(m).step({"conv1": _view("conv", w.abs(), fresh, chance)}, p, np.random.default_rng(0))["conv1"]
            for m in ("dpap", "dpap_delivered")]
    assert torch.equal(conv[0].synapses.score, conv[1].synapses.score)
