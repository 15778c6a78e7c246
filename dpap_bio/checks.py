"""Every name that composed equations mention must mean something, start somewhere and be read by somebody."""

from __future__ import annotations

from dpap_bio import schema, units
from dpap_bio.complaint import did_you_mean
from dpap_bio.expressions import check_expression, check_statements
from dpap_bio.lift import Code
from dpap_bio.model import LEARNING
from dpap_bio.schema_values import start_names
from dpap_bio.scopes import Scopes

GIVEN = frozenset({"t", "dt", LEARNING, "i", "j", "N", "N_pre", "N_post", "N_incoming", "N_outgoing"})


class Checks(Scopes):
    """The checks of a model while it is put together."""

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
        known = {e.name for e in equations} | set(parameters) | GIVEN
        unknown = self._neuron_names(equations, reset, {}, single) - known
        if unknown:
            name = sorted(unknown)[0]
            self.fail(f"populations.{where}: its equations mention {name!r}, neither a variable nor a parameter"
                      f"{did_you_mean(name, known)}")

    def check_synapse_names(self, projections, populations) -> None:
        for name, projection in projections.items():
            target, source = populations[projection.target], populations[projection.source]
            known = {e.name for e in projection.code.equations} | {t.equation.name for t in projection.arrivals}
            known |= set(projection.parameters) | GIVEN
            known |= {f"{e.name}_post" for e in target.equations} | {f"{e.name}_pre" for e in source.equations}
            unknown = self._mentioned(projection.code) - known
            if unknown:
                odd = sorted(unknown)[0]
                self.fail(f"projections.{name}: its equations mention {odd!r}, neither a variable nor a parameter"
                          f"{did_you_mean(odd, known)}")
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
            if isinstance(begin, schema.Start):
                self._check_spread(f"{where}.start.{equation.name}", begin, parameters)

    def _check_spread(self, where, begin, parameters) -> None:
        first, second = (parameters[v].si if isinstance(v, str) else v for v in begin.arguments)
        if second < (first if begin.kind == "uniform" else 0):
            wanted = "low <= high" if begin.kind == "uniform" else "a spread of at least 0"
            self.fail(f"{where}: found {begin.kind} = {list(begin.arguments)}, {wanted} is wanted")

    def check_unread(self) -> None:
        owners = {"": self.spec.parameters}
        owners |= {n: o.parameters for n, o in {**self.spec.populations, **self.spec.projections}.items()}
        for owner, parameters in owners.items():
            for name, parameter in parameters.items():
                if (owner, name) not in self.read and parameter.chosen != "set by the user":
                    where = f"parameters.{name}" if not owner else f"{owner}.parameters.{name}"
                    self.fail(f"{where}: no equation and no rule reads it; remove it or correct its name")
