"""A computed experiment as a kind of protocol: parameters in, labelled numbers out, nothing lives from step to step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from dpap_bio import library, newborn, schema, units
from dpap_bio import results_read as read
from dpap_bio.complaint import did_you_mean
from dpap_bio.experiments import find_experiment
from dpap_bio.experiments.experiment import Experiment
from dpap_bio.kinds import Kind, Records, Step
from dpap_bio.protocol_parts import at_size, check_ends
from dpap_bio.results_schema import labelled
from dpap_bio.schema_values import Name, Number, NumberOrText, Parameter, Strict, Word

Seeds = Annotated[list[Annotated[int, Field(ge=0, le=2**31 - 1)]], Field(min_length=1)]
Numbers = Annotated[list[Number], Field(min_length=1, max_length=1000)]


class Several(Parameter):
    """A parameter that may be a list: the conditions of an experiment."""

    value: Number | Numbers

    @property
    def si(self) -> float:
        return max((units.to_si(v, self.unit) for v in np.atleast_1d(self.value)), key=abs)


class ExperimentArm(Strict):
    """A control: the same experiment with other parameters."""

    name: Name
    title: str
    set: dict[Word, NumberOrText]


class ExperimentSize(Strict):
    seeds: Seeds | None = None
    set: dict[Word, NumberOrText] = {}
    arms: list[Name] | None = None


class ExperimentFile(Strict):
    schema_: Literal["dpap-experiment/1"] = Field(alias="schema")
    title: str
    note: str = ""
    validation: bool = False
    experiment: Name
    seeds: Seeds
    parameters: dict[Name, Several] = {}
    arms: list[ExperimentArm] = []
    criteria: list[schema.Criterion] = []
    sizes: dict[Name, ExperimentSize] = {}
    figures: list[Word] = []


@dataclass(frozen=True)
class Arm:
    """A variant of the experiment: the main arm changes nothing."""

    name: str
    title: str
    set: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """A checked experiment at one size. The first arm, "main", is the experiment as it stands."""

    name: str
    title: str
    size: str
    experiment: str
    parameters: Mapping[str, Several]
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    criteria: tuple[schema.Criterion, ...]
    figures: tuple[str, ...]
    set: Mapping[str, object]
    texts: Mapping[str, str]
    folder: Path
    sizes: Mapping[str, ExperimentSize]
    epochs: int = 0
    kind = "experiment"

    def scalars(self) -> list[str]:
        """The single numbers that the experiment gives: what a criterion may ask for."""
        return [name for name, column in find_experiment(self.experiment).gives.items() if not column.dims]

    def p(self, arm: Arm) -> SimpleNamespace:
        """The parameters as an arm has them, in the units that the experiment needs."""
        changed = _changed(self.parameters, {**self.set, **arm.set})
        needs = find_experiment(self.experiment).needs
        return SimpleNamespace(**{name: _in_unit(changed[name], unit) for name, unit in needs.items()})


def load(name: str, *, size: str | None = None, set_: Mapping | None = None, seeds=None,
         beside: Path | None = None) -> Protocol:
    """Read an experiment by name or path and check it with every arm; arguments and errors as `protocol.load`."""
    path = library.find("protocol", name, beside)
    text, spec = schema.read(path, ExperimentFile)
    try:
        return _checked(path, text, spec, size or "full", dict(set_ or {}), seeds)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def _checked(path: Path, text: str, spec: ExperimentFile, size: str, set_: dict, seeds) -> Protocol:
    experiment = find_experiment(spec.experiment)
    change, wanted, chosen = at_size(spec, size, seeds, ExperimentSize())
    _check_parameters(spec.parameters, experiment, spec.experiment)
    arms = [Arm(a.name, a.title, a.set) for a in wanted]
    protocol = Protocol(path.stem, spec.title, size, spec.experiment, spec.parameters, chosen,
                        (Arm("main", spec.title), *arms), tuple(spec.criteria), tuple(spec.figures),
                        {**change.set, **set_}, {f"protocol {path.name}": text}, path.parent, dict(spec.sizes))
    for arm in protocol.arms:
        try:
            protocol.p(arm)
        except ValueError as error:
            raise ValueError(f"{'set' if arm.name == 'main' else f'arms.{arm.name}.set'}: {error}") from None
    check_ends(spec, path.parent, protocol)
    return protocol


def _check_parameters(parameters, experiment: Experiment, name: str) -> None:
    for needed, unit in experiment.needs.items():
        if needed not in parameters:
            raise ValueError(f"parameters.{needed} is missing: {name} needs it, in {unit!r}")
        found = parameters[needed].unit
        if units.dimension_of(found) != units.dimension_of(unit):
            raise ValueError(f"parameters.{needed}: found unit {found!r}, {name} needs {unit!r}")
    for given in parameters:
        if given not in experiment.needs:
            raise ValueError(f"parameters.{given}: {name} does not read it{did_you_mean(given, experiment.needs)}")


def _changed(parameters: Mapping[str, Several], set_: Mapping[str, object]) -> dict[str, Several]:
    found = dict(parameters)
    for name, value in set_.items():
        if name not in parameters:
            near = did_you_mean(name, parameters) or f"; there are {', '.join(parameters)}"
            raise ValueError(f"there is no parameter {name!r}{near}")
        found[name] = parameters[name].model_copy(update={"value": _value(name, value, parameters[name])})
    return found


def _value(name: str, value, parameter: Several):
    """A number as it is; text as a number with a unit, or as several separated by commas."""
    parts = [value] if not isinstance(value, str) else value.split(",")
    numbers = []
    for part in parts:
        try:
            numbers.append(float(part))
        except ValueError:
            numbers.append(units.to_unit(units.parse(part.strip(), units.dimension_of(parameter.unit)), parameter.unit))
    if isinstance(parameter.value, list):
        return numbers
    if len(numbers) > 1:
        raise ValueError(f"{name}: found {value!r}, one number is wanted")
    return numbers[0]


def _in_unit(parameter: Several, unit: str):
    def convert(value):
        return value if unit == parameter.unit else units.to_unit(units.to_si(value, parameter.unit), unit)

    several = isinstance(parameter.value, list)
    return np.array([convert(v) for v in parameter.value]) if several else convert(parameter.value)


# -- how it lives, and what it leaves ------------------------------------------------------------------------------


def _lives(protocol: Protocol, arm: Arm, seed: int, request, after, quotas) -> Iterator[Step]:
    if after is not None:
        return
    experiment = find_experiment(protocol.experiment)
    try:
        given = experiment.run(protocol.p(arm), newborn.generator(seed, -1, f"experiment.{protocol.experiment}"))
        outcome = {name: np.asarray(given[name]) for name in experiment.gives}
        for name, column in experiment.gives.items():
            if outcome[name].ndim != len(column.dims):
                raise ValueError(f"{name} is empty")
    except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError) as error:
        changed = ", ".join(f"{n} = {v if isinstance(v, str) else f'{v:g}'}" for n, v in
                            {**protocol.set, **arm.set}.items())
        if not changed:
            raise
        raise ValueError(f"{protocol.name}, {arm.name}: it cannot be computed with {changed}: {error}") from None
    yield Step(-1, {}, {"epoch": -1, "outcome": outcome})


def _groups(protocol: Protocol, records: Mapping[tuple[str, int], Records]) -> dict[str, xr.Dataset]:
    gives = find_experiment(protocol.experiment).gives
    found = {"parameters": labelled("parameters", _in_force(protocol))}
    for (arm, seed), (record,) in records.items():
        variables = {}
        for name, column in gives.items():
            values = record["outcome"][name]
            variables[name] = (column.dims, values, {"units": column.unit, "long_name": column.long_name})
        coordinates = {name: v for name, v in variables.items() if v[0] == (name,)}
        rest = {n: v for n, v in variables.items() if n not in coordinates}
        found[f"{read.place(arm, seed)}/outcome"] = xr.Dataset(rest, coordinates)
    return found


def _in_force(protocol: Protocol) -> dict[str, list]:
    """The main arm's parameters as columns of /parameters; each number of a list has a row of its own."""
    rows = []
    for name, parameter in sorted(_changed(protocol.parameters, protocol.set).items()):
        several = isinstance(parameter.value, list)
        for k, value in enumerate(parameter.value if several else [parameter.value]):
            rows.append((f"{name}[{k}]" if several else name, value, parameter.unit, parameter.source or "",
                         parameter.chosen or "", parameter.evidence or ""))
    columns = list(map(list, zip(*rows, strict=True))) or [[]] * 6
    return dict(zip(("parameter", "value", "unit", "source", "chosen", "evidence"), columns, strict=True))


EXPERIMENT = Kind("experiment", ExperimentFile, load, _lives, _groups, lambda protocol: protocol.experiment)
