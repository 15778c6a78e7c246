"""Check a protocol file together with its model, every arm and every stage, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dpap_bio import schema, units
from dpap_bio.complaint import did_you_mean
from dpap_bio.conditions import made
from dpap_bio.model import Model
from dpap_bio.protocol import Arm, Probe, Protocol, Stage
from dpap_bio.protocol_parts import at_size, check_ends, check_once
from dpap_bio.rules import find_rule
from dpap_bio.shown import Shown, check_overrides, shown

_DAY = 86400.0  # s


def checked(path: Path, text: str, spec: schema.ProtocolFile, size: str, set_: dict, seeds,
            model: str | None) -> Protocol:
    """The protocol of a file at one size; arguments and errors as `protocol.load`."""

    def fail(message):
        raise ValueError(f"{path.name}: {message}")

    try:
        change, wanted, chosen = at_size(spec, size, seeds, schema.Size())
        check_once("stages", spec.stages)
        check_once("probes", spec.probes)
    except ValueError as error:
        fail(error)
    try:
        conditions = made(spec.conditions, change.copies)
    except ValueError as error:
        fail(f"conditions.{error}")
    for kind, named, known in (
        ("epochs", change.epochs, [s.name for s in spec.stages]),
        ("simulate", change.simulate, [s.name for s in spec.stages]),
        ("probes", change.probes, [p.name for p in spec.probes]),
    ):
        for name in named:
            if name not in known:
                fail(f"sizes.{size}.{kind}: there is no {name!r}{did_you_mean(name, known)}")
    overrides = {**change.set, **set_}
    name = spec.model if model is None else str(Path(model).resolve()) if Path(model).suffix else model
    arms = (Arm("main", spec.title), *(Arm(a.name, a.title, a.replace, a.set, a.quota_of, a.model) for a in wanted))
    protocol = Protocol(path.stem, spec.title, size, name, chosen, (), (), arms, tuple(spec.criteria),
                        tuple(spec.figures), overrides, {f"protocol {path.name}": text}, path.parent, dict(spec.sizes),
                        conditions)
    protocol = _with_stages(fail, protocol, spec, change)
    first = None if model else protocol.model(arms[0], protocol.stages[0])
    try:
        check_ends(spec, path.parent, protocol, first, look_up=first is not None)  # a user's own model may lack it
    except ValueError as error:
        fail(error)
    return protocol


def _with_stages(fail, protocol: Protocol, spec: schema.ProtocolFile, change: schema.Size) -> Protocol:
    """The protocol with its stages, probes and the texts of its models, every arm checked in every stage."""
    try:
        first = protocol.model(protocol.arms[0], Stage("", 1, 1, 1.0, ()))
    except FileNotFoundError as error:
        fail(f"model: {error}")
    try:
        check_overrides(protocol.set, [x for s in spec.stages for x in _listed(s.stimulus)])
    except ValueError as error:
        fail(error)
    stages = tuple(_stage(fail, s, change, first, protocol) for s in spec.stages)
    probes = tuple(_probe(fail, p, change.probes.get(p.name, {}), stages, first, protocol) for p in spec.probes)
    protocol = replace(protocol, stages=stages, probes=probes, texts={**protocol.texts, **first.texts})
    for arm in protocol.arms:
        protocol = replace(protocol, texts={**_check_arm(fail, protocol, arm, first), **protocol.texts})
    return protocol


def _listed(stimulus) -> list:
    return stimulus if isinstance(stimulus, list) else [stimulus]


def _stage(fail, spec: schema.Stage, change: schema.Size, model: Model, protocol: Protocol) -> Stage:
    where = f"stages.{spec.name}"
    simulate = change.simulate.get(spec.name, spec.epoch.simulate)
    n_steps = _steps(fail, f"{where}.epoch.simulate", simulate, model.dt)
    days = _quantity(fail, f"{where}.epoch.stands_for", spec.epoch.stands_for, "time") / _DAY
    if days <= 0:
        fail(f"{where}.epoch.stands_for: found {spec.epoch.stands_for!r}, a time above zero is wanted")
    given = tuple(_shown(fail, f"{where}.stimulus", each, model, protocol.conditions, protocol.set)
                  for each in _listed(spec.stimulus))
    if len({each.population for each in given}) < len(given):
        fail(f"{where}.stimulus: a population has one stimulus in a stage")
    return Stage(spec.name, change.epochs.get(spec.name, spec.epochs), n_steps, days, given, spec.set)


def _probe(fail, spec: schema.Probe, change: Mapping, stages, model: Model, protocol: Protocol) -> Probe:
    where = f"probes.{spec.name}"
    odd = set(change) - {"simulate", "copies"}
    if odd:
        fail(f"sizes.*.{where}: found {sorted(odd)[0]!r}; simulate and copies can be changed")
    names = [s.name for s in stages]
    for name in spec.after:
        if name not in names:
            fail(f"{where}.after: there is no stage {name!r}{did_you_mean(name, names)}")
    given = _shown(fail, f"{where}.stimulus", spec.stimulus, model, protocol.conditions, {})
    n_steps = _steps(fail, f"{where}.simulate", change.get("simulate", spec.simulate), model.dt)
    copies = change.get("copies", spec.copies)
    if not isinstance(copies, int) or isinstance(copies, bool) or copies < 1:
        fail(f"{where}.copies: found {copies!r}, a whole number of at least 1 is wanted")
    return Probe(spec.name, tuple(spec.after), n_steps, given, copies)


def _shown(fail, where: str, spec: schema.StimulusSpec, model: Model, conditions, set_) -> Shown:
    try:
        return shown(spec, model, conditions, set_)
    except ValueError as error:
        fail(f"{where}{error}")


def _check_arm(fail, protocol: Protocol, arm: Arm, model: Model) -> dict[str, str]:
    """Check an arm in every stage; the texts of the files that its models are made of."""
    texts = {}
    if arm.quota_of is not None and arm.quota_of not in [a.name for a in protocol.arms if a.quota_of is None]:
        fail(f"arms.{arm.name}.quota_of: found {arm.quota_of!r}, an arm that runs on its own is wanted")
    for stage in protocol.stages:
        try:
            staged = protocol.model(arm, stage)
        except FileNotFoundError as error:
            fail(f"arms.{arm.name}.model: {error}")
        texts |= staged.texts
        if arm.model is not None:
            for shown in stage.shown:
                if shown.population not in staged.stimulated():
                    fail(f"arms.{arm.name}.model: {staged.name} has no stimulated population {shown.population!r}")
        elif [p.size for p in staged.populations.values()] != [p.size for p in model.populations.values()]:
            fail(f"stages.{stage.name}.set: a population cannot change its size between stages")
    used = {rule for p in model.projections.values() for rule, _, _ in p.rules}
    for old, new in arm.replace.items():
        if old not in used:
            fail(f"arms.{arm.name}.replace: no projection uses rule {old!r}{did_you_mean(old, used)}")
        try:
            find_rule(new)
        except ValueError as error:
            fail(f"arms.{arm.name}.replace: {error}")
    return texts


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
