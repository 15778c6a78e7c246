"""Event-driven variables between events: Brian2 keeps their value at the last event; rules must see today's."""

from __future__ import annotations

import ast
import operator

import numpy as np

from dpap_bio.network import Table

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
              ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos}


def settled(projection, synapses: Table, now: float) -> Table:
    """The synapses with each event-driven variable carried from its last event to `now`.

    Arguments
        projection  model.Projection
        now         float, s
    Returns
        Table       the exact solution of dx/dt = a x + b, the only form that Brian2 takes event-driven with constants
    """
    values = {name: p.si for name, p in projection.parameters.items()}
    fresh = {}
    for equation in projection.code.equations:
        if "event-driven" in equation.flags and equation.kind == "differential":
            x = synapses.columns[equation.name]
            offset = _evaluate(equation.expression, {**values, equation.name: 0.0})
            slope = _evaluate(equation.expression, {**values, equation.name: 1.0}) - offset
            since = now - synapses.lastupdate
            if slope == 0:
                fresh[equation.name] = x + offset * since
            else:
                rest = -offset / slope
                fresh[equation.name] = rest + (x - rest) * np.exp(slope * since)
    return synapses.replace(**fresh) if fresh else synapses


def unsettled(raw: Table, fresh: Table, ruled: Table, now: float) -> Table:
    """What the rules left; unless they changed an event-driven variable, all keep their value at the last event.

    Carrying a value on and leaving it as it is are the same in theory and differ in the last bit: an epoch boundary
    must not show in a run in which nothing happens there.
    """
    carried = [n for n in raw.columns if fresh.columns[n] is not raw.columns[n]]
    if any(ruled.columns[n] is not fresh.columns[n] for n in carried):
        return ruled.replace(lastupdate=np.full(len(ruled), now))
    return ruled.replace(**{n: raw.columns[n] for n in carried}) if carried else ruled


def _evaluate(expression: str, values: dict[str, float]) -> float:
    def walk(node):
        match node:
            case ast.Expression():
                return walk(node.body)
            case ast.Constant():
                return float(node.value)
            case ast.Name():
                return values[node.id]
            case ast.UnaryOp():
                return _OPERATORS[type(node.op)](walk(node.operand))
            case ast.BinOp():
                return _OPERATORS[type(node.op)](walk(node.left), walk(node.right))
        raise ValueError(f"event-driven equation {expression!r}: only + - * / ** of parameters can be carried to now")

    return walk(ast.parse(expression, mode="eval"))
