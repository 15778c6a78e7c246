"""Read a run: who lived in it, and its tables by arm and seed. Every figure and every measure starts here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

NOT_ARMS = ("files", "parameters", "stages", "conditions", "arms", "criteria")


class NotApplicable(ValueError):
    """The run holds nothing that the question applies to: one sentence says what is missing."""


class TooLittleData(ValueError):
    """The question applies, but to too few neurons, synapses or seeds: one sentence says how many there are."""


def arms(run: xr.DataTree) -> list[str]:
    """The arms that were run, the main arm first."""
    return [name for name in run.children if name not in NOT_ARMS]


def seeds(run: xr.DataTree, arm: str) -> list[int]:
    """The seeds of an arm, in the order they were run; none if there is no such arm."""
    return [int(name.removeprefix("seed_")) for name in run[arm].children] if arm in arms(run) else []


def place(arm: str, seed: int) -> str:
    """The path of one development."""
    return f"{arm}/seed_{seed}"


def table(run: xr.DataTree, arm: str, seed: int, name: str) -> xr.Dataset:
    """One table of a development: "summary", "neurons", "synapses_<projection>", ... as SCHEMA names them.

    Raises
        NotApplicable   the run has no such table
    """
    return _found(run, f"{place(arm, seed)}/{name}")


def curve(run: xr.DataTree, arm: str, seed: int, name: str, of: str) -> xr.DataArray:
    """A column of the summary for one population or projection, over epochs, with `age` as a coordinate."""
    column = table(run, arm, seed, "summary").set_coords("age")[name]
    dim = "population" if "population" in column.dims else "projection"
    if of not in column[dim].values:
        raise NotApplicable(f"arm {arm} has no {dim} {of!r}")
    return column.sel({dim: of}, drop=True)


def epochs(run: xr.DataTree, arm: str, seed: int, kind: str) -> list[int]:
    """The epochs, in order, of the "snapshots" of any projection, or of the "spikes" of any population."""
    node = run[place(arm, seed)]
    tables = [child for name, child in node.children.items() if name.startswith(f"{kind}_")]
    return sorted({int(e) for table_ in tables for e in np.unique(table_.epoch.values)})


def snapshot(run: xr.DataTree, arm: str, seed: int, projection: str, epoch: int) -> xr.Dataset:
    """The live synapses of a projection at the snapshot of an epoch (of one that `epochs` lists).

    A projection that had not changed since the snapshot before is stored there only, and is found there. One that had
    lost its last synapse has no row; the lifetime table tells the two apart.

    Raises
        NotApplicable   there is no snapshot of that epoch, or none of that projection
    """
    if epoch not in epochs(run, arm, seed, "snapshots"):
        raise NotApplicable(f"arm {arm} has no snapshot of epoch {epoch}")
    rows = table(run, arm, seed, f"snapshots_{projection}")
    stored = np.unique(rows.epoch.values)
    rows = rows.isel(entry=rows.epoch.values == stored[stored <= epoch].max(initial=-1))
    lives = table(run, arm, seed, f"synapses_{projection}")
    died = lives.died.values[np.searchsorted(lives.id.values, rows.id.values)]
    return rows.isel(entry=~(died <= float(table(run, arm, seed, "summary").age.sel(epoch=epoch))))


def probed(run: xr.DataTree, arm: str, seed: int, name: str) -> dict[str, int]:
    """The stages after which a probe was shown, in order, and the epoch of each; empty if it never was."""
    path = f"{place(arm, seed)}/probes"
    try:
        shown = sorted(int(epoch) for epoch, node in run[path].children.items() if name in node.children)
    except KeyError:
        return {}
    stages = table(run, arm, seed, "summary").stage
    return {str(stages.sel(epoch=epoch).item()): epoch for epoch in shown}


def probe(run: xr.DataTree, arm: str, seed: int, name: str, after: str | None = None) -> xr.Dataset:
    """What a probe saw after a stage (the last stage it was shown after, if none is named).

    Raises
        NotApplicable   the probe was not shown then
    """
    shown = probed(run, arm, seed, name)
    if not shown or (after or next(iter(shown))) not in shown:
        raise NotApplicable(f"arm {arm} was not shown probe {name!r}" + (f" after stage {after!r}" if after else ""))
    return _found(run, f"{place(arm, seed)}/probes/{shown[after or list(shown)[-1]]}/{name}")


def spikes(run: xr.DataTree, arm: str, seed: int, population: str, epoch: int) -> xr.Dataset:
    """The recorded spikes of a population in an epoch."""
    rows = table(run, arm, seed, f"spikes_{population}")
    return rows.isel(spike=rows.epoch.values == epoch)


def counts(run: xr.DataTree, arm: str, seed: int, name: str, population: str, after: str | None = None):
    """Spike counts (n_presentations, n_neurons), labels, and the lasting ids of the neurons, of a probe."""
    shown = probe(run, arm, seed, name, after)
    column = f"count_{population}"
    if column not in shown:
        raise NotApplicable(f"probe {name!r} did not count the spikes of population {population!r}")
    return shown[column].values, shown.label.values, shown[f"neuron_{population}"].values


def parameter(run: xr.DataTree, name: str) -> tuple[float, str]:
    """The value of a parameter in the main arm's first stage, and its unit."""
    parameters = _found(run, "parameters")
    rows = np.flatnonzero(parameters.parameter.values.astype(str) == name)
    if not len(rows):
        raise NotApplicable(f"the model has no parameter {name!r}")
    return float(parameters.value.values[rows[0]]), str(parameters.unit.values[rows[0]])


def _found(run: xr.DataTree, path: str) -> xr.Dataset:
    try:
        return run[path].to_dataset()
    except KeyError:
        raise NotApplicable(f"the run has no {path}") from None
