import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dpap_bio.deep import kernels  # noqa: E402
from dpap_bio.deep.cells import Cell, lif_step  # noqa: E402
from dpap_bio.deep.cellspec import CellSpec  # noqa: E402
from dpap_bio.deep.pool import max_pool  # noqa: E402
from dpap_bio.deep.surrogates import SURROGATES  # noqa: E402

CELLS = [("lif", "hard"), ("lif", "soft"), ("plif", "hard"), ("plif", "soft")]


@pytest.fixture(params=["compiled", "plain"])
def way(request, monkeypatch):
    monkeypatch.setattr(kernels, "SMALL", 0)
    if request.param == "plain":
        monkeypatch.setattr(kernels, "library", lambda: None)


class Spike(torch.autograd.Function):
    """A spike with a surrogate, step by step: the slow way that the cells are checked against."""

    @staticmethod
    def forward(ctx, x, name, width):
        ctx.save_for_backward(x)
        ctx.how = name, width
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        name, width = ctx.how
        return grad * SURROGATES[name](ctx.saved_tensors[0], width), None, None


def slow(x, spec, w=None):
    """The membrane equation with autograd over time."""
    share = torch.sigmoid(w) if w is not None else 1 / spec.tau
    v, out = torch.zeros_like(x[0]), []
    for now in x:
        u = v + share * (now - v)
        s = Spike.apply(u - spec.threshold, spec.surrogate, spec.width)
        v = u * (1 - s.detach()) if spec.reset == "hard" else u - spec.threshold * s.detach()
        out.append(s)
    return torch.stack(out)


@pytest.mark.parametrize(("kind", "reset"), CELLS)
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("constant", [False, True])
def test_spikes_and_gradients_equal_those_of_autograd_over_time(kind, reset, surrogate, constant, way):
    torch.manual_seed(0)
    steps, spec = 5, CellSpec(kind, 0.5, 2.5, surrogate, 2.0, reset)
    cell = Cell(spec).double()
    x = (2 * torch.randn(7, 11, dtype=torch.double) if constant else 2 * torch.randn(steps * 7, 11, dtype=torch.double))
    x.requires_grad_(True)
    weight = torch.randn(steps, 7, 11, dtype=torch.double)
    out = cell(x, steps, constant).view(steps, 7, 11)
    wanted = slow(x.expand(steps, 7, 11) if constant else x.view(steps, 7, 11), spec, getattr(cell, "w", None))
    assert torch.equal(out, wanted) and 0 < float(out.detach().mean()) < 1
    given = [x, *cell.parameters()]
    found, right = (torch.autograd.grad((each * weight).sum(), given) for each in (out, wanted))
    for a, b in zip(found, right, strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_the_loop_is_the_pure_step_again_and_again():
    x = torch.randn(4, 3, 5)
    cell = Cell(CellSpec("lif", 0.5, 2.0))
    spikes, potential = cell(x.flatten(0, 1), 4, False, potential=True)
    v = torch.zeros(3, 5)
    for t in range(4):
        u, s, v = lif_step(v, x[t], share=0.5, threshold=0.5)
        assert torch.equal(u, potential.view(4, 3, 5)[t]) and torch.equal(s, spikes.view(4, 3, 5)[t])


def test_under_constant_drive_a_cell_fires_within_t_steps_exactly_above_the_known_drive():
    cell, steps = Cell(CellSpec("lif", 1.0, 2.0)), 8
    edge = 1 / (1 - 2.0**-steps)
    assert float(cell(torch.tensor([[edge * 0.9999]]), steps, True).sum()) == 0
    assert float(cell(torch.tensor([[edge * 1.0001]]), steps, True).sum()) == 1


@pytest.mark.parametrize("name", ["atan", "quadratic_gate", "sigmoid", "dspike"])
def test_a_surrogate_is_a_positive_bump_of_area_one_around_threshold(name):
    x = torch.linspace(-400, 400, 800001, dtype=torch.double)
    y = SURROGATES[name](x.clone(), 2.0)
    assert float(y.min()) >= 0 and float(y.argmax()) == 400000
    assert float(torch.trapezoid(y, x)) == pytest.approx(1, abs=2e-3)
    assert torch.allclose(y, y.flip(0))


@pytest.mark.parametrize("size", [6, 7])
def test_fast_pooling_equals_the_library_s(size, way):
    x = torch.randn(3, 4, size, size, requires_grad=True)
    a, b = max_pool(x), torch.nn.functional.max_pool2d(x, 2)
    g = torch.randn_like(a)
    assert torch.equal(a, b)
    assert torch.equal(torch.autograd.grad(a, x, g)[0], torch.autograd.grad(b, x, g)[0])


def test_of_equal_pixels_the_left_then_the_upper_learns(way):
    fours = [[0.0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0, 1, 0, 1]]
    squares = torch.tensor(fours).view(4, 1, 2, 2).requires_grad_(True)
    gradient = torch.autograd.grad(max_pool(squares).sum(), squares)[0]
    assert gradient.view(4, 4).argmax(1).tolist() == [2, 0, 2, 1] and float(gradient.sum()) == 4


def test_relu_cells_pass_what_is_positive():
    assert Cell(CellSpec("relu"))(torch.tensor([[-1.0, 2.0]]), 1, True).tolist() == [[0, 2]]


def test_spikes_equal_those_of_brian2_at_matched_constants():
    """tau_m = dt / ln 2: the exact solution over one step is the Euler step with share 1/2."""
    brian2 = pytest.importorskip("brian2")
    brian2.prefs.codegen.target = "numpy"
    steps, n = 40, 30
    drive = np.random.default_rng(1).normal(0.6, 0.8, (steps, n))
    dt = 1 * brian2.ms
    drives = brian2.TimedArray(drive, dt=dt)
    space = {"tau_m": dt / math.log(2), "drives": drives}
    cells = brian2.NeuronGroup(n, "dv/dt = (drives(t, i) - v) / tau_m : 1", threshold="v > 0.5", reset="v = 0",
                               method="exact", dt=dt, namespace=space)
    monitor = brian2.SpikeMonitor(cells)
    brian2.Network(cells, monitor).run(steps * dt)
    in_brian = np.zeros((steps, n))
    in_brian[np.round(np.asarray(monitor.t / dt)).astype(int), np.asarray(monitor.i)] = 1
    spikes = Cell(CellSpec("lif", 0.5, 2.0))(torch.from_numpy(drive), steps, False).view(steps, n)
    assert in_brian.sum() > 100
    assert np.array_equal(spikes.numpy(), in_brian)
