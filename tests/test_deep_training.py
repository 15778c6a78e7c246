import itertools
import subprocess
import sys

import numpy as np
import pytest
from deep_small import DPAP, TRAINING, written

torch = pytest.importorskip("torch")

from dpap_bio import kinds  # noqa: E402
from dpap_bio.deep import optimiser, protocol  # noqa: E402
from dpap_bio.deep.kind_training import TRAINING as KIND  # noqa: E402
from dpap_bio.deep.training import lives  # noqa: E402
from dpap_bio.kinds import Unhealthy  # noqa: E402

SDSNN = {"range_persistence": 1.0, "range_shrink": 0.75, "trophic_conv": 0.01, "trophic_fc": 0.01, "tau_trophic": 5.0,
         "pruned_first_conv": 0.2, "pruned_first_fc": 0.3, "keep_neurons": 2.0, "regrow_percentile_conv": 65.0,
         "regrow_percentile_fc": 60.0, "regrow_tightening": 1.1, "regrow_ceiling": 99.0}
CUBIC = {"final_sparsity": 0.8, "prune_start": 0.0, "prune_end": 3.0}
METHODS = {"none": {}, "dpap": DPAP, "sdsnn": SDSNN, "magnitude": CUBIC, "criticality": {**CUBIC, "regrown_share": 0.2}}


def lived(folder, method, parameters, n=None, after=None, arm="main", seed=1, quotas=None, **form):
    found = protocol.load(written(folder, method, parameters, **form))
    return list(itertools.islice(lives(found, found.arm(arm), seed, after, quotas), n))


def same(a, b):
    """Are two nested dicts equal, bit for bit?"""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_training_equals_the_uninterrupted_one_bit_for_bit(method, tmp_path):
    whole = lived(tmp_path, method, METHODS[method])
    number, state, _ = whole[2]
    rest = lived(tmp_path, method, METHODS[method], after=(number, state))
    assert [n for n, _, _ in whole] == [-1, 0, 1, 2, 3] and [n for n, _, _ in rest] == [2, 3]
    for (_, s, r), (_, t, q) in zip(whole[3:], rest, strict=True):
        assert same(s, t) and same(r, q)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "none"])
def test_dead_weights_are_zero_in_every_state_and_live_counts_fall(method, tmp_path):
    states = lived(tmp_path, method, METHODS[method])
    live = [sum(int(row["live_weights"]) for row in record["layers"].values()) for _, _, record in states]
    assert live[0] > live[-1] and live[0] == 432 // 8 + 432 + 20 * 128 + 200
    for _, state, record in states:
        for name, arrays in state["network"].items():
            if "mask" in arrays:
                assert np.all(arrays["weight"][~arrays["mask"]] == 0)
                key = f"layers.{list(state['network']).index(name)}.weight"
                for moment in state["optimiser"]["moments"].get(key, {}).values():
                    assert np.all(moment[~arrays["mask"]] == 0)
            assert int(record["layers"][name]["live_units"]) <= len(arrays["weight"])


def test_dpap_cuts_the_network_down_and_ids_last(tmp_path):
    states = lived(tmp_path, "dpap", {**DPAP, "reserve_start": 0.5}, epochs=5)
    ids = [state["network"]["fc1"]["unit_id"] for _, state, _ in states]
    assert len(ids[-1]) < len(ids[0]) == 20
    for before, after in itertools.pairwise(ids):
        assert set(after) <= set(before)
    last = states[-1][1]
    assert last["network"]["fc1"]["weight"].shape == (len(ids[-1]), 16 * len(last["network"]["conv2"]["unit_id"]))
    assert last["optimiser"]["moments"]["layers.2.weight"]["first"].shape == last["network"]["fc1"]["weight"].shape
    assert last["method"]["fc1"]["synapse"]["reserve"].shape == last["network"]["fc1"]["weight"].shape


def test_the_network_learns(tmp_path):
    records = [r for _, _, r in lived(tmp_path, "none", {"lr": 5e-3}, epochs=8)]
    assert records[0]["accuracy"]["held_out"] < 0.3 and records[-1]["accuracy"]["held_out"] > 0.6
    assert records[-1]["loss"]["train"] < records[1]["loss"]["train"]


def test_arms_of_a_seed_start_from_the_same_weights_and_seeds_from_others(tmp_path):
    arms = '[[arms]]\nname = "dense"\ntitle = "dense"\nmethod = "none"'
    a, b = (lived(tmp_path, "dpap", DPAP, 1, arm=arm, arms=arms)[0] for arm in ("main", "dense"))
    c = lived(tmp_path, "dpap", DPAP, 1, seed=2, arms=arms)[0]
    assert same(a[1]["network"], b[1]["network"]) and not same(a[1]["network"], c[1]["network"])


def test_a_random_control_keeps_as_many_units_and_synapses_as_the_arm_it_follows(tmp_path):
    arms = '[[arms]]\nname = "random"\ntitle = "random"\nmethod = "random_units"\nquota_of = "main"'
    parameters = {**DPAP, "reserve_start": 0.5}
    main = [r for _, _, r in lived(tmp_path, "dpap", parameters, arms=arms)]
    control = [r for _, _, r in lived(tmp_path, "dpap", parameters, arm="random", arms=arms, quotas=KIND.quotas(main))]
    for a, b in zip(main, control, strict=True):
        for name in ("conv1", "conv2", "fc1"):
            assert int(b["layers"][name]["live_units"]) <= int(a["layers"][name]["live_units"])
            low, high = sorted(int(x["layers"][name]["live_weights"]) for x in (a, b))
            assert low >= 0.85 * high - 30  # chance may leave a unit without an end


