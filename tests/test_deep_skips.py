import itertools

import pytest
from deep_skips import CONV, SHORTCUTS, WIDE, text
from deep_small import DPAP, protocol_text
from test_deep_training import METHODS, same

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from dpap_bio.deep import account, kernels, model, protocol  # noqa: E402
from dpap_bio.deep.cells import Cell  # noqa: E402
from dpap_bio.deep.deaths import compacted, settle, tied  # noqa: E402
from dpap_bio.deep.export import export, reload  # noqa: E402
from dpap_bio.deep.kind_training import TRAINING as KIND  # noqa: E402
from dpap_bio.deep.network import DeepNetwork  # noqa: E402
from dpap_bio.deep.training import lives  # noqa: E402
from dpap_bio.kinds import Unhealthy  # noqa: E402


def network(kind, seed=1):
    net = DeepNetwork(model.from_text("shortcuts", text(SHORTCUTS[kind]), {})).grow(seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        for layer in net.layers:
            layer.shift.copy_(torch.rand_like(layer.shift) + 0.2)
            if layer.spec.norm:
                layer.mean.normal_(0, 0.3)
                layer.variance.uniform_(0.3, 1.0)
    return net.eval()


def pruned(kind, share=0.3, seed=3):
    net = network(kind)
    torch.manual_seed(seed)
    for layer in net.prunable():
        layer.mask = torch.rand_like(layer.weight) > share
        layer.alive = torch.rand(layer.weight.shape[0]) > share
        layer.alive[:2] = True
    return net


X = torch.rand(9, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def by_hand(net, kind):
    """The same network written out, layer by layer."""
    def currents(name, x):
        layer = net.layer(name)
        x = F.conv2d(x, layer.weight, stride=layer.spec.stride, padding=layer.spec.padding)
        return F.batch_norm(x, layer.mean, layer.variance, layer.gain, layer.shift)

    def spikes(name, x):
        return Cell(net.layer(name).spec.cell)(x, 4, False)

    one = spikes("conv1", currents("conv1", X).repeat(4, 1, 1, 1))
    two = spikes("conv2", currents("conv2", one))
    if kind == "currents":
        three = spikes("conv3", currents("conv3", two) + one)
        four = spikes("conv4", currents("conv4", three))
        last = spikes("conv6", currents("conv6", four) + currents("conv5", three))
    else:
        three = spikes("conv3", currents("conv3", two)) + one
        four = spikes("conv4", currents("conv4", three))
        six = spikes("conv6", currents("conv6", four)) + spikes("conv5", currents("conv5", three))
        seven = spikes("conv7", currents("conv7", six))
        last = spikes("conv8", currents("conv8", seven)) + six
    return F.avg_pool2d(last, 4).flatten(1)


@pytest.mark.parametrize("kind", SHORTCUTS)
def test_a_network_with_shortcuts_is_what_its_file_says(kind):
    net, heard = network(kind), {}
    net(X, lambda layer, received, fired, constant: heard.update({layer.name: received}))
    assert torch.allclose(heard["fc1"].flatten(1), by_hand(net, kind), atol=1e-6)
    assert float(heard["fc1"].std()) > 0.02


@pytest.mark.parametrize("kind", SHORTCUTS)
def test_masked_equals_compacted_equals_exported_and_reloaded(kind, tmp_path):
    net = pruned(kind)
    settle(net, final=True)
    masked, smaller = net(X), compacted(net)
    export(net, tmp_path / "net")
    assert sum(p.numel() for p in smaller.parameters()) < 0.85 * sum(p.numel() for p in net.parameters())
    assert torch.allclose(masked, smaller(X), atol=1e-6) and float(masked.detach().std()) > 0
    assert torch.equal(smaller(X), reload(tmp_path / "net").eval()(X))
    twice = compacted(smaller)
    assert [len(layer.unit_id) for layer in twice.layers] == [len(layer.unit_id) for layer in smaller.layers]


@pytest.mark.parametrize("kind", SHORTCUTS)
def test_layers_that_are_added_keep_the_same_channels_and_what_is_dead_in_one_stays_silent(kind):
    net = pruned(kind)
    settle(net, final=True)
    smaller = compacted(net)
    for group in tied(net).values():
        assert len({tuple(smaller.layer(name).unit_id.tolist()) for name in group}) == 1
    silent = 0
    for layer in smaller.layers:
        if layer.alive is not None:
            silent += int((~layer.alive).sum())
            assert float(layer.weight[~layer.alive].abs().sum()) == 0
    assert silent > 0


def test_a_neuron_that_is_dead_takes_its_shortcut_along_and_one_without_synapses_lives_on_it():
    net = network("currents")
    net.layer("conv6").alive = torch.arange(10) != 4
    net.layer("conv6").mask = torch.ones_like(net.layer("conv6").weight, dtype=torch.bool)
    net.layer("conv6").mask[7] = False
    settle(net, final=True)
    assert net.layer("conv6").alive.tolist() == [k != 4 for k in range(10)]  # 7 still hears its shortcut
    assert net.layer("conv5").alive.tolist() == [k != 4 for k in range(10)]
    assert float(net.layer("conv5").weight[4].abs().sum()) == 0


def test_a_channel_of_a_sum_of_spikes_is_heard_until_it_is_dead_in_all_parts():
    net = network("spikes")
    net.layer("conv1").alive = torch.arange(6) != 1
    net.layer("conv3").alive = (torch.arange(6) != 1) & (torch.arange(6) != 2)
    settle(net, final=True)
    assert net.layer("conv4").mask[:, 2].all() and not net.layer("conv4").mask[:, 1].any()
    assert not net.layer("conv2").mask[:, 1].any() and net.layer("conv2").mask[:, 2].all()
    assert len(compacted(net).layer("conv1").unit_id) == 5
    assert not account.live_mask(net)["conv4"][:, 1].any()


def test_a_layer_that_has_died_is_named_also_beside_a_shortcut():
    net = network("spikes")
    net.layer("conv3").mask = torch.zeros_like(net.layer("conv3").weight, dtype=torch.bool)
    with pytest.raises(Unhealthy, match="conv[23] has died"):
        settle(net, final=True)


def lived(folder, kind, method, parameters, after=None, arm="main", quotas=None, n=None):
    (folder / "skips.toml").write_text(text(SHORTCUTS[kind]))
    arms = '[[arms]]\nname = "random"\ntitle = "random"\nmethod = "random_units"\nquota_of = "main"' if method == (
        "dpap") else ""
    (folder / "small.toml").write_text(protocol_text("skips.toml", method, parameters, arms=arms))
    found = protocol.load(str(folder / "small.toml"))
    return list(itertools.islice(lives(found, found.arm(arm), 1, after, quotas), n))


@pytest.mark.parametrize("kind", SHORTCUTS)
@pytest.mark.parametrize("method", ["dpap", "sdsnn", "magnitude"])
def test_methods_prune_networks_with_shortcuts_and_resume_bit_for_bit(kind, method, tmp_path):
    parameters = {**METHODS[method], **({"reserve_start": 0.5} if method == "dpap" else {})}
    whole = lived(tmp_path, kind, method, parameters)
    number, state, _ = whole[2]
    rest = lived(tmp_path, kind, method, parameters, after=(number, state))
    assert same(whole[3][1], rest[0][1]) and same(whole[3][2], rest[0][2])
    live = [sum(int(row["live_weights"]) for row in record["layers"].values()) for _, _, record in whole]
    assert live[-1] < live[0]
    if method == "dpap":
        sizes = [sum(a["weight"].size for a in state["network"].values()) for _, state, _ in whole]
        assert sizes[-1] < sizes[0]


def test_a_random_control_follows_a_network_with_shortcuts(tmp_path):
    parameters = {**DPAP, "reserve_start": 0.5}
    main = [r for _, _, r in lived(tmp_path, "spikes", "dpap", parameters)]
    control = [r for _, _, r in lived(tmp_path, "spikes", "dpap", parameters, arm="random", quotas=KIND.quotas(main))]
    for name, row in main[-1]["layers"].items():
        assert int(control[-1]["layers"][name]["live_units"]) <= int(row["live_units"])


def test_kernels_change_nothing_in_a_network_with_shortcuts(monkeypatch):
    monkeypatch.setattr(kernels, "SMALL", 0)
    fast = [network(kind)(X) for kind in SHORTCUTS]
    monkeypatch.setattr(kernels, "library", lambda: None)
    assert all(torch.allclose(a, network(kind)(X), atol=1e-5) for a, kind in zip(fast, SHORTCUTS, strict=True))


WRONG = [({"adds": "conv9"}, "no layer 'conv9' before"), ({"adds": "conv1", "stride": 2}, "is wanted"),
         ({"adds": "conv1", "pool": 2, "pool_of": "current"}, "pooled after"), ({"receives": "conv"}, "receives"),
         ({"cell": "shortcut"}, "added to a layer, not received"), ({"receives": "conv1"}, "no other layer")]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_shortcut_that_leads_nowhere_is_one_sentence(change, said):
    layers = [CONV, CONV, {**CONV, **change}, WIDE, {"kind": "fc", "units": 10, "cell": "readout"}]
    with pytest.raises(ValueError, match=said):
        model.from_text("wrong", text(layers), {})


NAMED = {"deep_resnet19": (12_500_000, 13_000_000), "deep_sew_resnet18": (11_000_000, 11_400_000),
         "deep_vgg16": (14_900_000, 15_300_000)}


@pytest.mark.parametrize("name", NAMED)
def test_the_shipped_networks_have_as_many_weights_as_theirs_and_answer(name):
    low, high = NAMED[name]
    net = DeepNetwork(model.load(name, set_={"steps": 1})).grow(1).eval()
    assert low <= sum(layer.weight.numel() for layer in net.layers) <= high
    with torch.no_grad():
        assert net(torch.randn(1, 3, 32, 32)).shape == (1, 10)
