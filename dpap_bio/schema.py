"""What a model, mechanism or protocol file may contain: strict, unknown keys refused, one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from dpap_bio import complaint, library
from dpap_bio.schema_values import (
    Name,
    Number,
    NumberOrGap,
    NumberOrText,
    Parameter,
    Scalar,
    Start,
    Starts,
    Strict,
    Text,
    Word,
    as_name,
)

__all__ = ["ModelFile", "Mechanism", "Parameter", "ProtocolFile", "Start", "read"]


class NeuronPart(Strict):
    equations: Text = ""
    threshold: Text = ""
    reset: Text = ""
    refractory: Text = ""
    sums: dict[Name, Word] = {}
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
    mechanisms: list[Word] = []
    start: Starts = {}
    parameters: dict[Name, Parameter] = {}


class Connect(Strict):
    """Each pair with probability `share`, or neuron k to neuron k."""

    share: Annotated[Number, Field(ge=0, le=1)] = 1.0
    autapses: bool = True
    one_to_one: bool = False

    @model_validator(mode="after")
    def _one_way(self):
        if self.one_to_one == ("share" in self.model_fields_set):
            raise ValueError("one of share = 0.5 and one_to_one = true is wanted")
        return self


class ProjectionSpec(Strict):
    source: Name = Field(alias="from")
    target: Name = Field(alias="to")
    mechanisms: list[Word]
    delay: Word
    connect: Connect
    rules: list[Word] = []
    start: Starts = {}
    parameters: dict[Name, Parameter] = {}


class ModelFile(Strict):
    schema_: Literal["dpap-model/1"] = Field(alias="schema")
    title: str
    note: str = ""
    dt: Word
    populations: dict[Name, Population] = Field(min_length=1)
    projections: dict[Name, ProjectionSpec] = {}
    parameters: dict[Name, Parameter] = {}


class Epoch(Strict):
    simulate: Word
    stands_for: Word


class StimulusSpec(BaseModel):
    """`kind` and the parameters of that kind; numbers with a unit are text ("8 Hz")."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, Scalar]
    kind: Name
    population: Name | None = None

    @model_validator(mode="after")
    def _names(self):
        for name in self.model_extra or {}:
            as_name(name)
        return self


OneOrMore = Annotated[
    Annotated[StimulusSpec, Tag("(one)")] | Annotated[list[StimulusSpec], Field(min_length=1), Tag("(list)")],
    Discriminator(lambda value: "(list)" if isinstance(value, list) else "(one)"),
]


class Stage(Strict):
    name: Name
    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    epoch: Epoch
    stimulus: OneOrMore
    set: dict[Word, NumberOrText] = {}


class Probe(Strict):
    """Stimuli shown with learning off to a copy of the network, after the named stages."""

    name: Name
    after: list[Word] = Field(min_length=1)
    simulate: Word
    stimulus: StimulusSpec
    copies: Annotated[int, Field(ge=1, le=1000)] = 1


class Arm(Strict):
    """A control: the same protocol with another model, some rules replaced ("none" removes one) or parameters set."""

    name: Name
    title: str
    model: Word | None = None
    replace: dict[Word, Word] = {}
    set: dict[Word, NumberOrText] = {}
    quota_of: Name | None = None


class Condition(Strict):
    """What differs between the conditions of an experiment, a number for each (nan: none), and where it is from."""

    values: list[NumberOrGap] = Field(min_length=1)
    unit: Word = "1"
    source: Word | None = None
    chosen: str | None = None
    evidence: Literal["verified", "from memory", "computed"] | None = None


class Conditions(Strict):
    """An experiment in many conditions side by side: each copy of the model is one."""

    copies: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    names: list[Name] = []
    recorded: Name | None = None
    columns: dict[Name, Condition] = {}


class Criterion(Strict):
    """A measure and the band that passes; `sizes`, where given, are those that it can be judged at."""

    measure: Word
    title: str
    args: dict[Word, Scalar] = {}
    between: tuple[Number, Number] = Field(strict=False)
    source: Word | None = None
    chosen: str | None = None
    evidence: Literal["verified", "from memory", "computed"] | None = None
    min_seeds: Annotated[int, Field(ge=1)] = 1
    must_fail_in: list[Name] = []
    sizes: list[Name] = []

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
    epochs: dict[Word, Annotated[int, Field(ge=1)]] = {}
    simulate: dict[Word, Word] = {}
    arms: list[Name] | None = None
    set: dict[Word, NumberOrText] = {}
    probes: dict[Word, dict[Word, Scalar]] = {}
    copies: Annotated[int, Field(ge=1)] | None = None


class ProtocolFile(Strict):
    schema_: Literal["dpap-protocol/1"] = Field(alias="schema")
    title: str
    note: str = ""
    validation: bool = False
    model: Word
    seeds: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(min_length=1)
    conditions: Conditions | None = None
    stages: list[Stage] = Field(min_length=1)
    probes: list[Probe] = []
    arms: list[Arm] = []
    criteria: list[Criterion] = []
    sizes: dict[Name, Size] = {}
    figures: list[Word] = []


def read(path: Path, form: type[Strict]) -> tuple[str, Any]:
    """The text and the checked content of a file; the first mistake as one sentence naming file and key.

    Raises
        ValueError   one sentence: file, key, what was found, what was wanted
    """
    text, content = library.read_toml(path)
    try:
        return text, form.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path.name}: {complaint.sentence(error, form, content)}") from None
    except RecursionError:
        raise ValueError(f"{path.name}: tables are nested too deeply") from None
