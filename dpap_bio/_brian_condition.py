"""Brian2 conditions on living groups, with the value every variable has now; part of the Brian2 adapter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from brian2.codegen.codeobject import create_runner_codeobj
from brian2.codegen.translation import get_identifiers_recursively
from brian2.core.namespace import get_local_namespace
from brian2.core.variables import Subexpression, Variables
from brian2.devices.device import get_device
from brian2.parsing.expressions import is_boolean_expression, parse_expression_dimensions
from brian2.stateupdaters.exact import linear
from brian2.utils.stringtools import get_identifiers, word_substitute

from dpap_bio._brian_private import event_driven_names


def local_names(level: int) -> Mapping:
    """The names that a string may use: those of the caller of our caller, `level` calls further up."""
    return get_local_namespace(level + 2)


def check_condition(group, condition: str, namespace: Mapping) -> set[str]:
    """The names a condition reads, subexpressions followed; raises what Brian2 raises if it cannot be evaluated."""
    names = get_identifiers_recursively([condition], group.variables)
    variables = group.resolve_all(names, namespace, set())
    if not is_boolean_expression(condition, variables):
        raise TypeError(f"{condition!r} is not a condition")
    parse_expression_dimensions(condition, variables)
    return names


def where(group, condition: str, namespace: Mapping) -> np.ndarray:
    """Indices of the synapses (neurons) for which a Brian2 condition holds now.

    As `group.indices[condition]`, but names come from `namespace`, and event-driven variables have their value of now:
    Brian2 stores them as of the last event and would compare that.
    """
    read, names, code = check_condition(group, condition, namespace), event_driven_names(group), ""
    if names & read:
        now = {name: f"_now_{name}" for name in names}
        code = "".join(f"{now[name]} = {name}\n" for name in sorted(names))
        decay = word_substitute(linear(group.event_driven, group.variables), {"dt": "(t - lastupdate)"})
        code += word_substitute(decay, now) + "\n"
        condition = word_substitute(_spelled_out(condition, names, group.variables), now)
    extra = Variables(None)
    extra.add_auxiliary_variable("_indices", dtype=np.int32)
    extra.add_auxiliary_variable("_cond", dtype=bool)
    code_object = create_runner_codeobj(
        group,
        f"{code}_cond = {condition}",
        "group_get_indices",
        run_namespace=namespace,
        additional_variables=extra,
        check_units=False,
        codeobj_class=get_device().code_object_class(fallback_pref="codegen.string_expression_target"),
    )
    return np.asarray(code_object(), dtype=np.int64)


def _spelled_out(expression: str, names: set[str], variables) -> str:
    """Put in place of every subexpression that reads one of `names` what it stands for."""
    while True:
        found = {
            name: f"({variables[name].expr})"
            for name in get_identifiers(expression)
            if isinstance(variables.get(name), Subexpression) and names & get_identifiers_recursively([name], variables)
        }
        if not found:
            return expression
        expression = word_substitute(expression, found)
