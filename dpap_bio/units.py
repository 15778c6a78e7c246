"""Units: "6 day" in a file is 518400.0 seconds in the code, and the other way round.

The whole grammar: quantity = number [unit]; unit = factor {("*" | "/") factor}; factor = "1" | name ["**" integer].
Division goes from left to right, a/b/c is a/(b*c), and there are no brackets. Nothing is evaluated: text is cut by
regular expressions and looked up in tables, so its cost is bounded by its length, which is bounded too.
"""

import math
import re
import reprlib
from functools import lru_cache
from itertools import product

_MAX_TEXT = 80  # characters; the longest unit in the shipped models has 20
_MAX_FACTORS = 6  # names in one unit
_MAX_POWER = 4  # of one name in a unit; six times 1e9**4 is still a float

# dimension: (exponents of metre, kilogram, second, ampere, mole, kelvin), Brian2's name of the SI unit, an example.
# When a composite dimension has two names, the earlier row wins.
_DIMENSIONS = {
    "dimensionless": ((0, 0, 0, 0, 0, 0), "1", "0.5"),
    "time": ((0, 0, 1, 0, 0, 0), "second", "20 ms"),
    "voltage": ((2, 1, -3, -1, 0, 0), "volt", "-70 mV"),
    "current": ((0, 0, 0, 1, 0, 0), "amp", "200 pA"),
    "conductance": ((-2, -1, 3, 2, 0, 0), "siemens", "10 nS"),
    "capacitance": ((-2, -1, 4, 2, 0, 0), "farad", "200 pF"),
    "resistance": ((2, 1, -3, -2, 0, 0), "ohm", "100 Mohm"),
    "rate": ((0, 0, -1, 0, 0, 0), "Hz", "5 Hz"),
    "length": ((1, 0, 0, 0, 0, 0), "metre", "30 um"),
    "concentration": ((-3, 0, 0, 0, 1, 0), "mmolar", "2 mM"),
    "charge": ((0, 0, 1, 1, 0, 0), "coulomb", "1 coulomb"),
    "energy": ((2, 1, -2, 0, 0, 0), "joule", "1 joule"),
    "power": ((2, 1, -3, 0, 0, 0), "watt", "1 watt"),
    "amount": ((0, 0, 0, 0, 1, 0), "mole", "1 mole"),
    "temperature": ((0, 0, 0, 0, 0, 1), "kelvin", "310 kelvin"),
    "mass": ((0, 1, 0, 0, 0, 0), "kilogram", "1 kilogram"),
}

# unit: (factor to SI, dimension, Brian2's name)
_UNITS = {
    "us": (1e-6, "time", "usecond"),
    "ms": (1e-3, "time", "msecond"),
    "s": (1.0, "time", "second"),
    "min": (60.0, "time", "(60*second)"),
    "hour": (3600.0, "time", "(3600*second)"),
    "day": (86400.0, "time", "(86400*second)"),
    "uV": (1e-6, "voltage", "uvolt"),
    "mV": (1e-3, "voltage", "mvolt"),
    "V": (1.0, "voltage", "volt"),
    "pA": (1e-12, "current", "pamp"),
    "nA": (1e-9, "current", "namp"),
    "uA": (1e-6, "current", "uamp"),
    "mA": (1e-3, "current", "mamp"),
    "A": (1.0, "current", "amp"),
    "nS": (1e-9, "conductance", "nsiemens"),
    "uS": (1e-6, "conductance", "usiemens"),
    "mS": (1e-3, "conductance", "msiemens"),
    "S": (1.0, "conductance", "siemens"),
    "pF": (1e-12, "capacitance", "pfarad"),
    "nF": (1e-9, "capacitance", "nfarad"),
    "uF": (1e-6, "capacitance", "ufarad"),
    "F": (1.0, "capacitance", "farad"),
    "Gohm": (1e9, "resistance", "Gohm"),
    "Mohm": (1e6, "resistance", "Mohm"),
    "kHz": (1e3, "rate", "khertz"),
    "um": (1e-6, "length", "umetre"),
    "mm": (1e-3, "length", "mmetre"),
    "cm": (1e-2, "length", "cm"),
    "m": (1.0, "length", "metre"),
    "nM": (1e-6, "concentration", "nmolar"),
    "uM": (1e-3, "concentration", "umolar"),
    "mM": (1.0, "concentration", "mmolar"),
}
# the names that Brian2's equations use are units here as well: "volt", "Hz", ...
_UNITS |= {base: (1.0, name, base) for name, (_, base, _example) in _DIMENSIONS.items() if base != "1"}
_UNITS |= {"ampere": (1.0, "current", "amp"), "hertz": (1.0, "rate", "hertz"), "meter": (1.0, "length", "metre")}
_UNITS |= {"radian": (1.0, "dimensionless", "radian")}

