import math
import subprocess
import sys

import numpy as np
import pytest
from deep_small import model_text

torch = pytest.importorskip("torch")

from dpap_bio.deep import account, model, optimiser  # noqa: E402
from dpap_bio.deep.checkpoint import network_arrays, network_from  # noqa: E402
from dpap_bio.deep.deaths import compact, compacted, settle, still  # noqa: E402
from dpap_bio.deep.export import export, reload  # noqa: E402
from dpap_bio.deep.network import DeepNetwork, encoded  # noqa: E402
from dpap_bio.kinds import Unhealthy  # noqa: E402

FORMS = [{}, {"kind": "lif", "norm": "false"}, {"pool_of": "current"}, {"encoding": "rate"}]


def small(seed=1, **form):
    net = DeepNetwork(model.from_text("small", model_text(**form), {})).grow(seed)
    torch.manual_seed(seed)
    with torch.no_grad():  # norms away from their start, so that a dead unit that lives on its norm would show
        for layer in net.layers:
            layer.shift.copy_(torch.rand_like(layer.shift) + 0.2)
            if layer.spec.norm:
                layer.mean.normal_(0, 0.3)
                layer.variance.uniform_(0.5, 1.5)
    return net.eval()


def images(net, n=9, seed=0):
    x = torch.rand(n, *net.model.input, generator=torch.Generator().manual_seed(seed))
    return encoded(x, net.model, np.random.default_rng(seed))


def prune(net, seed=3, share=0.4):
    """Random masks and dead units in every prunable layer."""
    torch.manual_seed(seed)
    for layer in net.prunable():
        layer.mask = torch.rand_like(layer.weight) > share
        layer.alive = torch.rand(layer.weight.shape[0]) > share
        layer.alive[:2] = True
    return net


@pytest.mark.parametrize("form", FORMS)
def test_masked_equals_compacted_equals_exported_and_reloaded(form, tmp_path):
    net = prune(small(**form))
    x = images(net)
    settle(net, final=True)
    masked = net(x)
    smaller = compacted(net)
    export(net, tmp_path / "net")
    assert all(layer.alive is None for layer in smaller.layers)
    assert sum(p.numel() for p in smaller.parameters()) < 0.7 * sum(p.numel() for p in net.parameters())
    assert torch.allclose(masked, smaller(x), atol=1e-6) and float(masked.detach().std()) > 0
    assert torch.equal(smaller(x), reload(tmp_path / "net").eval()(x))


@pytest.mark.parametrize("form", FORMS)
def test_a_dead_unit_neither_fires_nor_is_heard(form):
    net = prune(small(**form))
    dead = [~layer.alive for layer in net.prunable()]
    fired, heard = [], {}

    def see(layer, received, spikes, constant):
        if spikes is not None:
            fired.append(spikes.view(*spikes.shape[:2], -1).sum((0, 2)))
        heard[layer.name] = layer.weight

    net(images(net), see)
    assert all(float(f[d].sum()) == 0 for f, d in zip(fired, dead, strict=True))
    settle(net, final=True)
    for before, after in zip(net.prunable(), list(net.layers)[1:], strict=True):
        columns = (~before.alive).repeat_interleave(after.weight.shape[1] // len(before.alive))
        assert float(after.weight.transpose(0, 1)[columns].abs().sum()) == 0
        assert float(before.shift[~before.alive].abs().sum()) == 0
        if before.spec.norm:
            assert float(before.gain[~before.alive].abs().sum()) == 0


def test_a_unit_that_nothing_reaches_or_that_reaches_nothing_dies_and_takes_its_synapses_along():
    net = small()
    net.layers[1].mask = torch.ones_like(net.layers[1].weight, dtype=torch.bool)
    net.layers[1].mask[3] = False  # nothing reaches channel 3
    net.layers[1].mask[:, 2] = False  # channel 2 of the layer before reaches nothing
    settle(net, final=True)
    assert net.layers[0].alive.tolist() == [True, True, False, True, True, True]
    assert net.layers[1].alive.tolist() == [k != 3 for k in range(8)]
    assert not net.layers[2].mask[:, 3 * 16 : 4 * 16].any() and net.layers[2].mask[:, : 3 * 16].all()


def test_a_layer_without_a_living_unit_is_refused_by_name():
    net = small()
    net.layers[1].mask = torch.zeros_like(net.layers[1].weight, dtype=torch.bool)
    with pytest.raises(Unhealthy, match="conv"):
        settle(net, final=True)


def test_where_death_is_not_final_nothing_but_the_weights_of_dead_synapses_is_lost():
    net = small()
    net.layers[2].mask = torch.ones_like(net.layers[2].weight, dtype=torch.bool)
    net.layers[2].mask[4] = False
    after, shift = net.layers[3].weight.clone(), net.layers[2].shift.clone()
    settle(net, final=False)
    assert net.layers[2].alive.tolist() == [k != 4 for k in range(20)]
    assert torch.equal(net.layers[3].weight, after) and torch.equal(net.layers[2].shift, shift)
    assert not account.live_mask(net)["fc2"][:, 4].any()


@pytest.mark.parametrize("cut", [False, True])
def test_dead_is_zero_throughout_training_weights_gradients_and_moments(cut):
    net = small()
    net.train()
    made = optimiser.adamw(net, lr=0.01, weight_decay=0.1)
    x, labels = images(net), torch.arange(9)

    def step():
        made.zero_grad()
        torch.nn.functional.cross_entropy(net(x), labels).backward()
        made.step()

    for _ in range(3):
        step()
    prune(net)
    settle(net, final=True)
    still(net, optimiser.moments(net, made))
    if cut:
        moments, _ = compact(net, optimiser.moments(net, made))
        made = optimiser.adamw(net, lr=0.01, weight_decay=0.1, moments=moments, steps=3)
    for _ in range(4):
        step()
        moments = optimiser.moments(net, made)
        for k, layer in enumerate(net.layers):
            if layer.mask is not None:
                dead = ~layer.mask
                for values in (layer.weight, layer.weight.grad, *moments[f"layers.{k}.weight"]):
                    assert float(values[dead].abs().sum()) == 0
                assert float(layer.weight[~dead].abs().min()) > 0
            if layer.alive is not None:
                for name in ("shift", "gain"):
                    if hasattr(layer, name):
                        for values in (getattr(layer, name), *moments[f"layers.{k}.{name}"]):
                            assert float(values[~layer.alive].abs().sum()) == 0


def test_a_cut_network_trains_on_exactly_as_the_masked_one():
    losses = []
    for cut in (False, True):
        net = small(norm="false", kind="lif")
        net.train()
        made = optimiser.adamw(net, lr=0.01, weight_decay=0.1)
        x, labels, seen = images(net), torch.arange(9), []
        for number in range(12):
            if number == 4:
                prune(net)
                settle(net, final=True)
                still(net, optimiser.moments(net, made))
                if cut:
                    moments, _ = compact(net, optimiser.moments(net, made))
                    made = optimiser.adamw(net, lr=0.01, weight_decay=0.1, moments=moments, steps=4)
            made.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), labels)
            loss.backward()
            made.step()
            seen.append(float(loss.detach()))
        losses.append(seen)
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_gives_back_the_network_bit_for_bit(form):
    net = prune(small(**form))
    again = network_from(net.model, network_arrays(net)).eval()
    assert torch.equal(net(images(net)), again(images(net)))


