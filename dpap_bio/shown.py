"""What a protocol shows: a stimulus of some kind, its parameters in the kind's units, checked before it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dpap_bio import schema, units
from dpap_bio.complaint import did_you_mean
from dpap_bio.conditions import Conditions
from dpap_bio.model import Model
from dpap_bio.stimuli import STIMULI

SET = "stimulus."  # an override of this beginning is one of a stimulus: stimulus.rate, stimulus.input.rate


@dataclass(frozen=True, eq=False)
class Shown:
    """A stimulus of a kind, with its parameters in the kind's units, for one stimulated population.

    A parameter that differs between conditions is an array, a number for each neuron if the kind takes that, else for
    each copy of the model; `named` says the column of the conditions it is from.
    """

    kind: str
    population: str
    parameters: Mapping[str, object]
    named: Mapping[str, str]

    def __str__(self) -> str:
        values = []
        for name, value in self.parameters.items():
            unit = STIMULI[self.kind].units[name]
            said = f"{name} {value}" if unit == "name" else f"{name} {self.named.get(name, value)}"
            if isinstance(value, int | float) and unit != "name":
                said = f"{name} {value:g} {unit}".removesuffix(" 1")
            values.append(said)
        return ", ".join([f"{self.kind} to {self.population}", *values])


def shown(spec: schema.StimulusSpec, model: Model, conditions: Conditions | None = None,
          set_: Mapping[str, object] | None = None) -> Shown:
    """The stimulus that a protocol file asks for.

    Arguments
        spec        as in the file
        model       whose stimulated populations it may go to
        conditions  whose columns its parameters may name
        set_        "stimulus.rate" or "stimulus.<population>.rate" -> value, over the file's own
    Raises
        ValueError  one sentence that begins with the key: ".rate: ..." or ": ..."
    """
    if spec.kind not in STIMULI:
        raise ValueError(f".kind: there is no stimulus {spec.kind!r}{did_you_mean(spec.kind, STIMULI)}; "
                         f"there are {', '.join(STIMULI)}")
    stimulated = model.stimulated()
    population = spec.population or (stimulated[0] if len(stimulated) == 1 else None)
    if population not in stimulated:
        raise ValueError(f".population: found {population!r}, one of the stimulated populations {stimulated} is wanted")
    stimulus, given, named = STIMULI[spec.kind], {}, {}
    for name, value in {**(spec.model_extra or {}), **_overrides(set_ or {}, population, spec)}.items():
        if name not in stimulus.units:
            raise ValueError(f".{name}: {spec.kind} has no such parameter{did_you_mean(name, stimulus.units)}")
        if conditions is not None and value in conditions.columns and stimulus.units[name] != "name":
            named[name] = value
        try:
            given[name] = _value(value, stimulus.units[name], conditions if name in named else None,
                                 model.populations[population].size if stimulus.each else model.copies)
        except ValueError as error:
            raise ValueError(f".{name}: {error}") from None
    try:
        stimulus.check(given if stimulus.each else one_copy(given, 0))
    except ValueError as error:
        raise ValueError(f": {error}") from None
    return Shown(spec.kind, population, given, named)


def one_copy(parameters: Mapping[str, object], k: int) -> dict[str, object]:
    """The parameters as copy k of the model sees them."""
    return {n: float(v[k]) if isinstance(v, np.ndarray) else v for n, v in parameters.items()}


def check_overrides(set_: Mapping[str, object], specs) -> None:
    """Refuse an override of a stimulus that no stimulus of the protocol would take.

    Raises
        ValueError   one sentence
    """
    takes = {n for spec in specs for n in (spec.model_extra or {})}
    for key in set_:
        name = key.rpartition(".")[2]
        if key.startswith(SET) and name not in takes:
            raise ValueError(f"set {key}: no stimulus of the protocol gives {name!r}{did_you_mean(name, takes)}")


def _overrides(set_: Mapping[str, object], population: str, spec) -> dict[str, object]:
    """What is set of the parameters that the file gives this stimulus: for all populations, then for its own."""
    own = spec.model_extra or {}
    found = {n: set_[SET + n] for n in own if SET + n in set_}
    return found | {n: set_[f"{SET}{population}.{n}"] for n in own if f"{SET}{population}.{n}" in set_}


def _value(value, unit: str, conditions: Conditions | None, n: int) -> object:
    if conditions is not None:
        values = conditions.spread(value, unit, n)
        if not np.isfinite(values).all():
            raise ValueError(f"conditions.columns.{value} has gaps; a number for each condition is wanted")
        return values
    if unit == "name":
        return value
    if isinstance(value, str):
        return units.to_unit(units.parse(value, units.dimension_of(unit)), unit)
    if unit != "1" and not isinstance(value, np.ndarray):
        raise ValueError(f'found {value!r} without a unit, text such as "1 {unit}" is wanted')
    return value
