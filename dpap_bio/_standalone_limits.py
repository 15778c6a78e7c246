"""What the compiled backend runs of a model, what it refuses, and which decays it takes out of the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dpap_bio.expressions import Equation
from dpap_bio.model import Model, Projection
from dpap_bio.network import Network
from dpap_bio.settle import _evaluate

_LINEAR = 1e-9  # how far from a straight line a right-hand side may be, relative, and count as one
MOST = 2**31 - 1  # synapses of a projection: their indices are 32-bit, as Brian2's are


def check(model: Model, network: Network) -> None:
    """Refuse what the backend cannot run, before anything is built.

    Raises
        ValueError   one sentence: file, part, what was found, what to do
    """
    for population in model.populations.values():
        for equation in population.equations:
            _check_equation(model, f"population {population.name}", equation)
    for projection in model.projections.values():
        for equation in projection.code.equations:
            _check_equation(model, f"projection {projection.name}", equation)
            if equation.kind != "subexpression" and equation.unit in ("boolean", "integer"):
                _refuse(model, f"projection {projection.name}", f"{equation.name} is {equation.unit}",
                        "synaptic variables must be real numbers")
        pre = network.synapses[projection.name].pre
        if len(pre) > MOST:
            _refuse(model, f"projection {projection.name}", f"{len(pre)} synapses", f"at most {MOST} are possible")
        if np.any(pre[1:] < pre[:-1]):
            raise ValueError(f"projection {projection.name}: synapses must be sorted by their source")


def fading(model: Model) -> dict[str, dict[str, float]]:
    """Projection -> `decays` of it, where there are any."""
    return {p.name: slopes for p in model.projections.values() if (slopes := decays(p))}


def decays(projection: Projection) -> dict[str, float]:
    """Event-driven variable -> slope (1/s), if all event-driven variables of a projection merely decay; else nothing.

    dx/dt = slope * x, slope <= 0 and of parameters alone: then x(t) = x(base) * exp(slope * (t - base)) for every
    synapse, and one factor a step replaces an exponential and a time of last update in each event.
    """
    values = {n: p.si for n, p in projection.parameters.items()}
    slopes = {e.name: _slope(e, values) for e in projection.code.equations
              if "event-driven" in e.flags and e.kind == "differential"}
    return slopes if all(s is not None for s in slopes.values()) else {}


def without_decay(model: Model, slopes: Mapping[str, Mapping[str, float]]) -> Model:
    """The model with fading variables as plain ones: their decay is the program's business, not the events'."""
    projections = dict(model.projections)
    for name, fades in slopes.items():
        code = projections[name].code
        plain = tuple(Equation("parameter", e.name, None, e.unit) if e.name in fades else e for e in code.equations)
        projections[name] = replace(projections[name], code=replace(code, equations=plain))
    return replace(model, projections=projections)


def structure(model: Model) -> list:
    """All of a model that its program depends on: not sizes, not delays, not values."""
    populations = [[p.name, p.stimulated, [str(e) for e in p.equations], p.threshold, list(p.reset), p.refractory,
                    sorted((n, each.unit) for n, each in p.parameters.items())] for p in model.populations.values()]
    projections = [[p.name, p.source, p.target, [str(e) for e in p.code.equations], list(p.code.on_pre),
                    list(p.code.on_post), [[str(t.equation), t.statement] for t in p.arrivals],
                    sorted((n, each.unit) for n, each in p.parameters.items())] for p in model.projections.values()]
    return [populations, projections]


def _slope(equation: Equation, values: Mapping[str, float]) -> float | None:
    try:
        at = [_evaluate(equation.expression, {**values, equation.name: x}) for x in (0.0, 1.0, 2.0)]
    except (ValueError, KeyError, ZeroDivisionError):
        return None
    linear = abs(at[2] - 2 * at[1]) <= _LINEAR * abs(at[1])
    return at[1] if at[0] == 0 and linear and at[1] <= 0 else None


def _check_equation(model: Model, where: str, equation: Equation) -> None:
    for flag in ("summed", "shared"):
        if flag in equation.flags:
            _refuse(model, where, f"{equation.name} is {flag}", "this backend has no such variables")


def _refuse(model: Model, where: str, found: str, wanted: str) -> None:
    raise ValueError(f"{model.name}.toml: {where}: {found}; {wanted}: use --backend runtime")
