"""What a pruned network costs: weights, units, operations, spikes, energy and bytes, per layer and in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Energy of one 32-bit operation at 45 nm, pJ: a multiplication (3.7) and an addition (0.9), and an addition alone.
# Horowitz 2014 ("Computing's energy problem", ISSCC), fig. 1.1.9; evidence: from memory.
ENERGY_MAC = 4.6
ENERGY_AC = 0.9


@dataclass(frozen=True, eq=False)
class CostedLayer:
    """One layer of a chain, as arrays.

    Fields
        name      str
        mask      (n_out, n_in) or (n_out, n_in, k, k) bool    weights that are not pruned
        units     (n_out,) bool           neurons or channels that are not removed
        received  (n_in,) or (n_in, height, width) float, 1    spikes per sample into each input, summed over the steps;
                                          None where the input is analogue (an image): the layer then multiplies
        fired     float, 1                spikes per sample of the whole layer
        out_size  (height, width) int     of the map; (1, 1) for a linear layer
        stride    int
        padding   int
        runs      int                     how often per sample an analogue input is multiplied: once if it is constant
        other     int                     further stored numbers: biases, batch normalisation
    """

    name: str
    mask: np.ndarray
    units: np.ndarray
    received: np.ndarray | None
    fired: float
    out_size: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: int = 0
    runs: int = 1
    other: int = 0


def costs(layers: Sequence[CostedLayer], *, bytes_each: int = 4, energy_mac: float = ENERGY_MAC,
          energy_ac: float = ENERGY_AC) -> tuple[list[dict], dict]:
    """Account for a chain of layers, each fed by the one before.

    A weight lives if it is not pruned and neither end is removed. `macs` is of the full layer, each weight once per
    place of the map (padding counted, as is usual) and run; `live_macs` the same of live weights. `synops` are the
    additions that spikes really cause: live weights only, and none where a kernel would reach beyond the map. Energy is
    energy_mac * live_macs where the input is analogue, energy_ac * synops where it is spikes: operations alone, neither
    memory nor membranes. `energy_ann` is energy_mac * macs at one run, of the full network without spikes. Stored bytes
    are those of the dense arrays; effective ones of what lives after removed ends are cut out, plus a bit for each
    weight of what is left where some of them are pruned.

    Arguments
        layers      in order
        bytes_each  int, byte      of one number
        energy_mac  float, pJ
        energy_ac   float, pJ
    Returns
        list of dict    name, weights, live_weights, units, live_units, macs, live_macs, synops, spikes, energy_pj,
                        energy_ann_pj, stored_bytes, effective_bytes
        dict            the sums of these, named "all"
    Raises
        ValueError      shapes that do not fit, naming the layer
    Source
        the lines above; energies: see ENERGY_MAC
    """
    rows, before = [], None
    for layer in layers:
        live, ends = live_weights(layer, before)
        rows.append(_row(layer, live, ends, bytes_each, energy_mac, energy_ac))
        before = np.asarray(layer.units, bool)
    total = {key: sum(row[key] for row in rows) for key in (rows[0] if rows else {}) if key != "name"}
    return rows, {"name": "all"} | total


def live_weights(layer: CostedLayer, before: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Which weights live, shaped as the mask, and which inputs do, (n_in,); `before` are the units of the layer before.

    A linear layer after a map has as many inputs for each channel as the map has places, channel after channel.
    """
    mask, units = np.asarray(layer.mask, bool), np.asarray(layer.units, bool)
    n_out, n_in = mask.shape[:2]
    ends = np.ones(n_in, bool) if before is None else before
    if units.shape != (n_out,) or ends.size == 0 or n_in % ends.size or (mask.ndim == 4 and ends.size != n_in):
        raise ValueError(f"layer {layer.name}: a mask of {mask.shape} after {ends.size} units, with {units.size} units")
    ends = np.repeat(ends, n_in // ends.size)
    extra = (1,) * (mask.ndim - 2)
    return mask & units.reshape(-1, 1, *extra) & ends.reshape(1, -1, *extra), ends


def reach(received: np.ndarray, kernel: int, out_size: tuple[int, int], stride: int, padding: int) -> np.ndarray:
    """How many spikes of each input channel meet each weight of a kernel: (n_in, height, width) to (n_in, k, k)."""
    n_in, height, width = received.shape
    most = [(size - 1) * stride + kernel for size in out_size]
    wide = np.zeros((n_in, max(most[0], height + padding), max(most[1], width + padding)))
    wide[:, padding:padding + height, padding:padding + width] = received
    found = np.empty((n_in, kernel, kernel))
    for y in range(kernel):
        for x in range(kernel):
            rows, columns = (slice(at, at + (size - 1) * stride + 1, stride)
                             for at, size in zip((y, x), out_size, strict=True))
            found[:, y, x] = wide[:, rows, columns].sum((1, 2))
    return found


def _row(layer, live, ends, bytes_each, energy_mac, energy_ac):
    """The account of one layer."""
    weights, alive, places = live.size, int(live.sum()), int(np.prod(layer.out_size))
    analogue = layer.received is None
    runs = layer.runs if analogue else 1
    synops = 0.0 if analogue else _synops(layer, live)
    live_macs = alive * places * runs
    n_units, kept = live.shape[0], int(np.asarray(layer.units, bool).sum())
    left = kept * int(ends.sum()) * int(np.prod(live.shape[2:]))
    bitmap = 0 if alive == left else -(-left // 8)
    return {"name": layer.name, "weights": weights, "live_weights": alive, "units": n_units, "live_units": kept,
            "macs": weights * places * runs, "live_macs": live_macs, "synops": synops, "spikes": float(layer.fired),
            "energy_pj": energy_mac * live_macs if analogue else energy_ac * synops,
            "energy_ann_pj": energy_mac * weights * places,
            "stored_bytes": (weights + layer.other) * bytes_each,
            "effective_bytes": (alive + layer.other * kept // n_units) * bytes_each + bitmap}


def _synops(layer, live):
    received = np.asarray(layer.received, float)
    wanted = 3 if live.ndim == 4 else 1
    if received.ndim != wanted or received.shape[0] != live.shape[1]:
        raise ValueError(f"layer {layer.name}: spikes received are {received.shape}; wanted {live.shape[1]} inputs"
                         + (" x height x width" if wanted == 3 else ""))
    if wanted == 1:
        return float(live.sum(0) @ received)
    met = reach(received, live.shape[2], layer.out_size, layer.stride, layer.padding)
    return float((live.sum(0) * met).sum())
