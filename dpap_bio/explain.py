"""Why synapses went: how the dying differed from the others, what the survival rule predicts, one synapse's life."""

from __future__ import annotations

import json
import math
import tomllib

import numpy as np
import xarray as xr

from dpap_bio import results_read as read
from dpap_bio.rules.cutoff import cutoff
from dpap_bio.rules.survival import u_scores

_KILLERS = ("prune_synapses", "prune_spines", "spine_range", "trophic", "criticality", "criticality_no_autapses",
            "random", "smallest_weight", "least_active_target", "least_active_source")
_STAIRCASE = ("survival", "survival_per_neuron", "survival_with_activity")
_RECURSION = {"rho": "rho", "bonus": "bonus", "reserve_start": "reserve_start", "eta": "eta", "gamma": "gamma",
              "survival_start": "start"}


def text(run: xr.DataTree, *, arm: str = "main", projection: str | None = None, synapse: int | None = None,
         seed: int | None = None) -> str:
    """Births and deaths of a projection, the dying against those that lived on, and the predicted cut-off.

    Arguments
        run         DataTree
        arm         which arm
        projection  which projection; None takes the first that lost a synapse
        synapse     a lasting id: the life of that one instead
        seed        which development; None takes all, for one synapse the first
    Raises
        ValueError  there is no such arm, seed, projection or synapse
    """
    seeds = read.seeds(run, arm)
    if not seeds:
        raise ValueError(f"the run has no arm {arm!r}: there are {', '.join(read.arms(run))}")
    if seed is not None and seed not in seeds:
        raise ValueError(f"arm {arm} has no seed {seed}: there are {', '.join(map(str, seeds))}")
    projection = _projection(run, arm, seeds[0], projection)
    if synapse is not None:
        return _life(run, arm, seeds[0] if seed is None else seed, projection, synapse)
    seeds = seeds if seed is None else [seed]
    lines = [f"{run.attrs['protocol']} ({run.attrs['size']}), arm {arm}, projection {projection}, "
             f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"]
    return "\n".join([*lines, *_counts(run, arm, seeds, projection), *_compared(run, arm, seeds, projection),
                      *_predicted(run, arm, seeds, projection)])


# -- all synapses --------------------------------------------------------------------------------------------------


def _counts(run, arm, seeds, projection) -> list[str]:
    lives = [read.table(run, arm, s, f"synapses_{projection}") for s in seeds]
    born, died = (np.concatenate([x[n].values for x in lives]) for n in ("born", "died"))
    first, gone = int((born == 0).sum()), ~np.isnan(died)
    said = [f"  {first} synapses at birth, {len(born) - first} born later; {int(gone.sum())} died "
            f"({gone.mean():.0%} of all), {int((~gone).sum())} live on"]
    if gone.any():
        early, middle, late = np.quantile(died[gone], [0.05, 0.5, 0.95])
        ages = died[gone] - born[gone]
        said.append(f"  half of the deaths by age {middle:g} day (90 % between {early:g} and {late:g} day), "
                    f"at a median age of the synapse of {np.median(ages):g} day")
        with_neuron = sum(_with_neuron(run, arm, s, projection) for s in seeds)
        said.append(f"  {with_neuron} went with a neuron that died; the others by {_by(run, arm, projection)}")
    return said


def _compared(run, arm, seeds, projection) -> list[str]:
    """Means over the dying at the snapshot before death, and over those that lived on past the next snapshot."""
    dying, living, weights = {}, {}, []
    for seed in seeds:
        for _, snapshot, dies in _before_death(run, arm, seed, projection):
            weights.append(int(dies.sum()))
            for name in _columns(snapshot):
                values = snapshot[name].values
                dying.setdefault(name, []).append(values[dies].mean())
                living.setdefault(name, []).append(values[~dies].mean() if (~dies).any() else np.nan)
    if not weights:
        return []
    unit = {n: v.attrs.get("units", "1") for n, v in snapshot.data_vars.items()}
    rows = [f"  {'at the snapshot before':24}{'dying':>12}{'living on':>12}"]
    for name in dying:
        a, b = (_mean(x[name], weights) for x in (dying, living))
        rows.append(f"    {name:22}{a:12.4g}{b:12.4g}" + ("" if unit[name] == "1" else f"  {unit[name]}"))
    return [*rows, f"  {sum(weights)} of the deaths are of synapses that a snapshot shows"]


def _predicted(run, arm, seeds, projection) -> list[str]:
    rule = next((r for r in _rules(run, arm, projection) if r in (*_STAIRCASE, "survival_smooth")), None)
    if rule is None:
        return []
    recursion = {name: _value(run, arm, projection, parameter) for parameter, name in _RECURSION.items()}
    kind = "staircase" if rule in _STAIRCASE else "smooth"
    days = math.ceil(float(read.table(run, arm, seeds[0], "summary").age.values[-1]))
    limit = cutoff(days=days, kind=kind, **recursion)
    said = [f"  {rule}: a constant importance U below U* = {limit:.3f} is pruned within {days} day "
            f"(rho {recursion['rho']:g}, reserve {recursion['reserve_start']:g}, eta {recursion['eta']:g} day)"]
    below = {True: [], False: []}
    for seed in seeds:
        for _, snapshot, dies in _before_death(run, arm, seed, projection):
            u = _importance(run, arm, projection, rule, snapshot)
            for which in below:
                below[which].append(u[dies == which] < limit)
    if below[True]:
        dying, living = (np.concatenate(below[which]).mean() for which in (True, False))
        said.append(f"  U < U* at the snapshot before: {dying:.0%} of the dying, {living:.0%} of those that lived on")
    return said


def _importance(run, arm, projection, rule, snapshot):
    group = {}
    if rule == "survival_per_neuron":
        post = np.unique(snapshot.post.values, return_inverse=True)[1]
        group = {"group": post, "n_groups": int(post.max(initial=-1)) + 1}
    return u_scores(snapshot.score.values, percentile=_value(run, arm, projection, "percentile"),
                    subtract_minimum=_value(run, arm, projection, "subtract_minimum") > 0, **group)


# -- one synapse ---------------------------------------------------------------------------------------------------


def _life(run, arm, seed, projection, synapse) -> str:
    lives = read.table(run, arm, seed, f"synapses_{projection}")
    at = np.flatnonzero(lives.id.values == synapse)
    if not len(at):
        raise ValueError(f"projection {projection} has no synapse {synapse}: ids run from 0 to {int(lives.id.max())}")
    life = lives.isel(synapse=at[0])
    source, target = _ends(run, projection)
    lines = [f"synapse {synapse} of {projection}, arm {arm}, seed {seed}: {source} {int(life.pre)} -> "
             f"{target} {int(life.post)}",
             f"  born at age {float(life.born):g} day with weight {float(life.w_birth):.4g}"]
    rows, summary = [], read.table(run, arm, seed, "summary")
    for epoch in read.epochs(run, arm, seed, "snapshots"):
        shown = read.snapshot(run, arm, seed, projection, epoch)
        here = np.flatnonzero(shown.id.values == synapse)
        if len(here):
            values = {n: float(shown[n].values[here[0]]) for n in _columns(shown)}
            rows.append((float(summary.age.sel(epoch=epoch)), values))
    if rows:
        lines.append(f"  {'age [day]':>10}" + "".join(f"  {n:>10}" for n in rows[0][1]))
        lines += [f"  {age:10g}" + "".join(f"  {v:{max(10, len(n))}.4g}" for n, v in values.items())
                  for age, values in rows]
    return "\n".join([*lines, "  " + _end(run, arm, seed, projection, life)])


def _end(run, arm, seed, projection, life) -> str:
    died = float(life.died)
    if math.isnan(died):
        return f"lives on with weight {float(life.w_last):.4g}"
    neurons = read.table(run, arm, seed, "neurons")
    for population, end in zip(_ends(run, projection), (life.pre, life.post), strict=True):
        here = (neurons.population.values == population) & (neurons.id.values == int(end))
        if (neurons.died.values[here] == died).any():
            return f"died at age {died:g} day with its neuron, {population} {int(end)}"
    return f"died at age {died:g} day with weight {float(life.w_last):.4g}, by {_by(run, arm, projection)}"


# -- what the run says of itself -----------------------------------------------------------------------------------


def _projection(run, arm, seed, wanted: str | None) -> str:
    names = [n.removeprefix("synapses_") for n in run[read.place(arm, seed)].children if n.startswith("synapses_")]
    if wanted is not None:
        if wanted not in names:
            raise ValueError(f"the run has no projection {wanted!r}: there are {', '.join(names)}")
        return wanted
    lost = [n for n in names if np.isfinite(read.table(run, arm, seed, f"synapses_{n}").died.values).any()]
    if not names:
        raise ValueError("the run has no projections, so nothing can have gone")
    return (lost or names)[0]


def _before_death(run, arm, seed, projection):
    """Each snapshot with a mask of the synapses in it that are dead before or at the next one, where there are any."""
    died = read.table(run, arm, seed, f"synapses_{projection}").set_index(synapse="id").died
    ages = read.table(run, arm, seed, "summary").age
    shown = read.epochs(run, arm, seed, "snapshots")
    for epoch, following in zip(shown, [*shown[1:], None], strict=True):
        snapshot = read.snapshot(run, arm, seed, projection, epoch)
        end = died.sel(synapse=snapshot.id.values).values
        dies = end <= (float(ages.sel(epoch=following)) if following is not None else math.inf)
        if dies.any():
            yield epoch, snapshot, dies


def _with_neuron(run, arm, seed, projection) -> int:
    lives, neurons = (read.table(run, arm, seed, n) for n in (f"synapses_{projection}", "neurons"))
    gone = np.zeros(lives.sizes["synapse"], bool)
    for population, end in zip(_ends(run, projection), ("pre", "post"), strict=True):
        own = neurons.population.values == population
        died = dict(zip(neurons.id.values[own].tolist(), neurons.died.values[own].tolist(), strict=True))
        gone |= np.array([died.get(k, math.nan) for k in lives[end].values.tolist()]) == lives.died.values
    return int(gone.sum())


def _columns(snapshot) -> list[str]:
    return [n for n in snapshot.data_vars if n not in ("epoch", "id", "pre", "post") and snapshot[n].dtype.kind == "f"]


def _by(run, arm, projection) -> str:
    killers = [r for r in _rules(run, arm, projection) if r in _KILLERS or ":" in r]
    return f"rule {' or '.join(killers)}" if killers else "no rule that is known to remove synapses"


def _spec(run, projection) -> dict:
    for file in run["files"].text.values:
        content = tomllib.loads(str(file))
        if content.get("schema") == "dpap-model/1" and projection in content.get("projections", {}):
            return content["projections"][projection]
    raise ValueError(f"the run carries no model with a projection {projection!r}")


def _ends(run, projection) -> tuple[str, str]:
    spec = _spec(run, projection)
    return spec["from"], spec["to"]


def _rules(run, arm, projection) -> list[str]:
    """The rules of a projection in an arm, in order."""
    used = [_changes(run, arm)["replace"].get(r, r) for r in _spec(run, projection).get("rules", [])]
    return [r for r in used if r != "none"]


def _changes(run, arm) -> dict:
    arms = run["arms"].to_dataset()
    return json.loads(str(arms.changes.values[list(arms.arm.values).index(arm)]))


def _value(run, arm, projection, name) -> float:
    for key in (f"{projection}.{name}", name):
        changed = _changes(run, arm)["set"].get(key)
        if isinstance(changed, int | float):
            return float(changed)
    parameters = [str(p) for p in run["parameters"].parameter.values]
    own = f"{projection}.{name}"
    return read.parameter(run, own if own in parameters else name)[0]


def _mean(values, weights) -> float:
    known = np.isfinite(values)
    return float(np.average(np.array(values)[known], weights=np.array(weights)[known])) if known.any() else math.nan
