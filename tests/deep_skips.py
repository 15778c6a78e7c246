"""Small networks with shortcuts, as ResNet-19 (added to currents) and SEW-ResNet (added to spikes) have them."""

HEAD = """
schema = "dpap-deep-model/1"
title = "shortcuts"
input = [1, 8, 8]
encoding = "direct"
[cells.hidden]
kind = "plif"
threshold = "theta"
tau = "tau"
surrogate = "atan"
width = "width"
[cells.shortcut]
kind = "pass"
[cells.readout]
kind = "current"
[parameters]
steps = { value = 4, unit = "1", chosen = "small" }
theta = { value = 0.5, unit = "1", chosen = "small" }
tau = { value = 2.0, unit = "1", chosen = "small" }
width = { value = 2.0, unit = "1", chosen = "small" }
"""
CONV = {"kind": "conv", "units": 6, "padding": 1, "norm": True, "cell": "hidden"}
WIDE = {**CONV, "units": 10}
ENDS = [{"kind": "fc", "units": 20, "norm": True, "cell": "hidden"}, {"kind": "fc", "units": 10, "cell": "readout"}]
TO_CURRENTS = [CONV, CONV, {**CONV, "adds": "conv1"}, {**WIDE, "stride": 2},
               {**WIDE, "kernel": 1, "padding": 0, "stride": 2, "receives": "conv3", "cell": "shortcut"},
               {**WIDE, "receives": "conv4", "adds": "conv5", "pool": 4, "pool_by": "mean"}, *ENDS]
TO_SPIKES = [CONV, CONV, {**CONV, "adds": "conv1", "adds_to": "spikes"}, {**WIDE, "stride": 2},
             {**WIDE, "kernel": 1, "padding": 0, "stride": 2, "receives": "conv3"},
             {**WIDE, "receives": "conv4", "adds": "conv5", "adds_to": "spikes"},
             {**WIDE}, {**WIDE, "adds": "conv6", "adds_to": "spikes", "pool": 4, "pool_by": "mean"}, *ENDS]
SHORTCUTS = {"currents": TO_CURRENTS, "spikes": TO_SPIKES}


def text(layers) -> str:
    """A model file with these layers."""
    def value(v):
        return f'"{v}"' if isinstance(v, str) else str(v).lower()

    rows = ["[[layers]]\n" + "\n".join(f"{k} = {value(v)}" for k, v in layer.items()) for layer in layers]
    return HEAD + "\n" + "\n".join(rows) + "\n"
