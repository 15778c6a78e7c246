from types import SimpleNamespace

import numpy as np
import pytest
from deep_small import model_text
from test_deep_methods import small, views
from test_deep_training import lived, same

torch = pytest.importorskip("torch")

from dpap_bio.deep import account, model  # noqa: E402
from dpap_bio.deep.deaths import compacted  # noqa: E402
from dpap_bio.deep.export import export, reload  # noqa: E402
from dpap_bio.deep.latent import held_back, silence_unreached  # noqa: E402
from dpap_bio.deep.methods import find_method  # noqa: E402
from dpap_bio.deep.methods.grad_r import prior_centre  # noqa: E402
from dpap_bio.deep.methods.rewire import layer_densities  # noqa: E402
from dpap_bio.deep.methods.rigl import falling_share  # noqa: E402
from dpap_bio.deep.methods.stds import thin  # noqa: E402
from dpap_bio.deep.network import DeepNetwork  # noqa: E402
from dpap_bio.deep.statistics import mean_rate  # noqa: E402
from dpap_bio.kinds import Unhealthy  # noqa: E402

REWIRED = {"final_sparsity": 0.8, "rewired_share": 0.3, "prune_end": 3.0}
PEERS = {"static_rate": {"final_sparsity": 0.5, "prune_start": 0.0, "prune_end": 3.0, "keep_neurons": 2.0},
         "set": REWIRED, "rigl": REWIRED, "stds": {"spine_width": 0.05, "prune_end": 3.0},
         "grad_r": {"final_sparsity": 0.8, "prior_alpha": 0.8}}
LATENT = ("stds", "grad_r")
FULL = {"conv1": 54, "conv2": 432, "fc1": 2560}


def effective(arrays):
    """The weights that a state's layer works with."""
    w = arrays["weight"]
    if "above" not in arrays:
        return w
    return np.maximum(w - arrays["above"], 0) - np.maximum(-w - arrays["below"], 0)


@pytest.mark.parametrize("method", PEERS)
def test_a_resumed_training_equals_the_uninterrupted_one_bit_for_bit(method, tmp_path):
    whole = lived(tmp_path, method, PEERS[method])
    number, state, _ = whole[2]
    rest = lived(tmp_path, method, PEERS[method], after=(number, state))
    for (_, s, r), (_, t, q) in zip(whole[3:], rest, strict=True):
        assert same(s, t) and same(r, q)


@pytest.mark.parametrize("method", PEERS)
def test_dead_weights_are_zero_in_every_state_and_what_is_counted_is_what_works(method, tmp_path):
    states = lived(tmp_path, method, PEERS[method], epochs=3)
    for _, state, record in states:
        for k, (name, arrays) in enumerate(state["network"].items()):
            dead = ~arrays["mask"] if "mask" in arrays else np.zeros(arrays["weight"].shape, bool)
            assert ("mask" not in arrays) or method not in LATENT
            assert np.all(arrays["weight"][dead] == 0)
            for moment in state["optimiser"]["moments"].get(f"layers.{k}.weight", {}).values():
                assert np.all(moment[dead] == 0)
            if name in FULL and method != "static_rate":
                assert int(record["layers"][name]["live_weights"]) <= (effective(arrays) != 0).sum() + dead.sum()
    live = [sum(int(row["live_weights"]) for row in record["layers"].values()) for _, _, record in states]
    assert live[-1] < sum(FULL.values())


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_a_fixed_density_is_there_at_birth_and_never_changes_while_the_wiring_does(method, tmp_path):
    states = lived(tmp_path, method, REWIRED, epochs=4)
    masks = [{n: a["mask"] for n, a in state["network"].items() if "mask" in a} for _, state, _ in states]
    shapes = [(6, 1, 3, 3), (8, 6, 3, 3), (20, 128)]
    wanted = [round(d * n) for d, n in zip(layer_densities(shapes, 0.2), FULL.values(), strict=True)]
    for mask in masks:
        assert [int(mask[n].sum()) if n in mask else full for n, full in FULL.items()] == wanted
    for before, after in zip(masks[:3], masks[1:3], strict=False):
        changed = (before["fc1"] & ~after["fc1"]).sum() / before["fc1"].sum()
        assert 0.05 < changed <= 0.3
    assert same(masks[-2], masks[-1])  # after prune_end nothing is rewired


