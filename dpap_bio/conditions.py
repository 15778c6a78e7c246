"""An experiment in many conditions side by side: what differs between them, and which neuron lives through which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpap_bio import schema, units

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Conditions:
    """The conditions of a protocol; copy k of the model lives through condition k // copies.

    names    (n,) text, or empty     what the conditions are called
    columns  name -> (n,) float      what differs between them, and what was published of them, in the column's unit
    units    name -> unit
    """

    names: tuple[str, ...]
    columns: Mapping[str, np.ndarray]
    units: Mapping[str, str]
    copies: int

    @property
    def n(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def side_by_side(self) -> int:
        """Copies of the model in all."""
        return self.n * self.copies

    def spread(self, name: str, unit: str, n: int) -> np.ndarray:
        """A column in another unit, over n neurons (or copies of the model) that are as many in each condition.

        Raises
            ValueError   the column's unit is not one of that kind
        """
        own = self.units[name]
        if units.dimension_of(own) != units.dimension_of(unit):
            raise ValueError(f"conditions.columns.{name} is in {own!r}, {unit!r} is wanted")
        return np.repeat([units.to_unit(units.to_si(v, own), unit) for v in self.columns[name].tolist()], n // self.n)


def made(spec: schema.Conditions | None, copies: int | None = None) -> Conditions | None:
    """The conditions that a protocol file asks for, with `copies` instead of its own if given.

    Raises
        ValueError          one sentence: columns of unequal length, a name twice, an unknown unit or table
        FileNotFoundError   the recorded table is not on this machine
    """
    if spec is None:
        return None
    names, columns, own_units = list(spec.names), {}, {}
    if spec.recorded is not None:
        from dpap_bio.datasets_plasticity import RECORDED

        if spec.recorded not in RECORDED:
            raise ValueError(f"recorded: there is no table {spec.recorded!r}; there are {', '.join(RECORDED)}")
        names, columns, own_units = RECORDED[spec.recorded]()
    for name, column in spec.columns.items():
        try:
            units.to_si(1.0, column.unit)
        except ValueError as error:
            raise ValueError(f"columns.{name}.unit: {error}") from None
        columns[name], own_units[name] = np.array(column.values, float), column.unit
    if not columns:
        raise ValueError("columns: at least one is wanted")
    n = len(next(iter(columns.values())))
    for name, values in columns.items():
        if len(values) != n:
            raise ValueError(f"columns.{name}: found {len(values)} values, {n} are wanted, one for each condition")
    if names and len(names) != n:
        raise ValueError(f"names: found {len(names)}, {n} are wanted, one for each condition")
    if len(set(names)) < len(names):
        raise ValueError(f"names: {next(x for x in names if names.count(x) > 1)!r} is the name of two of them")
    return Conditions(tuple(names), columns, own_units, copies or spec.copies)


def table(conditions: Conditions) -> dict[str, tuple]:
    """The conditions as columns of /conditions, and the unit of each."""
    names = list(conditions.names) or [f"condition_{k}" for k in range(conditions.n)]
    return {"condition": names, "copies": np.full(conditions.n, conditions.copies), **conditions.columns}


def of_run(run: xr.DataTree) -> xr.Dataset:
    """The table /conditions of a run.

    Raises
        NotApplicable   its protocol has none
    """
    from dpap_bio import results_read as read

    if "conditions" not in run.children:
        raise read.NotApplicable("the protocol has no conditions side by side")
    return run["conditions"].to_dataset()
