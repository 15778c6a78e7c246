"""A development in Brian2 as a kind of protocol: how it lives step by step, and what control arms take over from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dpap_bio import protocol as protocols
from dpap_bio import results_development, schema
from dpap_bio.backends import BACKENDS, choose_target
from dpap_bio.development import Epoch, develop
from dpap_bio.kinds import Kind, Records, Step
from dpap_bio.network import Network, Table


def total_steps(protocol) -> int:
    """Time steps that a whole run simulates, probes included."""
    lived = sum(s.epochs * s.n_steps for s in protocol.stages)
    probed = sum(len(p.after) * p.n_steps // p.copies for p in protocol.probes)
    return (lived + probed) * len(protocol.arms) * len(protocol.seeds)


def network_state(network: Network) -> dict:
    """A network as nested dicts of arrays, and back with `network_from`."""
    def tables(group):
        return {name: dict(table.columns) for name, table in group.items()}

    return {"step": network.step, "neurons": tables(network.neurons), "synapses": tables(network.synapses),
            "ends": {n: list(e) for n, e in network.ends.items()}, "candidates": tables(network.candidates),
            "pending": tables(network.pending), "next_id": {n: int(k) for n, k in network.next_id.items()}}


def network_from(state: Mapping) -> Network:
    """The network of a `network_state`."""
    def tables(group):
        return {name: Table(columns) for name, columns in group.items()}

    return Network(state["step"], tables(state["neurons"]), tables(state["synapses"]),
                   {n: tuple(e) for n, e in state["ends"].items()}, tables(state["candidates"]),
                   tables(state["pending"]), dict(state["next_id"]))


def _lives(protocol, arm, seed: int, request, after, quotas) -> Iterator[Step]:
    advance = BACKENDS[request.backend].open(request.target)
    projections = protocol.model(arm, protocol.stages[0]).projections
    plastic = [n for n, p in projections.items() if p.rules] or list(projections)
    begun = None if after is None else Epoch(after[0], network_from(after[1]), {})
    for epoch in develop(protocol, arm, seed, advance, after=begun, quotas=quotas):
        yield Step(epoch.number, network_state(epoch.network), epoch.record, _told(epoch.record, plastic))


def _told(record: Mapping, plastic: list[str]) -> str:
    summary = record["summary"]
    rates = [v for n, v in summary.items() if n.endswith(".rate") and v == v]
    left = sum(summary[f"{n}.density"] for n in plastic) / max(1, len(plastic))
    return f"age {record['age']:.4g} day | {100 * left:.0f} % of synapses | {rates[-1] if rates else 0.0:.1f} Hz"


def _quotas(records: Records) -> dict[str, dict[int, int]]:
    """Synapses the reference arm had left after each epoch's deaths and before its births."""
    quotas: dict[str, dict[int, int]] = {}
    for record in records:
        for name, value in record["summary"].items():
            projection, _, what = name.rpartition(".")
            if what == "synapses":
                born = record["summary"][f"{projection}.born"]
                quotas.setdefault(projection, {})[record["epoch"]] = int(value - born)
    return quotas


DEVELOPMENT = Kind("development", schema.ProtocolFile, protocols.load, _lives, results_development.groups,
                   lambda protocol: protocol.model(protocol.arms[0], protocol.stages[0]).name, _quotas,
                   lambda protocol, asked: choose_target(asked, total_steps(protocol)))
