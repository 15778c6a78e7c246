import numpy as np
import pytest
from deep_small import DPAP, written
from test_deep_training import lived, same

torch = pytest.importorskip("torch")

from dpap_bio.deep import kernels, protocol, training  # noqa: E402
from dpap_bio.kinds import Unhealthy  # noqa: E402


@pytest.fixture(params=["compiled", "plain"])
def way(request, monkeypatch):
    monkeypatch.setattr(kernels, "SMALL", 0)
    if request.param == "plain":
        monkeypatch.setattr(kernels, "library", lambda: None)


def mixed(folder, method="none", parameters=None, **more):
    """A protocol that trains in bfloat16."""
    path = written(folder, method, parameters, **more)
    text = (folder / "small.toml").read_text().replace("batch = 50", 'batch = 50\nprecision = "bfloat16"')
    (folder / "small.toml").write_text(text)
    return protocol.load(path)


def records(found):
    return [record for _, _, record in training.lives(found, found.arm("main"), 1)]


def test_bfloat16_learns_as_float32_does_and_is_not_the_same(tmp_path, way):
    (tmp_path / "wide").mkdir()
    wide = [r for _, _, r in lived(tmp_path / "wide", "none", {"lr": 5e-3}, epochs=8)]
    narrow = records(mixed(tmp_path, "none", {"lr": 5e-3}, epochs=8))
    assert narrow[-1]["accuracy"]["held_out"] > 0.6
    assert abs(narrow[-1]["accuracy"]["held_out"] - wide[-1]["accuracy"]["held_out"]) < 0.15
    assert narrow[-1]["loss"]["train"] != wide[-1]["loss"]["train"]


@pytest.mark.parametrize("encoding", ["direct", "rate"])
def test_a_resumed_training_in_bfloat16_equals_the_uninterrupted_one_bit_for_bit(encoding, tmp_path, way):
    found = mixed(tmp_path, "dpap", DPAP, encoding=encoding)
    whole = list(training.lives(found, found.arm("main"), 1))
    number, state, _ = whole[2]
    rest = list(training.lives(found, found.arm("main"), 1, (number, state)))
    assert [n for n, _, _ in rest] == [2, 3]
    for (_, s, r), (_, t, q) in zip(whole[3:], rest, strict=True):
        assert same(s, t) and same(r, q)


def test_weights_moments_and_scores_of_a_training_in_bfloat16_are_float32(tmp_path, way):
    found = mixed(tmp_path, "dpap", DPAP, epochs=1)
    *_, (_, state, _) = training.lives(found, found.arm("main"), 1)
    for arrays in state["network"].values():
        assert all(a.dtype == np.float32 for n, a in arrays.items() if n in ("weight", "shift", "gain", "mean"))
    assert all(m["first"].dtype == np.float32 for m in state["optimiser"]["moments"].values())
    score = state["method"]["fc1"]["synapse"]["score"]
    rounded = torch.from_numpy(score).bfloat16().float().numpy()
    assert score.dtype == np.float32 and np.mean(score[score != 0] == rounded[score != 0]) < 0.5


def test_a_weight_that_is_no_number_ends_the_training_even_where_no_cell_shows_it(tmp_path):
    found = protocol.load(written(tmp_path))
    net = training._begin(found.model(found.arm("main")), found.arm("main"), 1, found.p(found.arm("main")), None).net
    training._check_weights(net, 0, found.p(found.arm("main")))
    with torch.no_grad():
        net.layers[1].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(Unhealthy, match=r"layers.1.weight is not finite after epoch 3: lower lr \(0.002\)"):
        training._check_weights(net, 3, found.p(found.arm("main")))


def test_an_unknown_precision_is_refused(tmp_path):
    path = written(tmp_path)
    text = (tmp_path / "small.toml").read_text().replace("batch = 50", 'batch = 50\nprecision = "float16"')
    (tmp_path / "small.toml").write_text(text)
    with pytest.raises(ValueError, match="precision"):
        protocol.load(path)
