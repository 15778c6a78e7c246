"""The first mistake that pydantic found in a file, in one sentence: where, what was found, what is wanted."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

_WANTED = {
    "model_type": "a table", "model_attributes_type": "a table", "dict_type": "a table", "list_type": "a list",
    "tuple_type": "a list of two", "string_type": "text", "int_type": "a whole number",
    "int_from_float": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "greater_than_equal": "a number of at least {ge}", "less_than_equal": "a number of at most {le}",
    "too_short": "a list or table with at least {min_length} in it", "too_long": "a list of at most {max_length}",
    "string_too_long": "text of at most {max_length} characters", "literal_error": "{expected}",
}

RENAMED = {"density_of": "quota_of"}  # keys of older files


def sentence(error: ValidationError, form: type[BaseModel], content: Any) -> str:
    """The first complaint about a file's content, the file itself unnamed, with the number of further ones.

    Arguments
        error    what pydantic raised
        form     the form that the file should have
        content  what was read
    """
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda e: len(e["loc"]) == 0)
    parts = [p for p in first["loc"] if not (isinstance(p, str) and p.startswith(("(", "[key]")))]
    said = f"{_where(parts, content)}: {_said(first, form, parts)}"
    return said + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else "")


def _said(first, form, parts) -> str:
    kind = first["type"]
    if kind == "extra_forbidden":
        near = _near(str(parts[-1]), form, parts[:-1])
        return f"this key is now called {RENAMED[parts[-1]]!r}" if parts[-1] in RENAMED else (
            f"this key is not known here{near}")
    if kind == "missing":
        return "this key is missing"
    if kind == "value_error":
        return str(first["ctx"]["error"])
    wanted = _WANTED.get(kind, first["msg"][:1].lower() + first["msg"][1:]).format(**first.get("ctx", {}))
    return f"found {_SHORT.repr(first.get('input'))}, {wanted} is wanted"


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring, _SHORT.maxother = 2, 2, 3, 50, 50


def _where(parts: Sequence, content: Any) -> str:
    """The place as dotted keys; an entry of a list by its name, or by its number from 1."""
    words = []
    for part in parts:
        try:
            content = content[part]
        except (LookupError, TypeError):
            content = None
        if isinstance(part, int):
            name = content.get("name", content.get("measure")) if isinstance(content, dict) else None
            part = name if isinstance(name, str) and name.isidentifier() and len(name) < 40 else f"number {part + 1}"
        words.append(part if len(part) <= 40 else part[:37] + "...")
    plain = [word if word.isprintable() and word == word.strip() and word else repr(word) for word in words]
    return ".".join(plain) or "the file"


def _near(key: str, form: type[BaseModel], parts: Sequence) -> str:
    """The known key most like this one, of the form that stands at a place."""
    for part in parts:
        form = _inside(form, part)
    known = sorted(_keys(form))
    near = difflib.get_close_matches(key[:40], known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""


def _keys(form) -> dict[str, Any]:
    if isinstance(form, type) and issubclass(form, BaseModel):
        return {field.alias or name: field.annotation for name, field in form.model_fields.items()}
    inner = [a for a in get_args(form) if get_origin(form) in (Union, UnionType, Annotated)]
    return next((keys for keys in map(_keys, inner) if keys), {})


def _inside(form, part):
    """The form of one entry of a form."""
    if get_origin(form) in (dict, list):
        return get_args(form)[-1]
    return _keys(form).get(part)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """"; did you mean 'x'?" with the nearest of the known names, or nothing."""
    found = difflib.get_close_matches(str(name)[:40], [str(k) for k in known], n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
