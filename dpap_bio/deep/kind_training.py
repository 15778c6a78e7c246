"""A training of a deep network as a kind of protocol: how it lives, epoch by epoch, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from dpap_bio import results_read as read
from dpap_bio.deep import protocol as protocols
from dpap_bio.deep.protocol import TrainingFile
from dpap_bio.kinds import Kind, Records, Step
from dpap_bio.results_schema import labelled

PARTS = ("train", "held_out", "test")
OF_LAYER = {"weights": int, "units": int, "macs": int, "live_weights": int, "live_units": int, "live_macs": int,
            "spikes": float, "synops": float}


def _lives(protocol, arm, seed: int, request, after, quotas) -> Iterator[Step]:
    from dpap_bio.deep.training import lives  # torch is loaded by what trains, not by what reads protocols

    for number, state, record in lives(protocol, arm, seed, after, quotas):
        yield Step(number, state, record, _told(record))


def _told(record: Mapping) -> str:
    live, full = (sum(int(row[n]) for row in record["layers"].values()) for n in ("live_weights", "weights"))
    accuracy = record["accuracy"]["held_out" if record["accuracy"]["held_out"] == record["accuracy"]["held_out"]
                                  else "test"]
    return f"{100 * live / full:.1f} % of weights | {100 * accuracy:.2f} % right"


def _groups(protocol, records: Mapping[tuple[str, int], Records]) -> dict[str, xr.Dataset]:
    found = {"parameters": labelled("parameters", _in_force(protocol))}
    for (arm, seed), epochs in records.items():
        if not epochs or [r["epoch"] for r in epochs] != list(range(-1, len(epochs) - 1)):
            raise ValueError(f"{read.place(arm, seed)}: the records of some epochs are missing")
        path = f"{read.place(arm, seed)}/training"
        found[path] = labelled(path, _columns(epochs))
    return found


def _columns(epochs: Records) -> dict[str, object]:
    layers = list(epochs[0]["layers"])
    columns = {"epoch": [r["epoch"] for r in epochs], "part": list(PARTS), "layer": layers}
    for name in ("loss", "accuracy"):
        columns[name] = [[float(r[name][part]) for part in PARTS] for r in epochs]
    for name, kind in OF_LAYER.items():
        columns[name] = np.array([[kind(r["layers"][layer][name]) for layer in layers] for r in epochs])
    return columns


def _in_force(protocol) -> dict[str, list]:
    """The main arm's parameters, and those of its model, as columns of /parameters."""
    main = protocol.arms[0]
    rows = [(name, p.value, p.unit, p.source or "", p.chosen or "", p.evidence or "")
            for name, p in sorted({**protocol.model(main).parameters, **protocol.in_force(main)}.items())]
    return dict(zip(("parameter", "value", "unit", "source", "chosen", "evidence"), map(list, zip(*rows, strict=True)),
                    strict=True))


def _quotas(records: Records) -> dict[str, dict[int, int]]:
    """What the reference arm had left after each epoch: live weights and units of each layer."""
    quotas: dict[str, dict[int, int]] = {}
    for record in records:
        for layer, row in record["layers"].items():
            quotas.setdefault(f"{layer}.synapses", {})[record["epoch"]] = int(row["live_weights"])
            quotas.setdefault(f"{layer}.units", {})[record["epoch"]] = int(row["live_units"])
    return quotas


TRAINING = Kind("training", TrainingFile, protocols.load, _lives, _groups, lambda protocol: protocol.model_name,
                _quotas)
