"""Which value of a parameter is in force: the owner's own, else the model's, else the mechanism's; and overrides."""

from __future__ import annotations

from pathlib import Path

from dpap_bio import library, schema, units
from dpap_bio.complaint import did_you_mean
from dpap_bio.expressions import check_expression, check_statements, parse_equations


class Scopes:
    """The files of one model while it is put together; every complaint names the file."""

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

    def override(self, key: str, value) -> None:
        if key == "dt":
            self.spec.dt = str(value)
            return
        owner_name, _, name = key.rpartition(".")
        owners = {**self.spec.populations, **self.spec.projections}
        if owner_name and owner_name not in owners:
            self.fail(f"set {key}: there is no {owner_name!r}{did_you_mean(owner_name, owners)}")
        if owner_name in self.spec.populations and name == "size":
            if not (isinstance(value, int | float) and value == int(value) and value >= 1):
                self.fail(f"set {key}: found {value!r}, a number of neurons is wanted")
            self.spec.populations[owner_name].size = int(value)
            return
        scopes = [owners[owner_name].parameters] if owner_name else [o.parameters for o in owners.values()]
        known = self._known(owners.values() if not owner_name else [owners[owner_name]])
        if name not in known:
            self.fail(f"set {key}: no such parameter{did_you_mean(name, known)}")
        made = self._changed(key, known[name], value)
        if owner_name:
            scopes[0][name] = made
            self.read.add(("", name))  # the model's own value may now be read by nobody
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
