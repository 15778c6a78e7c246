from types import SimpleNamespace

import numpy as np
import pytest
from deep_small import DPAP, model_text

torch = pytest.importorskip("torch")

from dpap_bio.deep import bridge, model  # noqa: E402
from dpap_bio.deep.methods import METHODS, LayerView, find_method  # noqa: E402
from dpap_bio.deep.methods.magnitude import cubic_sparsity  # noqa: E402
from dpap_bio.deep.methods.sdsnn import trophic_rate  # noqa: E402
from dpap_bio.deep.network import DeepNetwork  # noqa: E402
from dpap_bio.deep.statistics import Traces, mean_gradient, mean_nearness  # noqa: E402
from dpap_bio.network import Projection, Table  # noqa: E402
from dpap_bio.rules import RULES  # noqa: E402
from dpap_bio.rules.importance import bcm_score, sliding_threshold  # noqa: E402
from dpap_bio.rules.rule import Activity, Firing  # noqa: E402


def small(**form):
    return DeepNetwork(model.from_text("small", model_text(**form), {})).grow(1)


def views(net, grain, epoch=3, quotas=None, columns=None):
    """Every prunable layer as a method sees it."""
    found = {}
    for layer in net.prunable():
        proj = bridge.projection(layer, net.hears(layer), grain, {}, (columns or {}).get(layer.name, {}))
        nothing = Firing(torch.zeros(1), torch.zeros(0, 1))
        quota = (quotas or {}).get(layer.name, (None, None))
        activity = Activity(nothing, nothing, 1.0, 1.0, epoch + 1.0, epoch, quota[0])
        found[layer.name] = LayerView(layer.spec.kind, proj, activity, quota[1], len(proj.synapses), 10,
                                      hears=tuple(each.name for each in net.hears(layer)))
    return found


def live(projections):
    return {n: int(p.synapses.alive.sum()) for n, p in projections.items()}


@pytest.mark.parametrize("grain", ["kernel", "weight"])
def test_a_layer_and_its_projection_agree_on_who_is_connected_to_whom(grain):
    net = small()
    proj = bridge.projection(net.layers[2], [net.layers[1]], grain, {}, {})
    syn, weight = proj.synapses, net.layers[2].weight.detach()
    assert torch.equal(syn.w, weight[syn.post, syn.pre])
    assert torch.equal(proj.source.unit, torch.arange(8).repeat_interleave(16))
    conv = bridge.projection(net.layers[1], [net.layers[0]], grain, {}, {})
    weight = net.layers[1].weight.detach()
    if grain == "kernel":
        assert torch.allclose(conv.synapses.w, weight[conv.synapses.post, conv.synapses.pre].flatten(1).norm(dim=1))
    else:
        tap = torch.arange(9).repeat(48)
        assert torch.equal(conv.synapses.w, weight.flatten(2)[conv.synapses.post, conv.synapses.pre, tap])


def test_what_a_rule_marks_dead_is_dead_in_the_layer_and_the_newborn_start_at_zero():
    net = small()
    layer = net.layers[1]
    old = bridge.projection(layer, [net.layers[0]], "kernel", {}, {})
    alive = old.synapses.alive.clone()
    alive[5] = False
    bridge.put_back(layer, "kernel", old, old.replace(alive=alive))
    assert not layer.mask[0, 5].any() and int(layer.mask.sum()) == layer.mask.numel() - 9
    again = bridge.projection(layer, [net.layers[0]], "kernel", {}, {})
    born = bridge.put_back(layer, "kernel", again, again.replace(alive=torch.ones_like(alive)))
    assert born.flatten().nonzero().flatten().tolist() == [5]
    assert float(layer.weight.detach()[0, 5].abs().sum()) == 0 and layer.mask.all()


