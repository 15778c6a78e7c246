"""A protocol: stages, stimuli, probes, control arms and criteria, read from TOML and checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dpap_bio import library, schema
from dpap_bio import model as models
from dpap_bio.conditions import Conditions
from dpap_bio.model import Model
from dpap_bio.shown import SET, Shown


@dataclass(frozen=True)
class Stage:
    """`epochs` epochs of `n_steps` each, one standing for `days` of development; a population not shown is silent."""

    name: str
    epochs: int
    n_steps: int
    days: float
    shown: tuple[Shown, ...]
    set: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """A stimulus of `n_steps`, spread over `copies` of the network, learning off, after each stage named."""

    name: str
    after: tuple[str, ...]
    n_steps: int
    shown: Shown
    copies: int


@dataclass(frozen=True)
class Arm:
    """A variant of the protocol: the main arm changes nothing."""

    name: str
    title: str
    replace: Mapping[str, str] = field(default_factory=dict)
    set: Mapping[str, object] = field(default_factory=dict)
    quota_of: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Protocol:
    """A checked protocol at one size. The first arm, "main", is the protocol as it stands."""

    name: str
    title: str
    size: str
    model_name: str
    seeds: tuple[int, ...]
    stages: tuple[Stage, ...]
    probes: tuple[Probe, ...]
    arms: tuple[Arm, ...]
    criteria: tuple[schema.Criterion, ...]
    figures: tuple[str, ...]
    set: Mapping[str, object]
    texts: Mapping[str, str]
    folder: Path
    sizes: Mapping[str, schema.Size] = field(default_factory=dict)
    conditions: Conditions | None = None
    kind = "development"

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    def stage_of(self, epoch: int) -> tuple[Stage, bool]:
        """The stage that an epoch (0-based) belongs to, and whether it is the stage's last."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage, epoch == stage.epochs - 1
            epoch -= stage.epochs
        raise IndexError("the protocol has no such epoch")

    def age(self, epoch: int) -> float:
        """Developmental age in days at the end of an epoch; -1 is birth."""
        days = 0.0
        for stage in self.stages:
            n = min(max(epoch + 1, 0), stage.epochs)
            days += n * stage.days
            epoch -= stage.epochs
        return days

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def model(self, arm: Arm, stage: Stage) -> Model:
        """The model as an arm lives it in a stage; one with a model of its own keeps the time step of the main arm."""
        set_ = {**stage.set, **arm.set}
        if arm.model is None:
            set_ = {**{n: v for n, v in self.set.items() if not n.startswith(SET)}, **set_}
        else:
            set_["dt"] = f"{self.model(self.arms[0], stage).dt!r} s"
        return models.load(arm.model or self.model_name, set_=set_, replace_rules=arm.replace, beside=self.folder,
                           copies=self.conditions.side_by_side if self.conditions else None)


def load(name: str, *, size: str | None = None, set_: Mapping | None = None, seeds: tuple[int, ...] | None = None,
         model: str | None = None, beside: Path | None = None) -> Protocol:
    """Read a protocol by name or path and check it together with its model, every arm and every stage.

    Arguments
        name   shipped protocol, or a path
        size   a name under [sizes]; None takes the file as it stands ("full")
        set_   parameter -> value, over the file's own; "stimulus.rate" is that of the stimuli that give one
        seeds  instead of the file's
        model  name or path of a model in place of the file's; arms with a model of their own keep it
    Raises
        FileNotFoundError, ValueError   one sentence: file, key, what was found, what was wanted
    """
    path = library.find("protocol", name, beside)
    text, spec = schema.read(path, schema.ProtocolFile)
    from dpap_bio.protocol_checks import checked

    return checked(path, text, spec, size or "full", dict(set_ or {}), seeds, model)