_AS_UNITS = {name: (1.0, name, base) for name, (_, base, _example) in _DIMENSIONS.items()}  # "voltage/time"

_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)(?:[ \t]+([A-Za-z1].*))?", re.ASCII)
_FACTOR = re.compile(r"[ \t]*([*/])[ \t]*(?:(1)|([A-Za-z]+)(?:[ \t]*\*\*[ \t]*(-?\d{1,2}))?)(?![\w.])", re.ASCII)


def parse(text, dimension=None):
    """Read a number with a unit and return it in SI units: parse("20 ms", "time") is 0.02.

    Arguments
        text       str                  a number, a blank and a unit; a number alone is dimensionless
        dimension  str or None          the dimension wanted, as `dimension_of` names it; None takes any
    Returns
        float, SI unit                  number * factor, the product that Brian2 would form
    Raises
        ValueError                      not a quantity, an unknown unit, another dimension, or too large for a float
    Source
        own grammar: Brian2 and pint evaluate unit text, and hang on a tower of powers.
    """
    wanted = "" if dimension is None else f"; {_noun(dimension)} is wanted, e.g. {_quote(_example(dimension))}"
    match = _QUANTITY.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= _MAX_TEXT else None
    if match is None:
        wanted = wanted or ', e.g. "20 ms"'
        raise ValueError(f"found {_quote(text)}, which is not text with a number, a blank and a unit{wanted}")
    try:
        factor, exponents, _factors = _read(match[2] or "")
    except ValueError as problem:
        raise ValueError(f"found {_quote(text)}: {problem}{wanted}") from None
    if dimension is not None and exponents != _read_dimension(dimension)[1]:
        raise ValueError(f"found {_quote(text)}, {_noun(_name(exponents))}{wanted}")
    value = float(match[1]) * factor
    if not math.isfinite(value):
        raise ValueError(f"found {_quote(text)}, which is too large{wanted}")
    return value


def to_si(value, unit):
    """Turn a number or an array in `unit` into SI units: value * factor.

    Arguments
        value      float or array       in `unit`
        unit       str                  e.g. "ms", "1/day", "" or "1"
    Returns
        float or array, SI unit
    Raises
        ValueError                      `unit` is not a unit
    """
    return value * _read(unit)[0]


def to_unit(value, unit):
    """Turn a number or an array in SI units into `unit`: value / factor.

    Arguments
        value      float or array       in SI units
        unit       str                  e.g. "ms", "1/day", "" or "1"
    Returns
        float or array, `unit`
    Raises
        ValueError                      `unit` is not a unit
    """
    return value / _read(unit)[0]


def dimension_of(unit):
    """Name the dimension of a unit: "time" for "ms", "rate" for "1/day", "voltage/time" for "mV/ms".

    Arguments
        unit       str                  e.g. "ms"
    Returns
        str                             equal for two units exactly when they measure the same thing
    Raises
        ValueError                      `unit` is not a unit
    """
    return _name(_read(unit)[1])


def brian_name(unit):
    """Write a unit as an expression that Brian2 understands: "msecond" for "ms", "(86400*second)" for "day".

    Arguments
        unit       str                  e.g. "mV/ms"
    Returns
        str                             e.g. "mvolt/msecond"; "1" for no unit
    Raises
        ValueError                      `unit` is not a unit
    """
    return _render((_UNITS[name][2], power) for name, power in _read(unit)[2])


