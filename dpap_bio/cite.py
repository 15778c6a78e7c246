"""The bibliography of exactly what a run used: software, rules, stimuli, measures, sources of numbers and of bounds."""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import xarray as xr

from dpap_bio import library
from dpap_bio import results_read as read

_SOFTWARE = {
    "stimberg2019": "simulator", "salmon2011": "random numbers", "harris2020": "arrays", "hoyer2017": "results",
}
_DPAP, _SD_SNN = ("han2024",), ("han2022",)
_RULES = {
    "importance": (*_DPAP, "bienenstock1982"),
    **dict.fromkeys(("survival", "survival_smooth", "survival_per_neuron", "survival_with_activity", "neuron_survival",
                     "neuron_survival_smooth", "prune_synapses", "prune_neurons"), _DPAP),
    **dict.fromkeys(("regrow", "regrow_no_autapses", "spine_range"), _SD_SNN),
    **dict.fromkeys(("criticality", "criticality_no_autapses"), ("chen2023",)),
    "trophic": ("vanooyen1999",),
    "spine_fluctuation": ("loewenstein2011", "yasumatsu2008"),
    **dict.fromkeys(("scaling", "rate_scaling"), ("turrigiano1998",)),
}
_STIMULI = {
    "digits": ("alpaydin1998",), "mnist": ("lecun1998",), "nmnist": ("orchard2015",), "recording": ("eglen2014",),
}
_READOUT = ("pedregosa2011",)
_MEASURES = {
    "selectivity_gain": ("vinje2000", "treves1991", "rolls1995"), "readout": _READOUT, "readout_raw": _READOUT,
    "readout_difference": _READOUT, "fit_error": ("pfister2006",),
}
_FIGURES = {"survival": ("kaplan1958",), "readout": ("wilson1927", "vinje2000", *_READOUT)}


@dataclass(frozen=True)
class Entry:
    """One entry of references.bib: its key, its BibTeX text and its fields, without braces."""

    key: str
    text: str
    fields: Mapping[str, str]

    def __str__(self) -> str:
        f = self.fields
        people = [name.strip() for name in f["author"].split(" and ")]
        people = [*people[:-1], "et al."] if people[-1] == "others" else people
        where = " ".join(f[n] for n in ("journal", "booktitle", "note") if n in f)
        volume = f.get("volume", "") + (f"({f['number']})" if "number" in f else "")
        pages = f.get("pages", "").replace("--", "\N{EN DASH}")
        place = ", ".join(part for part in (where, ": ".join(p for p in (volume, pages) if p)) if part)
        title = f["title"].replace("--", "\N{EN DASH}")
        return f"{'; '.join(people)} ({f['year']}). {title}{'' if title.endswith('?') else '.'} {place}."

    @property
    def short(self) -> str:
        """Names and year, as in running text: "Song et al. 2000"."""
        names = [person.split(",")[0] for person in self.fields["author"].split(" and ")]
        said = f"{names[0]} et al." if len(names) > 2 or names[-1] == "others" else " & ".join(names)
        return f"{said} {self.fields['year']}"

    @property
    def link(self) -> str:
        """Where it can be read; empty if we know of no address."""
        return f"https://doi.org/{self.fields['doi']}" if "doi" in self.fields else self.fields.get("url", "")


def bibliography(run: xr.DataTree) -> str:
    """BibTeX of every work that a run used, each with a comment that says for what.

    Raises
        ValueError   the run names a key that models/references.bib does not have
    """
    known, found = entries(), uses(run)
    return "\n\n".join(f"% {'; '.join(found[key])}\n{entry(key, found[key][0], known).text}" for key in sorted(found))


def uses(run: xr.DataTree) -> dict[str, list[str]]:
    """Bibliography key -> what the run took from it, in words."""
    from dpap_bio import results

    found: dict[str, list[str]] = {}

    def note(keys, purpose: str) -> None:
        for key in keys:
            if purpose not in found.setdefault(key, []):
                found[key].append(purpose)

    for key, purpose in _SOFTWARE.items():
        note([key], purpose)
    parameters = run["parameters"]
    for name, source in zip(parameters.parameter.values, parameters.source.values, strict=True):
        note(keys_in(str(source)), f"parameter {name}")
    for name in _rules(run):
        note(_RULES.get(name, ()), f"rule {name}")
    protocol = results.protocol_file(run)
    given = [s.stimulus if isinstance(s.stimulus, list) else [s.stimulus] for s in getattr(protocol, "stages", [])]
    for shown in [*chain(*given), *(p.stimulus for p in getattr(protocol, "probes", []))]:
        images = (shown.model_extra or {}).get("images")
        note(_STIMULI.get(images if images in _STIMULI else shown.kind, ()), f"stimulus {shown.kind}")
    shared = getattr(protocol, "conditions", None)
    for name, column in (shared.columns if shared else {}).items():
        note(keys_in(column.source or ""), f"column {name} of the conditions")
    if shared and shared.recorded:
        note(("chindemi2022",), f"recorded table {shared.recorded}")
    for criterion in protocol.criteria:
        note(keys_in(criterion.source or ""), f"bounds of {criterion.measure}")
        note(_MEASURES.get(criterion.measure, ()), f"measure {criterion.measure}")
    for figure in protocol.figures:
        note(("hunter2007", *_FIGURES.get(figure, ())), f"figure {figure}")
    return found


def entries() -> dict[str, Entry]:
    """Every entry of models/references.bib by key."""
    text = (library.folder("model") / "references.bib").read_text(encoding="utf-8")
    found = {}
    for match in re.finditer(r"^@\w+\{(\w+),\n(.*?)^\}", text, re.S | re.M):
        fields = re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", match[2], re.M)
        found[match[1]] = Entry(match[1], match[0], {name: _plain(value) for name, value in fields})
    return found


def entry(key: str, purpose: str = "the run", known: Mapping[str, Entry] | None = None) -> Entry:
    """The entry of a key; `purpose` says in the message who asked for it.

    Raises
        ValueError   there is no such entry
    """
    known = entries() if known is None else known
    if key not in known:
        raise ValueError(f"models/references.bib has no entry {key!r}, which {purpose} names: "
                         "add the entry, or correct the source")
    return known[key]


def _rules(run) -> list[str]:
    """The rules of the model and those that arms put in their place."""
    used = []
    for text in run["files"].text.values:
        content = tomllib.loads(str(text))
        used += [rule for p in content.get("projections", {}).values() for rule in p.get("rules", [])]
    for arm, changes in zip(run["arms"].arm.values, run["arms"].changes.values, strict=True):
        if arm in read.arms(run):
            used += json.loads(str(changes)).get("replace", {}).values()
    return list(dict.fromkeys(used))


def keys_in(source: str) -> list[str]:
    """The keys in a source such as "song2000, table 1"."""
    return re.findall(r"[a-z]+\d{4}[a-z]?", source)


def _plain(value: str) -> str:
    """A field of BibTeX as text: accents composed, braces gone."""
    value = re.sub(r"\\([\"'`^~])\{?(\w)\}?", lambda m: unicodedata.normalize("NFC", m[2] + _ACCENTS[m[1]]), value)
    return value.replace(r"\&", "&").translate(str.maketrans("", "", "{}"))


_ACCENTS = {'"': "\N{COMBINING DIAERESIS}", "'": "\N{COMBINING ACUTE ACCENT}", "`": "\N{COMBINING GRAVE ACCENT}",
            "^": "\N{COMBINING CIRCUMFLEX ACCENT}", "~": "\N{COMBINING TILDE}"}
