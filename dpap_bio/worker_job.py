"""An epoch as plain data: model, network, stimuli and spikes as dicts of arrays, numbers and text, and back.

`store.commit` puts such a dict on the disk whole or not at all; another process, with other versions of everything,
reads it with `store.latest`.
"""

from __future__ import annotations

from collections.abc import Mapping

from dpap_bio import schema
from dpap_bio.expressions import Equation
from dpap_bio.lift import Code, Trace
from dpap_bio.model import Model, Population, Projection
from dpap_bio.network import Network, Table
from dpap_bio.spikes import Spikes

_SPIKES = ("step", "neuron", "n_neurons", "n_steps", "dt", "onset", "offset", "label")


def job(model: Model, network: Network, stimuli: Mapping[str, Spikes], n_steps: int, learning: bool) -> dict:
    """What another process needs to live an epoch: the arguments of an `Advance` as plain data."""
    return {"model": model_state(model), "network": network_state(network),
            "stimuli": {n: {f: getattr(s, f) for f in _SPIKES} for n, s in stimuli.items()},
            "n_steps": int(n_steps), "learning": bool(learning)}


def arguments(state: Mapping) -> tuple[Model, Network, dict[str, Spikes], int, bool]:
    """The arguments of an `Advance` that a `job` was made of."""
    stimuli = {n: Spikes(**s) for n, s in state["stimuli"].items()}
    return model_from(state["model"]), network_from(state["network"]), stimuli, state["n_steps"], state["learning"]


def result(network: Network, fired: Mapping) -> dict:
    """What an `Advance` returns, as plain data."""
    return {"network": network_state(network),
            "fired": {n: {"step": step, "neuron": neuron} for n, (step, neuron) in fired.items()}}


def returned(state: Mapping) -> tuple[Network, dict]:
    """What an `Advance` returned, of a `result`."""
    return network_from(state["network"]), {n: (f["step"], f["neuron"]) for n, f in state["fired"].items()}


def network_state(network: Network) -> dict:
    """A network as nested dicts of arrays."""
    return {"step": int(network.step), "neurons": _columns(network.neurons), "synapses": _columns(network.synapses),
            "ends": {n: list(e) for n, e in network.ends.items()}, "candidates": _columns(network.candidates),
            "pending": _columns(network.pending), "next_id": {n: int(k) for n, k in network.next_id.items()}}


def network_from(state: Mapping) -> Network:
    """The network of a `network_state`."""
    return Network(state["step"], _tables(state["neurons"]), _tables(state["synapses"]),
                   {n: tuple(e) for n, e in state["ends"].items()}, _tables(state["candidates"]),
                   _tables(state["pending"]), dict(state["next_id"]))


def model_state(model: Model) -> dict:
    """What a backend reads of a model: equations, code and parameters; no rules, no text."""
    return {"name": model.name, "dt": model.dt, "copies": model.copies,
            "populations": {n: _population(p) for n, p in model.populations.items()},
            "projections": {n: _projection(p) for n, p in model.projections.items()}}


def model_from(state: Mapping) -> Model:
    """A model that a backend can run, of a `model_state`: without rules, connectivity and start values."""
    populations = {n: Population(n, p["size"], p["stimulated"], _equations(p["equations"]), p["threshold"],
                                 tuple(p["reset"]), p["refractory"], _parameters_from(p["parameters"]), {})
                   for n, p in state["populations"].items()}
    projections = {n: Projection(n, p["source"], p["target"], _code_from(p["plain"]), _code_from(p["code"]),
                                 tuple(Trace(_equations([e])[0], s) for e, s in p["arrivals"]),
                                 _parameters_from(p["parameters"]), {}, p["delay"], None, (), {})
                   for n, p in state["projections"].items()}
    return Model(state["name"], "", state["dt"], populations, projections, {}, copies=state["copies"])


def _columns(tables: Mapping[str, Table]) -> dict:
    return {name: dict(table.columns) for name, table in tables.items()}


def _tables(columns: Mapping) -> dict[str, Table]:
    return {name: Table(c) for name, c in columns.items()}


def _population(p: Population) -> dict:
    return {"size": p.size, "stimulated": p.stimulated, "equations": [_equation(e) for e in p.equations],
            "threshold": p.threshold, "reset": list(p.reset), "refractory": p.refractory,
            "parameters": _parameters(p.parameters)}


def _projection(p: Projection) -> dict:
    return {"source": p.source, "target": p.target, "plain": _code(p.plain), "code": _code(p.code),
            "arrivals": [[_equation(t.equation), t.statement] for t in p.arrivals], "delay": p.delay,
            "parameters": _parameters(p.parameters)}


def _code(code: Code) -> dict:
    return {"equations": [_equation(e) for e in code.equations], "on_pre": list(code.on_pre),
            "on_post": list(code.on_post)}


def _code_from(state: Mapping) -> Code:
    return Code(_equations(state["equations"]), tuple(state["on_pre"]), tuple(state["on_post"]))


def _equation(e: Equation) -> dict:
    return {"kind": e.kind, "name": e.name, "expression": e.expression, "unit": e.unit, "flags": sorted(e.flags)}


def _equations(states) -> tuple[Equation, ...]:
    return tuple(Equation(e["kind"], e["name"], e["expression"], e["unit"], frozenset(e["flags"])) for e in states)


def _parameters(parameters: Mapping[str, schema.Parameter]) -> dict:
    return {n: [float(p.value), p.unit] for n, p in sorted(parameters.items())}


def _parameters_from(state: Mapping) -> dict[str, schema.Parameter]:
    return {n: schema.Parameter(value=value, unit=unit, chosen="as in the model of the job")
            for n, (value, unit) in state.items()}
