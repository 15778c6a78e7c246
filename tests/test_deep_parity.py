import math

import numpy as np
import pytest
from deep_small import DPAP, written

torch = pytest.importorskip("torch")

from dpap_bio.deep import protocol  # noqa: E402
from dpap_bio.deep.methods import LayerView, find_method  # noqa: E402
from dpap_bio.deep.statistics import SlotTraces  # noqa: E402
from dpap_bio.deep.training import lives  # noqa: E402
from dpap_bio.network import Projection, Table  # noqa: E402
from dpap_bio.rules.rule import Activity, Firing  # noqa: E402

PARITY = {n: DPAP[n] for n in ("gamma", "survival_start", "percentile", "reserve_start", "trace_decay", "rho_conv",
                               "bonus_conv", "eta_conv", "rho_unit", "bonus_unit", "eta_fc", "rho_synapse",
                               "bonus_synapse")}
OF = {"conv": (0.65, 5.0, 12), "fc": (1.5, 2.0, 13)}


def to_unit(z):
    """U of the reference code: P75 is the top, 0.5 everywhere if that is the minimum."""
    low, top = z.min(), np.percentile(z, 75)
    return np.clip((z - low) / (top - low), 0, 1) if top > low else np.full_like(z, 0.5)


def half_range(z):
    return (z - z.min()) / (z.max() - z.min()) if z.max() > z.min() else np.full_like(z, 0.5)


def reference(kind, scores, uses):
    """Masks after every epoch as the reference code's equations give them, in plain numpy and float32."""
    rho, bonus, eta = OF[kind]
    n_out, n_in = scores[0].shape
    score, use, mask = np.zeros((n_out, n_in), np.float32), np.zeros(n_out, np.float32), np.ones((n_out, n_in), bool)
    unit, synapse, found = np.full(n_out, 10.0), np.full((n_out, n_in), 10.0), []
    for epoch, (b, a) in enumerate(zip(scores, uses, strict=True)):
        score, use = score + b, use + a
        density = half_range(score.sum(1)) * half_range(use)
        if epoch >= 5:
            kappa = math.exp(-int((epoch - 5) / eta))
            for reserve, importance in ((unit, density), (synapse, score)):
                delta = 2 * to_unit(importance) - rho
                delta = np.where(delta > 0, delta + bonus, delta)
                reserve *= 0.999
                reserve += delta * kappa
            mask[unit < 0] = False
            if kind == "fc":
                mask[synapse < 0] = False
        found.append(mask.copy())
    return found


def view(kind, score, use, columns, epoch):
    n_out, n_in = score.shape
    index = torch.arange(n_out * n_in)
    synapses = Table({"id": index, "pre": index % n_in, "post": index // n_in, "w": 0.0 * index,
                      "fresh": torch.from_numpy(score).flatten(), **columns[0]})
    target = Table({"id": torch.arange(n_out), "fresh_use": torch.from_numpy(use), **columns[1]})
    source = Table({"id": torch.arange(n_in), "alive": torch.ones(n_in).bool()})
    nothing = Firing(torch.zeros(1), torch.zeros(0, 1))
    return LayerView(kind, Projection("x", source, target, synapses),
                     Activity(nothing, nothing, 1.0, 1.0, epoch + 1.0, epoch))


