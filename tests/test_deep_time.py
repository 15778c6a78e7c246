"""Time steps that live on a reserve: our temporal extension of DPAP."""

from types import SimpleNamespace

import numpy as np
import pytest
from deep_small import DPAP
from test_deep_methods import small
from test_deep_training import lived, same

torch = pytest.importorskip("torch")

from dpap_bio.deep.export import export, reload  # noqa: E402
from dpap_bio.deep.methods import find_method  # noqa: E402
from dpap_bio.deep.model import with_steps  # noqa: E402
from dpap_bio.deep.network import encoded  # noqa: E402
from dpap_bio.deep.steps import step_importance  # noqa: E402

TIME = {**DPAP, "rho_step": 1.5, "bonus_step": 2.0, "eta_step": 13.0, "keep_steps": 2.0, "reserve_start": 2.0,
        "survival_start": 0.0, "rho_unit": 0.5, "rho_conv": 0.5, "rho_synapse": 0.5}


def recordings(quiet=(1,), n=30):
    """Frames (n, 4, 1, 8, 8) with nothing in the quiet ones."""
    images = (torch.rand(n, 4, 1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.5).float() * 2
    images[:, list(quiet)] = 0
    return images


def test_a_step_in_which_nothing_happens_is_worth_least():
    net = small(encoding="frames", kind="lif", norm="false")
    with torch.no_grad():
        net.layers[0].weight.abs_()
    worth = step_importance(net, [(encoded(recordings(), net.model), None)])
    assert worth.shape == (4,) and int(worth.argmin()) == 1 and float(worth.max()) > 0.5


def test_the_reserve_of_a_step_falls_until_it_is_left_out_but_never_the_last_ones():
    p, step = SimpleNamespace(**TIME), find_method("dpap_time").of_steps
    reserve, worth, left = torch.full((4,), 2.0), torch.tensor([0.0, 0.1, 0.9, 1.0]), []
    assert torch.equal(step(worth, reserve, 0, SimpleNamespace(**{**TIME, "survival_start": 3.0}))[0], reserve)
    for epoch in range(12):
        reserve, alive = step(worth, reserve, epoch, p)
        reserve, worth = reserve[alive], worth[alive]
        left.append(len(reserve))
    assert left[0] == 4 and left[-1] == 2 and left == sorted(left, reverse=True)
    assert worth.tolist() == pytest.approx([0.9, 1.0])


def test_a_network_with_fewer_steps_takes_the_frames_that_are_left_and_is_exported_so(tmp_path):
    net = small(encoding="frames").eval()
    images = recordings(quiet=())
    net.model = with_steps(net.model, [0, 3])
    other = small(encoding="frames").eval()
    other.model = with_steps(other.model, [0, 1])
    x = encoded(images, net.model)
    assert torch.equal(net(x), other(encoded(images[:, [0, 3]], other.model))) and len(x) == 60
    export(net, tmp_path / "net")
    again = reload(tmp_path / "net").eval()
    assert again.model.shown == (0, 3) and torch.allclose(again(encoded(images, again.model)), net(x), atol=1e-6)


def test_steps_go_during_training_and_a_resumed_one_equals_the_uninterrupted_one(tmp_path):
    whole = lived(tmp_path, "dpap_time", TIME, epochs=5)
    steps = [state["method"]["conv1"]["steps"]["shown"].tolist() for _, state, _ in whole]
    assert steps[0] == [0, 1, 2, 3] and 2 <= len(steps[-1]) < 4
    number, state, _ = whole[4]
    assert len(steps[4]) < 4
    rest = lived(tmp_path, "dpap_time", TIME, epochs=5, after=(number, state))
    for (_, s, r), (_, t, q) in zip(whole[5:], rest, strict=True):
        assert same(s, t) and same(r, q)
    assert np.all(np.diff(steps[-1]) > 0)
