"""Find a model, mechanism, protocol or analysis by name or path, in a checkout or an installed package."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path

_KINDS = {
    "model": ("models", ".toml"),
    "mechanism": ("models/mechanisms", ".toml"),
    "protocol": ("protocols", ".toml"),
    "analysis": ("analysis", ".py"),
    "benchmark": ("benchmarks", ".py"),
}
_MAX_BYTES = 1_000_000


def folder(kind: str) -> Path:
    """Where the shipped files of a kind lie: inside the package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    place = _KINDS[kind][0]
    shipped = here / "_shipped" / place
    if shipped.is_dir():
        return shipped
    project = here.parent / "pyproject.toml"
    if project.is_file() and 'name = "dpap-bio"' in project.read_text(encoding="utf-8"):
        return here.parent / place
    raise FileNotFoundError(f"no shipped {place} beside {here}: the installation is incomplete, reinstall dpap-bio")


def names(kind: str) -> list[str]:
    """The names of the shipped files of a kind, sorted."""
    ending = _KINDS[kind][1]
    return sorted(p.stem for p in folder(kind).glob(f"*{ending}"))


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """The file of a name ("critical_period") or a path ("./mine.toml", relative to `beside` if given).

    Raises
        FileNotFoundError   one sentence with the names there are, the nearest first
    """
    ending = _KINDS[kind][1]
    if name.endswith(ending) or "/" in name:
        path = Path(name) if beside is None or Path(name).is_absolute() else beside / name
        if _is_file(path):
            return path
        raise FileNotFoundError(f"{kind} file {str(path)!r} does not exist")
    path = folder(kind) / f"{name}{ending}"
    if _is_file(path):
        return path
    known = names(kind)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise FileNotFoundError(f"no {kind} is called {name!r}: {hint}there are {', '.join(known)}; a file needs its path")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the disk
        return False


def read_toml(path: Path) -> tuple[str, dict]:
    """The text and the content of a TOML file; one sentence naming the file where it cannot be read.

    Raises
        ValueError   too large, not UTF-8, or not TOML (with line and column)
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path.name}: {path.stat().st_size} bytes found, at most {_MAX_BYTES} are read")
    try:
        text = path.read_bytes().decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    except ValueError as error:  # tomllib's own, or Python's about a number of more than 4300 digits
        raise ValueError(f"{path.name}: not TOML: {error}") from None
    except RecursionError:
        raise ValueError(f"{path.name}: brackets are nested too deeply") from None
