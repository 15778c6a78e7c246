"""Broken files: a shipped model, mechanism or protocol with one to three mistakes, the same for the same seed."""

import copy
import json
import math
import random
import tomllib

MARK = "dpap_marker_file"  # what an injected text would create in the working folder if anybody ran it

NUMBERS = [math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-308, -1.0, 0.0, 0, -1, 1, 2**31, -(2**63), 10**30]
TEXTS = [
    "", " ", "\n", "\t", "x", "W", "nan", "inf ms", "1e999 s", "-5 ms", "0 ms", "5", "ms", "5 bananas", "5 mV/", "1/0",
    "20 ms" * 50, "ä" * 40, "\u202e", "𝔵", "none", "main", "input", "default", "../../../etc/hosts", "/", ".", "~",
    "./nothing.toml", "a" * 5000, "{0}", "%s", "{{7*7}}", "$(true)", "lambda: 0", "[" * 200, "(" * 300 + ")" * 300,
    "9**9**9**9", "v" * 61, "__class__", "w : 1\nw : 1", "dv/dt = 0 : volt", "w = w +", "w += undefined_name",
    "w += v", "x = x(", "rand()", "1 = w", "w ; w", "w := 1", "w = 'text'", "t_ref + mV", "v > 0*volt and", ":",
    "os:" + MARK, "json:dumps", "math:pi", "dpap_bio.rules:RULES", "no.such.module:RULE", "a:b:c", ".x:y", "..:y",
    f"open('{MARK}', 'w')", f"__import__('pathlib').Path('{MARK}').touch()", f"print(open('{MARK}','w'))",
]
UNITS = ["ms", "mV", "1", "day", "Hz", "1/day", "volt", "second", "", "mS", "nS", "m/s", "kg", "ms**2", "ms**99", "9*"]
ODD = [
    True, False, [], {}, [[]], {"a": 1}, [1, "a"], [1.0, 2.0], [2.0, 1.0], ["w_low", "w_high"], [None],
    {"uniform": [0, 1]}, {"normal": [0, -1]},
]
KEYS = ["", " ", "a b", "é", "w", "v", "x_feedforward", "input", "size", "value", "a" * 99, "_x", "1", "dt", "a\nb"]
LETTERS = ["", " ", "\n", "(", ")", "**", "*", "/", "9", "e", "_", ".", "'", '"', "=", ":", "#", ";", "mV", "\x00",
           "\u2028", "w", "v"]


class Raw(str):
    """A value as it stands in the file."""


RAW = [Raw(text) for text in (
    "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "1" + "0" * 400, "9" * 5000, "1e400", "0x1F", "1_000", "0b1",
    "+inf", "''", '"\\u202e"')]


def mutants(text, seed, count):
    """`count` broken versions of a TOML file, as bytes; number k depends on `seed` and k alone."""
    content = tomllib.loads(text)
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        if rng.random() < 0.25:
            yield _torn(text.encode(), rng)
            continue
        tree = copy.deepcopy(content)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            _change(tree, rng)
        yield dump(tree).encode("utf-8", "surrogatepass")


def dump(content):
    """A dict as TOML; what TOML has no form for becomes a text."""
    return "\n".join(f"{_key(name)} = {_value(value)}" for name, value in content.items()) + "\n"


def _key(name):
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(n)} = {_value(v)}" for n, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return str(value) if isinstance(value, int) else _key(str(value))


def _places(tree):
    """Every (container, key) of a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


def _change(tree, rng):
    places = list(_places(tree))
    if not places:
        return
    owner, key = rng.choice(places)
    rng.choice([_delete, _rename, _double, _replace, _replace, _replace, _replace, _swap, _nest, _reword, _reword])(
        owner, key, rng, places
    )


def _delete(owner, key, rng, places):
    del owner[key]


def _rename(owner, key, rng, places):
    if isinstance(owner, dict):
        letters = list(key) + ["", "x", "_"]
        owner[
            rng.choice([*KEYS, key[:-1], key + key[-1:], key.upper(), "".join(rng.sample(letters, len(letters)))])
        ] = owner.pop(key)


def _double(owner, key, rng, places):
    value = copy.deepcopy(owner[key])
    if isinstance(owner, list):
        owner.insert(key, value)
    else:
        owner[rng.choice([*KEYS, f"{key}_2", f"{key}2"])] = value


def _replace(owner, key, rng, places):
    old = owner[key]
    if isinstance(old, int | float) and rng.random() < 0.7:
        owner[key] = rng.choice([*NUMBERS, -old, old * 1e6, old / 1e6, int(old) if math.isfinite(old) else 0])
    elif key == "unit" and rng.random() < 0.7:
        owner[key] = rng.choice(UNITS)
    else:
        owner[key] = copy.deepcopy(rng.choice([*NUMBERS, *TEXTS, *UNITS, *ODD, *RAW]))


def _swap(owner, key, rng, places):
    other, name = rng.choice(places)
    owner[key] = copy.deepcopy(other[name])


def _nest(owner, key, rng, places):
    value = owner[key]
    for _ in range(rng.choice([1, 2, 30, 90])):
        value = [value] if rng.random() < 0.5 else {"a": value}
    owner[key] = value


def _reword(owner, key, rng, places):
    """A text with one word, character or number changed."""
    text = owner[key]
    if not isinstance(text, str) or not text:
        return _replace(owner, key, rng, places)
    at = rng.randrange(len(text))
    inserted = rng.choice([*LETTERS, rng.choice(TEXTS)])
    owner[key] = text[:at] + inserted + text[at + rng.choice([0, 1, 1, 3]) :]


def _torn(data, rng):
    """The file with bytes cut, flipped, repeated, or of no encoding."""
    at = rng.randrange(len(data))
    lines = data.split(b"\n")
    line = rng.randrange(len(lines))
    return rng.choice(
        [
            lambda: data[:at],
            lambda: data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :],
            lambda: data[:at] + bytes([rng.randrange(128, 256)]) + data[at:],
            lambda: data[:at] + b"\x00" + data[at:],
            lambda: b"\n".join([*lines[:line], *lines[line + 1 :]]),
            lambda: b"\n".join([*lines[:line], lines[line], *lines[line:]]),
            lambda: b"\n".join([*lines[:line], lines[rng.randrange(len(lines))], *lines[line:]]),
            lambda: data[:at] + b"[" * rng.choice([2, 100, 20_000]) + data[at:],
            lambda: data[:at] + rng.randbytes(20) + data[at:],
            lambda: b"\xef\xbb\xbf" + data,
            lambda: data.decode().encode("utf-16"),
            lambda: b"",
        ]
    )()
