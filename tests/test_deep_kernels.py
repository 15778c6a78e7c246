import numpy as np
import pytest
from deep_small import DPAP, model_text, written

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from dpap_bio.deep import kernels, memory, model, protocol  # noqa: E402
from dpap_bio.deep.cells import Cell  # noqa: E402
from dpap_bio.deep.cellspec import CellSpec  # noqa: E402
from dpap_bio.deep.convolution import convolved  # noqa: E402
from dpap_bio.deep.network import DeepNetwork  # noqa: E402
from dpap_bio.deep.training import lives  # noqa: E402

pytestmark = pytest.mark.skipif(kernels.library() is None, reason="there is no C++ compiler")


@pytest.fixture(autouse=True)
def also_small(monkeypatch):
    monkeypatch.setattr(kernels, "SMALL", 0)


def network(**form):
    net = DeepNetwork(model.from_text("small", model_text(**form), {})).grow(1)
    torch.manual_seed(1)
    with torch.no_grad():
        for layer in net.prunable():
            layer.alive = torch.arange(layer.weight.shape[0]) % 3 != 1
            layer.shift.copy_(torch.rand_like(layer.shift) + 0.2)
            if layer.spec.norm:
                layer.variance.uniform_(0.1, 0.5)
    return net


def answers(net, train):
    """Spikes of all layers, gradients of everything learned, and the running norms after one batch."""
    net.train(train)
    spikes = []
    x = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(2), requires_grad=True)
    out = net(x, lambda layer, received, fired, constant: fired is not None and spikes.append(fired))
    loss = F.cross_entropy(3 * out, torch.arange(7))
    gradients = torch.autograd.grad(loss, [x, *net.parameters()])
    return spikes, gradients, [b for n, b in net.named_buffers() if "mean" in n or "variance" in n]


@pytest.mark.parametrize("form", [{}, {"norm": "false"}, {"pool_of": "current"}, {"kind": "lif"}])
@pytest.mark.parametrize("train", [False, True])
def test_a_network_spikes_and_learns_the_same_with_kernels_and_without(form, train, monkeypatch):
    with_kernels = answers(network(**form), train)
    monkeypatch.setattr(kernels, "library", lambda: None)
    without = answers(network(**form), train)
    assert all(torch.equal(a, b) for a, b in zip(with_kernels[0], without[0], strict=True))
    assert all(0 < float(s.detach().mean()) < 1 for s in without[0])
    for found, wanted in zip(with_kernels[1:], without[1:], strict=True):
        for a, b in zip(found, wanted, strict=True):
            assert torch.allclose(a, b, rtol=1e-4, atol=1e-6 * float(wanted[0].abs().max() + b.abs().max()))


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (3, 0), (5, 2), (1, 0), (3, 2)])
@pytest.mark.parametrize("ones", [True, False])
@pytest.mark.parametrize("n_out", [5, 64, 70])
def test_a_convolution_driven_by_spikes_equals_the_dense_one(kernel, padding, ones, n_out):
    torch.manual_seed(0)
    x = (torch.rand(5, 6, 9, 7) < 0.02).float() * (1 if ones else torch.randn(5, 6, 9, 7))
    weight = torch.randn(n_out, 6, kernel, kernel, requires_grad=True)
    bias = torch.randn(n_out, requires_grad=True)
    x.requires_grad_(True)
    assert kernels.few_events(kernels.last(x.detach()), n_out)
    out, wanted = convolved(x, weight, bias, padding), F.conv2d(x, weight, bias, padding=padding)
    assert type(out.grad_fn).__name__ == "AddBackward0" and torch.allclose(out, wanted, atol=1e-5)
    back = torch.randn_like(out) * (torch.rand_like(out) < 0.1)
    for a, b in zip(*(torch.autograd.grad(o, [x, weight, bias], back) for o in (out, wanted)), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_maps_with_many_spikes_take_the_dense_way():
    x, weight = torch.ones(2, 3, 4, 4), torch.randn(64, 3, 3, 3)
    assert not kernels.few_events(kernels.last(x), 64)
    assert torch.equal(convolved(x, weight, None, 1), F.conv2d(x, weight, padding=1))


def test_the_number_of_threads_changes_no_bit():
    torch.manual_seed(0)
    x = kernels.last((torch.rand(6, 40, 12, 12) < 0.1).float())
    weight, grad = torch.randn(70, 40, 3, 3), kernels.last(torch.randn(6, 70, 12, 12))
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append([kernels.conv_events(x, weight, 1), kernels.conv_events_learn(x, grad, weight, 1),
                      kernels.moments(grad)])
    torch.set_num_threads(1)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_bfloat16_spikes_are_those_of_the_rounded_currents_and_gradients_are_rounded_once():
    x = torch.randn(12, 40, 3, 3, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_(True)
    found, wanted = (Cell(CellSpec("lif", 0.5))(each, 4, False) for each in (x, x.float()))
    assert found.dtype == torch.bfloat16 and torch.equal(found.float(), wanted)
    by_x, exact = (torch.autograd.grad(out.float().cumsum(0).sum(), x)[0] for out in (found, wanted))
    assert torch.equal(by_x, exact) and float(exact.abs().max()) > 0


def test_without_a_compiler_a_training_goes_on_in_plain_pytorch(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels.compiling, "compiler", lambda: None)
    kernels.library.cache_clear()
    found = protocol.load(written(tmp_path, "dpap", DPAP, epochs=1))
    plain = [record for _, _, record in lives(found, found.arm("main"), 1)]
    monkeypatch.undo()
    monkeypatch.setattr(kernels, "SMALL", 0)
    kernels.library.cache_clear()
    fast = [record for _, _, record in lives(found, found.arm("main"), 1)]
    assert kernels.library() is not None
    assert plain[1]["loss"]["train"] == pytest.approx(fast[1]["loss"]["train"], rel=1e-3)
    assert np.isfinite(plain[1]["loss"]["test"])


def test_small_tensors_stay_in_pytorch(monkeypatch):
    monkeypatch.setattr(kernels, "SMALL", 100)
    assert kernels.fit(torch.zeros(10, 10)) and not kernels.fit(torch.zeros(9, 11))


def test_memory_can_be_kept_anywhere():
    memory.keep()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("channels", "side"), [(136, 6), (256, 3), (5, 7), (130, 1)])
def test_traces_are_the_weighed_sum_over_steps_of_spikes_and_of_what_is_no_spike(dtype, channels, side):
    torch.manual_seed(channels)
    weight = torch.rand(8)
    for x in (torch.rand(24, channels, side, side) < 0.3, torch.randn(24, channels, side, side)):
        x = x.to(dtype)
        wanted = torch.tensordot(weight.double(), x.double().view(8, 3, channels, side, side), 1)
        maps, summed = kernels.traces(x, weight, summed=False), kernels.traces(x, weight, summed=True)
        flat = kernels.traces(x.flatten(1), weight, summed=False)
        assert maps.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert torch.allclose(maps.double(), wanted, atol=1e-6, rtol=1e-6)
        assert torch.allclose(flat.double(), wanted.flatten(1), atol=1e-6, rtol=1e-6)
        assert torch.allclose(summed.double(), wanted.sum((2, 3)), atol=1e-5, rtol=1e-5)
        threads = torch.get_num_threads()
        torch.set_num_threads(3 - min(threads, 2))
        assert torch.equal(kernels.traces(x, weight, summed=True), summed)
        torch.set_num_threads(threads)
