"""What Brian2 says about a model's equations, in one sentence that names the file and the owner."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

_LINE = re.compile(r"raised in the following line:\s*\n(.*)")
_NAMED = re.compile(r"object named '(\w+)'")


@contextlib.contextmanager
def told(model, owner: str = "") -> Iterator[None]:
    """Turn what Brian2 raises within the block into one sentence.

    Arguments
        model  Model   whose equations run
        owner  str     "population x" or "projection x", where it is known already
    Raises
        ValueError             file, owner, Brian2's own reason
        OSError, MemoryError   as they are: no mistake in the model
    """
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        chain = list(_chain(error))
        for cause in chain:
            if isinstance(cause, OSError | MemoryError):
                raise cause from None
        raise ValueError(f"{model.name}.toml: {owner or _owner(model, chain)}: {_reason(chain)}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _owner(model, chain) -> str:
    """The population or projection that the object in trouble was made for."""
    found = next((m[1] for m in (_NAMED.search(str(e)) for e in chain) if m), "")
    kinds = {
        "population": model.populations,
        "projection": model.projections,
        "arrival": model.projections,
        "arriving": model.projections,
    }
    names = [(f"{prefix}_{name}", name, prefix) for prefix, owners in kinds.items() for name in owners]
    fits = [row for row in names if found == row[0] or found.startswith(row[0] + "_")]
    if not fits:
        return "Brian2"
    _, name, prefix = max(fits, key=lambda row: len(row[0]))
    return f"{'population' if prefix == 'population' else 'projection'} {name}"


def _reason(chain) -> str:
    """The innermost cause, with what Brian2 said of its place, without the names of its own objects."""
    own = [e for e in chain if type(e).__name__ != "BrianObjectException"] or chain[-1:]
    said = " ".join(str(own[0]).replace("%Expression", "expression").split())
    last = " ".join(str(own[-1]).split())
    if last and last.casefold() not in said.casefold():
        said = f"{said} {last}"
    said = said or type(own[-1]).__name__
    line = next((m[1].strip() for m in (_LINE.search(str(e)) for e in chain) if m), "")
    if type(own[-1]).__name__ in ("CompileError", "LinkError"):
        said += "; `dpap doctor` looks at the compiler, --target numpy does without"
    said = said[:500].rstrip(". ")
    return f"{said}, in `{line[:120]}`" if line else said
