"""Against the DPAP reference code: its network and setting, and what test_deep_corrections.py leaves to be held."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from deep_small import DPAP, MODEL, protocol_text, written
from test_deep_methods import _dpap_view, small

torch = pytest.importorskip("torch")

from dpap_bio import library  # noqa: E402
from dpap_bio.deep import model, protocol  # noqa: E402
from dpap_bio.deep.kind_training import TRAINING as KIND  # noqa: E402
from dpap_bio.deep.methods import find_method  # noqa: E402
from dpap_bio.deep.statistics import Traces  # noqa: E402
from dpap_bio.deep.training import _loss, lives  # noqa: E402
from dpap_bio.measures_training import accuracy, accuracy_difference, accuracy_lead, eliminated  # noqa: E402
from dpap_bio.results_read import TooLittleData  # noqa: E402
from dpap_bio.rules.importance import remember, sliding_threshold, spine_density  # noqa: E402


def _run(arms):
    """A run of trainings with these accuracies and live weights, epoch by epoch: arm -> seed -> (right, live)."""
    found, spec = {}, SimpleNamespace()
    for arm, seeds in arms.items():
        for seed, (right, live) in seeds.items():
            records = [{"epoch": k - 1, "loss": dict.fromkeys(("train", "held_out", "test"), 0.0),
                        "accuracy": {"train": r, "held_out": r, "test": r},
                        "layers": {"fc1": {"weights": 100, "units": 1, "macs": 100, "live_weights": n, "live_units": 1,
                                           "live_macs": n, "spikes": 0.0, "synops": 0.0}}}
                       for k, (r, n) in enumerate(zip(right, live, strict=True))]
            found[f"{arm}/seed_{seed}/training"] = _table(spec, arm, seed, records)
    return xr.DataTree.from_dict(found)


def _table(spec, arm, seed, records):
    from dpap_bio.deep.kind_training import _columns
    from dpap_bio.results_schema import labelled
    return labelled(f"{arm}/seed_{seed}/training", _columns(records))


def test_accuracy_and_share_are_of_the_same_last_network_whatever_an_earlier_epoch_reached():
    run = _run({"main": {1: ([0.1, 0.99, 0.9], [100, 80, 30]), 2: ([0.1, 0.9, 0.92], [100, 80, 40])},
                "random": {1: ([0.1, 0.5, 0.8], [100, 80, 30]), 2: ([0.1, 0.5, 0.9], [100, 80, 40])}})
    assert accuracy(run, "main", 1) == pytest.approx(90) and eliminated(run, "main", 1) == pytest.approx(70)
    assert accuracy_difference(run, "main", over="random") == {1: pytest.approx(10), 2: pytest.approx(2)}
    spread = np.std([80.0, 90.0], ddof=1)  # the larger of the two arms'
    assert accuracy_lead(run, "main", over="random")[1] == pytest.approx(6 / spread)


def test_a_lead_needs_more_than_one_seed():
    run = _run({a: {1: ([0.1, r], [100, 50])} for a, r in (("main", 0.9), ("random", 0.8))})
    with pytest.raises(TooLittleData, match="no spread"):
        accuracy_lead(run, "main", over="random")


def _seen(net, batches, **options):
    zero = {layer.name: (torch.zeros(layer.weight.shape[0]),) * 2 for layer in net.prunable()}
    seen, spikes = Traces(net, zero, **{"decay": 0.5, "power": 1.0, "scale": 1.0, **options}), []

    def see(layer, received, fired, constant):
        seen(layer, received, fired, constant)
        if layer.name == "fc1":
            spikes.append(fired.view(net.model.steps, -1, fired.shape[1]))

    with torch.no_grad():
        for x in batches:
            net(x, see)
    return seen, spikes


def test_the_threshold_can_be_the_mean_square_as_in_classical_bcm():
    net, x = small().train(), [torch.randn(7, 1, 8, 8), torch.randn(7, 1, 8, 8)]
    seen, spikes = _seen(net, x, power=2.0, scale=0.5)
    decay = 0.5 ** torch.arange(3, -1, -1.0) / 4
    y = torch.cat([torch.tensordot(decay, s, dims=1) for s in spikes]).double()
    assert torch.allclose(seen.threshold["fc1"][0].double(), (0.5 * (y / 0.5) ** 2).mean(0), rtol=1e-4, atol=1e-7)
    theta = sliding_threshold(y, *(torch.zeros(20).double(),) * 2, power=2.0, scale=0.5)
    assert float(theta[0].abs().sum()) == 0 and float(theta[-1].sum()) > 0


def test_statistics_keep_no_spike_map():
    net = small().train()
    seen, spikes = _seen(net, [torch.randn(100, 1, 8, 8)])
    kept = [t for two in (*seen.last.values(), *seen.threshold.values()) for t in two]
    kept += [*seen.score.values(), *seen.use.values()]
    assert sum(t.numel() for t in kept) < sum(t.shape[0] * t.shape[1] for t in [spikes[0]]) * 100
    assert all(t.ndim <= 2 for t in kept) and not seen._waiting


def test_a_score_that_stops_fades_with_the_memory_and_for_ever_counts_where_nothing_is_forgotten():
    shares = {}
    for memory in (0.5, math.inf):
        p = SimpleNamespace(**{**DPAP, "survival_start": 99.0, "score_memory": memory})
        view = _dpap_view("conv", torch.ones(20, 6), torch.ones(20))
        for _ in range(5):
            proj = find_method("dpap").step({"x": view}, p, np.random.default_rng(0))["x"]
            proj = proj.replace(fresh=torch.zeros(120)).replace_target(fresh_use=torch.zeros(20))
            view = SimpleNamespace(kind="conv", projection=proj, activity=view.activity)
        shares[memory] = float(proj.synapses.score[0])
    assert shares[math.inf] == pytest.approx(1 / 5) and shares[0.5] < 1e-3


def test_one_outlier_compresses_the_density_of_all_others_as_the_method_has_it():
    score, post, alive = np.r_[np.linspace(1, 2, 10), 1000.0], np.arange(11), np.ones(11, bool)
    density = spine_density(score, np.ones(11), post, alive, alive)
    assert density[-1] == 1 and density[:-1].max() < 0.002


def test_a_mean_over_many_batches_in_single_precision_does_not_lose_the_late_ones():
    fresh = np.random.default_rng(0).exponential(1, (10000, 3)).astype(np.float32)
    mean = weight = np.zeros(3, np.float32)
    for each in fresh:
        mean, weight = remember(mean, weight, each, 1, kept=1.0)
    assert mean.dtype == np.float32
    assert mean == pytest.approx(fresh.astype(float).mean(0), rel=1e-4)


def test_the_rate_loss_is_the_plain_mean_square_over_firing_included():
    out, labels = torch.tensor([[1.5, 0.0], [0.25, 0.5]]), torch.tensor([0, 1])
    assert float(_loss(out, labels, "mse_rate")) == pytest.approx((0.25 + 0 + 0.0625 + 0.25) / 4)


def test_the_network_of_the_reference_code_has_the_cells_that_code_runs_with_and_its_number_of_weights():
    found = model.load("deep_6conv2fc")
    cells = {layer.kind: layer.cell for layer in found.layers}
    conv, fc = cells["conv"], cells["fc"]
    assert (conv.kind, conv.threshold, conv.surrogate) == ("plif", 1.0, "atan")
    assert (fc.kind, fc.threshold, fc.tau, fc.surrogate) == ("lif", 0.5, 2.0, "quadratic_gate")
    assert found.steps == 8 and found.layers[-1].cell.kind == "lif"
    n_in, total = 3, 0
    for layer in found.layers:
        total += layer.units * (n_in * 9 if layer.kind == "conv" else math.prod(layer.shape))
        n_in = layer.units
    assert total == 21_356_928


PROTOCOLS = ("dpap_cifar10", "dpap_dvsgesture", "dpap_mnist_ann")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_shipped_protocol_of_every_size_is_read_with_its_model_and_its_arms(name):
    for size in ("full", "quick"):
        found = protocol.load(name, size=size)
        assert find_method(found.arm("main").method) is find_method("dpap")
        assert library.find("model", found.model_name, found.folder).is_file()


def test_dpap_in_the_reference_setting_has_the_reference_numbers():
    found = protocol.load("dpap_cifar10")
    p = found.p(found.arm("main"))
    assert p.lr == pytest.approx(5e-3 * 50 / 1024) and (p.lr_start, p.lr_end, p.warm_up) == (1e-6, 1e-5, 5)
    assert (p.rho_conv, p.bonus_conv, p.eta_conv, p.rho_unit, p.bonus_unit, p.eta_fc) == (0.65, 5, 12, 1.5, 2, 13)
    assert (p.reserve_start, p.gamma, p.survival_start, p.percentile) == (10, 0.999, 5, 0.75)
    assert (found.epochs, found.training.batch, found.training.loss) == (300, 50, "mse_rate")


def test_a_network_without_spikes_is_pruned_by_the_same_rule_its_outputs_for_traces(tmp_path):
    text = MODEL.format(encoding="direct", kind="relu", pool_of="spikes", norm="true")
    for line in ('threshold = "theta"\n', 'tau = "tau"\n', 'surrogate = "atan"\n', 'width = "width"\n'):
        assert line in text
        text = text.replace(line, "")
    kept = [line for line in text.splitlines() if not line.startswith(("theta", "tau", "width"))]
    (tmp_path / "deep_small.toml").write_text("\n".join(kept).replace("value = 4", "value = 1"))
    (tmp_path / "small.toml").write_text(protocol_text("deep_small.toml", "dpap", {**DPAP, "lr": 5e-3}))
    found = protocol.load(str(tmp_path / "small.toml"))
    records = [r for _, _, r in lives(found, found.arm("main"), 1)]
    live = [sum(int(row["live_weights"]) for row in r["layers"].values()) for r in records]
    assert live[-1] < 0.9 * live[0] and records[-1]["loss"]["train"] < records[1]["loss"]["train"] - 0.1


def test_a_parity_run_reports_rates_of_its_remembered_masks_layer_by_layer(tmp_path):
    parity = {n: DPAP[n] for n in find_method("dpap_parity").needs}
    found = protocol.load(written(tmp_path, "dpap_parity", {**parity, "reserve_start": 0.3}, epochs=3))
    for _, state, record in lives(found, found.arm("main"), 1):
        for name, two in state["method"].items():
            if two["masks"]:
                assert int(record["layers"][name]["live_weights"]) == int(two["masks"]["mask"].sum())
                assert two["masks"]["mask"].shape == state["network"][name]["weight"].shape
    assert KIND.groups(found, {("main", 1): [r for _, _, r in lives(found, found.arm("main"), 1)]})
