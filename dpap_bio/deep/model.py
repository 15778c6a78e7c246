"""A deep model file: layers, cells, steps and encoding, every constant with its unit and source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dpap_bio import library, schema
from dpap_bio.complaint import did_you_mean
from dpap_bio.deep.cellspec import CellSpec
from dpap_bio.schema_values import Name, Parameter, Strict

Count = Annotated[int, Field(ge=1, le=1_000_000)]


class CellForm(Strict):
    """A cell: numbers are names of [parameters]."""

    kind: Literal["lif", "plif", "relu", "current", "pass"]
    threshold: Name | None = None
    tau: Name | None = None
    surrogate: Literal["atan", "quadratic_gate", "sigmoid", "dspike"] | None = None
    width: Name | None = None
    reset: Literal["hard", "soft"] = "hard"


class LayerForm(Strict):
    kind: Literal["conv", "fc"]
    units: Count
    cell: Name
    kernel: Count = 3
    padding: Annotated[int, Field(ge=0)] = 0
    stride: Count = 1
    receives: Name | None = None
    adds: Name | None = None
    adds_to: Literal["current", "spikes"] = "current"
    norm: bool = False
    pool: Count = 1
    pool_of: Literal["current", "spikes"] = "spikes"
    pool_by: Literal["max", "mean"] = "max"


class DeepModelFile(Strict):
    schema_: Literal["dpap-deep-model/1"] = Field(alias="schema")
    title: str
    note: str = ""
    input: tuple[Count, Count, Count] = Field(strict=False)
    encoding: Literal["direct", "rate", "frames"]
    cells: dict[Name, CellForm] = Field(min_length=1)
    layers: list[LayerForm] = Field(min_length=1)
    parameters: dict[Name, Parameter] = {}


@dataclass(frozen=True)
class LayerSpec:
    """One layer of weights, its cells, the pooling after it; it receives `shape` (channels, height, width).

    receives  the layer that it hears; None: the image
    adds      a layer whose output is added, unit by unit, to what its cells receive or to its spikes (`adds_to`)
    """

    name: str
    kind: str
    units: int
    shape: tuple[int, int, int]
    cell: CellSpec
    kernel: int
    padding: int
    norm: bool
    pool: int
    pool_of: str
    pool_by: str
    stride: int = 1
    receives: str | None = None
    adds: str | None = None
    adds_to: str = "current"

    @property
    def map(self) -> tuple[int, int]:
        """Height and width of its maps before pooling; (1, 1) for fc."""
        if self.kind == "fc":
            return 1, 1
        return tuple((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in self.shape[1:])

    @property
    def out(self) -> tuple[int, int, int]:
        """What the next layer receives."""
        return self.units, *(n // self.pool for n in self.map)


@dataclass(frozen=True)
class DeepModel:
    """A checked deep model: the last layer is the classifier and is never pruned."""

    name: str
    title: str
    input: tuple[int, int, int]
    steps: int
    encoding: str
    layers: tuple[LayerSpec, ...]
    parameters: Mapping[str, Parameter]
    texts: Mapping[str, str]
    shown: tuple[int, ...] | None = None  # which frames of a recording it takes, one a step; None: all


def with_steps(model: DeepModel, shown) -> DeepModel:
    """The model with fewer steps: of a recording it takes the frames with these numbers, in order."""
    steps = model.parameters["steps"].model_copy(update={"value": float(len(shown))})
    return replace(model, steps=len(shown), shown=tuple(shown), parameters={**model.parameters, "steps": steps})


def load(name: str, *, set_: Mapping[str, float] | None = None, beside: Path | None = None) -> DeepModel:
    """Read a deep model by name or path; `set_` gives parameters other values.

    Raises
        FileNotFoundError, ValueError   one sentence: file, key, what was found, what was wanted
    """
    path = library.find("model", name, beside)
    text, form = schema.read(path, DeepModelFile)
    try:
        return _checked(path, text, form, dict(set_ or {}))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def from_text(name: str, text: str, set_: Mapping[str, float]) -> DeepModel:
    """The model of that name from the text of its file, as an exported network carries it."""
    return _checked(Path(f"{name}.toml"), text, DeepModelFile.model_validate(tomllib.loads(text)), dict(set_))


def _checked(path: Path, text: str, form: DeepModelFile, set_: dict) -> DeepModel:
    parameters = dict(form.parameters)
    for key, value in set_.items():
        if key not in parameters:
            raise ValueError(f"there is no parameter {key!r}{did_you_mean(key, parameters)}")
        parameters[key] = parameters[key].model_copy(update={"value": float(value)})
    used: set[str] = {"steps"}
    cells = {n: _cell(n, c, parameters, used) for n, c in form.cells.items()}
    unread = sorted(set(parameters) - used)
    if unread:
        raise ValueError(f"parameters.{unread[0]}: no cell reads it")
    steps = _number("steps", parameters)
    if steps != int(steps) or steps < 1:
        raise ValueError(f"parameters.steps: found {steps}, a whole number of at least one is wanted")
    layers = _layers(form, cells, int(steps))
    return DeepModel(path.stem, form.title, form.input, int(steps), form.encoding, layers, parameters,
                     {f"model {path.name}": text})


def _cell(name: str, form: CellForm, parameters, used: set[str]) -> CellSpec:
    wanted = {"lif": ("threshold", "tau", "width"), "plif": ("threshold", "tau", "width")}.get(form.kind, ())
    given = {}
    for key in ("threshold", "tau", "width"):
        reference = getattr(form, key)
        if (reference is not None) != (key in wanted):
            verb = "is missing" if key in wanted else f"has no meaning for a {form.kind} cell"
            raise ValueError(f"cells.{name}.{key} {verb}")
        if reference is not None:
            given[key] = _number(reference, parameters)
            used.add(reference)
    if wanted and form.surrogate is None:
        raise ValueError(f"cells.{name}.surrogate is missing")
    if given.get("tau", 2) <= 1:
        raise ValueError(f"cells.{name}.tau: found {given['tau']}, more than one step is wanted")
    return CellSpec(form.kind, surrogate=form.surrogate or "atan", reset=form.reset, **given)


def _number(name: str, parameters) -> float:
    if name not in parameters:
        raise ValueError(f"parameters.{name} is missing{did_you_mean(name, parameters)}")
    return parameters[name].value


def _layers(form: DeepModelFile, cells, steps: int) -> tuple[LayerSpec, ...]:
    made: dict[str, LayerSpec] = {}
    for number, layer in enumerate(form.layers):
        where, last = f"layers[{number}]", number == len(form.layers) - 1
        if layer.cell not in cells:
            raise ValueError(f"{where}.cell: there is no cell {layer.cell!r}{did_you_mean(layer.cell, cells)}")
        heard = _earlier(layer.receives, f"{where}.receives", made) if layer.receives else next(reversed(made), None)
        if layer.kind == "conv" and heard and made[heard].kind == "fc":
            raise ValueError(f"{where}: a conv layer cannot follow an fc layer")
        if layer.kind == "fc" and (layer.pool != 1 or layer.stride != 1):
            raise ValueError(f"{where}.pool: an fc layer has no map to pool or to stride over")
        _check_cell(cells[layer.cell], where, last, steps, heard)
        name = f"{layer.kind}{1 + sum(spec.kind == layer.kind for spec in made.values())}"
        spec = LayerSpec(name, layer.kind, layer.units, made[heard].out if heard else form.input, cells[layer.cell],
                         layer.kernel, layer.padding, layer.norm, layer.pool, layer.pool_of, layer.pool_by,
                         layer.stride, heard, layer.adds, layer.adds_to)
        if min(spec.out) < 1:
            raise ValueError(f"{where}: its map would be empty, {spec.out}")
        if layer.adds:
            _check_addition(spec, made[_earlier(layer.adds, f"{where}.adds", made)], where, last)
        made[name] = spec
    _check_ends(made)
    return tuple(made.values())


def _earlier(name: str, where: str, made) -> str:
    if name not in made:
        raise ValueError(f"{where}: there is no layer {name!r} before it{did_you_mean(name, made)}")
    return name


def _check_cell(cell: CellSpec, where: str, last: bool, steps: int, heard: str | None) -> None:
    if cell.kind == "current" and not last:
        raise ValueError(f"{where}.cell: only the last layer can be a read-out of currents")
    if cell.kind == "relu" and steps != 1:
        raise ValueError(f"{where}.cell: ReLU cells have one step, found {steps}")
    if cell.kind == "pass" and (last or heard is None):
        raise ValueError(f"{where}.cell: a shortcut goes from layer to layer, not from the image or to the answer")


def _check_addition(spec: LayerSpec, added: LayerSpec, where: str, last: bool) -> None:
    if last:
        raise ValueError(f"{where}.adds: nothing can be added to the answer")
    if added.out != (spec.units, *spec.map):
        raise ValueError(f"{where}.adds: {added.name} gives {added.out}, {(spec.units, *spec.map)} is wanted")
    if spec.pool_of == "current" and spec.pool != 1:
        raise ValueError(f"{where}.pool_of: what is added to is pooled after its cells, as \"spikes\"")
    if added.cell.kind == "pass" and spec.adds_to != "current":
        raise ValueError(f"{where}.adds_to: {added.name} passes currents, which can be added to \"current\" alone")


def _check_ends(made: Mapping[str, LayerSpec]) -> None:
    """Every layer is heard or added, a shortcut nothing but added."""
    heard, added = ({getattr(spec, what) for spec in made.values()} for what in ("receives", "adds"))
    for name, spec in list(made.items())[:-1]:
        if name not in heard | added:
            raise ValueError(f"layer {name}: no other layer receives or adds what it gives")
        if spec.cell.kind == "pass" and name in heard:
            raise ValueError(f"layer {name}: a shortcut can be added to a layer, not received")
