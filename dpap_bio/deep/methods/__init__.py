"""The pruning methods by the names that protocols use; anybody's own by its import path. None of them imports torch."""

from __future__ import annotations

from importlib import import_module

from dpap_bio.complaint import did_you_mean
from dpap_bio.deep.methods.method import LayerView, Method

__all__ = ["METHODS", "LayerView", "Method", "find_method"]

METHODS = {
    "none": "none:NONE",
    "dpap": "dpap:DPAP",
    "dpap_smooth": "dpap:DPAP_SMOOTH",
    "dpap_delivered": "dpap:DPAP_DELIVERED",
    "dpap_time": "dpap_time:DPAP_TIME",
    "dpap_parity": "dpap_parity:DPAP_PARITY",
    "random": "random:RANDOM",
    "random_units": "random:RANDOM_UNITS",
    "magnitude": "magnitude:MAGNITUDE",
    "criticality": "criticality:CRITICALITY",
    "static_rate": "static_rate:STATIC_RATE",
    "set": "set:SET",
    "rigl": "rigl:RIGL",
    "stds": "stds:STDS",
    "grad_r": "grad_r:GRAD_R",
    "sdsnn": "sdsnn:SDSNN",
}


def find_method(name: str) -> Method:
    """The method of that name, or of that import path "package.module:NAME".

    Raises
        ValueError    no such name, module or attribute, or it is not a Method; says which in one sentence
    """
    if name in METHODS:
        module, _, attribute = METHODS[name].partition(":")
        return getattr(import_module(f"{__name__}.{module}"), attribute)
    if ":" not in name:
        raise ValueError(f'no method {name!r}{did_you_mean(name, METHODS)}; there are {", ".join(METHODS)}, or give '
                         '"package.module:NAME"')
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a module may fail in any way when it is imported
        raise ValueError(f"method {name!r} cannot be imported: {error}") from error
    if not isinstance(found, Method):
        raise ValueError(f"method {name!r} is a {type(found).__name__}, wanted a dpap_bio Method")
    return found
