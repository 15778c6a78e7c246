"""MEASURES: what a criterion may name. Pure functions from a run to a number, and the arguments that each takes."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dpap_bio import measures_coding as coding
from dpap_bio import measures_competition as competition
from dpap_bio import measures_experiment as experiment
from dpap_bio import measures_plasticity as plasticity
from dpap_bio import measures_structure as structure
from dpap_bio import measures_training as training
from dpap_bio.complaint import did_you_mean as _near
from dpap_bio.measures_coding import lifetime_sparseness, linear_readout, selectivity, wilson
from dpap_bio.measures_structure import kaplan_meier, peak_epoch

__all__ = ["MEASURES", "Arg", "Measure", "check", "kaplan_meier", "lifetime_sparseness", "linear_readout", "peak_epoch",
           "selectivity", "wilson"]

_REQUIRED = object()


@dataclass(frozen=True)
class Arg:
    """What an argument must be, and its value where a criterion gives none.

    kind   "projection", "population", "probe", "stage", "arm" or "parameter": the name of one the protocol has;
           "scalar": a number that the experiment gives; "part" of the data, "size" of a deep network;
           "column" or "condition": the name of one of its conditions; "number" or "text": any;
           "share": above 0 and at most 1; "count": a whole number of at least 1; "odd": an odd one
    """

    kind: str
    default: Any = _REQUIRED

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


@dataclass(frozen=True)
class Measure:
    """One measure.

    fn    per "development": f(run, arm, seed, **args) -> float; per "run": f(run, arm, **args) -> {seed: float}
    unit  of the number; "*" is the unit of what it looks at
    args  name -> Arg
    per   whether it looks at one development or compares arms over seeds
    kind  the kind of protocol whose runs it can look at
    """

    fn: Callable[..., Any]
    unit: str
    args: Mapping[str, Arg]
    per: Literal["development", "run"] = "development"
    kind: str = "development"

    def __call__(self, run, arm: str, seeds, args: Mapping[str, Any]) -> dict[int, float]:
        """The number of each seed.

        Raises
            NotApplicable, TooLittleData   from a seed for which it cannot be had
        """
        if self.per == "run":
            return self.fn(run, arm, **args)
        return {seed: self.fn(run, arm, seed, **args) for seed in seeds}


_PROJECTION, _POPULATION, _PROBE, _STAGE = Arg("projection"), Arg("population"), Arg("probe"), Arg("stage")
_LAST, _DATA = Arg("share", 0.2), Arg("part", "test")
_READOUT = {"train": _PROBE, "test": _PROBE, "after": Arg("stage", None)}
_OF = {"projection": _PROJECTION}
_COLUMN, _CONDITION, _SINCE = Arg("column"), Arg("condition"), {"since": Arg("stage", None)}
_AMONG = {"among": Arg("column", None), "equals": Arg("number", None)}
_CURVE = {**_OF, "along": _COLUMN, **_AMONG, **_SINCE}

_CELLS = {"population": _POPULATION, "condition": _CONDITION}
_INPUTS = {**_OF, "condition": _CONDITION, "after": Arg("stage", None)}
_PART = {"low": Arg("number"), "high": Arg("number")}

MEASURES: dict[str, Measure] = {
    "density_maxima": Measure(structure.density_maxima, "1",
                              {**_OF, "smooth": Arg("odd", 3), "prominence": Arg("share", 0.02)}),
    "peak_over_adult": Measure(structure.peak_over_adult, "1", {**_OF, "last": _LAST}),
    "plateau": Measure(structure.plateau, "1", {**_OF, "last": _LAST}),
    "eliminated_share": Measure(structure.eliminated_share, "1", _OF),
    "survivor_strength": Measure(structure.survivor_strength, "1", _OF),
    "early_over_late_elimination": Measure(structure.early_over_late_elimination, "1", _OF),
    "survivor_ratio": Measure(structure.survivor_ratio, "1", {"of": _PROJECTION, "over": _PROJECTION}),
    "rate_over_target": Measure(structure.rate_over_target, "1", {
        "population": _POPULATION, "parameter": Arg("parameter", "rate_target"), "last": _LAST}),
    "selectivity_gain": Measure(coding.selectivity_gain, "1", {
        "population": _POPULATION, "probe": _PROBE, "before": _STAGE, "after": _STAGE, "spikes": Arg("count", 30)}),
    "silent_share": Measure(coding.silent_share, "1",
                            {"population": _POPULATION, "probe": _PROBE, "after": Arg("stage", None)}),
    "readout": Measure(coding.readout, "%", {"population": _POPULATION, **_READOUT}),
    "readout_raw": Measure(coding.readout_raw, "%", _READOUT),
    "readout_difference": Measure(coding.readout_difference, "points",
                                  {"over": Arg("arm"), "population": _POPULATION, **_READOUT}, per="run"),
    "change_at": Measure(plasticity.change_at, "1", {**_OF, "condition": _CONDITION, **_SINCE}),
    "change_difference": Measure(plasticity.change_difference, "1",
                                 {**_OF, "condition": _CONDITION, "minus": _CONDITION, **_SINCE}),
    "largest_error": Measure(plasticity.largest_error, "1", {**_OF, "against": _COLUMN, **_AMONG, **_SINCE}),
    "fit_error": Measure(plasticity.fit_error, "1", {**_OF, "data": _COLUMN, "sem": _COLUMN, **_AMONG}),
    "explained": Measure(plasticity.explained, "conditions",
                         {**_OF, "data": _COLUMN, "sem": _COLUMN, "times": Arg("number", 2.0), **_AMONG}),
    "in_bands": Measure(plasticity.in_bands, "conditions",
                        {**_OF, "low": _COLUMN, "high": _COLUMN, **_AMONG, **_SINCE}),
    "off_theory": Measure(plasticity.off_theory, "conditions", {
        **_OF, "theory": _COLUMN, "share": Arg("share", 0.08), "errors": Arg("number", 3.0), **_SINCE}),
    "state_error": Measure(plasticity.state_error, "1", {**_OF, "variable": Arg("text"), "against": _COLUMN}),
    "window_error": Measure(plasticity.window_error, "1", {**_OF, "along": _COLUMN, "pairs": Arg("count")}),
    "window_decay": Measure(plasticity.window_decay, "ms", {**_OF, "along": _COLUMN, "side": Arg("number")}),
    "window_height": Measure(plasticity.window_height, "1", {**_OF, "along": _COLUMN, "side": Arg("number")}),
    "zero_crossing": Measure(plasticity.zero_crossing, "Hz", _CURVE),
    "crossing_ratio": Measure(plasticity.crossing_ratio, "1", {
        **_CURVE, "among": _COLUMN, "equals": Arg("number"), "over": Arg("number")}),
    "lowest_at": Measure(plasticity.lowest_at, "Hz", _CURVE),
    "cell_rate": Measure(competition.cell_rate, "Hz", {
        **_CELLS, "during": Arg("stage", None), "last": Arg("share", 0.1)}),
    "rate_gain": Measure(competition.rate_gain, "1", {**_CELLS, "over": _CONDITION, "last": Arg("share", 0.1)}),
    "rate_change": Measure(competition.rate_change, "1", {
        **_CELLS, "before": _STAGE, "during": _STAGE, "of": Arg("arm", None), "last": Arg("share", 0.1)}, per="run"),
    "weight_share": Measure(competition.weight_share, "1", {**_INPUTS, **_PART}),
    "modal_share": Measure(competition.modal_share, "1",
                           {**_INPUTS, "bins": Arg("count", 10), "adjacent": Arg("count", 3), "of": Arg("arm", None)},
                           per="run"),
    "eliminated_in": Measure(competition.eliminated_in, "1", {
        **_OF, "condition": _CONDITION, "low": Arg("number", 0.0), "high": Arg("number", 1.0)}),
    "ocular_loss": Measure(competition.ocular_loss, "1", {**_OF, "condition": _CONDITION}),
    "loss_ratio": Measure(competition.loss_ratio, "1", {
        **_OF, "condition": _CONDITION, "over": _CONDITION, "low": Arg("number", 0.0), "high": Arg("number", 1.0)}),
    "left_share": Measure(competition.left_share, "1", _INPUTS),
    "correlation_index": Measure(competition.correlation_index, "1", {
        **_INPUTS, "share": Arg("share"), "of": Arg("arm", None)}, per="run"),
    "index_order": Measure(competition.index_order, "1", {
        **_INPUTS, "share": Arg("share"), "first": Arg("arm"), "second": Arg("arm")}, per="run"),
    "outcome": Measure(experiment.outcome, "*", {"of": Arg("scalar")}, kind="experiment"),
    "accuracy": Measure(training.accuracy, "%", {"part": _DATA}, kind="training"),
    "eliminated": Measure(training.eliminated, "%", {"of": Arg("size", "weights")}, kind="training"),
    "accuracy_difference": Measure(training.accuracy_difference, "points", {"over": Arg("arm"), "part": _DATA},
                                   per="run", kind="training"),
    "accuracy_lead": Measure(training.accuracy_lead, "1", {"over": Arg("arm"), "part": _DATA}, per="run",
                             kind="training"),
    "epochs_to": Measure(training.epochs_to, "1", {"share": Arg("share"), "part": _DATA}, kind="training"),
}


def check(measure: str, args: Mapping[str, Any], protocol, model) -> None:
    """Refuse a criterion that names an unknown measure or gives it arguments that fit neither it nor the protocol.

    Arguments
        measure, args    as in the protocol file
        protocol, model  the Protocol and its main arm's Model: where names are looked up
    Raises
        ValueError       one sentence: what was found, what was wanted
    """
    if measure not in MEASURES:
        near = _near(measure, MEASURES) or f"; there are {', '.join(MEASURES)}"
        raise ValueError(f"there is no measure {measure!r}{near}")
    if MEASURES[measure].kind != protocol.kind:
        fitting = ", ".join(n for n, m in MEASURES.items() if m.kind == protocol.kind)
        raise ValueError(f"{measure} measures {_a(MEASURES[measure].kind)}, this is {_a(protocol.kind)}; "
                         f"there are {fitting}")
    known = MEASURES[measure].args
    for name, value in args.items():
        if name not in known:
            raise ValueError(f"args.{name}: {measure} has no such argument{_near(name, known)}; "
                             f"it takes {', '.join(known)}")
        _check_value(f"args.{name}", known[name].kind, value, protocol, model)
    missing = [name for name, arg in known.items() if arg.required and name not in args]
    if missing:
        raise ValueError(f"args.{missing[0]} is missing: {measure} needs the name of {_a(known[missing[0]].kind)}")
    probes = {name: args[name] for name, arg in known.items() if arg.kind == "probe"}
    for stage in (args[name] for name, arg in known.items() if arg.kind == "stage" and name in args):
        for name, probe in probes.items():
            if stage not in next(p.after for p in protocol.probes if p.name == probe):
                raise ValueError(f"args.{name}: probe {probe!r} is not shown after stage {stage!r}; "
                                 "add the stage to the probe's `after`")


def _check_value(where: str, kind: str, value, protocol, model) -> None:
    if kind in ("share", "count", "odd", "number"):
        _check_number(where, kind, value)
        return
    if kind == "text":
        return
    names = _names(kind, protocol, model)
    if kind == "parameter" and not names:
        return
    if value not in names:
        there = f"there are {', '.join(names)}" if names else f"the protocol has no {kind}"
        raise ValueError(f"{where}: found {value!r}, the name of {_a(kind)} is wanted{_near(value, names)}; {there}")


def _check_number(where: str, kind: str, value) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    whole = number and value == int(value) and value >= 1
    fits = {"share": number and 0 < value <= 1, "count": whole, "odd": whole and value % 2 == 1, "number": number}[kind]
    if not fits:
        wanted = {"share": "a number above 0 and at most 1", "count": "a whole number of at least 1",
                  "odd": "an odd whole number of at least 1", "number": "a number"}[kind]
        raise ValueError(f"{where}: found {value!r}, {wanted} is wanted")


def _names(kind: str, protocol, model) -> list[str]:
    """The names of a kind; arms also where the protocol's size leaves them out."""
    if kind == "scalar":
        return protocol.scalars()
    if kind in ("part", "size"):
        return list(training.PARTS if kind == "part" else training.SIZES)
    if kind == "projection":
        return list(model.projections)
    if kind == "population":
        return [name for name, p in model.populations.items() if not p.stimulated]
    if kind == "probe":
        return [p.name for p in protocol.probes]
    if kind == "column":
        return list(protocol.conditions.columns) if protocol.conditions else []
    if kind == "condition":
        return list(protocol.conditions.names) if protocol.conditions else []
    if kind == "stage":
        return [s.name for s in protocol.stages]
    if kind == "arm":
        written = tomllib.loads(protocol.texts[f"protocol {protocol.name}.toml"]).get("arms", [])
        return list(dict.fromkeys([*(a.name for a in protocol.arms), *(a["name"] for a in written)]))
    return list(dict.fromkeys([*model.parameters, *(n for o in _owners(model) for n in o.parameters)]))


def _owners(model):
    return [*model.populations.values(), *model.projections.values()]


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"
