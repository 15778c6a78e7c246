"""The shipped mechanisms, run by Brian2, against the event-by-event oracle; many events share a time step."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from dpap_bio.rules.plasticity import bcm, inhibitory_stdp, pair_stdp, triplet_stdp

brian2 = pytest.importorskip("brian2")
MECHANISMS = Path(__file__).parents[1] / "models" / "mechanisms"
DT = 1e-4
UNIT = {"ms": 1e-3, "s": 1.0, "Hz": 1.0, "1": 1.0}


def mechanism(name):
    text = tomllib.loads((MECHANISMS / f"{name}.toml").read_text())
    return text, {key: p["value"] * UNIT[p["unit"]] for key, p in text["parameters"].items()}


def trains(seed, n=60, seconds=0.5):
    """Two trains on the grid of dt; every third postsynaptic spike falls on a presynaptic one."""
    rng = np.random.default_rng(seed)
    pre, post = (np.sort(rng.choice(int(seconds / DT), n, replace=False)) for _ in range(2))
    post = np.unique(np.where(np.arange(n) % 3 == 0, pre, post))
    return pre * DT, post * DT


def run_brian(text, values, t_pre, t_post, w0):
    """The weight after a run of one synapse between two forced neurons, and the target neuron's variables."""
    brian2.prefs.codegen.target = "numpy"
    s, hz = brian2.second, brian2.Hz
    dimension = {"tau": s, "rate": hz}
    space = {key: value * dimension.get(key.split("_")[0], 1) for key, value in values.items()} | {"learning": 1.0}
    options = {"namespace": space, "dt": DT * s}
    pre, post = (brian2.SpikeGeneratorGroup(1, np.zeros(len(t), int), t * s, dt=DT * s) for t in (t_pre, t_post))
    objects = [pre, post]
    if "target" in text:
        part = text["target"]
        cell = brian2.NeuronGroup(
            1,
            part["equations"] + "v : 1",
            threshold="v > 0",
            reset="v = 0\n" + part["on_spike"],
            method="rk4",
            **options,
        )
        kick = brian2.Synapses(post, cell, on_pre="v = 1", dt=DT * s)  # the cell spikes one step later
        kick.connect()
        for name, start in text["start"].items():
            setattr(cell, name, (space[start] if isinstance(start, str) else start * hz))
        objects += [cell, kick]
        post = cell
    code = {key: text["synapse"].get(key) for key in ("on_pre", "on_post")}
    synapse = brian2.Synapses(pre, post, "w : 1\n" + text["synapse"].get("equations", ""), **code, **options)
    synapse.connect()
    synapse.w = w0
    brian2.Network(*objects, synapse).run(0.6 * s)
    return float(synapse.w[0]), post


@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0])
def test_pair_stdp_in_brian2_is_the_oracle(mu):
    text, p = mechanism("pair_stdp")
    p |= {"mu": mu, "a_plus": 0.02, "a_minus": 0.021, "w_max": 2.0}
    t_pre, t_post = trains(1)
    found, _ = run_brian(text, p, t_pre, t_post, w0=0.8)
    wanted = pair_stdp(t_pre, t_post, w0=0.8, **p)
    assert found == pytest.approx(wanted[-1], abs=1e-12)
    assert abs(wanted[-1] - 0.8) > 1e-3


def test_triplet_stdp_in_brian2_is_the_oracle():
    text, p = mechanism("triplet_stdp")
    p |= {"a2_plus": 1e-3, "a3_minus": 2e-3, "w_max": 5.0}
    t_pre, t_post = trains(2)
    found, _ = run_brian(text, p, t_pre, t_post, w0=1.0)
    wanted = triplet_stdp(t_pre, t_post, w0=1.0, **p)
    assert found == pytest.approx(wanted[-1], abs=1e-12)
    assert abs(wanted[-1] - 1) > 1e-3


def test_inhibitory_stdp_in_brian2_is_the_oracle():
    text, p = mechanism("inhibitory_stdp")
    t_pre, t_post = trains(3)
    found, _ = run_brian(text, p, t_pre, t_post, w0=0.5)
    wanted = inhibitory_stdp(
        t_pre, t_post, w0=0.5, eta=p["eta_istdp"], rate=p["rate_istdp"], tau=p["tau_istdp"], w_max=p["w_max_inh"]
    )
    assert found == pytest.approx(wanted[-1], abs=1e-12)


@pytest.mark.parametrize(("name", "power"), [("bcm", 2), ("bcm_mean", 1)])
def test_bcm_in_brian2_is_the_oracle(name, power):
    text, p = mechanism(name)
    p |= {"eta_bcm": 0.01, "tau_bcm": 0.5}
    t_pre, t_post = trains(4)
    found, cell = run_brian(text, p, t_pre, t_post - DT, w0=0.5)
    w, threshold = bcm(
        t_pre, t_post, w0=0.5, eta=0.01, rate=p["rate_bcm"], tau_rate=p["tau_rate"], tau_threshold=0.5,
        threshold0=p["rate_bcm"], power=power, w_max=p["w_max"],
    )  # fmt: skip
    assert found == pytest.approx(w[-1], abs=1e-6)
    assert abs(w[-1] - 0.5) > 1e-3
    assert threshold[-1] != pytest.approx(threshold[0], rel=0.1)


def test_these_trains_tell_the_order_of_events():
    p = mechanism("pair_stdp")[1] | {"a_plus": 0.02, "a_minus": 0.021}
    t_pre, t_post = trains(1)
    earlier = pair_stdp(t_pre, t_post - DT / 10, w0=0.8, **p)
    assert pair_stdp(t_pre, t_post, w0=0.8, **p)[-1] - earlier[-1] > 0.1