def test_a_loss_that_is_no_number_stops_the_training_in_one_sentence(tmp_path):
    with pytest.raises(Unhealthy, match="the loss is nan in epoch 0|the loss is inf in epoch 0"):
        lived(tmp_path, "none", {"lr": 1e30, "lr_start": 1e30, "warm_up": 0.0})


@pytest.mark.parametrize("encoding", ["rate", "direct"])
@pytest.mark.parametrize("loss", ["mse_rate", "cross_entropy"])
def test_every_encoding_and_loss_trains(encoding, loss, tmp_path):
    path = written(tmp_path, encoding=encoding, epochs=2)
    text = (tmp_path / "small.toml").read_text().replace('loss = "cross_entropy"', f'loss = "{loss}"')
    (tmp_path / "small.toml").write_text(text)
    found = protocol.load(path)
    records = [r for _, _, r in lives(found, found.arm("main"), 1)]
    assert records[2]["loss"]["train"] < records[1]["loss"]["train"]


def test_the_learning_rate_warms_up_then_falls_along_a_cosine():
    options = {"epochs": 10, "schedule": "cosine", "lr": 1.0, "lr_start": 0.1, "lr_end": 0.0, "warm_up": 2.0}
    rates = [optimiser.learning_rate(e, **options) for e in (0, 1, 2, 5, 10)]
    assert rates == pytest.approx([0.1, 0.55, (1 + np.cos(0.2 * np.pi)) / 2, 0.5, 0.0])
    assert optimiser.learning_rate(9, **{**options, "schedule": "constant"}) == 1.0


def test_the_run_file_has_every_layer_and_part(tmp_path):
    found = protocol.load(written(tmp_path, "magnitude", CUBIC, epochs=2))
    records = [r for _, _, r in lives(found, found.arm("main"), 1)]
    groups = KIND.groups(found, {("main", 1): records})
    table = groups["main/seed_1/training"]
    assert table.sizes == {"epoch": 3, "part": 3, "layer": 4} and list(table.layer.values[:2]) == ["conv1", "conv2"]
    assert int(table.live_weights[-1].sum()) < int(table.weights[-1].sum())
    assert "lr" in groups["parameters"].parameter.values and "steps" in groups["parameters"].parameter.values
    with pytest.raises(ValueError, match="missing"):
        KIND.groups(found, {("main", 1): records[1:]})


def test_a_training_is_a_kind_of_protocol_and_reading_one_loads_no_torch(tmp_path):
    path = written(tmp_path, "dpap", DPAP)
    assert kinds.load(path)[0] is KIND
    code = f"import sys; from dpap_bio import kinds; kinds.load({path!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


WRONG = [("lr = {", "lrr = {", "lr"), ('method = "dpap"', 'method = "dapp"', "dpap"),
         ('unit = "day"', 'unit = "mV"', "mV"), ("epochs = 4", "epochs = 0", "epochs"),
         ('loss = "cross_entropy"', 'loss = "hinge"', "loss"),
         ('model  = "deep_small.toml"', 'model = "deep_smal"', "deep"),
         ("seeds  = [1, 2]", "seeds = [1, 1]", "once")]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_a_mistake_in_a_protocol_is_one_sentence_naming_the_file(old, new, said, tmp_path):
    path = written(tmp_path, "dpap", DPAP)
    text = (tmp_path / "small.toml").read_text()
    assert old in text
    (tmp_path / "small.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=said) as error:
        protocol.load(path)
    assert str(error.value).startswith("small.toml: ") and "\n" not in str(error.value)


WRONG_MODEL = [('cell = "hidden"', 'cell = "hiden"', "hidden"), ('threshold = "theta"', "", "threshold"),
               ("steps = {", "stepss = {", "steps"), ("kernel = 3", "kernel = 99", "empty"),
               ('kind = "current"', 'kind = "relu"', "one step"), ('surrogate = "atan"', "", "surrogate")]


@pytest.mark.parametrize(("old", "new", "said"), WRONG_MODEL)
def test_a_mistake_in_a_deep_model_is_one_sentence_naming_the_file(old, new, said, tmp_path):
    path = written(tmp_path)
    text = (tmp_path / "deep_small.toml").read_text()
    assert old in text
    (tmp_path / "deep_small.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=said) as error:
        protocol.load(path)
    assert "deep_small.toml" in str(error.value) and "\n" not in str(error.value)


def test_parameters_of_protocol_and_model_can_be_set_and_others_cannot(tmp_path):
    path = written(tmp_path, "dpap", DPAP)
    found = protocol.load(path, set_={"rho_unit": "1.25", "theta": 0.7})
    assert found.p(found.arm("main")).rho_unit == 1.25
    assert found.model(found.arm("main")).layers[0].cell.threshold == 0.7
    with pytest.raises(ValueError, match="rho_unit"):
        protocol.load(path, set_={"rho_unti": 1})
    assert set(TRAINING) <= set(found.in_force(found.arm("main")))
