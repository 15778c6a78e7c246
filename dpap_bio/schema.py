"""What a model, mechanism or protocol file may contain: strict, unknown keys refused, one sentence for each mistake."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dpap_bio import library, units


def _name(value: str) -> str:
    import re

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", value):
        raise ValueError(f"{value!r} is no name: small letters, digits and _ are wanted, a letter first, at most 31")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


Name = Annotated[str, AfterValidator(_name)]
Number = Annotated[float, Field(strict=False), AfterValidator(_finite)]
Text = Annotated[str, Field(max_length=4000)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class Parameter(Strict):
    """A number with a meaning: value, unit, and where it is from (`source`) or why it is so (`chosen`)."""

    value: Number
    unit: str
    source: str | None = None
    chosen: str | None = None
    evidence: Literal["verified", "from memory", "computed"] | None = None
    range: tuple[Number, Number] | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _check(self):
        if (self.source is None) == (self.chosen is None):
            raise ValueError("exactly one of source (a key of references.bib) and chosen (the reason) is wanted")
        units.dimension_of(self.unit)
        if self.range is not None and not self.range[0] <= self.value <= self.range[1]:
            raise ValueError(f"value {self.value} lies outside its range {self.range[0]}..{self.range[1]}")
        return self

    @property
    def si(self) -> float:
        """The value in SI units."""
        return units.to_si(self.value, self.unit)


class Start(Strict):
    """How a variable starts in a new neuron or synapse: drawn from a distribution over numbers or parameters."""

    uniform: tuple[Number | Name, Number | Name] | None = Field(default=None, strict=False)
    normal: tuple[Number | Name, Number | Name] | None = Field(default=None, strict=False)
    lognormal: tuple[Number | Name, Number | Name] | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _one(self):
        if sum(x is not None for x in (self.uniform, self.normal, self.lognormal)) != 1:
            raise ValueError("one of uniform = [low, high], normal = [mean, sd], lognormal = [median, sigma] is wanted")
        return self

    @property
    def kind(self) -> str:
        return next(k for k in ("uniform", "normal", "lognormal") if getattr(self, k) is not None)

    @property
    def arguments(self) -> tuple[float | str, float | str]:
        return getattr(self, self.kind)


Starts = dict[str, Number | Name | Start]


class NeuronPart(Strict):
    equations: Text = ""
    threshold: Text = ""
    reset: Text = ""
    refractory: Text = ""
    sums: dict[Name, str] = {}
    adds: dict[Name, Text] = {}


class SynapsePart(Strict):
    equations: Text = ""
    on_pre: Text = ""
    on_post: Text = ""


class TargetPart(Strict):
    equations: Text = ""
    on_spike: Text = ""
    adds: dict[Name, Text] = {}


class Mechanism(Strict):
    """A fragment of equations with its parameters: on a neuron, or on a synapse and its target neuron."""

    schema_: Literal["dpap-mechanism/1"] = Field(alias="schema")
    title: str
    note: str = ""
    neuron: NeuronPart | None = None
    synapse: SynapsePart | None = None
    target: TargetPart | None = None
    start: Starts = {}
    parameters: dict[Name, Parameter] = {}

    @model_validator(mode="after")
    def _place(self):
        if (self.neuron is None) == (self.synapse is None and self.target is None):
            raise ValueError("a mechanism has a [neuron] part, or a [synapse] and/or a [target] part")
        return self


class Population(Strict):
    size: Annotated[int, Field(ge=1, le=100_000_000)]
    stimulated: bool = False
    mechanisms: list[str] = []
    start: Starts = {}
    parameters: dict[Name, Parameter] = {}


class Connect(Strict):
    share: Annotated[Number, Field(ge=0, le=1)]
    autapses: bool = True


class ProjectionSpec(Strict):
    source: Name = Field(alias="from")
    target: Name = Field(alias="to")
    mechanisms: list[str]
    delay: str
    connect: Connect
    rules: list[str] = []
    start: Starts = {}
    parameters: dict[Name, Parameter] = {}


class ModelFile(Strict):
    schema_: Literal["dpap-model/1"] = Field(alias="schema")
    title: str
    note: str = ""
    dt: str
    populations: dict[Name, Population] = Field(min_length=1)
    projections: dict[Name, ProjectionSpec] = {}
    parameters: dict[Name, Parameter] = {}


class Epoch(Strict):
    simulate: str
    stands_for: str


class StimulusSpec(BaseModel):
    """`kind` and the parameters of that kind; numbers with a unit are text ("8 Hz")."""

    model_config = ConfigDict(extra="allow", strict=True)
    kind: Name
    population: Name | None = None


class Stage(Strict):
    name: Name
    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    epoch: Epoch
    stimulus: StimulusSpec
    set: dict[str, Number | str] = {}


class Probe(Strict):
    """Stimuli shown with learning off to a copy of the network, after the named stages."""

    name: Name
    after: list[str] = Field(min_length=1)
    simulate: str
    stimulus: StimulusSpec
    copies: Annotated[int, Field(ge=1, le=1000)] = 1


class Arm(Strict):
    """A control: the same protocol with some rules replaced ("none" removes one) or parameters set."""

    name: Name
    title: str
    replace: dict[str, str] = {}
    set: dict[str, Number | str] = {}
    density_of: Name | None = None


class Criterion(Strict):
    measure: str
    title: str
    args: dict[str, Any] = {}
    between: tuple[Number, Number] = Field(strict=False)
    source: str | None = None
    chosen: str | None = None
    evidence: Literal["verified", "from memory", "computed"] | None = None
    min_seeds: Annotated[int, Field(ge=1)] = 1
    must_fail_in: list[Name] = []

    @model_validator(mode="after")
    def _check(self):
        if (self.source is None) == (self.chosen is None):
            raise ValueError("exactly one of source (a key of references.bib) and chosen (the reason) is wanted")
        if self.between[0] > self.between[1]:
            raise ValueError(f"between = [{self.between[0]}, {self.between[1]}] has its low bound above its high one")
        return self


class Size(Strict):
    """One size of a protocol: what it changes against the file as it stands."""

    seeds: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] | None = Field(default=None, min_length=1)
    epochs: dict[str, Annotated[int, Field(ge=1)]] = {}
    simulate: dict[str, str] = {}
    arms: list[Name] | None = None
    set: dict[str, Number | str] = {}
    probes: dict[str, dict[str, Any]] = {}


class ProtocolFile(Strict):
    schema_: Literal["dpap-protocol/1"] = Field(alias="schema")
    title: str
    note: str = ""
    model: str
    seeds: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(min_length=1)
    stages: list[Stage] = Field(min_length=1)
    probes: list[Probe] = []
    arms: list[Arm] = []
    criteria: list[Criterion] = []
    sizes: dict[Name, Size] = {}
    figures: list[str] = []


def read(path: Path, form: type[Strict]) -> tuple[str, Any]:
    """The text and the checked content of a file; the first mistake as one sentence naming file and key.

    Raises
        ValueError   one sentence: file, key, what was found, what was wanted
    """
    text, content = library.read_toml(path)
    try:
        return text, form.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path.name}: {_sentence(error, form)}") from None
    except RecursionError:
        raise ValueError(f"{path.name}: tables are nested too deeply") from None


def _sentence(error: ValidationError, form: type[BaseModel]) -> str:
    """The first of pydantic's complaints in our words, with the number of further ones."""
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda e: len(e["loc"]) == 0)
    where = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained")))
    where = where or "the file"
    kind, found = first["type"], first.get("input")
    if kind == "extra_forbidden":
        said = f"{where}: this key is not known{_near(str(first['loc'][-1]), form)}"
    elif kind == "missing":
        said = f"{where}: this key is missing"
    elif kind == "value_error":
        said = f"{where}: {first['ctx']['error']}"
    else:
        shown = repr(found)
        said = f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}, found {shown[:60]}"
    return said + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else "")


def _near(key: str, form: type[BaseModel]) -> str:
    known = {field.alias or name for model in _models(form) for name, field in model.model_fields.items()}
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _models(form: type[BaseModel]) -> list[type[BaseModel]]:
    return [Parameter, Population, ProjectionSpec, Connect, Stage, Epoch, Probe, Arm, Criterion, Size,
            NeuronPart, SynapsePart, TargetPart, form]
