"""Experiments, trainings and deep models in plain text, as `show` gives developments and their models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dpap_bio import kinds
from dpap_bio.show_parts import block, criteria, pairs, parameters, sizes


def protocol_text(name: str, set_: Mapping | None = None) -> str:
    """What an experiment computes or a training goes through: parameters with their origin, arms, criteria, sizes.

    Raises
        FileNotFoundError, ValueError   as the kind's `load`
    """
    kind, protocol = kinds.load(name, set_=set_)
    lines = [f"{protocol.name}: {protocol.title}",
             f"{kind.name} {kind.model(protocol)}; seeds {', '.join(map(str, protocol.seeds))}"]
    if set_:
        lines.append("set  " + pairs(protocol.set))
    if kind.name == "training":
        lines += ["", *_training(protocol)]
    lines += ["", *block("parameters", parameters(protocol.parameters, _values(protocol.parameters)))]
    return "\n".join([*lines, *_arms(protocol), *criteria(protocol), *sizes(protocol)])


def deep_model_text(name: str, set_: Mapping | None = None) -> str:
    """The layers of a deep model, what each receives and gives, and every constant with its origin.

    Raises
        FileNotFoundError, ValueError   as `deep.model.load`
    """
    from dpap_bio.deep import model as models

    model = models.load(name, set_=set_)
    lines = [f"{model.name}: {model.title}",
             f"{model.steps} steps, {model.encoding} encoding, input {' x '.join(map(str, model.input))}", ""]
    for spec in model.layers:
        cell = spec.cell
        what = f"{cell.kind}" + (f", threshold {cell.threshold:g}, tau {cell.tau:g} steps, {cell.surrogate} surrogate"
                                 if cell.kind in ("lif", "plif") else "")
        kernel = f" {spec.kernel} x {spec.kernel}" if spec.kind == "conv" else ""
        pool = f", then {spec.pool_by} of {spec.pool} x {spec.pool} {spec.pool_of}" if spec.pool > 1 else ""
        lines.append(f"  {spec.name}: {' x '.join(map(str, spec.shape))} -> {spec.units} units{kernel}"
                     f"{', batch norm' if spec.norm else ''}; {what}{pool}")
    return "\n".join([*lines, "", *block("parameters", parameters(model.parameters))])


def _values(given: Mapping) -> dict[str, str]:
    """The values that are lists, as text."""
    several = {n: p for n, p in given.items() if isinstance(p.value, list)}
    return {n: f"{', '.join(f'{v:g}' for v in p.value)} {p.unit}".removesuffix(" 1") for n, p in several.items()}


def _training(protocol) -> Iterator[str]:
    data, form = protocol.data, protocol.training
    held = f", {data.held_out} held out of the training part" if data.held_out else ""
    moved = f", shifted by up to {data.shift} pixels" if data.shift else ""
    yield f"stages: {protocol.epochs} epochs on {data.name}{held}{moved}{', mirrored' if data.flip else ''}"
    yield f"  batches of {form.batch}, {form.loss}, {form.optimiser}, {form.schedule} schedule"


def _arms(protocol) -> Iterator[str]:
    yield "\narms"
    for arm in protocol.arms:
        changes = [f"method {arm.method}"] if getattr(arm, "method", None) else []
        changes += [f"set {pairs(arm.set)}"] if arm.set else []
        changes += [f"as many as in {arm.quota_of}"] if getattr(arm, "quota_of", None) else []
        yield f"  {arm.name}: {arm.title}" + (f" ({'; '.join(changes)})" if changes else "")
