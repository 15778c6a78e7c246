"""A model in the form that Brian2GeNN computes rightly, or one sentence on the part that it cannot.

Brian2GeNN is wrong in silence where it is wrong, so what it cannot do is refused here, before anything is built. Two
things are put into another form, equal to rounding. Traces go back from the neurons into the synapses: its code for a
postsynaptic spike reads no neuron. And what a synapse reads of its neuron is taken back behind the neuron's reset:
Brian2 runs synapses before resets, GeNN after them.
"""

from __future__ import annotations

import re
from dataclasses import replace

from dpap_bio.expressions import Equation, check_expression, check_statements
from dpap_bio.lift import Code, renamed
from dpap_bio.model import LEARNING, Model, Population, Projection

FIRED = "just_fired"  # 1 between a neuron's reset and its next update, else 0
_INSTEAD = "--backend runtime runs it"


def formulate(model: Model) -> Model:
    """The same model with plain synapses and without statements that GeNN would run in another order.

    Raises
        ValueError   file, projection or population, the line, why not
    """
    populations, projections = dict(model.populations), {}
    for population in populations.values():
        _check_population(model, population)
    for name, projection in model.projections.items():
        target = populations[projection.target]
        code = renamed(projection.plain, _hosted(projection, target))
        _check(model, projection, code, target)
        code, constants, fired = _before_reset(model, projection, code, target)
        if fired:
            populations[target.name] = _with_fired(populations[target.name])
        projections[name] = replace(projection, code=code, parameters={**projection.parameters, **constants})
    return replace(model, populations=populations, projections=projections)


def returned(projection: Projection) -> dict[str, str]:
    """The traces of a projection that live on neurons and go back into its synapses: name -> "pre" or "post"."""
    left = {e.name for e in projection.code.equations}
    arriving = {t.equation.name for t in projection.arrivals}
    return {e.name: "pre" if e.name in arriving else "post"
            for e in projection.plain.equations if e.name not in left}


def _hosted(projection: Projection, target: Population) -> dict[str, str]:
    """Postsynaptic names of the plain code -> those that the target population has them under."""
    there = {e.name for e in target.equations}
    lines = (*projection.plain.on_pre, *projection.plain.on_post)
    read = {n for line in lines for n in _of_neuron(projection, _names(line), "_post")}
    own = {n: f"{n.removesuffix('_post')}_{projection.name}" for n in read}
    return {n: f"{host}_post" for n, host in own.items() if host in there}


def _names(line: str) -> frozenset[str]:
    reads, writes = check_statements(line)
    return reads | writes


def _of_neuron(projection: Projection, names, end: str) -> list[str]:
    """Those names that are a neuron's variable seen from a synapse: a parameter may be called eta_post as well."""
    return sorted(n for n in names if n.endswith(end) and n not in projection.parameters)


# -- what is refused -----------------------------------------------------------------------------------------------


def _check_population(model: Model, population: Population) -> None:
    for equation in population.equations:
        if "shared" in equation.flags or "summed" in equation.flags:
            _refuse(model, f"population {population.name}", str(equation), "has no shared or summed variables here")


def _check(model: Model, projection: Projection, code: Code, target: Population) -> None:
    def refuse(line, why):
        _refuse(model, f"projection {projection.name}", line, why)

    for equation in code.equations:
        if equation.kind == "subexpression":
            refuse(str(equation), "has no subexpressions in synapses: write the expression where it is read")
        if equation.kind == "differential" and "event-driven" not in equation.flags:
            refuse(str(equation), "would integrate it at every step of every synapse: make it event-driven")
        if "shared" in equation.flags or equation.unit in ("boolean", "integer"):
            refuse(str(equation), "takes floats, one a synapse")
    for line in (*code.on_pre, *code.on_post):
        if early := _of_neuron(projection, _names(line), "_pre"):
            refuse(line, f"reads {early[0]} of another moment than Brian2 where there is a delay")
    for line in code.on_post:
        if late := _of_neuron(projection, _names(line), "_post"):
            refuse(line, f"has no {late[0]} at a postsynaptic spike")
    written = [(line, n) for line in code.on_pre for n in check_statements(line)[1] if n.endswith("_post")]
    if len(written) > 1:
        refuse(written[1][0], f"lets a synapse change one variable of its neuron, and {written[0][1]} is one already")
    for line, name in written:
        _check_written(refuse, code, target, line, name)


def _check_written(refuse, code: Code, target: Population, line: str, name: str) -> None:
    """The variable of the neuron that a synapse changes: added to, and by nobody else between synapse and update."""
    if "+=" not in line:
        refuse(line, "only adds (+=) to a variable of the neuron")
    if any(name in check_statements(other)[0] for other in code.on_pre if other is not line):
        refuse(line, f"changes {name} after all synapses have run, and it is read by another line of on_pre")
    changed = {n for reset in target.reset for n in check_statements(reset)[1]}
    if name.removesuffix("_post") in changed:
        refuse(line, f"runs the neuron's reset first, which changes {name.removesuffix('_post')} too")


def _refuse(model: Model, owner: str, line: str, why: str):
    raise ValueError(f"{model.name}.toml: {owner}: backend genn cannot run `{line}`: Brian2GeNN {why}; {_INSTEAD}")


# -- reading a neuron as it was before its reset -------------------------------------------------------------------


def _before_reset(model: Model, projection: Projection, code: Code, target: Population):
    """on_pre with x_post replaced by x_post minus what a reset in the same step has just added to x."""
    read = {n for line in code.on_pre for n in check_statements(line)[0]}
    back, constants = {}, {}
    for name in _of_neuron(projection, read, "_post"):
        added = _added(model, projection, name, target)
        if added is not None:
            sign, expression = added
            back[name] = f"({name} {sign} {FIRED}_post * ({expression}))"
            constants |= {n: target.parameters[n] for n in check_expression(expression) - {LEARNING}}
    clash = sorted(n for n in constants if n in projection.parameters
                   and projection.parameters[n].si != constants[n].si)
    if clash:
        _refuse(model, f"projection {projection.name}", "; ".join(code.on_pre),
                f"needs {clash[0]} of population {target.name} here, which is another number in the projection")
    lines = tuple(re.sub(r"\b[A-Za-z]\w*", lambda m: back.get(m[0], m[0]), line) for line in code.on_pre)
    return replace(code, on_pre=lines), constants, bool(back)


def _added(model: Model, projection: Projection, name: str, target: Population) -> tuple[str, str] | None:
    """How to take back what the reset does to a variable: sign and constant; None if it does nothing to it."""
    variable = name.removesuffix("_post")
    lines = [line for line in target.reset if variable in check_statements(line)[1]]
    if not lines:
        return None
    found = re.fullmatch(rf"\s*{variable}\s*(\+|-)=(.*)", lines[0], re.ASCII)
    known = {LEARNING, *target.parameters}
    if len(lines) > 1 or found is None or not check_expression(found[2].strip()) <= known:
        _refuse(model, f"projection {projection.name}", lines[0],
                f"runs it before the synapses that read {name}, and only one constant can be taken back")
    return ("-" if found[1] == "+" else "+"), found[2].strip()


def _with_fired(population: Population) -> Population:
    """The population with a variable that is 1 from its reset to its next update: it decays to 0 in one step."""
    if any(e.name == FIRED for e in population.equations):
        return population
    decay = Equation("differential", FIRED, f"-{FIRED} / (dt / 1000)", "1")  # exp(-1000) is 0 in a double
    return replace(population, equations=(*population.equations, decay), reset=(*population.reset, f"{FIRED} = 1"))