@pytest.mark.parametrize("kind", ["conv", "fc"])
def test_parity_prunes_exactly_what_the_reference_code_s_equations_prune_epoch_by_epoch(kind):
    from types import SimpleNamespace

    rng, epochs = np.random.default_rng(1), 70
    base, use = rng.exponential(1, (40, 25)), rng.exponential(1, 40)
    scores = [(base * rng.uniform(0.8, 1.2, base.shape)).astype(np.float32) for _ in range(epochs)]
    uses = [(use * rng.uniform(0.8, 1.2, 40)).astype(np.float32) for _ in range(epochs)]
    p = SimpleNamespace(**{**PARITY, "reserve_start": 10.0, "survival_start": 5.0})
    n = base.size
    columns = ({"alive": torch.ones(n).bool(), "score": torch.zeros(n), "reserve": torch.full((n,), 10.0)},
               {"alive": torch.ones(40).bool(), "use": torch.zeros(40), "density": torch.zeros(40),
                "reserve_neuron": torch.full((40,), 10.0)})
    wanted, rates = reference(kind, scores, uses), []
    for epoch in range(epochs):
        seen = view(kind, scores[epoch], uses[epoch], columns, epoch)
        proj = find_method("dpap_parity").step({"x": seen}, p, None)["x"]
        columns = ({n: getattr(proj.synapses, n) for n in columns[0]}, {n: getattr(proj.target, n) for n in columns[1]})
        assert np.array_equal(proj.synapses.alive.numpy().reshape(base.shape), wanted[epoch]), epoch
        rates.append(1 - wanted[epoch].mean())
    first = next(e for e, r in enumerate(rates) if r)
    assert first == {"conv": 25, "fc": 11}[kind]  # the first possible deaths
    assert 0 < rates[-1] < 1


def test_one_threshold_per_place_in_the_batch_and_signed_images(tmp_path):
    found = protocol.load(written(tmp_path, "dpap_parity", PARITY))
    from dpap_bio.deep.network import DeepNetwork

    net = DeepNetwork(found.model(found.arm("main"))).grow(1).train()
    seen, stored = SlotTraces(net, {}, decay=0.5), []
    decay = 0.5 ** torch.arange(3, -1, -1.0) / 4

    def see(layer, received, spikes, constant):
        seen(layer, received, spikes, constant)
        if constant:
            y = (decay[:, None, None] * spikes.view(4, 5, 6, -1).sum(3)).sum(0)
            stored.append((received.flatten(2).sum(2) * float(decay.sum()), y))

    with torch.no_grad():
        for k in range(6):
            net(torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(k)), see)
    score, theta = torch.zeros(6, 1), torch.zeros(5, 6)
    for n, (x, y) in enumerate(stored, start=1):
        for b in range(5):
            score += torch.outer(y[b] * (y[b] - theta[b]), x[b])
        theta = (theta * (n - 1) + y) / n
    assert torch.allclose(seen.score["conv1"], score, rtol=1e-3, atol=1e-4)
    assert torch.allclose(seen.threshold["conv1"][0], theta, atol=1e-5) and seen.threshold["conv1"][1] == 6
    assert any(float(x.min()) < 0 for x, _ in stored)


def test_in_parity_the_dead_train_on_and_in_the_corrected_form_they_do_not(tmp_path):
    moving = {}
    for method, parameters in (("dpap_parity", PARITY), ("dpap", DPAP)):
        found = protocol.load(written(tmp_path, method, {**parameters, "reserve_start": 0.3}, epochs=5))
        states = [state for _, state, _ in lives(found, found.arm("main"), 1)]
        last = states[-1]
        weight = last["network"]["fc1"]["weight"]
        moment = last["optimiser"]["moments"]["layers.2.weight"]["first"]
        moving[method] = bool((weight == 0).any()), bool(np.abs(moment[weight == 0]).sum() > 0)
        assert len(weight) == 20 if method == "dpap_parity" else len(weight) <= 20
    assert moving == {"dpap_parity": (True, True), "dpap": (True, False)}


def test_a_resumed_parity_run_equals_the_uninterrupted_one(tmp_path):
    found = protocol.load(written(tmp_path, "dpap_parity", {**PARITY, "reserve_start": 0.3}))
    whole = list(lives(found, found.arm("main"), 1))
    number, state, _ = whole[2]
    rest = list(lives(found, found.arm("main"), 1, (number, state)))
    for (_, s, _), (_, t, _) in zip(whole[3:], rest, strict=True):
        for layer, arrays in s["network"].items():
            for name, array in arrays.items():
                assert np.array_equal(array, t["network"][layer][name])
