"""Every rule against its experiment: run the validation protocols side by side, one table and one page of all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dpap_bio import cite, judge, library, report, results, runs, store
from dpap_bio.atomic import write_text_atomically
from dpap_bio.datasets_files import DataMissing
from dpap_bio.judge import Verdict
from dpap_bio.living import Request
from dpap_bio.pool import develop_all

Say = Callable[[str], None]


@dataclass(frozen=True)
class Validated:
    """What became of one protocol.

    problem   str             why it was not run or did not end; "" otherwise
    skipped   bool            only its data are missing on this machine: no failure
    seconds   float, s        wall time of its developments together
    """

    name: str
    title: str
    folder: Path
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    skipped: bool = False
    seconds: float = 0.0
    size: str = ""

    @property
    def failed(self) -> bool:
        return any(v.failed for v in self.verdicts) or (bool(self.problem) and not self.skipped)


@dataclass(frozen=True)
class Row:
    """One criterion of one protocol, its controls beside it."""

    main: Verdict
    controls: tuple[Verdict, ...] = field(default=())


def names() -> list[str]:
    """The shipped protocols that say `validation = true`."""
    return [n for n in library.names("protocol") if library.read_toml(library.find("protocol", n))[1].get("validation")]


def validate(requests: Sequence[Request], out: Path, *, jobs: int | None = None, say: Say = print) -> list[Validated]:
    """Run protocols in folders below `out`, all their arms and seeds in one pool, and judge them.

    A protocol that is finished there is judged again, one that was stopped goes on. One that cannot be run for want of
    data is left out, saying so; one that breaks fails, and the others go on.

    Arguments
        requests   what is run, each into out/<name of the protocol>
        jobs       developments side by side; None is one a core
    Returns
        list of Validated, as `requests` are ordered; out/validation.html is the same as a page
    """
    done: dict[Path, Validated] = {}
    folders = {out / Path(r.protocol).stem: r for r in requests}
    with ExitStack() as locks:
        begun = []
        for folder, request in folders.items():
            try:
                locks.enter_context(store.Lock(folder))
                if (folder / "run.json").exists():
                    if not runs.finished(folder):
                        begun.append(runs.reopen(folder))
                else:
                    begun.append(runs.begin(request, folder))
            except DataMissing as error:
                done[folder] = Validated(Path(request.protocol).stem, "", folder, problem=str(error), skipped=True)
        if begun:
            develop_all(begun, jobs or os.cpu_count() or 1, say, lambda p: None, conclude=_conclude)
        for run in begun:
            if run.error is not None:
                skipped = isinstance(run.error, DataMissing)
                done[run.out] = Validated(run.protocol.name, run.protocol.title, run.out, problem=str(run.error),
                                          skipped=skipped, size=run.protocol.size)
    found = [done.get(folder) or _judged(folder) for folder in folders]
    write_text_atomically(out / "validation.html", page(found))
    return found


def rows(verdicts: Sequence[Verdict]) -> list[Row]:
    """The verdicts of a run as one row for each criterion."""
    names_ = list(dict.fromkeys(v.name for v in verdicts))
    return [Row(next(v for v in verdicts if v.name == name and not v.control),
                tuple(v for v in verdicts if v.name == name and v.control)) for name in names_]


def table(found: Sequence[Validated]) -> str:
    """One line for each criterion: verdict, claim, value, band, its basis and evidence, what became of the controls."""
    lines = []
    for each in found:
        took = f", {each.seconds:.0f} s" if each.seconds else ""
        lines += ["", f"{each.name}: {each.title}" + (f" ({each.size}{took})" if each.size else "")]
        if each.problem:
            lines.append(f"  {'left out' if each.skipped else 'failed'}: {each.problem}")
        lines += ["  " + _line(row) for row in rows(each.verdicts)]
    main = [v for each in found for v in each.verdicts if not v.control]
    controls = [v for each in found for v in each.verdicts if v.control]
    broken = sum(bool(each.problem) and not each.skipped for each in found)
    said = [f"{sum(v.verdict == word for v in main)} {word}" for word in dict.fromkeys(v.verdict for v in main)]
    failing = sum(v.verdict == judge.FAILED_AS_IT_MUST for v in controls)
    said.append(f"{failing} of {len(controls)} controls fail as they must")
    if broken:
        said.append(f"{broken} protocols broke")
    if left_out := sum(each.skipped for each in found):
        said.append(f"{left_out} left out")
    return "\n".join([*lines, "", ", ".join(said)]).lstrip("\n")


def as_json(found: Sequence[Validated]) -> str:
    """The same for programs."""
    return json.dumps([{"protocol": each.name, "title": each.title, "size": each.size, "failed": each.failed,
                        "problem": each.problem, "skipped": each.skipped, "seconds": each.seconds,
                        "criteria": [v.as_dict() for v in each.verdicts]} for each in found], indent=1)


def page(found: Sequence[Validated]) -> str:
    """The table and the figures of all protocols as one self-contained HTML page."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True)
    known = cite.entries()
    pictures = {each.name: report.pictures_of(each.folder) for each in found if each.verdicts}
    return environment.get_template("validation.html.jinja").render(
        found=found, rows=rows, pictures=pictures, marks=report.MARKS,
        basis=lambda source, chosen: report.basis(source, chosen, known), summary=table(found).rsplit("\n", 1)[-1])


def _line(row: Row) -> str:
    v = row.main
    basis = v.source or "chosen"
    evidence = f", {v.evidence}" if v.evidence else ""
    controls = "".join(f"; {c.arm}: {c.said}, {c.verdict}" for c in row.controls)
    note = f"; {v.note}" if v.note else ""
    return f"{v.verdict:8} {v.title}: {v.said}, wanted {v.wanted} ({basis}{evidence}){controls}{note}"


def _judged(folder: Path) -> Validated:
    run = results.load(folder / "run.nc")
    seconds = sum(runs.read_info(folder)["wall_s"].values())
    return Validated(run.attrs["protocol"], run.attrs["title"], folder, tuple(judge.verdicts(run)), seconds=seconds,
                     size=run.attrs["size"])


def _conclude(out: Path, walls: dict) -> None:
    runs.conclude(out, walls, say=lambda sentence: None)