def test_density_is_shared_by_the_sum_over_the_product_of_the_sizes_and_no_layer_is_more_than_full():
    shapes = [(16, 1, 5, 5), (32, 16, 5, 5), (128, 512)]
    found = layer_densities(shapes, 0.05)
    full = [400, 12800, 65536]
    assert found[0] < 1 and sum(d * n for d, n in zip(found, full, strict=True)) == pytest.approx(0.05 * sum(full))
    assert found[1] / found[2] == pytest.approx((58 / 12800) / (640 / 65536))
    many = layer_densities(shapes, 0.5)
    assert many[0] == 1 and max(many) == 1
    assert sum(d * n for d, n in zip(many, full, strict=True)) == pytest.approx(0.5 * sum(full))
    assert layer_densities(shapes, 1.0) == [1, 1, 1]


def _masked(net, share, seed=0):
    torch.manual_seed(seed)
    for layer in net.prunable():
        layer.mask = torch.rand_like(layer.weight) < share
        with torch.no_grad():
            layer.weight.mul_(layer.mask)
    return net


def test_set_drops_the_smallest_weights_and_rigl_grows_where_the_gradient_is_largest():
    net = _masked(small(), 0.5)
    seen = views(net, "weight", epoch=0)
    steep = {n: torch.randn(len(v.projection.synapses)) for n, v in seen.items()}
    seen = {n: SimpleNamespace(**{**vars(v), "projection": v.projection.replace(gradient=steep[n])})
            for n, v in seen.items()}
    p = SimpleNamespace(final_sparsity=0.5, rewired_share=0.2, prune_end=1e9)
    for method in ("set", "rigl"):
        found = find_method(method).step(seen, p, np.random.default_rng(0))
        for name, view in seen.items():
            old, new, w = view.projection.synapses.alive, found[name].synapses.alive, view.projection.synapses.w.abs()
            n = int(0.2 * int(old.sum()))
            smallest = torch.sort(w[old]).values[n]
            assert int(new.sum()) == int(old.sum()) and bool(new[old & (w >= smallest)].all())
            born = new & ~(old & (w >= smallest))
            if method == "rigl":
                absent = ~(old & (w >= smallest))
                assert float(steep[name].abs()[born].min()) >= float(steep[name].abs()[absent & ~born].max())
            else:
                assert float(steep[name].abs()[born].mean()) < 1.5  # 0.8 by chance, about 1.9 for the steepest


def test_the_rewired_share_of_rigl_falls_along_half_a_cosine():
    shares = [falling_share(age, rewired_share=0.3, prune_end=10.0) for age in (0, 5, 10, 20)]
    assert shares == pytest.approx([0.3, 0.15, 0, 0])


def test_static_rate_removes_the_least_active_units_of_every_layer_and_they_stay_away(tmp_path):
    net = small()
    rates = {"conv1": torch.tensor([3.0, 1, 2, 5, 4, 6]), "conv2": torch.arange(8.0), "fc1": torch.arange(20.0)}
    seen = views(net, "kernel", epoch=3, columns={n: {"rate": r} for n, r in rates.items()})
    seen = {n: SimpleNamespace(**{**vars(v), "full_units": len(rates[n])}) for n, v in seen.items()}
    found = find_method("static_rate").step(seen, SimpleNamespace(**PEERS["static_rate"]), np.random.default_rng(0))
    assert found["conv1"].target.alive.tolist() == [False, False, False, True, True, True]
    assert found["fc1"].target.alive.tolist() == [False] * 10 + [True] * 10
    assert torch.equal(found["fc1"].synapses.alive.reshape(20, -1).any(1), found["fc1"].target.alive)
    states = lived(tmp_path, "static_rate", PEERS["static_rate"])
    assert [len(states[-1][1]["network"][n]["unit_id"]) for n in ("conv1", "conv2", "fc1")] == [3, 4, 10]


def test_the_rate_of_a_unit_is_its_spikes_per_step_and_place():
    net, x = small(), torch.randn(5, 1, 8, 8)
    seen = {}
    net.eval()(x, lambda layer, received, spikes, constant: seen.setdefault(layer.name, spikes))
    found = mean_rate(net, [(x, None), (x, None)])
    assert set(found) == {"conv1", "conv2", "fc1"} and float(found["conv1"].max()) > 0
    for name, rate in found.items():
        spikes = seen[name]
        assert torch.allclose(rate, spikes.transpose(0, 1).flatten(1).mean(1))


