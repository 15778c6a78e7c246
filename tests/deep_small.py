"""Small deep models and protocols for tests; one thread, as several wait for each other."""

import contextlib

with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)

MODEL = """
schema   = "dpap-deep-model/1"
title    = "small"
input    = [1, 8, 8]
encoding = "{encoding}"
[cells.hidden]
kind = "{kind}"
threshold = "theta"
tau = "tau"
surrogate = "atan"
width = "width"
[cells.readout]
kind = "current"
[[layers]]
kind = "conv"
units = 6
kernel = 3
padding = 1
norm = true
pool = 2
pool_of = "{pool_of}"
cell = "hidden"
[[layers]]
kind = "conv"
units = 8
kernel = 3
padding = 1
norm = true
cell = "hidden"
[[layers]]
kind = "fc"
units = 20
norm = {norm}
cell = "hidden"
[[layers]]
kind = "fc"
units = 10
cell = "readout"
[parameters]
steps = {{ value = 4, unit = "1", chosen = "small" }}
theta = {{ value = 0.5, unit = "1", chosen = "small" }}
tau = {{ value = 2.0, unit = "1", chosen = "small" }}
width = {{ value = 2.0, unit = "1", chosen = "small" }}
"""

TRAINING = {"lr": 2e-3, "lr_start": 1e-5, "lr_end": 1e-5, "warm_up": 1.0, "weight_decay": 0.01}
DPAP = {"rho_conv": 0.65, "bonus_conv": 5.0, "eta_conv": 12.0, "rho_unit": 1.5, "bonus_unit": 2.0, "eta_fc": 13.0,
        "rho_synapse": 1.5, "bonus_synapse": 2.0, "gamma": 0.999, "survival_start": 1.0, "percentile": 0.75,
        "elimination": 1.0, "reserve_start": 1.5, "subtract_minimum": 1.0, "score_memory": 5.0, "threshold_memory": 5.0,
        "threshold_power": 1.0, "threshold_scale": 1.0, "trace_decay": 0.5, "keep_synapses": 5.0, "keep_neurons": 2.0}
DAYS = ("eta_conv", "eta_fc", "survival_start", "score_memory", "threshold_memory", "prune_start", "prune_end",
        "range_persistence", "tau_trophic", "eta_step")


def model_text(encoding="direct", kind="plif", pool_of="spikes", norm="true"):
    """The text of a model with two conv and two fc layers on 8 x 8 images."""
    return MODEL.format(encoding=encoding, kind=kind, pool_of=pool_of, norm=norm)


def protocol_text(model, method, parameters, arms="", epochs=4, criteria=""):
    """The text of a protocol on the bundled digits."""
    rows = [f'{n} = {{ value = {float(v)}, unit = "{"day" if n in DAYS else "1"}", chosen = "small" }}'
            for n, v in {**TRAINING, **parameters}.items()]
    return f"""
schema = "dpap-training/1"
title  = "small"
model  = "{model}"
seeds  = [1, 2]
method = "{method}"
[data]
name = "digits"
held_out = 200
limit = 700
shift = 1
[training]
epochs = {epochs}
batch = 50
loss = "cross_entropy"
{arms}
{criteria}
[parameters]
""" + "\n".join(rows)


def written(folder, method="none", parameters=None, name="small", **more):
    """A protocol file in a folder, with its model beside it; its path."""
    form = {k: more.pop(k) for k in ("encoding", "kind", "pool_of", "norm") if k in more}
    (folder / "deep_small.toml").write_text(model_text(**form))
    path = folder / f"{name}.toml"
    path.write_text(protocol_text("deep_small.toml", method, parameters or {}, **more))
    return str(path)
