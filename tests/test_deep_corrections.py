"""Slips of the DPAP reference code that are no part of a rule: docs/deep.md says which test is for which."""

from types import SimpleNamespace

import pytest
from deep_small import DPAP, model_text, written

torch = pytest.importorskip("torch")

from dpap_bio.deep import model, protocol  # noqa: E402
from dpap_bio.deep.feed import open_feed  # noqa: E402
from dpap_bio.deep.network import DeepNetwork  # noqa: E402
from dpap_bio.deep.statistics import Traces  # noqa: E402


def digits():
    return open_feed(SimpleNamespace(name="digits", held_out=200, limit=None), 4)


def test_training_held_out_and_test_images_are_put_on_one_scale():
    feed = digits()
    (shown, labels), = feed.batches(len(feed.train), shift=0, flip=False, seed=1, epoch=0)
    whole = feed.normalised(feed.train.images)
    assert float(shown.mean()) == pytest.approx(float(whole.mean()), abs=1e-4)
    image = feed.train.images[:1]
    assert torch.equal(feed.shown(image, "direct"), feed.normalised(image))
    assert float(whole.mean()) == pytest.approx(0, abs=0.1) and float(whole.std()) == pytest.approx(1, abs=0.1)


def test_held_out_images_are_neither_trained_on_nor_tested():
    feed = digits()

    def rows(part):
        return {bytes(image.numpy().tobytes()) for image in part.images}

    assert not rows(feed.train) & rows(feed.held_out) and not rows(feed.test) & rows(feed.held_out)
    assert len(feed.train) + len(feed.held_out) + len(feed.test) == 1797


def test_every_constant_of_a_cell_reaches_it_and_none_is_written_for_nothing(tmp_path):
    cells = [x.spec.cell for x in DeepNetwork(model.from_text("m", model_text(), {"theta": 0.7, "tau": 3.0})).layers]
    assert [c.threshold for c in cells[:3]] == [0.7] * 3 and [c.tau for c in cells[:3]] == [3.0] * 3
    text = model_text() + 'idle = { value = 1.0, unit = "1", chosen = "read by nobody" }\n'
    with pytest.raises(ValueError, match="idle"):
        model.from_text("m", text, {})
    path = written(tmp_path, "none", {"rho_conv": 1.0})
    with pytest.raises(ValueError, match="rho_conv: nothing reads it"):
        protocol.load(path)


def test_the_trace_is_the_final_one_or_with_decay_1_the_mean_over_time():
    net = DeepNetwork(model.from_text("m", model_text(), {})).grow(1)
    spikes = (torch.rand(4 * 3, 6, 8, 8) < 0.3).float()
    by_step = spikes.view(4, 3, 6, -1).sum(3)
    zero = {layer.name: (torch.zeros(layer.weight.shape[0]),) * 2 for layer in net.prunable()}
    for decay in (0.5, 1.0):
        seen = Traces(net, zero, decay=decay, power=1.0, scale=1.0)
        seen(net.layers[0], torch.rand(3, 1, 8, 8), spikes, True)
        trace = torch.zeros(3, 6)
        for t in range(4):
            trace = decay * trace + by_step[t]
        assert torch.allclose(seen.last["conv1"][1].sum(0), (trace / 4).sum(0), rtol=1e-5)
    assert torch.allclose(seen.last["conv1"][1].sum(0), by_step.mean(0).sum(0), rtol=1e-5)


def test_answers_are_read_from_currents_which_hardly_ever_tie():
    net = DeepNetwork(model.from_text("m", model_text(), {})).grow(1).train()
    with torch.no_grad():
        out = net(torch.randn(200, 1, 8, 8))
    best = out.topk(2, dim=1).values
    assert float((best[:, 0] > best[:, 1]).float().mean()) > 0.99


def test_the_parameters_of_dpap_are_all_in_the_file_none_in_the_code():
    from dpap_bio.deep.methods import find_method

    assert set(find_method("dpap").needs) == set(DPAP)
