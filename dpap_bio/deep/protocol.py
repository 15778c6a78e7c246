"""A training protocol: model, data, training, pruning, arms and criteria, read from TOML and checked before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import Field

from dpap_bio import library, schema, units
from dpap_bio.complaint import did_you_mean
from dpap_bio.datasets_bytes import READERS
from dpap_bio.datasets_frames import SOURCES
from dpap_bio.deep import model as models
from dpap_bio.deep.methods import find_method
from dpap_bio.protocol_parts import at_size, check_ends
from dpap_bio.schema_values import Name, Number, NumberOrText, Parameter, Strict, Word

Seeds = Annotated[list[Annotated[int, Field(ge=0, le=2**31 - 1)]], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
OF_TRAINING = {"lr": "1", "lr_start": "1", "lr_end": "1", "warm_up": "1", "weight_decay": "1"}


class DataForm(Strict):
    """Which images: `held_out` of the training part choose between models, the test part never does."""

    name: Name
    held_out: Annotated[int, Field(ge=0)]
    shift: Annotated[int, Field(ge=0, le=16)] = 0
    flip: bool = False
    limit: Count | None = None


class TrainingForm(Strict):
    epochs: Count
    batch: Count
    loss: Literal["cross_entropy", "mse_rate"]
    optimiser: Literal["adamw"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    precision: Literal["float32", "bfloat16"] = "float32"


class ArmForm(Strict):
    """A control: another method, or other numbers; with `quota_of` it keeps as many as that arm had, epoch by epoch."""

    name: Name
    title: str
    method: Word | None = None
    set: dict[Word, NumberOrText] = {}
    quota_of: Name | None = None


class SizeForm(Strict):
    seeds: Seeds | None = None
    epochs: Count | None = None
    limit: Count | None = None
    held_out: Annotated[int, Field(ge=0)] | None = None
    arms: list[Name] | None = None
    set: dict[Word, NumberOrText] = {}


class TrainingFile(Strict):
    schema_: Literal["dpap-training/1"] = Field(alias="schema")
    title: str
    note: str = ""
    model: Word
    seeds: Seeds
    data: DataForm
    training: TrainingForm
    method: Word
    parameters: dict[Name, Parameter] = {}
    arms: list[ArmForm] = []
    criteria: list[schema.Criterion] = []
    sizes: dict[Name, SizeForm] = {}
    figures: list[Word] = []


@dataclass(frozen=True)
class Arm:
    """A variant of the training: the main arm changes nothing."""

    name: str
    title: str
    method: str
    set: Mapping[str, object] = field(default_factory=dict)
    quota_of: str | None = None


@dataclass(frozen=True)
class Protocol:
    """A checked training at one size. The first arm, "main", is the training as it stands."""

    name: str
    title: str
    size: str
    model_name: str
    data: DataForm
    training: TrainingForm
    parameters: Mapping[str, Parameter]
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    criteria: tuple[schema.Criterion, ...]
    figures: tuple[str, ...]
    set: Mapping[str, object]
    texts: Mapping[str, str]
    folder: Path
    sizes: Mapping[str, SizeForm]
    epochs: int
    kind = "training"

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def model(self, arm: Arm) -> models.DeepModel:
        """The model as an arm trains it."""
        mine = {k: v for k, v in {**self.set, **arm.set}.items() if k not in self.parameters}
        return models.load(self.model_name, set_=mine, beside=self.folder)

    def in_force(self, arm: Arm) -> dict[str, Parameter]:
        """The parameters that this arm reads, with the values it reads."""
        found = {}
        needs = {**OF_TRAINING, **find_method(arm.method).needs}
        changes = {**self.set, **arm.set}
        for name in needs:
            parameter = self.parameters[name]
            if name in changes:
                parameter = parameter.model_copy(update={"value": _value(changes[name], parameter)})
            found[name] = parameter
        return found

    def p(self, arm: Arm) -> SimpleNamespace:
        """The numbers of training and method, in the units they are read in."""
        needs = {**OF_TRAINING, **find_method(arm.method).needs}
        return SimpleNamespace(**{n: units.to_unit(p.si, needs[n]) for n, p in self.in_force(arm).items()})


def load(name: str, *, size: str | None = None, set_: Mapping | None = None, seeds=None,
         beside: Path | None = None) -> Protocol:
    """Read a training by name or path and check it with its model, its methods and every arm.

    Arguments
        name   shipped protocol, or a path
        size   a name under [sizes]; None takes the file as it stands ("full")
        set_   parameter -> value, of the protocol or of its model
        seeds  instead of the file's
    Raises
        FileNotFoundError, ValueError   one sentence: file, key, what was found, what was wanted
    """
    path = library.find("protocol", name, beside)
    text, spec = schema.read(path, TrainingFile)
    try:
        return _checked(path, text, spec, size or "full", dict(set_ or {}), seeds)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def _checked(path: Path, text: str, spec: TrainingFile, size: str, set_: dict, seeds) -> Protocol:
    change, wanted, chosen = at_size(spec, size, seeds, SizeForm())
    names = [arm.name for arm in spec.arms]
    for name in (a.quota_of for a in spec.arms if a.quota_of not in (None, "main")):
        if name not in names:
            raise ValueError(f"there is no arm {name!r}{did_you_mean(name, names)}")
    arms = [Arm(a.name, a.title, a.method or spec.method, a.set, a.quota_of) for a in wanted]
    data = spec.data.model_copy(update={k: getattr(change, k) for k in ("limit", "held_out")
                                        if getattr(change, k) is not None})
    model = models.load(spec.model, beside=path.parent)
    protocol = Protocol(path.stem, spec.title, size, spec.model, data, spec.training, spec.parameters, chosen,
                        (Arm("main", spec.title, spec.method), *arms), tuple(spec.criteria), tuple(spec.figures),
                        {**change.set, **set_}, {f"protocol {path.name}": text, **model.texts}, path.parent,
                        dict(spec.sizes), change.epochs or spec.training.epochs)
    if (data.name in SOURCES) != (model.encoding == "frames"):
        other = "recordings of events" if data.name in SOURCES else "images"
        raise ValueError(f"data.name: {data.name} are {other}, model {model.name} takes {model.encoding} encoding: "
                         'recordings need encoding = "frames", images "direct" or "rate"')
    if data.name not in {**READERS, **SOURCES}:
        known = [*READERS, *SOURCES]
        raise ValueError(f"data.name: there is no data set {data.name!r}{did_you_mean(data.name, known)}; "
                         f"there are {', '.join(known)}")
    _check_parameters(protocol, spec)
    for arm in protocol.arms:
        _check_arm(protocol, arm, model)
    check_ends(spec, path.parent, protocol)
    return protocol


def _check_parameters(protocol: Protocol, spec: TrainingFile) -> None:
    """Every parameter is read by the training or a method of some arm, and none that is read is missing."""
    methods = {spec.method, *(a.method for a in spec.arms if a.method)}
    needs = dict(OF_TRAINING)
    for method in sorted(methods):
        needs |= find_method(method).needs
    for name, unit in needs.items():
        if name not in protocol.parameters:
            raise ValueError(f"parameters.{name} is missing: it is read in {unit!r}")
        found = protocol.parameters[name].unit
        if units.dimension_of(found) != units.dimension_of(unit):
            raise ValueError(f"parameters.{name}: found unit {found!r}, {unit!r} is needed")
    for name in protocol.parameters:
        if name not in needs:
            raise ValueError(f"parameters.{name}: nothing reads it{did_you_mean(name, needs)}")


def _check_arm(protocol: Protocol, arm: Arm, model: models.DeepModel) -> None:
    for name in {**protocol.set, **arm.set}:
        known = [*protocol.parameters, *model.parameters]
        if name not in known:
            raise ValueError(f"there is no parameter {name!r}{did_you_mean(name, known)}")
    protocol.model(arm), protocol.p(arm)
    if find_method(arm.method).quota and arm.quota_of is None:
        raise ValueError(f"arm {arm.name}: method {arm.method!r} keeps as many as another arm: quota_of is missing")


def _value(value, parameter: Parameter) -> Number:
    try:
        return float(value)
    except ValueError:
        return units.to_unit(units.parse(value, units.dimension_of(parameter.unit)), parameter.unit)
