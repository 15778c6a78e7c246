"""Judge a run: each criterion in the main arm, and in the arms where it must fail."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import xarray as xr

from dpap_bio import results
from dpap_bio import results_read as read
from dpap_bio.measures import MEASURES
from dpap_bio.results_read import NotApplicable, TooLittleData

PASSED, FAILED, NOT_APPLICABLE, TOO_LITTLE = "passed", "failed", "not applicable", "too little data"
FAILED_AS_IT_MUST, PASSED_BUT_MUST_FAIL = "failed as it must", "passed but must fail"  # of control arms


@dataclass(frozen=True)
class Verdict:
    """What became of one criterion in one arm.

    name       str            the measure, numbered where the protocol uses it more than once
    arm        str            where it was judged; `control` where it must fail there
    low, high  float, unit    the band that passes, both ends with it
    value      float, unit    mean over the seeds that have a value; NaN where none has
    sem        float, unit    standard error of that mean over seeds; NaN below two
    by_seed    seed -> float  the value of each of those `n` seeds
    note       str            why there is no value, or which seeds have none
    """

    name: str
    measure: str
    title: str
    args: Mapping[str, object]
    unit: str
    arm: str
    control: bool
    low: float
    high: float
    source: str
    chosen: str
    evidence: str
    verdict: str
    value: float = math.nan
    sem: float = math.nan
    by_seed: Mapping[int, float] = field(default_factory=dict)
    note: str = ""

    @property
    def n(self) -> int:
        return len(self.by_seed)

    @property
    def failed(self) -> bool:
        """Whether it speaks against the run."""
        return self.verdict in (FAILED, PASSED_BUT_MUST_FAIL)

    @property
    def said(self) -> str:
        """The value with its standard error, to two digits of it, and the unit; "no value" where there is none."""
        if not self.n:
            return "no value"
        unit = _unit(self.unit)
        if not self.sem > 1e-9 * abs(self.value):
            return f"{self.value:.3g}{unit}"
        if abs(self.value) < 1e-6:
            return f"{self.value:.2g} \N{PLUS-MINUS SIGN} {self.sem:.2g}{unit}"
        digits = max(0, 1 - math.floor(math.log10(self.sem)))
        return f"{self.value:.{digits}f} \N{PLUS-MINUS SIGN} {self.sem:.{digits}f}{unit}"

    @property
    def wanted(self) -> str:
        """The band that passes, with its unit."""
        return (f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}") + _unit(self.unit)

    def as_dict(self) -> dict[str, object]:
        """What a program may read as JSON; None where there is no number."""
        content = {f.name: getattr(self, f.name) for f in fields(self)} | {"n": self.n, "failed": self.failed}
        numbers = {n: None for n, v in content.items() if isinstance(v, float) and not math.isfinite(v)}
        return {**content, **numbers, "args": dict(self.args), "by_seed": {str(k): v for k, v in self.by_seed.items()}}


def judge(run: xr.DataTree, protocol=None) -> list[Verdict]:
    """The verdicts of a run, in the protocol's order, a criterion's controls after it.

    The value of a criterion is the mean over seeds. Where the arm is a control, passing is what speaks against the run.

    Arguments
        run       DataTree   as `results.assemble` made it
        protocol  anything with `criteria`; None takes the protocol that the run itself carries
    """
    criteria = (results.protocol_file(run) if protocol is None else protocol).criteria
    criteria = [c for c in criteria if run.attrs["size"] in (getattr(c, "sizes", []) or [run.attrs["size"]])]
    used = [c.measure for c in criteria]
    found = []
    for k, criterion in enumerate(criteria):
        earlier = used[:k].count(criterion.measure)
        name = criterion.measure if used.count(criterion.measure) == 1 else f"{criterion.measure} {earlier + 1}"
        found += [_judged(run, name, criterion, arm) for arm in ("main", *criterion.must_fail_in)]
    return found


def verdicts(run: xr.DataTree) -> list[Verdict]:
    """The verdicts that a run carries, or, where it was never judged, those it would get."""
    return _recorded(run["criteria"].to_dataset()) if "criteria" in run.children else judge(run)


def table(found: list[Verdict]) -> str:
    """Verdicts as lines of text: verdict, criterion, arm if it is a control, value, band, n, note."""
    lines = []
    for v in found:
        where = f" in {v.arm}" if v.control else ""
        value = f"{v.said} (n = {v.n})" if v.n else v.said
        note = f"; {v.note}" if v.note else ""
        lines.append(f"{v.verdict:19}  {v.name}{where}: {value}, wanted {v.wanted}{note}")
    return "\n".join(lines) if lines else "the protocol has no criteria"


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"


def _recorded(criteria: xr.Dataset) -> list[Verdict]:
    found = []
    for k, name in enumerate(criteria.criterion.values):
        row = {n: criteria[n].values[k].item() for n in ("measure", "title", "unit", "low", "high", "source", "chosen",
                                                        "evidence")}
        for a, arm in enumerate(criteria.arm.values):
            if not criteria.verdict.values[k, a]:
                continue
            here = {n: criteria[n].values[k, a].item() for n in ("verdict", "value", "sem", "note")}
            values = zip(criteria.seed.values.tolist(), criteria.by_seed.values[k, a].tolist(), strict=True)
            found.append(Verdict(name=str(name), arm=str(arm), control=str(arm) != "main", **row, **here,
                                 args=json.loads(str(criteria.args.values[k])),
                                 by_seed={seed: value for seed, value in values if math.isfinite(value)}))
    return found


def _judged(run, name: str, criterion, arm: str) -> Verdict:
    measure = MEASURES[criterion.measure]
    args = {n: a.default for n, a in measure.args.items() if not a.required} | criterion.args
    low, high = criterion.between
    verdict, by_seed, note = _outcome(run, criterion, measure, args, arm)
    values = np.array(list(by_seed.values()))
    mean = float(values.mean()) if len(values) else math.nan
    if verdict is None:
        verdict = PASSED if low <= mean <= high else FAILED
    if arm != "main":
        verdict = {PASSED: PASSED_BUT_MUST_FAIL, FAILED: FAILED_AS_IT_MUST}.get(verdict, verdict)
    sem = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    reasons = {n: getattr(criterion, n) or "" for n in ("source", "chosen", "evidence")}
    unit = _asked_unit(run, arm, args) if measure.unit == "*" else measure.unit
    return Verdict(name=name, measure=criterion.measure, title=criterion.title, args=criterion.args, unit=unit, arm=arm,
                   control=arm != "main", low=low, high=high, **reasons, verdict=verdict, value=mean, sem=sem,
                   by_seed=by_seed, note=note)


def _asked_unit(run, arm: str, args) -> str:
    """The unit of the number that an experiment was asked for; "1" where it was not run."""
    for seed in read.seeds(run, arm) or read.seeds(run, "main"):
        given = run[read.place(arm if read.seeds(run, arm) else "main", seed)]["outcome"]
        return given[args["of"]].attrs["units"] if args["of"] in given else "1"
    return "1"


def _outcome(run, criterion, measure, args, arm):
    """A verdict that is clear without the band (else None), the value of each seed, and a note."""
    seeds = read.seeds(run, arm)
    if not seeds:
        return NOT_APPLICABLE, {}, f"arm {arm} was not run at this size"
    for seed in seeds:
        node = run[read.place(arm, seed)]
        if "stopped" in node.attrs:
            return FAILED, {}, f"seed {seed}: {node.attrs['stopped']}"
        lived, wanted = int(node.attrs["lived"]), json.loads(run.attrs["epochs"])
        if lived < wanted:
            return TOO_LITTLE, {}, f"seed {seed} has lived {lived} of {wanted} epochs"
    by_seed, missing = _measured(run, measure, args, arm, seeds)
    if not by_seed:
        applies = any(isinstance(error, TooLittleData) for error in missing.values())
        return TOO_LITTLE if applies else NOT_APPLICABLE, {}, str(next(iter(missing.values())))
    note = "; ".join(f"seed {seed}: {error}" for seed, error in missing.items())
    if len(by_seed) < criterion.min_seeds:
        return TOO_LITTLE, by_seed, f"{len(by_seed)} of the {criterion.min_seeds} seeds wanted" + (note and f"; {note}")
    return None, by_seed, note


def _measured(run, measure, args, arm, seeds):
    """The values by seed and, of the seeds that have none, why."""
    values, missing = {}, {}
    for these in [seeds] if measure.per == "run" else [[seed] for seed in seeds]:
        try:
            values |= measure(run, arm, these, args)
        except (NotApplicable, TooLittleData) as error:
            missing[these[0]] = error
    for seed in [seed for seed, value in values.items() if not math.isfinite(value)]:
        missing[seed] = NotApplicable(f"the measure is {values.pop(seed)}")
    return values, missing
