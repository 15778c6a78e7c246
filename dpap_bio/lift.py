"""Move traces from synapses to neurons where that is exact: same weights, a fraction of the time.

A textbook STDP model keeps two event-driven traces in every synapse. If a trace decays by an equation of its own, rises
by the same constant at every event and starts at one value, all synapses of a neuron hold the same number: it can live
on the neuron. A presynaptic trace must rise when the spike *arrives*, after the delay: an identity connection does it.
With one delay for all synapses of a projection this is exact (weights agree to rounding). A newborn synapse then starts
with its neuron's trace instead of the start value: the trace belongs to the neuron's history, not to the synapse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dpap_bio.expressions import Equation, check_expression, check_statements, rename


@dataclass(frozen=True)
class Code:
    """The code of one synapse type: equations and what runs at pre- and postsynaptic spikes, a statement a line."""

    equations: tuple[Equation, ...]
    on_pre: tuple[str, ...]
    on_post: tuple[str, ...]


@dataclass(frozen=True)
class Trace:
    """A variable that lives on a neuron: its equation and the statement that runs at each of the neuron's events."""

    equation: Equation
    statement: str


def lift(code: Code, constants: frozenset[str]) -> tuple[Code, tuple[Trace, ...], tuple[Trace, ...]]:
    """Take out what may live on the neurons.

    Arguments
        code       the plain synapse
        constants  names with one value for all synapses (parameters)
    Returns
        the synapse that is left, the traces of the presynaptic neuron's arrivals, those of the postsynaptic spikes
    """
    arrivals, spikes = [], []
    for equation in code.equations:
        if equation.kind != "differential" or "event-driven" not in equation.flags:
            continue
        if not equation.reads <= constants | {equation.name}:
            continue
        rises_on_pre = _only_rise(equation.name, code.on_pre, code.on_post, constants)
        rises_on_post = _only_rise(equation.name, code.on_post, code.on_pre, constants)
        plain = replace(equation, flags=equation.flags - {"event-driven"})
        if rises_on_pre:
            arrivals.append(Trace(plain, rises_on_pre))
            code = _without(code, equation, rises_on_pre)
        elif rises_on_post:
            spikes.append(Trace(plain, rises_on_post))
            code = _without(code, equation, rises_on_post)
    return code, tuple(arrivals), tuple(spikes)


def renamed(code: Code, mapping: Mapping[str, str]) -> Code:
    """The same code with variables and parameters under other names."""
    return Code(
        tuple(renamed_equation(e, mapping) for e in code.equations),
        tuple(rename(line, mapping) for line in code.on_pre),
        tuple(rename(line, mapping) for line in code.on_post),
    )


def renamed_equation(equation: Equation, mapping: Mapping[str, str]) -> Equation:
    """The same equation with the variable and what it reads under other names."""
    expression = rename(equation.expression, mapping) if equation.expression else equation.expression
    return replace(equation, name=mapping.get(equation.name, equation.name), expression=expression)


def _only_rise(name: str, here: tuple[str, ...], there: tuple[str, ...], constants: frozenset[str]) -> str | None:
    """The one statement that changes `name`, if it is in `here`, adds or sets a constant, and is not read later."""
    writes = [k for k, line in enumerate(here) if name in check_statements(line)[1]]
    if len(writes) != 1 or any(name in check_statements(line)[1] for line in there):
        return None
    line = here[writes[0]]
    reads = check_statements(line)[0] - {name}
    added = "+=" in line or "-=" in line
    is_set = not added and "*=" not in line and "/=" not in line and name not in _right(line)
    if not reads <= constants or not (added or is_set):
        return None
    if any(name in check_statements(later)[0] for later in here[writes[0] + 1 :]):
        return None
    return line


def _right(line: str) -> frozenset[str]:
    return check_expression(line.split("=", 1)[1])


def _without(code: Code, equation: Equation, statement: str) -> Code:
    def keep(lines):
        return tuple(line for line in lines if line != statement)

    left = tuple(e for e in code.equations if e is not equation)
    return Code(left, keep(code.on_pre), keep(code.on_post))
