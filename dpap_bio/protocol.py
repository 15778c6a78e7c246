"""A protocol: stages, stimuli, probes, control arms and criteria, read from TOML and checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dpap_bio import library, measures, schema, units
from dpap_bio import model as models
from dpap_bio.complaint import did_you_mean
from dpap_bio.model import Model
from dpap_bio.rules import find_rule
from dpap_bio.stimuli import STIMULI

DAY = 86400.0  # s


@dataclass(frozen=True)
class Shown:
    """A stimulus of a kind, with its parameters in the kind's units, for one stimulated population."""

    kind: str
    population: str
    parameters: Mapping[str, object]

    def __str__(self) -> str:
        values = []
        for name, value in self.parameters.items():
            unit = STIMULI[self.kind].units[name]
            values.append(f"{name} {value}" if unit == "name" else f"{name} {value:g} {unit}".removesuffix(" 1"))
        return ", ".join([f"{self.kind} to {self.population}", *values])


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
    density_of: str | None = None


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
        """The model as an arm lives it in a stage."""
        set_ = {**self.set, **stage.set, **arm.set}
        return models.load(self.model_name, set_=set_, replace_rules=arm.replace, beside=self.folder)


def load(name: str, *, size: str | None = None, set_: Mapping | None = None, seeds: tuple[int, ...] | None = None,
         beside: Path | None = None) -> Protocol:
    """Read a protocol by name or path and check it together with its model, every arm and every stage.

    Arguments
        name   shipped protocol, or a path
        size   a name under [sizes]; None takes the file as it stands ("full")
        set_   parameter -> value, over the file's own
        seeds  instead of the file's
    Raises
        FileNotFoundError, ValueError   one sentence: file, key, what was found, what was wanted
    """
    path = library.find("protocol", name, beside)
    text, spec = schema.read(path, schema.ProtocolFile)
    return _checked(path, text, spec, size or "full", dict(set_ or {}), seeds)


def _checked(path: Path, text: str, spec: schema.ProtocolFile, size: str, set_: dict, seeds) -> Protocol:
    def fail(message):
        raise ValueError(f"{path.name}: {message}")

    if size != "full" and size not in spec.sizes:
        fail(f"sizes.{size}: there is no such size; there are {', '.join(['full', *spec.sizes])}")
    change = spec.sizes.get(size, schema.Size())
    for kind, named, known in (
        ("epochs", change.epochs, [s.name for s in spec.stages]),
        ("simulate", change.simulate, [s.name for s in spec.stages]),
        ("probes", change.probes, [p.name for p in spec.probes]),
        ("arms", change.arms or [], [a.name for a in spec.arms]),
    ):
        for name in named:
            if name not in known:
                fail(f"sizes.{size}.{kind}: there is no {name!r}{did_you_mean(name, known)}")
    for what, given in (("stages", spec.stages), ("probes", spec.probes), ("arms", spec.arms)):
        names = [x.name for x in given]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice:
            fail(f"{what}: {twice!r} is the name of two of them")
    overrides = {**change.set, **set_}
    try:
        first = models.load(spec.model, set_=overrides, beside=path.parent)
    except FileNotFoundError as error:
        fail(f"model: {error}")
    stages = tuple(_stage(fail, s, change, first) for s in spec.stages)
    probes = tuple(_probe(fail, p, change.probes.get(p.name, {}), stages, first) for p in spec.probes)
    wanted = [a for a in spec.arms if change.arms is None or a.name in change.arms]
    arms = (Arm("main", spec.title), *(Arm(a.name, a.title, a.replace, a.set, a.density_of) for a in wanted))
    chosen = tuple(seeds or change.seeds or spec.seeds)
    if len(set(chosen)) < len(chosen):
        fail(f"seeds: found {list(chosen)}, each is run once")
    protocol = Protocol(path.stem, spec.title, size, spec.model, chosen, stages, probes, arms,
                        tuple(spec.criteria), tuple(spec.figures), overrides,
                        {f"protocol {path.name}": text, **first.texts}, path.parent, dict(spec.sizes))
    for arm in arms:
        _check_arm(fail, protocol, arm, first)
    for criterion in spec.criteria:
        try:
            measures.check(criterion.measure, criterion.args, protocol, first)
        except ValueError as error:
            fail(f"criteria.{criterion.measure}: {error}")
        for name in criterion.must_fail_in:
            if name not in [a.name for a in spec.arms]:
                fail(f"criteria.{criterion.measure}.must_fail_in: there is no arm {name!r}")
    for figure in spec.figures:
        try:
            library.find("analysis", figure, path.parent)
        except FileNotFoundError as error:
            fail(f"figures: {error}")
    return protocol


