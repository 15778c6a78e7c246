"""A network as the arrays that the GeNN program takes in and gives back, in the order in which it reads and writes.

Rows of the program are at least as many as neurons: those left over have no synapses and are ignored. GeNN keeps
spikes in flight per neuron, a network per synapse: a synapse born later must not hear them. Rows list synapses in the
order of birth, so in the first steps of an epoch a row is as long as the synapses that are to hear (`_hearing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

import numpy as np

from dpap_bio.genn_form import returned
from dpap_bio.model import Model, Projection
from dpap_bio.network import Network, Table
from dpap_bio.settle import _evaluate, settled


def start(model: Model, network: Network, stimuli: Mapping, n_steps: int, layout: Mapping) -> bytes:
    """What the program reads before an epoch.

    Arguments
        model    as it is given, with traces on neurons
        layout   sizes, delays (steps) and the variables the program holds (`genn_build.Layout` as a dict)
    Raises
        ValueError   synapses are not sorted by presynaptic neuron, or events in flight skip an older synapse
    """
    out = [np.array([network.step, n_steps], np.int64)]
    for name, held in layout["populations"].items():
        table = network.neurons[name]
        out += [_padded(_neuron_column(table, v), held["n"], d) for v, d in held["variables"]]
        out += _in_flight(model, network, name, layout)
        if held["stimulated"]:
            spikes = stimuli[name]
            out += [np.array([len(spikes.step)], np.int64), spikes.step.astype(np.int64),
                    spikes.neuron.astype(np.uint32)]
    for name, held in layout["projections"].items():
        out += _synapses(model.projections[name], network, held, model.dt)
    return b"".join(np.ascontiguousarray(a).tobytes() for a in out)


def end(model: Model, network: Network, stimuli: Mapping, n_steps: int, layout: Mapping, data: bytes):
    """The network n_steps later and the spikes of all populations, from what the program wrote."""
    read = BytesIO(data)

    def take(dtype, n):
        return np.frombuffer(read.read(n * np.dtype(dtype).itemsize), dtype, n)

    neurons, synapses = dict(network.neurons), dict(network.synapses)
    fired = {n: (s.step, s.neuron) for n, s in stimuli.items()}
    for name, held in layout["populations"].items():
        table = neurons[name]
        got = {v: take(d, held["n"])[: len(table)] for v, d in held["variables"]}
        neurons[name] = table.replace(**_columns(table, got))
        if not held["stimulated"]:
            n_spk = int(take(np.int64, 1)[0])
            step, neuron = take(np.int64, n_spk), take(np.uint32, n_spk).astype(np.int64)
            here = neuron < len(table)
            fired[name] = step[here], neuron[here]
    for name, held in layout["projections"].items():
        table = synapses[name]
        synapses[name] = table.replace(**_columns(table, {v: take(d, len(table)) for v, d in held["variables"]}))
    for projection in model.projections.values():
        arrived = _arrived(projection, network, fired[projection.source], n_steps, model.dt)
        neurons[projection.source] = neurons[projection.source].replace(**arrived)
    after = replace(network, step=network.step + n_steps, neurons=neurons, synapses=synapses)
    return replace(after, pending=_pending(model, network, after, fired, n_steps)), fired


def delay_steps(model: Model, projection: Projection) -> int:
    return int(projection.delay / model.dt + 0.5)


def rising(projection: Projection, trace) -> tuple[float, float, float, bool]:
    """A trace of arriving spikes as dx/dt = slope (x - rest), x += rise (True) or x = rise (False) at each arrival."""
    values = {name: p.si for name, p in projection.parameters.items()}
    name, text = trace.equation.name, trace.equation.expression
    offset = _evaluate(text, {**values, name: 0.0})
    slope = _evaluate(text, {**values, name: 1.0}) - offset
    if slope == 0:
        raise ValueError(f"projection {projection.name}: the trace {name} does not decay; --backend runtime runs it")
    left, right = trace.statement.split("=", 1)
    rise = _evaluate(right.strip(), values)
    operator = left.rstrip()[-1]
    return slope, -offset / slope, -rise if operator == "-" else rise, operator in "+-"


# -- into the program ----------------------------------------------------------------------------------------------


def _neuron_column(table: Table, variable: str) -> np.ndarray:
    if variable in table:
        return table.columns[variable]
    return np.full(len(table), 1.0 if variable == "not_refractory" else 0.0)  # both are computed before they are read


def _padded(column: np.ndarray, n: int, dtype: str) -> np.ndarray:
    filler = column[:1] if len(column) else np.zeros(1)
    return np.concatenate([column, np.repeat(filler, n - len(column))]).astype(dtype)


def _in_flight(model: Model, network: Network, population: str, layout) -> list[np.ndarray]:
    """For each of the last steps, newest first: how many neurons have spikes in flight since then, and which."""
    longest = layout["populations"][population]["slots"] - 1
    back = [np.empty(0, np.int64)] * longest
    for name, projection in model.projections.items():
        if projection.source == population:
            events, arriving = (network.pending.get(key) for key in (f"{name}.pre", f"{population}.{name}"))
            delay = delay_steps(model, projection)
            pre = network.synapses[name].pre
            for held, neuron in ((events, pre), (arriving, None)):
                if held is not None:
                    index = held.index if neuron is None else neuron[held.index]
                    for m in range(1, delay + 1):
                        back[m - 1] = np.union1d(back[m - 1], index[held.delay == delay - m])
    return [part for b in back for part in (np.array([len(b)], np.int64), b.astype(np.uint32))]


def _synapses(projection: Projection, network: Network, held, dt: float) -> list[np.ndarray]:
    table = network.synapses[projection.name]
    if np.any(np.diff(table.pre) < 0):
        raise ValueError(f"projection {projection.name}: synapses must be sorted by their presynaptic neuron for GeNN")
    length = np.bincount(table.pre, minlength=held["n_pre"])
    back = returned(projection)
    last = (network.step - 1) * dt
    if back:
        table = settled(projection, table, last) if "lastupdate" in table else table
        table = table.replace(lastupdate=np.full(len(table), last))
    ends = {"pre": (network.neurons[projection.source], table.pre),
            "post": (network.neurons[projection.target], table.post)}
    columns = {n: ends[side][0].columns[f"{n}_{projection.name}"][ends[side][1]] for n, side in back.items()}
    out = [np.array([len(table)], np.int64), length.astype(np.uint32), table.post.astype(np.uint32)]
    out += [columns.get(v, table.columns.get(v)).astype(d) for v, d in held["variables"]]
    return [*out, _hearing(projection.name, network, length, held["delay"])]


def _hearing(name: str, network: Network, length: np.ndarray, delay: int) -> np.ndarray:
    """(delay, n_pre) how many synapses of each row hear what is delivered in each of the first steps."""
    out = np.zeros((delay, len(length)), np.uint32)
    events = network.pending.get(f"{name}.pre")
    if events is None or not len(events):
        return out
    pre = network.synapses[name].pre
    within = events.index - (np.cumsum(length) - length)[pre[events.index]]
    soon = events.delay < delay
    where = events.delay[soon], pre[events.index[soon]]
    np.add.at(out, where, 1)
    furthest = np.zeros_like(out)
    np.maximum.at(furthest, where, within[soon].astype(np.uint32) + 1)
    if not np.array_equal(out, furthest):
        raise ValueError(f"projection {name}: a spike in flight is heard by a synapse and not by an older one of the "
                         "same neuron, which GeNN cannot do; --backend runtime runs it")
    return out


# -- out of the program --------------------------------------------------------------------------------------------


def _columns(table: Table, got: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {v: a.astype(table.columns[v].dtype) for v, a in got.items() if v in table}


def _arrived(projection: Projection, network: Network, fired, n_steps: int, dt: float) -> dict[str, np.ndarray]:
    """The traces of arriving spikes that live on the source, n_steps later: exact, from the spikes themselves."""
    source = network.neurons[projection.source]
    delay = int(projection.delay / dt + 0.5)
    step, neuron = fired[0] + delay, fired[1]
    events = network.pending.get(f"{projection.source}.{projection.name}")
    if events is not None:
        step, neuron = np.concatenate([events.delay, step]), np.concatenate([events.index, neuron])
    step, neuron = step[step < n_steps], neuron[step < n_steps]
    out = {}
    for trace in projection.arrivals:
        slope, rest, rise, added = rising(projection, trace)
        name = f"{trace.equation.name}_{projection.name}"
        x = rest + (source.columns[name] - rest) * np.exp(slope * n_steps * dt)
        decayed = np.exp(slope * (n_steps - 1 - step) * dt)
        if added:
            np.add.at(x, neuron, rise * decayed)
        else:
            order = np.argsort(step, kind="stable")  # the last assignment to an element stands
            x[neuron[order]] = rest + (rise - rest) * decayed[order]
        out[name] = x
    return out


def _pending(model: Model, before: Network, after: Network, fired, n_steps: int) -> dict[str, Table]:
    """The events in flight at the end, in the order in which Brian2 delivers them."""
    out = {}
    for name, projection in model.projections.items():
        delay, source = delay_steps(model, projection), projection.source
        step, neuron = fired[source]
        recent = step >= n_steps - delay
        left, neuron = step[recent] + delay - n_steps, neuron[recent]
        pre = after.synapses[name].pre
        first, last = np.searchsorted(pre, neuron), np.searchsorted(pre, neuron, side="right")
        count = last - first
        rows = np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        out[f"{name}.pre"] = _still(before.pending.get(f"{name}.pre"), n_steps, np.repeat(left, count), rows)
        if projection.code.on_post:
            out[f"{name}.post"] = _still(None, n_steps, rows[:0], rows[:0])
        if projection.arrivals:
            out[f"{source}.{name}"] = _still(before.pending.get(f"{source}.{name}"), n_steps, left, neuron)
    return out


def _still(old: Table | None, n_steps: int, delay: np.ndarray, index: np.ndarray) -> Table:
    """Events that were in flight before the epoch and still are, then new ones."""
    if old is not None and len(rest := old.keep(old.delay >= n_steps)):
        delay = np.concatenate([rest.delay - n_steps, delay])
        index = np.concatenate([rest.index, index])
        order = np.argsort(delay, kind="stable")
        delay, index = delay[order], index[order]
    return Table({"delay": delay.astype(np.int64), "index": index.astype(np.int64)})
