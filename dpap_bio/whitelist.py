"""What an expression in a model file may contain, checked before Brian2 sees it.

Brian2 hands equation strings to sympy, which evaluates whatever it does not know; so code in a file would run when the
model is built. Two sieves, each enough alone: known characters and words only, then known kinds of syntax node only.
A third check, `_measure`, bounds what constant folding can cost, because 9**9**9 or floor(exp(1e9)) never returns. It
stops the known ways to hang sympy, which is no proof that there are no others; the sieves are what keeps code out.
"""

import ast
import difflib
import math
import re
from typing import NamedTuple

from dpap_bio import words

_MAX_CHARACTERS = 4000
_MAX_NODES = 500
_MAX_NAME = 60  # characters
_MAX_DEPTH = 40
_MAX_EXPONENT = 64
_MAX_NUMBER = 1e30  # and no number but 0 below its inverse; integers up to 2**53, what a float holds exactly
_MAX_DIGITS = 1000  # of an exact number that folding the constants of an expression could produce
_MAX_SIZE = 1e5  # of the decimal logarithm of a number that has to be worked out
_MAX_SUBSTITUTED = 5000  # nodes after putting subexpressions into one another

_TOKEN = re.compile(
    r"(?P<blank>[ \t\n]+)|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?(?![\w.]))|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|//|<=|>=|==|!=|[-+*/%<>(),])",
    re.ASCII,
)
_ARITHMETIC = ast.Add | ast.Sub | ast.Mult | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow
_COMPARISON = ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq | ast.NotEq
_GROWING = frozenset(["exp", "expm1", "exprel", "sinh", "cosh"])
_COSTLY = _GROWING | {"floor", "ceil", "sin", "cos", "tan", "log1p"}  # worked out to every digit of the argument


class Measure(NamedTuple):
    """Upper bounds on what sympy can make of an expression by folding, a name counting as a number of size one."""

    nodes: int  # after substitution
    digits: float  # of an exact number
    size: float  # of its decimal logarithm, whatever the sign
    reach: float  # of its magnitude, where it may stand in an exponent; else infinity


_NAME = Measure(1, 0, 0, 1)
_CONSTANT = Measure(1, 1, 1, 4)  # e, pi


def fail(line, found, wanted):
    """Raise the one kind of error of this check: where, what was found, what is allowed."""
    raise ValueError(f"line {line}: found {found}; {wanted}")


