"""What a protocol file may be: a development in Brian2, a computed experiment, a training of a deep network.

A kind says how its files are read, how one arm and seed of them lives, step by step, and what of it goes into the run
file. Runs, verdicts, figures and reports know no kind: they work with what is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from dpap_bio import library
from dpap_bio.complaint import did_you_mean

Records = Sequence[Mapping[str, Any]]


class Unhealthy(RuntimeError):
    """A network died, ran away or produced a value that is not a number: one sentence says where and when."""


@dataclass(frozen=True)
class Step:
    """One step that was lived, and committed together: an epoch of a development or of a training, an experiment.

    number  int             -1 is birth, before anything was lived; an experiment is born and that is all
    state   nested dict     arrays, numbers and text from which the next step can be lived, bit for bit
    record  nested dict     what of the step is to be kept in the run file; "epoch" is its number
    told    str             where it stands, for a progress bar: "age 12 day | 61 % of synapses | 7.9 Hz"
    """

    number: int
    state: Mapping[str, Any]
    record: Mapping[str, Any]
    told: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of protocol.

    name    str                                       in words: "development", ...
    form    the pydantic class of its files
    load    f(path, size=, set_=, seeds=, **more) -> protocol: frozen, with at least name, title, size, seeds, arms (the
            first is "main"), criteria, figures, set, texts, folder and epochs
    lives   f(protocol, arm, seed, request, after, quotas) -> Step, Step, ...; `after` is (number, state) or None
    groups  f(protocol, {(arm, seed): records}) -> path -> Dataset of the run file, /parameters among them
    quotas  f(records) -> name -> epoch -> how many were left: what a control with `quota_of` keeps
    model   f(protocol) -> the name of what was run
    target  f(protocol, asked) -> the code generation target in force; "" where nothing is generated
    """

    name: str
    form: type
    load: Callable[..., Any]
    lives: Callable[..., Iterator[Step]]
    groups: Callable[[Any, Mapping[tuple[str, int], Records]], dict]
    model: Callable[[Any], str]
    quotas: Callable[[Records], Mapping[str, Mapping[int, int]]] = field(default=lambda records: {})
    target: Callable[[Any, str], str] = field(default=lambda protocol, asked: "")


_PLACES = {
    "dpap-protocol/1": "dpap_bio.kind_development:DEVELOPMENT",
    "dpap-experiment/1": "dpap_bio.kind_experiment:EXPERIMENT",
    "dpap-training/1": "dpap_bio.deep.kind_training:TRAINING",
}


def kind(schema: object) -> Kind:
    """The kind of protocol that a file's `schema` names.

    Raises
        ValueError   it names none
    """
    if not isinstance(schema, str) or schema not in _PLACES:
        known = ", ".join(_PLACES)
        raise ValueError(f"schema: found {schema!r}, that of a protocol is wanted{did_you_mean(str(schema), _PLACES)}: "
                         f"{known}")
    module, _, name = _PLACES[schema].partition(":")
    return getattr(import_module(module), name)


def kind_of(path: Path) -> Kind:
    """The kind of a protocol file.

    Raises
        ValueError   one sentence naming the file: it cannot be read, or is no protocol
    """
    try:
        return kind(library.read_toml(path)[1].get("schema"))
    except ValueError as error:
        raise ValueError(str(error) if path.name in str(error) else f"{path.name}: {error}") from None


def load(name: str, **changes):
    """Read a protocol of any kind by name or path and check it: its kind, and the protocol.

    Arguments
        name     shipped protocol, or a path
        changes  size, set_, seeds, ...: as the kind's own `load` takes them
    Raises
        FileNotFoundError, ValueError   one sentence
    """
    path = library.find("protocol", name)
    found = kind_of(path)
    return found, found.load(str(path), **changes)
