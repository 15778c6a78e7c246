"""Change one sign, one time constant or the order of two statements in a plasticity mechanism: which criterion sees it?

    python benchmarks/mutations.py [MECHANISM...] [--all] > table

Every mutant runs through the quick protocols that use the mechanism, the fastest first, until a criterion fails (or,
with --all, through all of them). A mutant that no criterion sees is printed as SURVIVED, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from dpap_bio import judge, kinds, library, results, units
from dpap_bio.living import Request

COVERED = {  # mechanism: protocols that use it, the fastest first
    "pair_stdp": ("plasticity_rules", "stdp_window"), "triplet_stdp": ("plasticity_rules", "wang_triplets"),
    "triplet_stdp_nearest": ("plasticity_rules", "wang_triplets"), "inhibitory_stdp": ("plasticity_rules",),
    "post_stdp": ("plasticity_rules",), "bcm": ("plasticity_rules", "bcm_threshold"),
    "bcm_mean": ("plasticity_rules",), "spine": ("plasticity_rules",),
    "triplet_sliding": ("plasticity_rules", "triplet_threshold"),
    "calcium_threshold": ("plasticity_rules", "frequency_curve"),
    "adaptive_threshold": ("homeostasis",), "intrinsic_plasticity": ("homeostasis",),
}
PARTS = {"synapse": ("equations", "on_pre", "on_post"), "target": ("equations", "on_spike"),
         "neuron": ("equations", "reset")}
STRETCH = 1.2


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("mechanisms", nargs="*", help=f"of {', '.join(COVERED)}; default all")
    given.add_argument("--all", action="store_true", help="go on after the first criterion that fails")
    asked = given.parse_args()
    originals = {n: library.find("mechanism", n).read_text(encoding="utf-8") for n in asked.mechanisms or COVERED}
    caught = total = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for kind in ("models", "protocols", "analysis"):
            shutil.copytree(library.folder("model").parent / kind, place / kind)
        library.folder = lambda kind: place / library._KINDS[kind][0]  # every file is now found among the copies
        for name, text in originals.items():
            for said, mutant in mutants(text):
                seen = _seen(place, name, mutant, COVERED[name], asked.all)
                total, caught = total + 1, caught + bool(seen)
                print(f"{name:22} {said:78} {'; '.join(seen) or 'SURVIVED'}", flush=True)
            _write(place, name, text)
    print(f"{caught} of {total} mutants are caught")
    return 0 if caught == total else 1


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Every mutant of a mechanism file: what was changed, and the file's new text."""
    content = tomllib.loads(text)
    for part, keys in PARTS.items():
        for key in keys:
            lines = [x.strip() for x in content.get(part, {}).get(key, "").splitlines() if x.strip()]
            for line in lines:
                for changed in _other_signs(line):
                    yield f"sign: {changed}", text.replace(line, changed, 1)
            for first, second in combinations(lines if key != "equations" else (), 2):
                if _name(first) in _read(second) or _name(second) in _read(first):
                    yield f"order: {second} before {_name(first)}", _earlier(text, first, second)
    for name, parameter in content.get("parameters", {}).items():
        if units.dimension_of(parameter["unit"]) == "time":
            old = re.search(rf"\[parameters\.{name}\]\nvalue  = (.*)\n", text)
            new = f"{parameter['value'] * STRETCH:.10g}"
            yield f"time: {name} = {new} {parameter['unit']}", text[: old.start(1)] + new + text[old.end(1) :]


def _other_signs(line: str) -> Iterator[str]:
    """The line with one sign changed: a + or - between terms, at the start of a term, or of an update."""
    code = line.split(":")[0]
    for match in re.finditer(r"(?<![eE\d])[+-](?=[\s\w(=])", code):
        at = match.start()
        yield line[:at] + ("-" if line[at] == "+" else "+") + line[at + 1 :]


def _earlier(text: str, first: str, second: str) -> str:
    """The text with a later line put before an earlier one."""
    at = text.index(first)
    later = text.index(f"{second}\n", at + len(first))
    return text[:at] + f"{second}\n" + text[at:later] + text[later + len(second) + 1 :]


def _name(line: str) -> str:
    return re.match(r"\w+", line)[0]


def _read(line: str) -> set[str]:
    """The names that a statement reads, what an update adds to left out: it commutes with other updates."""
    return set(re.findall(r"[a-z_]\w*", line.split("=", 1)[1]))


def _seen(place: Path, name: str, text: str, protocols, go_on: bool) -> list[str]:
    """What sees a mutant: protocol and criterion, or how the run broke down."""
    _write(place, name, text)
    seen = []
    for protocol in protocols:
        try:
            seen += [f"{protocol}: {v.name}" for v in _verdicts(protocol) if v.failed or not v.n]
        except (kinds.Unhealthy, ValueError) as error:
            seen.append(f"{protocol}: does not run ({str(error)[:60]})")
        if seen and not go_on:
            return seen
    return seen


def _verdicts(name: str):
    """The verdicts of the main arm of a quick protocol."""
    request = Request(name, "quick", {}, (), "runtime", "numpy")
    kind, protocol = request.load()
    main = replace(protocol, arms=protocol.arms[:1])
    records = [step.record for step in kind.lives(main, main.arms[0], main.seeds[0], request, None, None)]
    run = results.assemble(main, {("main", main.seeds[0]): records}, target="numpy")
    return [v for v in judge.verdicts(run) if v.arm == "main"]


def _write(place: Path, name: str, text: str) -> None:
    (place / "models" / "mechanisms" / f"{name}.toml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
