"""Where the environment of the genn backend is, whether it is in order, and how it is set up.

Brian2GeNN 1.7.0 needs brian2 < 2.6 and numpy < 2, so it cannot live where dpap_bio does. Its python is named by
DPAP_GENN, GeNN's sources by GENN_PATH; `dpap doctor` writes both down where they work, for later runs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from dpap_bio.atomic import write_text_atomically

TRIED = {"brian2": "2.5.4", "brian2genn": "1.7.0"}  # what results are the same with: another one is refused
GENN = "4.9.0"
STEPS = f"""\
python3.11 -m venv ~/genn
~/genn/bin/pip install brian2=={TRIED["brian2"]} brian2genn=={TRIED["brian2genn"]} \\
    "numpy<2" "setuptools<80" "cython<3.1" pydantic array-api-compat
git clone --depth 1 --branch {GENN} https://github.com/genn-team/genn ~/genn/genn
export DPAP_GENN=~/genn/bin/python GENN_PATH=~/genn/genn
dpap doctor"""


def find() -> tuple[str, str]:
    """The python of the environment and the folder of GeNN's sources.

    Raises
        ValueError   what is missing, and what to do
    """
    noted = _noted()
    python, genn = (os.environ.get(variable) or noted.get(variable) for variable in ("DPAP_GENN", "GENN_PATH"))
    if not python:
        raise ValueError("backend genn runs in an environment of its own, and DPAP_GENN does not name its python: "
                         "`dpap doctor` says how it is set up")
    if not shutil.which(python):
        raise ValueError(f"DPAP_GENN is {python}, which is no program: it names the python of GeNN's environment, "
                         "e.g. ~/genn/bin/python; `dpap doctor` says how it is set up")
    if not genn or not (Path(genn) / "bin" / "genn-buildmodel.sh").is_file():
        raise ValueError(f"GENN_PATH is {genn or 'not set'}: the folder of GeNN's sources is wanted, with "
                         "bin/genn-buildmodel.sh in it; `dpap doctor` says how it is set up")
    return python, genn


def wrong_versions(installed: Mapping[str, str], genn: str) -> str:
    """Empty if an environment has what was tried, else a sentence.

    Arguments
        installed   package -> version
        genn        folder of GeNN's sources
    """
    for name, wanted in TRIED.items():
        if installed.get(name) != wanted:
            return f"it has {name} {installed.get(name, 'not at all')}, {wanted} is wanted"
    try:
        found = (Path(genn) / "version.txt").read_text(encoding="ascii").strip()
    except OSError:
        found = "of an unknown version"
    return "" if found == GENN else f"GeNN in {genn} is {found}, {GENN} is wanted"


def examined() -> tuple[str, str]:
    """"ok", "no" or "absent", and a sentence or the steps to go: for `dpap doctor`. What works is written down."""
    from dpap_bio.worker import Worker

    if not os.environ.get("DPAP_GENN") and not _noted():
        return "absent", "not set up (optional); the steps that were tried:\n" + STEPS
    worker = None
    try:
        python, genn = find()
        worker = Worker("genn", "cpu", python=python, environment={"GENN_PATH": genn})
        versions = worker.versions()
    except (ValueError, OSError) as error:
        return "no", f"{error}; the steps that were tried:\n{STEPS}"
    finally:
        if worker is not None:
            worker.close()
    write_text_atomically(_notes(), json.dumps({"DPAP_GENN": python, "GENN_PATH": genn}, indent=1) + "\n")
    return "ok", (f"brian2genn {versions['brian2genn']}, brian2 {versions['brian2']}, GeNN {GENN}, on the processor; "
                  f"noted in {_notes()}")


def _notes() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "dpap_bio" / "genn.json"


def _noted() -> dict:
    try:
        found = json.loads(_notes().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
