"""One self-contained HTML page of a run: what was run, what came out, pictures, every parameter with its source."""

from __future__ import annotations

import base64
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from dpap_bio import cite, judge, results
from dpap_bio import results_read as read
from dpap_bio.atomic import write_text_atomically
from dpap_bio.figures import draw
from dpap_bio.measures import MEASURES

__all__ = ["FIGURES", "MARKS", "Picture", "basis", "draw", "page", "pictures_of", "write"]

FIGURES = {  # by kind, of a protocol that names none
    "development": ("density", "survival", "weights", "connectivity", "raster", "readout"), "training": ("training",)}
MARKS = {judge.PASSED: "\N{CHECK MARK}", judge.FAILED_AS_IT_MUST: "\N{CHECK MARK}", judge.FAILED: "\N{BALLOT X}",
          judge.PASSED_BUT_MUST_FAIL: "\N{BALLOT X}"}


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it: PNG bytes, caption, alternative text; or the reason why it could not be drawn."""

    name: str
    png: bytes = b""
    caption: str = ""
    alt: str = ""
    problem: str = ""

    @property
    def data(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def write(folder: Path, run: xr.DataTree | None = None) -> Path:
    """Draw the figures of a run folder as PNG files and write its report.html.

    Arguments
        folder  path        holds run.nc, and run.json if wall times are to be shown
        run     DataTree    what run.nc holds, where it is at hand: reading a large run takes half a minute
    Returns
        Path                of the page
    Raises
        FileNotFoundError, ValueError   run.nc is missing or damaged: one sentence
    """
    folder = Path(folder)
    run = results.load(folder / "run.nc") if run is None else run
    pictures = [_picture(name, run, folder) for name in _figures(run)]
    said = {p.name: {"caption": p.caption, "alt": p.alt, "problem": p.problem} for p in pictures}
    write_text_atomically(folder / "captions.json", json.dumps(said, indent=1) + "\n")
    path = folder / "report.html"
    write_text_atomically(path, page(run, pictures, _walls(folder)))
    return path


def pictures_of(folder: Path) -> list[Picture]:
    """The figures of a run folder as `write` left them."""
    said = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    return [Picture(name, b"" if text["problem"] else (folder / f"{Path(name).stem}.png").read_bytes(), **text)
            for name, text in said.items()]


def _figures(run: xr.DataTree) -> Sequence[str]:
    return results.protocol_file(run).figures or FIGURES.get(run.attrs["kind"], ())


def page(run: xr.DataTree, pictures: list[Picture], walls: Mapping[str, float] | None = None) -> str:
    """The page as HTML text.

    Arguments
        run       DataTree
        pictures  figures in the order in which they are shown
        walls     "arm-seed" -> float, s   wall time of each development, if known
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True)
    environment.filters |= {"number": _number, "changes": _changes}
    verdicts = judge.verdicts(run)
    known = cite.entries()
    return environment.get_template("report.html.jinja").render(
        run=run.attrs, seeds=json.loads(run.attrs["seeds"]), overrides=json.loads(run.attrs["overrides"]),
        versions=json.loads(run.attrs["versions"]), note=results.protocol_file(run).note, arms=_rows(run["arms"]),
        stages=_rows(run["stages"]) if "stages" in run.children else [], lived=read.arms(run), stopped=_stopped(run),
        verdicts=verdicts, marks=MARKS,
        count=_count(verdicts), how=_how, basis=lambda source, chosen: basis(source, chosen, known),
        pictures=pictures, parameters=_rows(run["parameters"]), walls=dict(walls or {}),
        references=_references(run, known),
    )


def _picture(name: str, run: xr.DataTree, folder: Path) -> Picture:
    path = folder / f"{Path(name).stem}.png"
    try:
        caption, alt = draw(name, run, path)
    except MemoryError:
        raise
    except Exception as error:  # a figure may be anybody's script: the page says what happened and goes on
        return Picture(name, problem=f"{type(error).__name__}: {error}")
    return Picture(name, path.read_bytes(), caption, alt)


def _walls(folder: Path) -> dict[str, float]:
    try:
        return dict(json.loads((folder / "run.json").read_text(encoding="utf-8")).get("wall_s", {}))
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _rows(node: xr.DataTree) -> list[dict[str, object]]:
    """A table as a list of rows."""
    columns = {str(name): variable.values for name, variable in node.to_dataset().variables.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _stopped(run) -> list[str]:
    return [f"{arm}, seed {seed}: {run[read.place(arm, seed)].attrs['stopped']}" for arm in read.arms(run)
            for seed in read.seeds(run, arm) if "stopped" in run[read.place(arm, seed)].attrs]


def _count(verdicts) -> dict[str, int]:
    """How many criteria there are with each verdict in the main arm, and how many controls did what they must not."""
    found = {word: sum(v.verdict == word for v in verdicts if not v.control)
             for word in (judge.PASSED, judge.FAILED, judge.TOO_LITTLE, judge.NOT_APPLICABLE)}
    return {word: n for word, n in found.items() if n} | (
        {judge.PASSED_BUT_MUST_FAIL: n} if (n := sum(v.failed for v in verdicts if v.control)) else {})


def _how(verdict) -> str:
    """How a measure is taken: the first paragraph of its description, and its arguments."""
    text = inspect.getdoc(MEASURES[verdict.measure].fn) if verdict.measure in MEASURES else ""
    args = ", ".join(f"{name} {value}" for name, value in verdict.args.items())
    return " ".join((text or "").split("\n\n")[0].split()) + (f" ({args})" if args else "")


def basis(source: str, chosen: str, known) -> dict[str, str]:
    """Why a number is what it is: a source with its link, or a reason."""
    keys = cite.keys_in(source)
    entry = known.get(keys[0]) if keys else None
    text = source.replace(keys[0], entry.short, 1) if entry else source or chosen
    return {"text": text, "title": str(entry) if entry else "", "link": entry.link if entry else ""}


def _references(run, known) -> list[dict[str, str]]:
    used = cite.uses(run)
    return [{"text": str(known[key]) if key in known else f"{key}: not in references.bib", "for": _grouped(used[key]),
             "link": known[key].link if key in known else ""} for key in sorted(used)]


def _grouped(purposes: list[str]) -> str:
    """"rule a", "rule b", "simulator" as "rule a, b; simulator"."""
    by_kind: dict[str, list[str]] = {}
    for purpose in purposes:
        kind, _, name = purpose.rpartition(" ")
        by_kind.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} {', '.join(names)}".strip() for kind, names in by_kind.items())


def _changes(text: str) -> str:
    """The JSON of what an arm or a stage changes, in words."""
    content = json.loads(text)
    if not any(isinstance(value, dict) for value in content.values()):  # a stage's own parameters
        content = {"set": content}
    rules = [f"rule {old} becomes {new}" for old, new in content.get("replace", {}).items()]
    others = {n: v for n, v in content.items() if n not in ("replace", "set", "quota_of")}
    quota = [f"as many synapses as in {content['quota_of']}"] if "quota_of" in content else []
    values = {**others, **content.get("set", {})}
    return "; ".join([*rules, *quota, *(f"{name} = {value}" for name, value in values.items())]) or "nothing"


def _number(value: float) -> str:
    return "none" if not math.isfinite(value) else f"{value:.4g}"