def test_a_latent_weight_works_only_beyond_its_bound_and_learns_on_either_side():
    theta = torch.tensor([-3.0, -1.0, -0.5, 0.5, 1.0, 3.0], requires_grad=True)
    one = torch.ones(6)
    w = held_back(theta, one, one)
    assert w.tolist() == [-2, 0, 0, 0, 0, 2]
    (grad,) = torch.autograd.grad((w * torch.arange(1.0, 7.0)).sum(), theta)
    assert grad.tolist() == [1, 2, 3, 4, 5, 6]
    born_positive = torch.tensor([0.0, torch.inf]), torch.tensor([torch.inf, 0.0])
    assert held_back(torch.tensor([0.3, 0.3]), *born_positive).tolist() == pytest.approx([0.3, 0])
    assert held_back(torch.tensor([-0.3, -0.3]), *born_positive).tolist() == pytest.approx([0, -0.3])


def test_the_width_of_stds_grows_along_half_a_sine_to_its_end():
    widths = [thin(age, width=0.4, prune_end=10.0) for age in (0, 5, 10, 15)]
    assert widths == pytest.approx([0, 0.2, 0.4, 0.4])


def test_stds_prunes_exactly_the_spines_thinner_than_the_width(tmp_path):
    _, state, record = lived(tmp_path, "stds", PEERS["stds"])[-1]
    for name, full in FULL.items():
        arrays = state["network"][name]
        assert np.all(arrays["above"] == np.float32(0.05)) and arrays["weight"].size == full
        thick = (np.abs(arrays["weight"]) > np.float32(0.05)).sum()
        assert int(record["layers"][name]["live_weights"]) <= thick < full
    assert (np.abs(state["network"]["fc1"]["weight"]) > 0).all()  # filopodia are kept, not zero


def test_in_grad_r_no_weight_ever_changes_sign_and_the_absent_may_return(tmp_path):
    states = [s["network"]["fc1"] for _, s, _ in lived(tmp_path, "grad_r", PEERS["grad_r"], epochs=6)]
    born = np.sign(states[0]["weight"])
    works = [effective(a) for a in states]
    assert all(np.all((w == 0) | (np.sign(w) == born)) for w in works)
    absent = [w == 0 for w in works]
    assert absent[-1].mean() > 0.2
    assert any((a & ~b).any() for a, b in zip(absent, absent[1:], strict=False))


def test_the_prior_of_grad_r_has_the_wanted_share_below_zero():
    centre = prior_centre(0.9, 5.0)
    assert 1 - 0.5 * np.exp(5.0 * centre) == pytest.approx(0.9)  # the Laplacian's share below 0, centre < 0
    for wrong in ((0.3, 5.0), (1.0, 5.0), (0.9, 0.0)):
        with pytest.raises(ValueError, match="Grad R wants"):
            prior_centre(*wrong)


@pytest.mark.parametrize("form", [{}, {"kind": "lif", "norm": "false"}])
def test_a_network_of_latent_weights_equals_its_compacted_and_its_reloaded_form(form, tmp_path):
    net = DeepNetwork(model.from_text("small", model_text(**form), {})).grow(1)
    for layer, width in zip(net.prunable(), (0.1, 0.09, 0.085), strict=True):
        layer.above = layer.below = torch.full_like(layer.weight, width)
        with torch.no_grad():
            layer.shift.add_(0.6)
            layer.weight[1] = 0.01
    silence_unreached(net.prunable())
    net.eval()
    x = torch.rand(9, 1, 8, 8)
    latent = net(x)
    export(net, tmp_path / "net")
    export(net, tmp_path / "whole", compact=False)
    smaller = compacted(net)
    assert float(latent.detach().std()) > 0 and smaller.layers[0].weight.shape[0] < 6
    for other in (smaller, reload(tmp_path / "net").eval(), reload(tmp_path / "whole").eval()):
        assert torch.allclose(latent, other(x), atol=1e-6)
    live, left = account.live_mask(net), account.live_mask(smaller)
    assert all(int(live[n].sum()) >= int(left[n].sum()) > 0 for n in FULL)


def test_a_layer_that_no_weight_reaches_is_refused_by_name(tmp_path):
    with pytest.raises(Unhealthy, match="has died"):
        lived(tmp_path, "stds", {"spine_width": 5.0, "prune_end": 1.0})
