"""A run: everything that a protocol's arms and seeds were, as one labelled tree that fits one file.

The same records always make the same tree, bit for bit: no clock, no host name, no path is in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import xarray as xr

from dpap_bio import kinds
from dpap_bio import results_read as read
from dpap_bio.results_file import digest, load, save
from dpap_bio.results_schema import ATTRIBUTES, FORMAT, SCHEMA, labelled, schema_text
from dpap_bio.results_validate import validate

__all__ = ["ATTRIBUTES", "SCHEMA", "assemble", "digest", "load", "protocol_file", "read", "save", "schema_text",
           "validate", "with_verdicts"]

_PACKAGES = ("dpap-bio", "brian2", "numpy", "scipy", "xarray", "scikit-learn", "torch")


def assemble(protocol, records: Mapping[tuple[str, int], Sequence[Mapping]], *, backend: str = "runtime",
             target: str = "", stopped: Mapping[tuple[str, int], str] | None = None) -> xr.DataTree:
    """Make the tree of a run from what its arms and seeds recorded, and judge it by the protocol's criteria.

    Arguments
        protocol  the protocol that was run, of any kind
        records   (arm, seed) -> records of its steps in order, birth first; unfinished ones are allowed
        backend   name of the backend, `target` how it generated code
        stopped   (arm, seed) -> the sentence of `Unhealthy`, for those that it ended
    Returns
        DataTree  groups as in SCHEMA
    Raises
        ValueError   one has no record of its birth, an epoch is missing, or an arm has a group's name
    """
    from dpap_bio import judge

    taken = [arm for arm, _ in records if arm in read.NOT_ARMS]
    if taken:
        raise ValueError(f"an arm cannot be called {taken[0]!r}: a group of the run file has that name; rename the arm")
    kind, _ = _protocol_text(protocol.texts.values())
    groups = {"files": _files(protocol), "arms": _arms(protocol), **kind.groups(protocol, records)}
    run = xr.DataTree.from_dict({f"/{path}": dataset for path, dataset in groups.items()})
    run.attrs = {"schema": FORMAT, "kind": kind.name, "protocol": protocol.name, "title": protocol.title,
                 "size": protocol.size, "model": kind.model(protocol), "seeds": json.dumps(list(protocol.seeds)),
                 "epochs": json.dumps(protocol.epochs), "backend": backend, "target": target,
                 "overrides": json.dumps(dict(protocol.set), sort_keys=True), "versions": json.dumps(_versions())}
    for (arm, seed), lived in records.items():
        run[read.place(arm, seed)].attrs["lived"] = int(lived[-1]["epoch"]) + 1
    for (arm, seed), sentence in (stopped or {}).items():
        run[read.place(arm, seed)].attrs["stopped"] = sentence
    return with_verdicts(run, judge.judge(run, protocol))


def with_verdicts(run: xr.DataTree, verdicts) -> xr.DataTree:
    """The run with its group /criteria made anew from `judge.judge`."""
    arms = list(dict.fromkeys(["main", *(v.arm for v in verdicts)]))
    names = list(dict.fromkeys(v.name for v in verdicts))
    seeds = sorted({seed for v in verdicts for seed in v.by_seed})
    shape = len(names), len(arms)
    table = {n: np.full(shape, np.nan) for n in ("value", "sem")} | {"n": np.zeros(shape, np.int64)}
    table |= {n: np.full(shape, "", object) for n in ("verdict", "note")}
    by_seed = np.full((*shape, len(seeds)), np.nan)
    for v in verdicts:
        at = names.index(v.name), arms.index(v.arm)
        for column, values in table.items():
            values[at] = getattr(v, column)
        for seed, value in v.by_seed.items():
            by_seed[(*at, seeds.index(seed))] = value
    first = [next(v for v in verdicts if v.name == name) for name in names]
    table |= {n: [getattr(v, n) for v in first] for n in ("measure", "title", "unit", "low", "high", "source", "chosen",
                                                         "evidence")}
    table |= {"args": [json.dumps(dict(v.args), sort_keys=True) for v in first], "by_seed": by_seed, "criterion": names,
              "arm": arms, "seed": np.asarray(seeds, np.int64)}
    judged = run.copy()
    judged["criteria"] = xr.DataTree(labelled("criteria", table))
    return judged


def protocol_file(run: xr.DataTree) -> Any:
    """The protocol of a run as it was written, in its kind's form, read from the text that the run carries."""
    kind, content = _protocol_text(run["files"].text.values)
    return kind.form.model_validate(content)


def _protocol_text(texts: Iterable[str]) -> tuple[kinds.Kind, dict]:
    for text in texts:
        content = tomllib.loads(str(text))
        with contextlib.suppress(ValueError):
            return kinds.kind(content.get("schema")), content
    raise ValueError("the run carries no protocol file")


def _files(protocol) -> xr.Dataset:
    texts = protocol.texts
    names = sorted(texts)
    return labelled("files", {"file": names, "text": [texts[n] for n in names],
                              "sha256": [hashlib.sha256(texts[n].encode("utf-8")).hexdigest() for n in names]})


def _arms(protocol) -> xr.Dataset:
    changes = [{n: dict(v) if isinstance(v, Mapping) else v for n, v in vars(arm).items()
                if n not in ("name", "title") and v not in (None, "")} for arm in protocol.arms]
    return labelled("arms", {"arm": [a.name for a in protocol.arms], "title": [a.title for a in protocol.arms],
                             "changes": [json.dumps(c, sort_keys=True) for c in changes]})


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