def test_a_broken_export_is_refused_in_one_sentence(tmp_path):
    export(small(), tmp_path / "net")
    described = (tmp_path / "net.json").read_text()
    for broken in ("{", "[]", described.replace("dpap-deep-network/1", "x"), described.replace('"shift"', '"shaft"')):
        (tmp_path / "net.json").write_text(broken)
        with pytest.raises(ValueError, match="no network can be read"):
            reload(tmp_path / "net")
    with pytest.raises(FileNotFoundError, match="missing"):
        reload(tmp_path / "other")


def test_live_weights_and_synaptic_operations_equal_a_brute_force_count():
    net = prune(small(pool_of="spikes"))
    settle(net, final=True)
    counted, received = account.Spikes(), {}

    def see(layer, x, spikes, constant):
        counted(layer, x, spikes, constant)
        received[layer.name] = x

    net(images(net), see)
    rows = account.layers(net, account.sizes(net), counted, 9)
    fc = net.layers[2]
    operations = (received["fc1"].flatten(1)[:, None] * (fc.weight != 0)[None]).sum()
    assert rows["fc1"]["synops"] * 9 == pytest.approx(float(operations))
    assert rows["conv1"]["synops"] == 0  # an analog image is multiplied, once
    for layer in net.layers:
        assert rows[layer.name]["live_weights"] == int((layer.weight != 0).sum())
        assert rows[layer.name]["weights"] == layer.weight.numel()
    assert rows["conv2"]["macs"] == net.layers[1].weight.numel() * 16


def test_direct_encoding_equals_showing_the_same_image_in_every_step():
    net = small(encoding="direct")
    x = images(net)
    held = net(x)
    shown = small(encoding="frames")
    assert torch.allclose(held, shown(x.repeat(net.model.steps, 1, 1, 1)), atol=1e-6)


def test_rate_encoding_fires_in_proportion_to_intensity():
    net = small(encoding="rate")
    x = torch.full((2000, 1, 8, 8), 0.3)
    spikes = encoded(x, net.model, np.random.default_rng(0))
    assert spikes.shape == (8000, 1, 8, 8) and set(spikes.unique().tolist()) == {0.0, 1.0}
    assert float(spikes.mean()) == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / spikes.numel()))


def test_the_optimiser_is_pytorch_s_own_bit_for_bit_and_does_not_load_its_compiler():
    torch.manual_seed(1)
    ours, theirs = (torch.nn.Linear(40, 30) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(20, 40)
    groups = [{"params": [theirs.weight], "weight_decay": 0.1}, {"params": [theirs.bias], "weight_decay": 0.0}]
    both = [(ours, optimiser.adamw(ours, lr=0.01, weight_decay=0.1)),
            (theirs, torch.optim.AdamW(groups, lr=0.01, fused=True))]
    for _ in range(5):
        for net, made in both:
            made.zero_grad()
            net(x).pow(2).sum().backward()
            made.step()
    assert torch.equal(ours.weight, theirs.weight) and torch.equal(ours.bias, theirs.bias)
    code = """
import sys, torch
from dpap_bio.deep import optimiser
net = torch.nn.Linear(4, 3)
made = optimiser.adamw(net, lr=0.01, weight_decay=0.1)
made.zero_grad()
net(torch.ones(2, 4)).sum().backward()
made.step()
assert optimiser.steps_taken(net, made) == 1
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
