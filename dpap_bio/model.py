"""A model: read from TOML, its mechanisms composed into Brian2 equations, its rules bound to their parameters.

Nothing here runs anything or imports Brian2: a `Model` represents. Names in composed equations: a variable `x` that
projection `J` puts on a neuron is called `x_J` there, so two projections never share a variable by accident.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from dpap_bio import library, schema, units
from dpap_bio.expressions import Equation, check_expression, check_statements, parse_equations, rename
from dpap_bio.lift import Code, Trace, lift
from dpap_bio.rules import find_rule
from dpap_bio.rules.rule import Rule

LEARNING = "learning"  # 1 while the network lives, 0 while it is probed: every plastic equation multiplies by it
_GIVEN = frozenset({"t", "dt", LEARNING, "i", "j", "N", "N_pre", "N_post", "N_incoming", "N_outgoing"})


@dataclass(frozen=True)
class Population:
    """The composed code of one population; `stimulated` ones have none: their spikes come from the protocol."""

    name: str
    size: int
    stimulated: bool
    equations: tuple[Equation, ...]
    threshold: str
    reset: tuple[str, ...]
    refractory: str
    parameters: Mapping[str, schema.Parameter]
    start: Mapping[str, object]


@dataclass(frozen=True)
class Projection:
    """The composed code of one projection, lifted where exact, and its slow rules with their parameters."""

    name: str
    source: str
    target: str
    plain: Code
    code: Code
    arrivals: tuple[Trace, ...]
    parameters: Mapping[str, schema.Parameter]
    start: Mapping[str, object]
    delay: float
    connect: schema.Connect
    rules: tuple[tuple[str, Rule, SimpleNamespace], ...]
    rule_parameters: Mapping[str, schema.Parameter]


@dataclass(frozen=True)
class Model:
    """A checked model. `dt` and `tau_trace` in s; `texts` holds every file it came from, as "model x.toml".

    `tau_trace` is the decay of the spike traces that slow rules see (`Firing.trace`).
    """

    name: str
    title: str
    dt: float
    populations: Mapping[str, Population]
    projections: Mapping[str, Projection]
    texts: Mapping[str, str]
    parameters: Mapping[str, schema.Parameter] = field(default_factory=dict)
    tau_trace: float = 0.0

    def stimulated(self) -> list[str]:
        return [p.name for p in self.populations.values() if p.stimulated]


def load(name: str, *, set_: Mapping | None = None, replace_rules: Mapping[str, str] | None = None,
         beside: Path | None = None) -> Model:
    """Read and check a model file and its mechanisms.

    Arguments
        name           name of a shipped model, or a path
        set_           "tau_m" or "feedforward.w_max" -> number in the file's unit, or text with a unit;
                       "input.size" -> int
        replace_rules  rule name -> other rule's name, "none" to take it out (control arms)
        beside         folder that relative paths start from
    Raises
        FileNotFoundError, ValueError   one sentence: file, key, what was found, what was wanted
    """
    path = library.find("model", name, beside)
    text, spec = schema.read(path, schema.ModelFile)
    return _Composer(path, text, spec, set_ or {}, replace_rules or {}).compose()


class _Composer:
    """Holds the files of one model while it is put together; every complaint names the file."""

    def __init__(self, path, text, spec, set_, replace_rules):
        self.path, self.spec, self.replace_rules = path, spec, replace_rules
        self.texts = {f"model {path.name}": text}
        self.mechanisms = {}
        self.read = set()
        for owner in [*spec.populations.values(), *spec.projections.values()]:
            for name in owner.mechanisms:
                self.mechanism(name)
        for key, value in set_.items():
            self.override(key, value)

    def fail(self, message: str):
        raise ValueError(f"{self.path.name}: {message}")

    def mechanism(self, name: str) -> schema.Mechanism:
        if name not in self.mechanisms:
            try:
                path = library.find("mechanism", name, self.path.parent)
            except FileNotFoundError as error:
                self.fail(str(error))
            self.texts[f"mechanism {path.name}"], mechanism = schema.read(path, schema.Mechanism)
            _check_code(path, mechanism)
            self.mechanisms[name] = mechanism
        return self.mechanisms[name]

    # -- parameters ---------------------------------------------------------------------------------------------

    def override(self, key: str, value) -> None:
        owner_name, _, name = key.rpartition(".")
        owners = {**self.spec.populations, **self.spec.projections}
        if owner_name and owner_name not in owners:
            self.fail(f"set {key}: there is no {owner_name!r}{_near(owner_name, owners)}")
        if owner_name in self.spec.populations and name == "size":
            if not (isinstance(value, int | float) and value == int(value) and value >= 1):
                self.fail(f"set {key}: found {value!r}, a number of neurons is wanted")
            self.spec.populations[owner_name].size = int(value)
            return
        scopes = [owners[owner_name].parameters] if owner_name else [o.parameters for o in owners.values()]
        known = self._known(owners.values() if not owner_name else [owners[owner_name]])
        if name not in known:
            self.fail(f"set {key}: no such parameter{_near(name, known)}")
        made = self._changed(key, known[name], value)
        if owner_name:
            scopes[0][name] = made
            return
        self.spec.parameters[name] = made
        for scope in scopes:
            if name in scope:
                scope[name] = made

    def _known(self, owners) -> dict[str, schema.Parameter]:
        known = {}
        for owner in owners:
            for mechanism in owner.mechanisms:
                known.update(self.mechanisms[mechanism].parameters)
        known.update(self.spec.parameters)
        for owner in owners:
            known.update(owner.parameters)
        return known

    def _changed(self, key, parameter, value) -> schema.Parameter:
        try:
            if isinstance(value, str):
                si = units.parse(value, units.dimension_of(parameter.unit))
                value = units.to_unit(si, parameter.unit)
            return schema.Parameter(value=float(value), unit=parameter.unit, range=parameter.range,
                                    chosen="set by the user")
        except (ValueError, TypeError) as error:
            said = error.errors()[0]["ctx"]["error"] if hasattr(error, "errors") else error
            self.fail(f"set {key}: {said}")

    def parameter(self, name: str, *owners: str) -> schema.Parameter | None:
        """The value in force: the owner's own, else the model's, else the mechanism's."""
        everyone = {**self.spec.populations, **self.spec.projections}
        for owner in owners:
            if name in everyone[owner].parameters:
                self.read.add((owner, name))
                return everyone[owner].parameters[name]
        if name in self.spec.parameters:
            self.read.add(("", name))
            return self.spec.parameters[name]
        for owner in owners:
            for mechanism in everyone[owner].mechanisms:
                if name in self.mechanisms[mechanism].parameters:
                    return self.mechanisms[mechanism].parameters[name]
        return None

    # -- composition --------------------------------------------------------------------------------------------

    def compose(self) -> Model:
        spec = self.spec
        shared = set(spec.populations) & set(spec.projections)
        if shared:
            self.fail(f"{sorted(shared)[0]!r} names a population and a projection: give them different names")
        dt = self._quantity("dt", spec.dt)
        if dt <= 0:
            self.fail(f"dt: found {spec.dt!r}, a time step above zero is wanted")
        projections = {name: self.projection(name, dt) for name in spec.projections}
        populations = {name: self.population(name, projections) for name in spec.populations}
        projections = {name: projection for name, (projection, _) in projections.items()}
        self.check_synapse_names(projections, populations)
        trace = self.parameter("tau_trace", *spec.populations)
        if trace is None and any(p.rules for p in projections.values()):
            self.fail("parameters.tau_trace is missing: slow rules see spike traces that decay with it, in 'ms'")
        self.check_unread()
        return Model(self.path.stem, spec.title, dt, populations, projections, self.texts, dict(spec.parameters),
                     trace.si if trace else 0.0)

    def _quantity(self, where: str, text: str) -> float:
        try:
            return units.parse(text, "time")
        except ValueError as error:
            self.fail(f"{where}: {error}")

    def projection(self, name: str, dt: float):
        """The projection and the traces and target code that it puts on its postsynaptic population."""
        spec = self.spec.projections[name]
        for end in (spec.source, spec.target):
            if end not in self.spec.populations:
                self.fail(f"projections.{name}: there is no population {end!r}{_near(end, self.spec.populations)}")
        if self.spec.populations[spec.target].stimulated:
            self.fail(f"projections.{name}.to: {spec.target!r} is stimulated from outside and cannot be a target")
        delay = self._quantity(f"projections.{name}.delay", spec.delay)
        if delay < 0:
            self.fail(f"projections.{name}.delay: found {spec.delay!r}, a delay cannot be negative")
        if spec.source != spec.target and not spec.connect.autapses:
            self.fail(f"projections.{name}.connect.autapses: only a projection of a population to itself has autapses")
        equations, on_pre, on_post, target_parts, start = [], [], [], [], {}
        for mechanism_name in spec.mechanisms:
            mechanism = self.mechanism(mechanism_name)
            if mechanism.neuron is not None:
                self.fail(f"projections.{name}.mechanisms: {mechanism_name!r} belongs on neurons")
            start.update(mechanism.start)
            if mechanism.synapse is not None:
                equations += parse_equations(mechanism.synapse.equations)
                on_pre += _statements(mechanism.synapse.on_pre)
                on_post += _statements(mechanism.synapse.on_post)
            if mechanism.target is not None:
                target_parts.append(mechanism.target)
        start.update(spec.start)
        self._once(f"projections.{name}", equations)
        plain = Code(tuple(equations), tuple(on_pre), tuple(on_post))
        mentioned = self._mentioned(plain) | {n for begin in start.values() for n in start_names(begin)}
        constants = {n: self.parameter(n, name) for n in sorted(mentioned)}
        constants = {n: p for n, p in constants.items() if p is not None}
        liftable = frozenset(n for n in constants)
        random_start = {n for n, s in start.items() if isinstance(s, schema.Start)}
        keep = replace(plain, equations=tuple(e for e in equations if e.name not in random_start))
        held = tuple(e for e in equations if e.name in random_start)
        code, arrivals, spikes = lift(keep, liftable)
        code = replace(code, equations=code.equations + held)
        onto = {t.equation.name: f"{t.equation.name}_{name}_post" for t in spikes}
        for part in target_parts:
            onto |= {f"{e.name}_post": f"{e.name}_{name}_post" for e in parse_equations(part.equations)}
        if not code.on_pre:
            self.fail(f"projections.{name}.mechanisms: a spike of {spec.source!r} does nothing; "
                      "add a synapse such as \"current_synapse\"")
        code = _renamed(code, onto)
        rules = tuple(self.rules(name))
        ruled = {n: self.parameter(n, name, spec.target) for _, rule, _ in rules for n in rule.needs}
        made = Projection(
            name, spec.source, spec.target, plain, code, arrivals, constants, start, delay, spec.connect, rules, ruled,
        )
        return made, (spikes, target_parts)

    def rules(self, name: str):
        spec = self.spec.projections[name]
        for rule_name in spec.rules:
            used = self.replace_rules.get(rule_name, rule_name)
            for each in (rule_name, used):  # what the file's own rule needs is read also where a control replaces it
                try:
                    rule = find_rule(each)
                except ValueError as error:
                    self.fail(f"projections.{name}.rules: {error}")
                values = {n: self._for_rule(name, each, n, unit) for n, unit in rule.needs.items()}
            if used == "none":
                continue
            for column, begin in {**rule.synapse, **rule.neuron}.items():
                if isinstance(begin, str) and begin not in values:
                    self.fail(f"rule {used}: column {column} starts at parameter {begin!r}, which it does not need")
            yield used, rule, SimpleNamespace(**values)

    def _for_rule(self, projection, rule, name, unit) -> float:
        target = self.spec.projections[projection].target
        found = self.parameter(name, projection, target)
        if found is None:
            self.fail(f"parameters.{name} is missing: rule {rule} of projection {projection} needs it, in {unit!r}")
        try:
            return units.to_unit(units.parse(f"{found.value!r} {found.unit}", units.dimension_of(unit)), unit)
        except ValueError as error:
            self.fail(f"parameters.{name}: rule {rule}: {error}")

    def population(self, name: str, projections) -> Population:
        spec = self.spec.populations[name]
        if spec.stimulated:
            if spec.mechanisms or spec.parameters or spec.start:
                self.fail(f"populations.{name}: a stimulated population has no mechanisms: its spikes are given")
            return Population(name, spec.size, True, (), "", (), "", {}, {})
        equations, reset, sums, adds, start = [], [], {}, {}, {}
        single = {"threshold": "", "refractory": ""}
        for mechanism_name in spec.mechanisms:
            mechanism = self.mechanism(mechanism_name)
            part = mechanism.neuron
            if part is None:
                self.fail(f"populations.{name}.mechanisms: {mechanism_name!r} belongs on synapses")
            equations += parse_equations(part.equations)
            reset += _statements(part.reset)
            start.update(mechanism.start)
            sums.update(part.sums)
            for key, expression in part.adds.items():
                adds.setdefault(key, []).append(expression)
            for key in single:
                if getattr(part, key):
                    if single[key]:
                        self.fail(f"populations.{name}: two mechanisms give a {key}; {mechanism_name!r} is the second")
                    single[key] = getattr(part, key)
        if not single["threshold"]:
            self.fail(f"populations.{name}: no mechanism gives a threshold, so these neurons could never spike")
        parameters, own = {}, {}
        for mentioned in self._neuron_names(equations, reset, adds, single):
            found = self.parameter(mentioned, name)
            if found is not None:
                parameters[mentioned] = found
        for projection, (spikes, parts) in projections.values():
            if projection.target == name:
                self._host(projection, spikes, parts, equations, reset, adds, parameters, own)
        start.update(spec.start)
        for needed in sorted({n for begin in start.values() for n in start_names(begin)}):
            found = self.parameter(needed, name)
            if found is None:
                self.fail(f"populations.{name}.start: there is no parameter {needed!r}")
            parameters[needed] = found
        start = {**own, **start}
        for key, unit in sums.items():
            terms = " + ".join(f"({x})" for x in adds.pop(key, [])) or f"0*{_unit(unit)}"
            equations += self._sum(name, key, f"{key} = {terms} : {unit}")
        if adds:
            self.fail(f"populations.{name}: a mechanism adds to {sorted(adds)[0]!r}, which no neuron mechanism sums")
        self._once(f"populations.{name}", equations)
        self._check_names(name, equations, reset, single, parameters)
        self._check_start(f"populations.{name}", equations, start, parameters)
        return Population(name, spec.size, False, tuple(equations), single["threshold"], tuple(reset),
                          single["refractory"], parameters, start)

    def _host(self, projection, spikes, parts, equations, reset, adds, parameters, own) -> None:
        """Put a projection's target code on its population, every name it brings with the projection's suffix."""
        suffix = f"_{projection.name}"
        for part in [*parts, *spikes]:
            if isinstance(part, Trace):
                brought, lines, add = [part.equation], [part.statement], {}
            else:
                brought, lines, add = parse_equations(part.equations), _statements(part.on_spike), part.adds
            names = {e.name for e in brought}
            constants = {}
            for mentioned in self._neuron_names(brought, lines, {k: [v] for k, v in add.items()}, {}):
                found = None if mentioned in names else self.parameter(mentioned, projection.name)
                if found is not None:
                    constants[mentioned] = found
            mapping = {n: n + suffix for n in [*names, *constants]}
            equations += [_renamed_equation(e, mapping) for e in brought]
            reset += [rename(line, mapping) for line in lines]
            for key, expression in add.items():
                adds.setdefault(key, []).append(rename(expression, mapping))
            parameters.update({n + suffix: p for n, p in constants.items()})
            begin = projection.start
            own.update({n + suffix: _suffixed(begin[n], mapping) for n in names if n in begin})
            parameters.update(self._start_parameters(projection, names, suffix))

    def _start_parameters(self, projection, names, suffix):
        wanted = {n for v in names if v in projection.start for n in start_names(projection.start[v])}
        found = {n: self.parameter(n, projection.name) for n in wanted}
        return {n + suffix: p for n, p in found.items() if p is not None}

    # -- checks -------------------------------------------------------------------------------------------------

    def _sum(self, population: str, key: str, text: str) -> list[Equation]:
        try:
            return list(parse_equations(text))
        except ValueError as error:
            self.fail(f"populations.{population}: sum {key!r}: {error}")

    def _mentioned(self, code: Code) -> set[str]:
        names = set()
        for equation in code.equations:
            names |= equation.reads
        for line in [*code.on_pre, *code.on_post]:
            reads, writes = check_statements(line)
            names |= reads | writes
        return names - {e.name for e in code.equations}

    def _neuron_names(self, equations, lines, adds, single) -> set[str]:
        names = set()
        for equation in equations:
            names |= equation.reads
        for line in lines:
            reads, writes = check_statements(line)
            names |= reads | writes
        for expression in [*(x for each in adds.values() for x in each), *single.values()]:
            names |= check_expression(expression) if expression else set()
        return names - {e.name for e in equations}

    def _once(self, where, equations) -> None:
        seen = set()
        for equation in equations:
            if equation.name in seen:
                self.fail(f"{where}: variable {equation.name!r} is defined twice: two mechanisms cannot go together")
            seen.add(equation.name)

    def _check_names(self, where, equations, reset, single, parameters) -> None:
        known = {e.name for e in equations} | set(parameters) | _GIVEN
        unknown = self._neuron_names(equations, reset, {}, single) - known
        if unknown:
            name = sorted(unknown)[0]
            self.fail(f"populations.{where}: its equations mention {name!r}, neither a variable nor a parameter"
                      f"{_near(name, known)}")

    def check_synapse_names(self, projections, populations) -> None:
        for name, projection in projections.items():
            target, source = populations[projection.target], populations[projection.source]
            known = {e.name for e in projection.code.equations} | {t.equation.name for t in projection.arrivals}
            known |= set(projection.parameters) | _GIVEN
            known |= {f"{e.name}_post" for e in target.equations} | {f"{e.name}_pre" for e in source.equations}
            unknown = self._mentioned(projection.code) - known
            if unknown:
                odd = sorted(unknown)[0]
                self.fail(f"projections.{name}: its equations mention {odd!r}, neither a variable nor a parameter"
                          f"{_near(odd, known)}")
            for begin in projection.start.values():
                for needed in start_names(begin):
                    if self.parameter(needed, name) is None:
                        self.fail(f"projections.{name}.start: there is no parameter {needed!r}")
            equations = [*projection.code.equations, *(t.equation for t in projection.arrivals)]
            self._check_start(f"projections.{name}", equations, projection.start, projection.parameters)

    def _check_start(self, where, equations, start, parameters) -> None:
        """Each variable has a start value of its own dimension; a number alone has none, so 0 is the only one with."""
        for equation in equations:
            if equation.kind == "subexpression":
                continue
            if equation.name not in start:
                self.fail(f"{where}: variable {equation.name!r} has no start value; give one under [start]")
            begin = start[equation.name]
            unit = "1" if equation.unit in ("boolean", "integer") else equation.unit
            wanted = units.dimension_of(unit)
            values = begin.arguments if isinstance(begin, schema.Start) else (begin,)
            for k, value in enumerate(values):
                if isinstance(begin, schema.Start) and begin.kind == "lognormal" and k == 1:
                    wanted = "dimensionless"
                if isinstance(value, str) and value not in parameters:
                    self.fail(f"{where}.start.{equation.name}: there is no parameter {value!r}")
                own = parameters[value].unit if isinstance(value, str) else "1" if value else unit
                if units.dimension_of(own) != wanted:
                    found = f"{value!r} in {own!r}" if isinstance(value, str) else f"{value:g} without a unit"
                    self.fail(f"{where}.start.{equation.name}: found {found}; the variable is in {unit!r}, "
                              "name a parameter that is")

    def check_unread(self) -> None:
        owners = {"": self.spec.parameters}
        owners |= {n: o.parameters for n, o in {**self.spec.populations, **self.spec.projections}.items()}
        for owner, parameters in owners.items():
            for name, parameter in parameters.items():
                if (owner, name) not in self.read and parameter.chosen != "set by the user":
                    where = f"parameters.{name}" if not owner else f"{owner}.parameters.{name}"
                    self.fail(f"{where}: no equation and no rule reads it; remove it or correct its name")


