"""Equations, statements and conditions of a model file: read, checked against a whitelist, renamed.

Everything that Brian2 will get as a string passes here first; `whitelist.py` says why. Hand Brian2 `str(equation)`,
not the text of the file: then what runs is what was checked.
"""

import re
from dataclasses import dataclass

from dpap_bio import units, words
from dpap_bio.whitelist import examine, fail, quote, suggest

_MAX_TEXT = 40_000  # characters of a set of equations or of a list of statements
_KINDS = {  # kind: the flags that Brian2 knows for it and that every backend runs
    "differential": ("unless refractory", "event-driven", "clock-driven"),
    "subexpression": ("shared", "constant over dt", "summed"),
    "parameter": ("constant", "shared"),
}
_EQUATION = re.compile(
    r"\s*(?:d(?P<state>[A-Za-z_]\w*)\s*/\s*dt\s*=(?P<rhs>.*)|(?P<name>[A-Za-z_]\w*)\s*(?:=(?P<value>.*))?)", re.S | re.A
)
_TYPE = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9*/ \t-]*?)\s*(?:\(([A-Za-z, \t-]*)\)\s*)?", re.ASCII)
_STATEMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*(=|\+=|-=|\*=|/=)(?!=)(.*)", re.ASCII)
_WORD = re.compile(r"(?<![\w.])(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Equation:
    """One line of Brian2's equations; `str()` writes it back.

    Arguments
        kind        str                 "differential", "subexpression" or "parameter"
        name        str                 the variable
        expression  str or None         right-hand side on one line without comments; None for a parameter
        unit        str                 as Brian2 writes SI units: "volt", "1", "boolean", "integer"
        flags       frozenset of str    e.g. {"unless refractory"}
    """

    kind: str
    name: str
    expression: str | None
    unit: str
    flags: frozenset[str] = frozenset()

    @property
    def reads(self):
        """The variables on the right-hand side."""
        return frozenset() if self.expression is None else examine(self.expression, random=True)[0]

    def __str__(self):
        left = f"d{self.name}/dt" if self.kind == "differential" else self.name
        right = "" if self.expression is None else f" = {self.expression}"
        return f"{left}{right} : {self.unit}" + (f" ({', '.join(sorted(self.flags))})" if self.flags else "")


def check_expression(text, *, names=None, random=False):
    """Check a condition or another single expression, e.g. "v > v_th".

    Arguments
        text       str                  one line, no comment
        names      set of str or None   the variables it may read; None allows any
        random     bool                 whether rand(), randn(), poisson() and xi are allowed
    Returns
        frozenset of str                the variables it reads: not functions, constants and units
    Raises
        ValueError                      in one sentence: the line, what was found, what is allowed
    Source
        our own whitelist; Brian2's parser evaluates more than this.
    """
    _lines(text)
    if "\n" in text:
        fail(1, "a line break", "an expression stands on one line")
    return _known(examine(text, 1, random=random)[0], names, 1)


def check_statements(text, *, names=None, random=False):
    """Check what happens at a spike or an event: lines such as "w += a * x" or "x = 0".

    Arguments
        text       str                  on each line a name, one of = += -= *= /=, an expression; # starts a comment
        names      set of str or None   the variables it may read, besides those it has written; None allows any
        random     bool                 whether rand(), randn(), poisson() and xi are allowed
    Returns
        frozenset of str                the variables read, among them those that += and the like change
        frozenset of str                the variables written
    Raises
        ValueError                      in one sentence: the line, what was found, what is allowed
    """
    reads, writes = set(), set()
    for number, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        if ";" in line:
            fail(number, '";"', "one statement stands on one line")
        match = _STATEMENT.fullmatch(line)
        if match is None:
            fail(number, quote(line.strip()), 'a statement is e.g. "w += a * x" or "x = 0"')
        name, operator, expression = match.groups()
        _check_variable(name, number)
        used = examine(expression, number, random=random)[0] | (frozenset() if operator == "=" else {name})
        reads |= _known(used, None if names is None else {*names, *writes}, number)
        writes.add(name)
    return frozenset(reads), frozenset(writes)


def parse_equations(text, *, random=False):
    """Read equations in Brian2's notation and check every part of them.

    Arguments
        text       str                  lines such as "dv/dt = -v / tau : volt (unless refractory)", "x = 2 * v : volt",
                                        "w : 1 (constant)"; a right-hand side may go on over lines; # starts a comment
        random     bool                 whether rand(), randn(), poisson() and xi are allowed
    Returns
        list of Equation                in the order of the text
    Raises
        ValueError                      in one sentence: the line, what was found, what is allowed
    """
    equations, starts, pending, start = [], [], "", 1
    for number, line in enumerate(_lines(text), 1):
        if not pending.strip():
            pending, start = "", number
        pending += line + "\n"
        if ":" in line:
            equations.append(_equation(*pending.split(":", 1), start, number, random))
            if equations[-1].name in [equation.name for equation in equations[:-1]]:
                fail(start, f"{quote(equations[-1].name)} a second time", "a variable has one equation")
            starts.append(start)
            pending = ""
    if pending.strip():
        fail(start, quote(pending.strip()), 'an equation ends with its unit, e.g. ": volt"')
    _check_substitution(dict(zip(equations, starts, strict=True)))
    return equations


def rename(text, mapping, *, suffixes=()):
    """Rename variables in equations, statements or an expression, all at once, leaving units, flags and comments.

    Arguments
        text       str
        mapping    dict of str          old name -> new name; two names may be exchanged
        suffixes   tuple of str         ("_pre", "_post") renames x_pre and x_post along with x
    Returns
        str                             the text, changed in nothing but these names
    Raises
        ValueError                      not a name, two variables would become one, or a new name is in use already
    """
    mapping = {old + end: new + end for end in ("", *suffixes) for old, new in mapping.items()}
    for name in {*mapping, *mapping.values()}:
        if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or words.why_not_a_variable(name):
            raise ValueError(f"cannot rename: {quote(name)} {words.why_not_a_variable(name) or 'is not a name'}")
    if len(set(mapping.values())) < len(mapping):
        raise ValueError(f"cannot rename: two names would become one in {quote(str(mapping))}")

    def replace(match):
        word = match.group()
        if word in mapping.values() and word not in mapping:
            raise ValueError(f"cannot rename: {quote(word)} is already a name in the text")
        return mapping.get(word, word)

    lines = []
    for line in text.split("\n"):
        code, *rest = re.split(r"([:#].*)", line, maxsplit=1)
        derivative = re.match(r"(\s*d)([A-Za-z_]\w*)(\s*/\s*dt\s*=)", code, re.ASCII)
        head = derivative[1] + _WORD.sub(replace, derivative[2]) + derivative[3] if derivative else ""
        lines.append(head + _WORD.sub(replace, code[derivative.end() if derivative else 0 :]) + "".join(rest))
    return "\n".join(lines)


def _lines(text):
    """The lines of a text without their comments; refuse what could hide a line from a reader or from Brian2."""
    if not isinstance(text, str):
        fail(1, f"a {type(text).__name__}", "text is wanted")
    if len(text) > _MAX_TEXT:
        fail(1, f"{len(text)} characters", f"at most {_MAX_TEXT} are allowed")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for character in line:
            if not character.isprintable() and character != "\t":
                fail(number, f"the invisible character U+{ord(character):04X}", "printable ones and tabs are allowed")
    return [line.split("#", 1)[0] for line in lines]


def _equation(left, right, line, end, random):
    """One equation from the text before and after its colon."""
    match = _EQUATION.fullmatch(left.rstrip())
    if match is None:
        fail(line, quote(left.strip()), 'an equation starts with "dx/dt =", "x =" or "x :"')
    name, body = match["state"] or match["name"], match["rhs"] if match["state"] else match["value"]
    kind = "differential" if match["state"] else "parameter" if body is None else "subexpression"
    _check_variable(name, line)
    before = left[: match.start("rhs" if match["state"] else "value")] if body is not None else ""
    if body is not None:
        examine(body, line + before.count("\n"), random=random)
    match = _TYPE.fullmatch(right)
    if match is None:
        fail(end, quote(right.strip()), 'after the colon stands a unit and perhaps flags, e.g. "volt (constant)"')
    flags = [" ".join(flag.split()) for flag in match[2].split(",")] if match[2] is not None else []
    if len(set(flags)) < len(flags) or not set(flags) <= set(_KINDS[kind]):
        fail(end, quote(f"({match[2]})"), f"flags of a {kind} are {', '.join(_KINDS[kind])}, each once")
    if name in words.ADDED or (name.endswith(("_pre", "_post")) and "summed" not in flags):
        fail(line, f"an equation for {quote(name)}", "Brian2 makes variables of this name itself; choose another")
    if kind == "differential" and match[1] in ("boolean", "integer"):
        fail(end, f"a derivative that is {match[1]}", "what changes by a differential equation is a float with a unit")
    return Equation(kind, name, body and " ".join(body.split()), _unit(match[1], end), frozenset(flags))


def _unit(unit, line):
    """The unit as Brian2 writes it, if it is an SI unit."""
    if unit in ("1", "boolean", "integer"):
        return unit
    try:
        base, factor = units.brian_base(units.dimension_of(unit)), units.to_si(1.0, unit)
    except ValueError as problem:
        fail(line, f"the unit {quote(unit)}", str(problem))
    if factor != 1:
        fail(line, f"the unit {quote(unit)}", f"equations take SI units; write {quote(base)}")
    return base


def _check_variable(name, line):
    reason = "is too long" if len(name) > 60 else words.why_not_a_variable(name)
    if reason:
        fail(line, f"{quote(name)} to be given a value", f"it {reason}; choose another name")


def _known(found, names, line):
    """`found`, if all of it is in `names`."""
    for name in sorted(found - set(names)) if names is not None else ():
        fail(line, quote(name), suggest(name, names))
    return found


def _check_substitution(starts):
    """Refuse circles, and subexpressions that explode when put into one another; `starts` has their lines."""
    waiting = {equation: equation.reads for equation in starts if equation.expression is not None}
    unmeasured = {equation.name for equation in waiting if equation.kind == "subexpression"}
    known = {}
    while waiting:
        ready = [equation for equation, reads in waiting.items() if not reads & unmeasured]
        if not ready:
            names = ", ".join(sorted(unmeasured))
            fail(starts[next(iter(waiting))], f"subexpressions that need each other ({names})", "one must come first")
        for equation in ready:
            measure = examine(equation.expression, starts[equation], known, random=True)[1]
            if equation.kind == "subexpression":
                known[equation.name] = measure
                unmeasured.discard(equation.name)
            del waiting[equation]