def test_online_statistics_equal_the_importance_rule_on_the_stored_spikes():
    """Batch after batch, in place, no spike kept: the same score, use and threshold as the rule's own formulas."""
    net = small(pool_of="spikes").train()
    names = [layer.name for layer in net.prunable()]
    zero = {layer.name: (torch.zeros(layer.weight.shape[0]),) * 2 for layer in net.prunable()}
    seen = Traces(net, zero, decay=0.5, power=1.0, scale=1.0)
    kept = {name: ([], []) for name in names}
    decay = 0.5 ** torch.arange(3, -1, -1.0) / 4

    def see(layer, received, spikes, constant):
        seen(layer, received, spikes, constant)
        if layer.name in kept:
            y = spikes.reshape(4, 7, layer.weight.shape[0], -1).sum(3)
            if constant:
                x = torch.relu(received).flatten(2).sum(2).expand(4, -1, -1)
            else:
                x = received.reshape(4, 7, layer.weight.shape[1], -1).sum(3)
            kept[layer.name][0].append((decay[:, None, None] * x).sum(0))
            kept[layer.name][1].append((decay[:, None, None] * y).sum(0))

    with torch.no_grad():
        for k in range(5):
            net(torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(k)), see)
    assert seen.samples == 35
    for layer in net.prunable():
        x, y = (torch.cat(parts).double() for parts in kept[layer.name])
        n_out = y.shape[1]
        theta = sliding_threshold(y, torch.zeros(n_out).double(), torch.zeros(n_out).double(), power=1.0, scale=1.0)
        index = torch.arange(layer.weight.shape[0] * layer.weight.shape[1])
        score = bcm_score(x, y, theta, index % layer.weight.shape[1], index // layer.weight.shape[1])
        got = seen.score[layer.name].flatten().double()
        assert float(score.abs().max()) > 0
        assert torch.allclose(got, score, rtol=1e-3, atol=1e-4 * float(score.abs().max()))
        assert torch.allclose(seen.use[layer.name].double(), y.sum(0), rtol=1e-4)
        assert torch.allclose(seen.threshold[layer.name][0].double(), y.mean(0), rtol=1e-4, atol=1e-6)


def _dpap_view(kind, score, use, reserve=0.5):
    n_post, n_pre = score.shape
    n = n_post * n_pre
    index = torch.arange(n)
    zero, one = torch.zeros(n), torch.ones(n_post)
    synapses = Table({"id": index, "pre": index % n_pre, "post": index // n_pre, "alive": torch.ones(n).bool(),
                      "w": zero, "score": zero, "score_weight": zero, "reserve": zero + reserve,
                      "fresh": score.flatten()})
    target = Table({"id": torch.arange(n_post), "alive": one.bool(), "use": 0 * one, "use_weight": 0 * one,
                    "density": 0 * one, "reserve_neuron": 0 * one + reserve, "fresh_use": use, "samples": one,
                    "threshold_bcm": one, "threshold_weight": one})
    source = Table({"id": torch.arange(n_pre), "alive": torch.ones(n_pre).bool()})
    nothing = Firing(torch.zeros(1), torch.zeros(0, 1))
    return LayerView(kind, Projection("x", source, target, synapses), Activity(nothing, nothing, 1.0, 1.0, 7.0, 6))


def test_dpap_kills_silent_filters_in_conv_layers_and_silent_units_and_synapses_in_fc_layers():
    torch.manual_seed(0)
    score, use = torch.rand(20, 6) + 0.5, torch.rand(20) + 0.5
    score[3], use[3] = 0.0, 0.0  # never used: pruned whatever the spread of the others
    score[7, 2] = 0.0
    p, rng = SimpleNamespace(**{**DPAP, "survival_start": 5.0}), np.random.default_rng(0)
    found = find_method("dpap").step({"conv1": _dpap_view("conv", score, use), "fc1": _dpap_view("fc", score, use)},
                                     p, rng)
    assert not found["conv1"].target.alive[3] and not found["fc1"].target.alive[3]
    conv, fc = (found[n].synapses.alive.reshape(20, 6) for n in ("conv1", "fc1"))
    assert torch.equal(conv.any(1), found["conv1"].target.alive)  # filters alone: their kernels go with them
    assert torch.equal(conv.all(1), found["conv1"].target.alive)
    assert not fc[7, 2] and (fc.any(1) & ~fc.all(1)).any()


def test_dpap_prunes_nothing_before_its_start():
    score, use = torch.rand(20, 6), torch.rand(20)
    p = SimpleNamespace(**{**DPAP, "survival_start": 9.0})
    found = find_method("dpap").step({"fc1": _dpap_view("fc", score, use)}, p, np.random.default_rng(0))["fc1"]
    assert found.synapses.alive.all() and found.target.alive.all() and (found.synapses.reserve == 0.5).all()


def test_a_layer_that_never_fired_keeps_the_floor_and_no_more():
    p = SimpleNamespace(**{**DPAP, "survival_start": 5.0, "keep_neurons": 3.0})
    view = _dpap_view("conv", torch.zeros(20, 6), torch.zeros(20))
    found = find_method("dpap").step({"conv1": view}, p, np.random.default_rng(0))["conv1"]
    assert int(found.target.alive.sum()) == 3


def test_random_controls_keep_exactly_their_quota():
    net, rng = small(), np.random.default_rng(0)
    quotas = {"conv1": (30, None), "conv2": (200, None), "fc1": (500, None)}
    assert live(find_method("random").step(views(net, "weight", quotas=quotas), None, rng)) == {
        n: q for n, (q, _) in quotas.items()}
    quotas = {"conv1": (4, 4), "conv2": (15, 5), "fc1": (200, 9)}
    found = find_method("random_units").step(views(net, "kernel", quotas=quotas), None, rng)
    assert live(found) == {n: q for n, (q, _) in quotas.items()}
    assert [int(p.target.alive.sum()) for p in found.values()] == [4, 5, 9]
    for before, after in (("conv1", "conv2"), ("conv2", "fc1")):
        heard = found[after].source.unit[found[after].synapses.pre[found[after].synapses.alive]]
        assert found[before].target.alive[heard].all()


def test_magnitude_keeps_the_largest_weights_of_all_layers_on_the_cubic_schedule():
    net = small()
    p = SimpleNamespace(final_sparsity=0.9, prune_start=0.0, prune_end=4.0)
    found = find_method("magnitude").step(views(net, "weight", epoch=3), p, np.random.default_rng(0))
    size = torch.cat([v.synapses.w.abs() for v in found.values()])
    alive = torch.cat([v.synapses.alive for v in found.values()])
    assert int(alive.sum()) == round(0.1 * len(alive))
    assert float(size[alive].min()) >= float(size[~alive].max())
    half = cubic_sparsity(2, final_sparsity=0.9, prune_start=0.0, prune_end=4.0)
    assert half == pytest.approx(0.9 * (1 - 0.5**3))
    assert cubic_sparsity(9, final_sparsity=0.9, prune_start=0.0, prune_end=4.0) == 0.9
    assert cubic_sparsity(0, final_sparsity=0.9, prune_start=1.0, prune_end=4.0) == 0


def test_criticality_regrows_exactly_its_share_between_the_most_critical_units():
    net = small()
    near = {layer.name: {"nearness": torch.linspace(0, 1, layer.weight.shape[0])} for layer in net.prunable()}
    p = SimpleNamespace(final_sparsity=0.9, prune_start=0.0, prune_end=4.0, regrown_share=0.2)
    seen = views(net, "weight", epoch=3, columns=near)
    found = find_method("criticality").step(seen, p, np.random.default_rng(0))
    by_size = find_method("magnitude").step(seen, p, np.random.default_rng(0))
    alive = torch.cat([v.synapses.alive for v in found.values()])
    largest = torch.cat([v.synapses.alive for v in by_size.values()])
    budget = round(0.1 * len(alive))
    assert int(alive.sum()) == budget
    born = alive & ~largest
    assert 0 < int(born.sum()) <= int(0.2 * budget)
    post = torch.cat([v.synapses.post / len(v.target) for v in found.values()])
    assert float(post[born].mean()) > float(post.mean()) + 0.2
    assert find_method("criticality").step(views(net, "weight", epoch=9, columns=near), p, None) == {}


def test_nearness_is_that_of_the_potential_and_the_gradient_that_of_the_lifted_masks():
    net = small().eval()
    batches = [(torch.randn(5, 1, 8, 8), torch.arange(5))]
    near = mean_nearness(net, batches)
    assert {n: len(v) for n, v in near.items()} == {"conv1": 6, "conv2": 8, "fc1": 20}
    assert all(0 < float(v.min()) <= float(v.max()) <= 1 for v in near.values())
    layer = net.layers[2]
    layer.mask = torch.ones_like(layer.weight, dtype=torch.bool)
    layer.mask[0] = False
    layer.alive = layer.mask.any(1)
    with torch.no_grad():
        layer.weight[0] = 0
    found = mean_gradient(net, batches)["fc1"]
    assert float(found[0].abs().sum()) > 0  # dead, yet asked
    assert not layer.mask[0].any() and not layer.alive[0]


def test_the_trophic_rate_rises_with_competition_and_fades_with_time():
    rate = trophic_rate(0, 100, 10, strength=0.01, tau_trophic=5)
    assert rate == pytest.approx(0.1)
    assert trophic_rate(5, 100, 10, strength=0.01, tau_trophic=5) == pytest.approx(rate / np.e)
    assert trophic_rate(0, 50, 10, strength=0.01, tau_trophic=5) == pytest.approx(rate / 2)


def _spines(net, epoch, **columns):
    method = find_method("sdsnn")
    layer = net.layers[2]
    given = {n: torch.full(layer.weight.shape, float(v) if not callable(v) else float(v(layer.weight)[0, 0]))
             for n, v in method.synapse.items()}
    given["gradient"] = torch.zeros_like(layer.weight)
    given.update({n: t for n, t in columns.items() if t.ndim == 2})
    neuron = {n: torch.full((20,), float(v)) for n, v in method.neuron.items()}
    neuron.update({n: t for n, t in columns.items() if t.ndim == 1})
    proj = bridge.projection(layer, [net.layers[1]], "weight", given, neuron)
    nothing = Firing(torch.zeros(1), torch.zeros(0, 1))
    activity = Activity(nothing, nothing, 1.0, 1.0, epoch + 1.0, epoch)
    p = SimpleNamespace(range_persistence=2.0, range_shrink=0.75, trophic_conv=0.01, trophic_fc=0.01, tau_trophic=5.0,
                        pruned_first_conv=0.1, pruned_first_fc=0.25, keep_neurons=4.0, regrow_percentile_conv=65.0,
                        regrow_percentile_fc=60.0, regrow_tightening=1.1, regrow_ceiling=99.0)
    view = LayerView("fc", proj, activity, None, len(proj.synapses), 10)
    return method.step({"fc1": view}, p, np.random.default_rng(0))["fc1"]


def test_weights_are_held_within_their_spines_from_the_persistence_on_and_not_before():
    net = small()
    bound = torch.full_like(net.layers[2].weight, 0.02)
    early, late = (_spines(net, epoch, range_upper=bound).synapses.w for epoch in (2, 3))
    assert float(early.abs().max()) > 0.03 and float(late.abs().max()) == pytest.approx(0.02)
    w = net.layers[2].weight.detach().flatten()
    assert torch.equal(late.sign(), w.sign())


def test_the_units_with_the_narrowest_spines_starve_first_and_only_once():
    net = small()
    width = torch.linspace(0.1, 1, 20)[:, None].expand_as(net.layers[2].weight).clone()
    found = _spines(net, 5, range_upper=width)
    assert found.target.alive.tolist() == [False] * 5 + [True] * 15
    assert not found.synapses.alive.reshape(20, -1)[:5].any()
    again = _spines(net, 6, range_upper=width, pruned=torch.arange(20.0) < 5)
    assert again.target.alive.all()  # once pruned and regrown: spared


def test_a_kernel_that_stays_wanted_comes_back_and_its_unit_with_it():
    net = small()
    layer = net.layers[2]
    layer.mask = torch.ones_like(layer.weight, dtype=torch.bool)
    layer.mask[0] = False
    layer.alive = layer.mask.any(1)
    gradient = torch.full_like(layer.weight, 0.1)
    gradient[0, 3] = 5.0
    wanted = torch.full_like(layer.weight, -1.0)
    pruned, seen = (torch.arange(20.0) < 5), []
    for epoch in range(5, 10):
        found = _spines(net, epoch, gradient=gradient, wanted=wanted, pruned=pruned)
        wanted = found.synapses.wanted.reshape(layer.weight.shape)
        seen.append(bool(found.synapses.alive.reshape(20, -1)[0, 3]))
    assert seen == [False, False, False, True, False]  # wanted, then more than two epochs in a row; then counted anew
    assert not found.synapses.alive.reshape(20, -1)[0, 4]


def test_every_method_by_name_and_none_without_its_words():
    for name in METHODS:
        assert find_method(name) is find_method(name)
    assert find_method("dpap_bio.deep.methods.dpap:DPAP_SMOOTH").sees == "bcm"
    for wrong in ("dapp", "dpap_bio.nowhere:X", "dpap_bio.rules:RULES"):
        with pytest.raises(ValueError, match="method"):
            find_method(wrong)


def test_the_rules_of_the_house_prune_a_layer_as_they_are():
    net = small()
    view = views(net, "weight", quotas={"fc1": (100, None)})["fc1"]
    found = RULES["smallest_weight"].step(view.projection, view.activity, None, np.random.default_rng(0))
    assert int(found.synapses.alive.sum()) == 100