def _check_code(path: Path, mechanism: schema.Mechanism) -> None:
    """Refuse a mechanism with code that is not on the whitelist, naming file and key."""
    checks = {"equations": parse_equations, "reset": check_statements, "on_pre": check_statements,
              "on_post": check_statements, "on_spike": check_statements, "threshold": check_expression,
              "refractory": check_expression}
    for place in ("neuron", "synapse", "target"):
        part = getattr(mechanism, place)
        texts = {key: getattr(part, key, "") for key in checks} if part is not None else {}
        texts |= {f"adds.{key}": text for key, text in getattr(part, "adds", {}).items()}
        for key, text in texts.items():
            try:
                if text or key.startswith("adds."):
                    checks.get(key, check_expression)(text)
            except ValueError as error:
                raise ValueError(f"{path.name}: {place}.{key}: {error}") from None


def _statements(text: str) -> list[str]:
    return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]


def start_names(start) -> set[str]:
    """The parameters that a start value mentions."""
    if isinstance(start, schema.Start):
        return {a for a in start.arguments if isinstance(a, str)}
    return {start} if isinstance(start, str) else set()


def _suffixed(start, mapping):
    """A start value with its parameter names mapped (those it does not know are mapped by the projection's suffix)."""
    suffix = next(iter(mapping.values()))[len(next(iter(mapping))) :]
    if isinstance(start, str):
        return start + suffix
    if isinstance(start, schema.Start):
        arguments = tuple(a + suffix if isinstance(a, str) else a for a in start.arguments)
        return start.model_copy(update={start.kind: arguments})
    return start


def _renamed(code: Code, mapping: Mapping[str, str]) -> Code:
    return Code(
        tuple(_renamed_equation(e, mapping) for e in code.equations),
        tuple(rename(line, mapping) for line in code.on_pre),
        tuple(rename(line, mapping) for line in code.on_post),
    )


def _renamed_equation(equation: Equation, mapping: Mapping[str, str]) -> Equation:
    expression = rename(equation.expression, mapping) if equation.expression else equation.expression
    return replace(equation, name=mapping.get(equation.name, equation.name), expression=expression)


def _unit(unit: str) -> str:
    return "1" if unit == "1" else unit


def _near(name: str, known) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
