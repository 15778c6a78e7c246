"""Which parameters were in force in a run, with unit and source, and the units of what synapses keep."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from dpap_bio import schema


def in_force(protocol, model) -> dict[str, list]:
    """The parameters of the main arm's first stage, as columns of /parameters, sorted by name.

    A population or projection whose value is not the common one gets its own row, "owner.parameter".
    """
    common = _common(protocol, model)
    rows = dict(common)
    for owner in [*model.populations.values(), *model.projections.values()]:
        for name, parameter in owner.parameters.items():
            if _hosted(name, model):
                continue  # the projection that brought it has its own row
            if name not in rows:
                rows[name] = parameter
            elif parameter != rows[name]:
                rows[f"{owner.name}.{name}"] = parameter
    order = sorted(rows)
    found = [rows[name] for name in order]
    return {"parameter": order, "value": [p.value for p in found], "unit": [p.unit for p in found],
            **{n: [getattr(p, n) or "" for p in found] for n in ("source", "chosen", "evidence")}}


def column_units(model) -> dict[str, dict[str, str]]:
    """projection -> synapse column -> unit, from the equations or from the parameter that a rule's column starts at."""
    units = {}
    for name, projection in model.projections.items():
        units[name] = {e.name: e.unit for e in (*projection.plain.equations, *projection.code.equations)}
        for _, rule, _ in projection.rules:
            units[name] |= {column: rule.needs.get(start, "1") for column, start in rule.synapse.items()
                            if isinstance(start, str)}
    return units


def _common(protocol, model) -> dict[str, schema.Parameter]:
    """The model's own parameters and, for rules, those of the mechanisms and projections they were found in."""
    rows = dict(model.parameters)
    wanted = {n for p in model.projections.values() for _, rule, _ in p.rules for n in rule.needs}
    for text in protocol.texts.values():
        content = tomllib.loads(text)
        tables: list[Mapping] = [content, *content.get("projections", {}).values(),
                                 *content.get("populations", {}).values()]
        for table in tables:
            for name, value in table.get("parameters", {}).items():
                if name in wanted and name not in rows:
                    rows[name] = schema.Parameter.model_validate(value)
    return rows


def _hosted(name: str, model) -> bool:
    return any(name.endswith(f"_{projection}") for projection in model.projections)
