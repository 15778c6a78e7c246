"""A model: read from TOML, its mechanisms composed into Brian2 equations, its rules bound to their parameters.

Nothing here runs anything or imports Brian2: a `Model` represents. Names in composed equations: a variable `x` that
projection `J` puts on a neuron is called `x_J` there, so two projections never share a variable by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from dpap_bio import library, schema
from dpap_bio.expressions import Equation
from dpap_bio.lift import Code, Trace
from dpap_bio.rules.rule import Rule

LEARNING = "learning"  # 1 while the network lives, 0 while it is probed: every plastic equation multiplies by it


@dataclass(frozen=True)
class Population:
    """The composed code of one population; `stimulated` ones have none: their spikes come from the protocol."""

    name: str
    size: int
    stimulated: bool
    equations: tuple[Equation, ...]
    threshold: str
    reset: tuple[str, ...]
    refractory: str
    parameters: Mapping[str, schema.Parameter]
    start: Mapping[str, object]


@dataclass(frozen=True)
class Projection:
    """The composed code of one projection, lifted where exact, and its slow rules with their parameters."""

    name: str
    source: str
    target: str
    plain: Code
    code: Code
    arrivals: tuple[Trace, ...]
    parameters: Mapping[str, schema.Parameter]
    start: Mapping[str, object]
    delay: float
    connect: schema.Connect
    rules: tuple[tuple[str, Rule, SimpleNamespace], ...]
    rule_parameters: Mapping[str, schema.Parameter]


@dataclass(frozen=True)
class Model:
    """A checked model. `dt` and `tau_trace` in s; `texts` holds every file it came from, as "model x.toml".

    `tau_trace` is the decay of the spike traces that slow rules see (`Firing.trace`). `copies` of what the file
    describes stand side by side, unconnected: neuron k of n belongs to copy k * copies // n.
    """

    name: str
    title: str
    dt: float
    populations: Mapping[str, Population]
    projections: Mapping[str, Projection]
    texts: Mapping[str, str]
    parameters: Mapping[str, schema.Parameter] = field(default_factory=dict)
    tau_trace: float = 0.0
    copies: int = 1

    def stimulated(self) -> list[str]:
        return [p.name for p in self.populations.values() if p.stimulated]


def load(name: str, *, set_: Mapping | None = None, replace_rules: Mapping[str, str] | None = None,
         beside: Path | None = None, copies: int | None = None) -> Model:
    """Read and check a model file and its mechanisms.

    Arguments
        name           name of a shipped model, or a path
        set_           "tau_m" or "feedforward.w_max" -> number in the file's unit, or text with a unit;
                       "input.size" -> int; "dt" -> text with a unit
        replace_rules  rule name -> other rule's name, "none" to take it out (control arms)
        beside         folder that relative paths start from
        copies         as many copies of what the file describes, side by side, each connected within itself
    Raises
        FileNotFoundError, ValueError   one sentence: file, key, what was found, what was wanted
    """
    path = library.find("model", name, beside)
    text, spec = schema.read(path, schema.ModelFile)
    from dpap_bio.compose import Composer

    composer = Composer(path, text, spec, set_ or {}, replace_rules or {})
    if copies is None:
        return composer.compose()
    _multiply(composer, copies)
    return replace(composer.compose(), copies=copies)


def _multiply(composer, copies: int) -> None:
    for population in composer.spec.populations.values():
        population.size *= copies
    for name, projection in composer.spec.projections.items():
        born = next((r for r in projection.rules if r.startswith(("grow", "regrow", "criticality"))), None)
        if born is not None:
            composer.fail(f"projections.{name}.rules: {born!r} would connect the copies that a protocol with "
                          "conditions puts side by side; leave it out")
