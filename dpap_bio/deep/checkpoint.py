"""A deep network as plain arrays and back: for checkpoints, export and resuming, whatever it has been cut down to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from dpap_bio.deep.model import DeepModel
from dpap_bio.deep.network import DeepNetwork

PARAMETERS = ("weight", "shift", "gain")
BUFFERS = ("mean", "variance", "mask", "alive", "above", "below", "unit_id")


def network_arrays(net: DeepNetwork) -> dict[str, dict[str, np.ndarray]]:
    """Layer -> name -> array: weights, norm, masks, the units' lasting numbers and a PLIF cell's w."""
    found = {}
    for layer in net.layers:
        arrays = {n: getattr(layer, n).detach().cpu().numpy().copy() for n in (*PARAMETERS, *BUFFERS)
                  if getattr(layer, n, None) is not None}
        if layer.spec.cell.kind == "plif":
            arrays["cell_w"] = layer.cell.w.detach().cpu().numpy().copy()
        found[layer.name] = arrays
    return found


def network_from(model: DeepModel, arrays: Mapping[str, Mapping[str, np.ndarray]]) -> DeepNetwork:
    """The network of `network_arrays`, in whatever sizes its arrays have.

    Raises
        ValueError   a layer or an array of it is missing
    """
    net = DeepNetwork(model)
    for layer in net.layers:
        if layer.name not in arrays:
            raise ValueError(f"layer {layer.name} of {model.name} is missing; there are {', '.join(arrays)}")
        given = arrays[layer.name]
        wanted = ["weight", "shift", "unit_id", *(["gain", "mean", "variance"] if layer.spec.norm else [])]
        missing = [name for name in wanted if name not in given]
        if missing:
            raise ValueError(f"layer {layer.name}: {missing[0]} is missing")
        for name, array in given.items():
            tensor = torch.from_numpy(np.array(array))
            if name == "cell_w":
                layer.cell.w = nn.Parameter(tensor)
            else:
                setattr(layer, name, nn.Parameter(tensor) if name in PARAMETERS else tensor)
    return net