def _stage(fail, spec: schema.Stage, change: schema.Size, model: Model) -> Stage:
    where = f"stages.{spec.name}"
    simulate = change.simulate.get(spec.name, spec.epoch.simulate)
    n_steps = _steps(fail, f"{where}.epoch.simulate", simulate, model.dt)
    days = _quantity(fail, f"{where}.epoch.stands_for", spec.epoch.stands_for, "time") / DAY
    if days <= 0:
        fail(f"{where}.epoch.stands_for: found {spec.epoch.stands_for!r}, a time above zero is wanted")
    given = spec.stimulus if isinstance(spec.stimulus, list) else [spec.stimulus]
    shown = tuple(_shown(fail, f"{where}.stimulus", each, model) for each in given)
    if len({each.population for each in shown}) < len(shown):
        fail(f"{where}.stimulus: a population has one stimulus in a stage")
    return Stage(spec.name, change.epochs.get(spec.name, spec.epochs), n_steps, days, shown, spec.set)


def _probe(fail, spec: schema.Probe, change: Mapping, stages, model: Model) -> Probe:
    where = f"probes.{spec.name}"
    odd = set(change) - {"simulate", "copies"}
    if odd:
        fail(f"sizes.*.{where}: found {sorted(odd)[0]!r}; simulate and copies can be changed")
    names = [s.name for s in stages]
    for name in spec.after:
        if name not in names:
            fail(f"{where}.after: there is no stage {name!r}{did_you_mean(name, names)}")
    shown = _shown(fail, f"{where}.stimulus", spec.stimulus, model)
    n_steps = _steps(fail, f"{where}.simulate", change.get("simulate", spec.simulate), model.dt)
    copies = change.get("copies", spec.copies)
    if not isinstance(copies, int) or isinstance(copies, bool) or copies < 1:
        fail(f"{where}.copies: found {copies!r}, a whole number of at least 1 is wanted")
    return Probe(spec.name, tuple(spec.after), n_steps, shown, copies)


def _shown(fail, where: str, spec: schema.StimulusSpec, model: Model) -> Shown:
    if spec.kind not in STIMULI:
        fail(f"{where}.kind: there is no stimulus {spec.kind!r}{did_you_mean(spec.kind, STIMULI)}; "
             f"there are {', '.join(STIMULI)}")
    stimulated = model.stimulated()
    population = spec.population or (stimulated[0] if len(stimulated) == 1 else None)
    if population not in stimulated:
        fail(f"{where}.population: found {population!r}, one of the stimulated populations {stimulated} is wanted")
    stimulus, given = STIMULI[spec.kind], {}
    for name, value in (spec.model_extra or {}).items():
        unit = stimulus.units.get(name)
        if unit is None:
            fail(f"{where}.{name}: {spec.kind} has no such parameter{did_you_mean(name, stimulus.units)}")
        if unit != "name" and isinstance(value, str):
            value = units.to_unit(_quantity(fail, f"{where}.{name}", value, units.dimension_of(unit)), unit)
        elif unit not in ("name", "1") and not isinstance(value, str):
            fail(f"{where}.{name}: found {value!r} without a unit, text such as \"1 {unit}\" is wanted")
        given[name] = value
    try:
        stimulus.check(given)
    except ValueError as error:
        fail(f"{where}: {error}")
    return Shown(spec.kind, population, given)


def _check_arm(fail, protocol: Protocol, arm: Arm, model: Model) -> None:
    used = {rule for p in model.projections.values() for rule, _, _ in p.rules}
    for old, new in arm.replace.items():
        if old not in used:
            fail(f"arms.{arm.name}.replace: no projection uses rule {old!r}{did_you_mean(old, used)}")
        try:
            find_rule(new)
        except ValueError as error:
            fail(f"arms.{arm.name}.replace: {error}")
    if arm.density_of is not None and arm.density_of not in [a.name for a in protocol.arms if a.density_of is None]:
        fail(f"arms.{arm.name}.density_of: found {arm.density_of!r}, an arm that runs on its own is wanted")
    for stage in protocol.stages:
        staged = protocol.model(arm, stage)
        if [p.size for p in staged.populations.values()] != [p.size for p in model.populations.values()]:
            fail(f"stages.{stage.name}.set: a population cannot change its size between stages")


def _quantity(fail, where: str, text, dimension: str) -> float:
    try:
        return units.parse(text, dimension)
    except ValueError as error:
        fail(f"{where}: {error}")


def _steps(fail, where: str, text: str, dt: float) -> int:
    seconds = _quantity(fail, where, text, "time")
    n = round(seconds / dt)
    if n < 1 or abs(n * dt - seconds) > 1e-6 * seconds:
        fail(f"{where}: found {text!r}, a whole number (at least one) of time steps of {dt * 1e3:g} ms is wanted")
    return n
