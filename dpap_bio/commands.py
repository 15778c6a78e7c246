"""The commands of `dpap`: each parses, calls one function of the library, prints, and returns a code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dpap_bio import asked

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Grow, use and prune spiking networks, and check them against biology and deep networks.")

Protocol = Annotated[str, typer.Argument(help="A shipped protocol's name, or the path of a protocol file.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.")]
Set = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE", help="Another value for a parameter, in the file's unit or with one: rho=1.5, "
                                        "\"tau_m=20 ms\", feedforward.w_max=2, input.size=200, stimulus.rate=\"9 Hz\"; "
                                        "may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]


@app.command("list")
def list_(as_json: Json = False) -> int:
    """The models, mechanisms, protocols, figures, rules, stimuli and backends there are, with their titles."""
    from dpap_bio import library
    from dpap_bio.backends import BACKENDS
    from dpap_bio.rules import RULES
    from dpap_bio.stimuli import STIMULI

    found = {kind + "s": {n: _title(library.find(kind, n)) for n in library.names(kind)}
             for kind in ("protocol", "model", "mechanism")}
    found["figures"] = {n: _first_line(library.find("analysis", n)) for n in library.names("analysis")}
    found["rules"] = {n: ", ".join(f"{k} [{u}]" for k, u in r.needs.items()) for n, r in RULES.items()}
    found["stimuli"] = {n: ", ".join(f"{k} [{u}]" for k, u in s.needs.items()) for n, s in STIMULI.items()}
    found["backends"] = {n: b.title for n, b in BACKENDS.items()}
    if as_json:
        print(json.dumps(found, indent=1))
        return 0
    for kind, rows in found.items():
        print(kind)
        for name, title in rows.items():
            print(f"  {name:28} {title}")
    return 0


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model or a protocol, by name or path.")], set_: Set = None) -> int:
    """What a model will run: equations after lifting, parameters, sources, rules; or what a protocol goes through.

    A name that a protocol and a model share shows both.
    """
    from dpap_bio import show

    texts = {"protocol": show.protocol_text, "model": show.model_text}
    print("\n\n".join(texts[kind](name, asked.overrides(set_)) for kind in asked.kinds(name)))
    return 0


@app.command()
def run(
    protocol: Protocol,
    size: Annotated[str, typer.Option(help="A size of the protocol; full is the file as it stands.")] = "full",
    quick: Annotated[bool, typer.Option("--quick", help="The same as --size quick.")] = False,
    set_: Set = None,
    model: Annotated[str | None, typer.Option(
        help="A model of your own, by name or path, in place of the protocol's; controls keep theirs.")] = None,
    seed: Annotated[list[int] | None, typer.Option(
        help="Instead of the protocol's seeds; may be repeated.", min=0, max=2**31 - 1)] = None,
    backend: Annotated[str, typer.Option(help="Who simulates: see `dpap list`.")] = "runtime",
    target: Annotated[str, typer.Option(help="auto, numpy (no compiler needed) or cython.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="A new folder for the run; default runs/<protocol>-<size>.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Developments side by side; default one a core.", min=1)] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Print memory, work and time, and stop.")] = False,
    i_know: Annotated[bool, typer.Option("--i-know", help="Run even if memory will probably not suffice.")] = False,
) -> int:
    """Run a protocol: all arms and seeds, to results, figures and report; exit 1 if a criterion fails."""
    from dpap_bio import estimate as estimates
    from dpap_bio import runs

    for option, value, default in (("--backend", backend, "runtime"), ("--target", target, "auto")):
        if value != default:
            asked.check_development(protocol, f"{option} {value}")
    request = asked.request(protocol, "quick" if quick else size, set_, seed, backend, target, model)
    if estimate:
        print(estimates.text(request, jobs))
        return 0
    if not i_know:
        estimates.check(request, jobs)
    name = f"{Path(protocol).stem}-{request.size}"
    out = out or runs.new_folder(Path("runs"), name)
    from dpap_bio.progress import watching

    with watching() as (say, progress):
        say(f"{protocol} ({request.size}) -> {out}; stop it when you like, `dpap resume {out}` goes on")
        verdicts = runs.start(request, out, jobs=jobs, say=say, progress=progress)
    return _print_verdicts(out, verdicts)


@app.command()
def resume(folder: RunFolder,
           jobs: Annotated[int | None, typer.Option(help="Developments side by side.", min=1)] = None) -> int:
    """Go on with a run that was stopped or killed; the result is the one it would have had, bit for bit."""
    from dpap_bio import runs
    from dpap_bio.progress import watching

    with watching() as (say, progress):
        verdicts = runs.resume(folder, jobs=jobs, say=say, progress=progress)
    return _print_verdicts(folder, verdicts)


@app.command()
def judge(folder: RunFolder, as_json: Json = False) -> int:
    """Each criterion of a run with its value, its bounds and its verdict; exit 1 unless all passed."""
    from dpap_bio import judge as judging

    return _print_verdicts(folder, judging.verdicts(asked.results_of(folder)), as_json)


@app.command()
def validate(
    names: Annotated[list[str] | None, typer.Argument(help="Protocols; default those that check a rule.")] = None,
    size: Annotated[str, typer.Option(help="quick or full.")] = "quick",
    backend: Annotated[str | None, typer.Option(help="Who simulates: see `dpap list`; default cpp_standalone where "
                                                     "there is a C++ compiler, else runtime.")] = None,
    target: Annotated[str, typer.Option(help="How it generates code: see docs/backends.md.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for the runs; one begun there goes on.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Developments side by side; default one a core.", min=1)] = None,
    as_json: Json = False,
) -> int:
    """Check every rule against its experiment, side by side: one table, validation.html; exit 1 on any failure.

    A protocol whose data are not on this machine is left out, saying so.
    """
    from dpap_bio import backends, runs, validate
    from dpap_bio.progress import watching

    backend = backend or (backends.fastest() if target == "auto" else "runtime")
    requests = [asked.request(name, size, None, None, backend, target) for name in names or validate.names()]
    folder = out or runs.new_folder(Path("runs"), f"validate-{size}")
    with watching() as (say, _):
        say(f"{len(requests)} protocols ({size}) -> {folder}")
        found = validate.validate(requests, folder, jobs=jobs, say=say)
    print(validate.as_json(found) if as_json else f"{validate.table(found)}\npage: {folder / 'validation.html'}")
    return 1 if any(each.failed for each in found) else 0


@app.command()
def figure(name: Annotated[str, typer.Argument(help="A figure, by name or path.")], folder: RunFolder,
           out: Annotated[Path | None, typer.Option(help="Picture file; default <run>/<figure>.png.")] = None) -> int:
    """Draw one figure of a run."""
    from dpap_bio import figures

    path = out or folder / f"{Path(name).stem}.png"
    figures.draw(name, asked.results_of(folder), path)
    print(path)
    return 0


@app.command("report")
def report_(folder: RunFolder) -> int:
    """Write report.html and the pictures of a run anew."""
    from dpap_bio import report

    print(report.write(folder))
    return 0


@app.command()
def explain(folder: RunFolder,
            synapse: Annotated[int | None, typer.Option(help="The lasting id of one synapse.")] = None,
            projection: Annotated[str | None, typer.Option(help="Default: the first that lost synapses.")] = None,
            arm: Annotated[str, typer.Option(help="Which arm.")] = "main",
            seed: Annotated[int | None, typer.Option(help="Which seed; default all.")] = None) -> int:
    """Why synapses went: the dying against those that lived on, the predicted cut-off; or the life of one synapse."""
    from dpap_bio import explain

    print(explain.text(asked.results_of(folder), arm=arm, projection=projection, synapse=synapse, seed=seed))
    return 0


@app.command()
def cite(folder: RunFolder) -> int:
    """The bibliography of exactly what a run used, as BibTeX."""
    from dpap_bio import cite

    print(cite.bibliography(asked.results_of(folder)))
    return 0


@app.command()
def schema() -> int:
    """Every variable that a run file may hold, with its unit and meaning."""
    from dpap_bio import results

    print(results.schema_text())
    return 0


@app.command()
def doctor() -> int:
    """What this installation can do, and the step that mends each thing it cannot."""
    from dpap_bio import doctor

    text, healthy = doctor.examine()
    print(text)
    return 0 if healthy else 1


@app.command()
def warmup(
    protocol: Annotated[str, typer.Argument(help="The protocol whose code is compiled.")] = "critical_period",
) -> int:
    """Compile a protocol's code once (1-2 minutes), so that long runs start at once afterwards."""
    from dpap_bio import doctor

    print(doctor.warmup(protocol))
    return 0


@app.command()
def bench(as_json: Json = False) -> int:
    """Measure surgery and pruning against the plain ways on this machine, as ratios in one run."""
    from dpap_bio import bench

    rows = bench.measure()
    print(json.dumps(rows, indent=1) if as_json else bench.table(rows))
    return 0


def _print_verdicts(folder: Path, verdicts: list, as_json: bool = False) -> int:
    from dpap_bio import judge

    print(json.dumps([v.as_dict() for v in verdicts], indent=1) if as_json else judge.table(verdicts))
    if not as_json and (folder / "report.html").exists():
        print(f"report: {folder / 'report.html'}")
    return 1 if any(v.failed for v in verdicts) else 0


def _title(path: Path) -> str:
    from dpap_bio import library

    return str(library.read_toml(path)[1].get("title", ""))


def _first_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].strip('"') if lines else ""
