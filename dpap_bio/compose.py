"""Mechanisms put together: the equations of each population and projection, and rules bound to their parameters."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from dpap_bio import schema, units
from dpap_bio.checks import Checks
from dpap_bio.complaint import did_you_mean
from dpap_bio.expressions import Equation, parse_equations, rename
from dpap_bio.lift import Code, Trace, lift, renamed, renamed_equation
from dpap_bio.model import Model, Population, Projection
from dpap_bio.rules import find_rule
from dpap_bio.schema_values import start_names


class Composer(Checks):
    """Puts one model together."""

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
                near = did_you_mean(end, self.spec.populations)
                self.fail(f"projections.{name}: there is no population {end!r}{near}")
        forced = self.spec.populations[spec.target].stimulated
        sizes = [self.spec.populations[end].size for end in (spec.source, spec.target)]
        if spec.connect.one_to_one and sizes[0] != sizes[1]:
            self.fail(f"projections.{name}.connect.one_to_one: found {sizes[0]} and {sizes[1]} neurons, as many on "
                      "both sides are wanted")
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
        if forced and target_parts:
            self.fail(f"projections.{name}.to: {spec.target!r} is stimulated from outside: a mechanism that acts on "
                      "the target neuron has none there")
        code, arrivals, spikes = (keep, (), ()) if forced else lift(keep, liftable)
        code = replace(code, equations=code.equations + held)
        onto = {t.equation.name: f"{t.equation.name}_{name}_post" for t in spikes}
        for part in target_parts:
            onto |= {f"{e.name}_post": f"{e.name}_{name}_post" for e in parse_equations(part.equations)}
        if not code.on_pre and not arrivals:
            self.fail(f"projections.{name}.mechanisms: a spike of {spec.source!r} does nothing; "
                      "add a synapse such as \"current_synapse\"")
        code = renamed(code, onto)
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
            terms = " + ".join(f"({x})" for x in adds.pop(key, [])) or f"0*{unit}"
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
            equations += [renamed_equation(e, mapping) for e in brought]
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

    def _sum(self, population: str, key: str, text: str) -> list[Equation]:
        try:
            return list(parse_equations(text))
        except ValueError as error:
            self.fail(f"populations.{population}: sum {key!r}: {error}")


def _statements(text: str) -> list[str]:
    return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]


def _suffixed(start, mapping):
    """A start value with its parameter names mapped (those it does not know are mapped by the projection's suffix)."""
    suffix = next(iter(mapping.values()))[len(next(iter(mapping))) :]
    if isinstance(start, str):
        return start + suffix
    if isinstance(start, schema.Start):
        arguments = tuple(a + suffix if isinstance(a, str) else a for a in start.arguments)
        return start.model_copy(update={start.kind: arguments})
    return start