def quote(text):
    """`text` in quotes, short and printable."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:40])
    return f'"{shown}{"..." if len(text) > 40 else ""}"'


def examine(text, line=1, known=None, random=False):
    """Check one expression, which may run over several lines, and measure it.

    Arguments
        text       str                  the expression, without comments
        line       int                  number of its first line, for messages
        known      dict or None         name -> Measure, the subexpressions that Brian2 will put in place of names
        random     bool                 whether rand(), randn(), poisson() and xi are allowed
    Returns
        frozenset of str                the names read: not functions, constants and units
        Measure                         with `known` substituted
    Raises
        ValueError                      anything not on the whitelist, in one sentence
    Source
        limits: about ten times the largest expression in the examples of Brian2 2.9.0.
    """
    if len(text) > _MAX_CHARACTERS:
        fail(line, f"{len(text)} characters", f"an expression has at most {_MAX_CHARACTERS}")
    tokens = list(_tokens(text, line))
    names = _names(tokens, random)
    if not tokens:
        fail(line, "nothing", "an expression is wanted, e.g. (v_rest - v) / tau_m")
    last = tokens[-1][2]
    try:
        tree = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        fail(last, quote(text.strip()), "this is not a complete expression such as (v_rest - v) / tau_m")
    if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > _MAX_NODES:
        fail(last, "a very long expression", f"at most {_MAX_NODES} names, numbers and operations; use subexpressions")
    return names, _measure(tree, known or {}, line, _MAX_DEPTH)


def _tokens(text, line):
    """Cut `text` into (kind, text, line, next text); refuse any character or word that is not on the list."""
    position, depth = 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            allowed = "allowed are numbers, names, ( ) , + - * / // % ** < <= > >= == != and, or, not"
            fail(line, quote(text[position : position + 12].split("\n")[0]), allowed)
        kind, token = match.lastgroup, match.group()
        depth += (token == "(") - (token == ")")
        if not 0 <= depth <= _MAX_DEPTH:
            found = "a bracket that closes nothing" if depth < 0 else "too many brackets"
            fail(line, found, f"brackets go in pairs, at most {_MAX_DEPTH} deep")
        if kind == "number":
            _check_number(token, line)
        if len(token) > _MAX_NAME and kind == "name":
            fail(line, quote(token), f"a name has at most {_MAX_NAME} characters")
        position = match.end()
        if kind != "blank":
            yield kind, token, line, text[position:].lstrip(" \t\n")[:1]
        line += token.count("\n")
    if depth:
        fail(line, "a bracket that is not closed", "every ( needs its )")


def _check_number(token, line):
    value = float(token)
    small_enough = value == 0 or 1 / _MAX_NUMBER <= value <= _MAX_NUMBER
    if not small_enough or (token.isdigit() and int(token) > 2**53):
        allowed = f"a number is 0 or between {1 / _MAX_NUMBER:g} and {_MAX_NUMBER:g}, an integer below 2**53"
        fail(line, quote(token), allowed)


def _names(tokens, random):
    """The variables among the tokens; refuse words that are neither variables nor functions that are called."""
    functions = words.FUNCTIONS | (words.RANDOM if random else {})
    names = set()
    for kind, name, line, after in tokens:
        if kind != "name" or name in ("and", "or", "not", "True", "False"):
            continue
        if not random and (name in words.RANDOM or words.is_noise(name)):
            fail(line, quote(name), "chance is not allowed in equations; draw it as a stimulus")
        if after == "(":
            if name not in functions:
                fail(line, f"a call of {quote(name)}", f"the functions are {', '.join(sorted(functions))}")
        elif name in words.CONSTANTS or words.is_unit(name):
            continue
        elif name not in words.SUPPLIED and not words.is_noise(name) and words.why_not_a_variable(name):
            fail(line, quote(name), f"it {words.why_not_a_variable(name)}; give the variable another name")
        else:
            names.add(name)
    return frozenset(names)


def _measure(node, known, line, room):
    """Refuse kinds of node that are not on the list, and bound the rest from the leaves up."""
    here = line + node.lineno - 1
    if not room:
        fail(here, "operations nested too deep", f"at most {_MAX_DEPTH}; use subexpressions")
    inside = [_measure(child, known, line, room - 1) for child in _children(node, here)]
    nodes, digits = 1 + sum(m.nodes for m in inside), sum(m.digits for m in inside)
    size = sum(m.size for m in inside) + 0.3 * len(inside)
    reach = math.inf
    match node:
        case ast.Name(id=name):
            return known.get(name, _CONSTANT if name in words.CONSTANTS else _NAME)
        case ast.Constant(value=value):
            size = abs(math.log10(value)) if value else 0
            digits, reach = len(repr(value)) + size, value
        case ast.UnaryOp():
            reach = inside[0].reach
        case ast.Call(func=ast.Name(id=name)):
            if name in _COSTLY and size > _MAX_SIZE:
                fail(here, f"{name}() of what may be a number too large to work out", "use smaller numbers")
            if name in ("floor", "ceil"):
                digits = max(digits, size)
            if name in _GROWING:
                size = 10 ** min(size, 9)
        case ast.BinOp(op=ast.Pow()):
            factor = max(1, _check_exponent(node, inside[1], here))
            digits, size = inside[0].digits * factor, inside[0].size * factor
        case ast.BinOp(op=op):
            reach = _reach(op, inside, node.right)
            if isinstance(op, ast.Div | ast.Mod | ast.FloorDiv) and not isinstance(node.right, ast.Name | ast.Constant):
                size += inside[1].digits  # the divisor may nearly cancel
            if isinstance(op, ast.Mod | ast.FloorDiv):
                digits = max(digits, size)
    if digits > _MAX_DIGITS or nodes > _MAX_SUBSTITUTED:
        fail(here, "an expression that may grow without bound", "use smaller numbers, powers and subexpressions")
    return Measure(nodes, digits, size, reach)


def _children(node, line):
    """The operands of a node; ValueError unless its kind is on the list."""
    match node:
        case ast.Name() | ast.Constant(value=bool() | int() | float()):
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            return [node.operand]
        case ast.BinOp(op=op) if isinstance(op, _ARITHMETIC):
            return [node.left, node.right]
        case ast.BoolOp():
            return node.values
        case ast.Compare(ops=[op]) if isinstance(op, _COMPARISON):
            return [node.left, node.comparators[0]]
        case ast.Compare():
            fail(line, "a chain of comparisons", "write a < b and b < c")
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            wanted = (words.FUNCTIONS | words.RANDOM).get(name)
            if wanted is None:
                fail(line, f"a call of {quote(name)}", "known functions are called by their bare name")
            if len(args) != wanted:
                fail(line, f"{name}() with {len(args)} arguments", f"it takes {wanted}")
            return args
    fail(line, f"{type(node).__name__.lower()} syntax", "allowed are names, numbers, operators and known functions")


def _check_exponent(power, exponent, line):
    """The largest magnitude of an exponent; refuse a large one, an unclear one, and a power of a power."""
    if any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow) for part in (power.left, power.right)):
        fail(line, "a power of a power", "write it as one power or as a product")
    if exponent.reach > _MAX_EXPONENT:
        fail(line, "an exponent that is or may be too large", f"exponents are sums and products up to {_MAX_EXPONENT}")
    return exponent.reach


def _reach(op, inside, right):
    """Bound of |a op b|; a quotient has one only where a number or a name divides."""
    a, b = (m.reach for m in inside)
    if isinstance(op, ast.Add | ast.Sub):
        return a + b
    if isinstance(op, ast.Mult):
        return a * b if a and b else 0
    if isinstance(op, ast.Div) and isinstance(right, ast.Constant) and b:
        return a / b
    return a if isinstance(op, ast.Div) and isinstance(right, ast.Name) else math.inf


def suggest(name, names):
    """The end of a sentence about an unknown name: its nearest neighbour, or all that is known."""
    near = difflib.get_close_matches(name, names, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known here are {', '.join(sorted(names)) or 'no names'}"