def brian_base(dimension):
    """Write the SI unit of a dimension as Brian2's equations do, after the colon: "volt" for "voltage".

    Arguments
        dimension  str                  as `dimension_of` names it
    Returns
        str                             e.g. "volt", "volt/second", "Hz"; "1" for no unit
    Raises
        ValueError                      there is no such dimension
    """
    return _render((_DIMENSIONS[name][1], power) for name, power in _read_dimension(dimension)[2])


@lru_cache(maxsize=1024)
def _read(unit):
    """The factor, the exponents and the (name, power) pairs of a unit."""
    return _cut(unit, _UNITS, _MAX_POWER, "a unit", '"ms", "mV/ms" or "1/day"')


@lru_cache(maxsize=1024)
def _read_dimension(dimension):
    """The same for a dimension, where every factor is 1."""
    return _cut(dimension, _AS_UNITS, 99, "a dimension", ", ".join(_DIMENSIONS))


def _cut(text, table, max_power, kind, known):
    """Cut a product of names into (name, power) pairs by the one grammar of this file, and look the names up."""
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        raise ValueError(f"{_quote(text)} is not {kind}, e.g. {known}")
    rest, factors = "*" + (text.strip() or "1"), []
    while rest:
        match = _FACTOR.match(rest)
        power = int((match and match[4]) or 1)
        if match is None or len(factors) == _MAX_FACTORS or not 1 <= abs(power) <= max_power:
            limits = f"at most {_MAX_FACTORS} names, powers up to {max_power}"
            raise ValueError(f"{_quote(text)} is not {kind}, e.g. {known} ({limits})")
        if match[3] and match[3] not in table:
            raise ValueError(f"{_quote(match[3])} is not {kind} known here, e.g. {known}")
        if match[3]:
            factors.append((match[3], power if match[1] == "*" else -power))
        rest = rest[match.end() :]
    above = math.prod(table[name][0] ** power for name, power in factors if power > 0)
    below = math.prod(table[name][0] ** -power for name, power in factors if power < 0)
    rows = [[power * e for e in _DIMENSIONS[table[name][1]][0]] for name, power in factors]
    return above / below, tuple(map(sum, zip(*rows, strict=True))) if rows else (0,) * 6, tuple(factors)


@lru_cache(maxsize=1024)
def _name(exponents):
    """The shortest name of a dimension: one name, one over a name, two names, else the basic ones."""
    rows = {name: row for name, (row, _base, _example) in _DIMENSIONS.items()}
    for power, (name, row) in product((1, -1, 2, -2), rows.items()):
        if tuple(power * e for e in row) == exponents:
            return _render([(name, power)])
    for power, (a, row_a), (b, row_b) in product((-1, -2, -3, 1, 2), rows.items(), rows.items()):
        if tuple(e + power * f for e, f in zip(row_a, row_b, strict=True)) == exponents:
            return _render([(a, 1), (b, power)])
    basic = ("length", "mass", "time", "current", "amount", "temperature")
    return _render((name, power) for name, power in zip(basic, exponents, strict=True) if power)


def _render(factors):
    """Write (name, power) pairs as a product, what multiplies first: a*b/c**2."""
    factors = sorted((f for f in factors if f[0] != "1"), key=lambda factor: factor[1] < 0)
    text = "".join(("*" if p > 0 else "/") + n + (f"**{abs(p)}" if abs(p) > 1 else "") for n, p in factors)
    return text[1:] if text.startswith("*") else "1" + text


def _example(dimension):
    return _DIMENSIONS[dimension][2] if dimension in _DIMENSIONS else f"1 {brian_base(dimension)}"


def _noun(dimension):
    noun = "dimensionless number" if dimension == "dimensionless" else dimension
    return ("an " if noun[0] in "ae" else "a ") + noun


def _quote(found):
    shown = found if isinstance(found, str) else reprlib.repr(found)
    shown = "".join(c if c.isprintable() else "?" for c in shown[:40]) + ("..." if len(shown) > 40 else "")
    return f'"{shown}"' if isinstance(found, str) else shown
