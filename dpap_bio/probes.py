"""What is shown to a network and what its neurons answer: stimuli, traces, counts, and probes of frozen copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dpap_bio import newborn
from dpap_bio.backends import Advance
from dpap_bio.model import Model
from dpap_bio.network import Network, Table
from dpap_bio.protocol import Probe, Shown
from dpap_bio.shown import one_copy
from dpap_bio.spikes import Spikes, side_by_side
from dpap_bio.stimuli import STIMULI


def draw(shown: Shown, model: Model, network: Network, n_steps: int, seed: int, number: int,
         purpose: str = "stimulus") -> Spikes:
    """The spikes of a stimulated population in one epoch; copies of the model see draws of their own.

    A kind whose parameters differ by neuron is drawn at once: its neurons are independent.
    """
    rng = newborn.generator(seed, number, f"{purpose}.{shown.population}")
    n = len(network.neurons[shown.population])
    stimulus, copies = STIMULI[shown.kind], model.copies
    if copies == 1 or stimulus.each:
        return stimulus(n, n_steps, model.dt, rng, **shown.parameters)
    return side_by_side([stimulus(n // copies, n_steps, model.dt, rng, **one_copy(shown.parameters, k))
                         for k in range(copies)])


def traces(step, neuron, n_neurons: int, onset, offset, dt: float, tau: float) -> np.ndarray:
    """Spike traces at the end of each presentation: sum of exp(-(end - spike) / tau) over the spikes before it.

    Arguments
        step, neuron    (n_spk,) int   sorted by step
        onset, offset   (n_pres,) int  presentations, in order
        dt, tau         float, s       time step, decay constant
    Returns
        (n_pres, n_neurons) float
    """
    n_pres = len(onset)
    which = np.searchsorted(offset, step, side="right")  # the first presentation that ends after the spike
    inside = which < n_pres
    fresh = np.zeros((n_pres, n_neurons))
    weight = np.exp(-(offset[which[inside]] - step[inside]) * dt / tau)
    np.add.at(fresh, (which[inside], neuron[inside]), weight)
    for k in range(1, n_pres):
        fresh[k] += fresh[k - 1] * np.exp(-(offset[k] - offset[k - 1]) * dt / tau)
    return fresh


def counts(step, neuron, n_neurons: int, onset, offset) -> np.ndarray:
    """Spikes of each neuron in each presentation, (n_pres, n_neurons) int."""
    which = np.searchsorted(onset, step, side="right") - 1
    inside = (which >= 0) & (step < offset[which])
    out = np.zeros((len(onset), n_neurons), np.int64)
    np.add.at(out, (which[inside], neuron[inside]), 1)
    return out


def probe(spec: Probe, model: Model, network: Network, advance: Advance, seed: int, number: int) -> dict:
    """Show stimuli to copies of the network with learning off; the network itself is not touched.

    Returns
        "count"        (n_pres, n_neu) int    spikes of each neuron of every simulated population, in order
        "input"        (n_pres, n_input) int  spikes of the input, the control of every read-out
        "label"        (n_pres,) int
    """
    spikes = draw(spec.shown, model, network, spec.n_steps, seed, -1, f"probe.{spec.name}")
    copies = tile(network, spec.copies)
    shown, length = fold(spikes, spec.copies)
    _, fired = advance(model, copies, {spec.shown.population: shown}, length, learning=False)
    out = {"label": spikes.label,
           "input": counts(spikes.step, spikes.neuron, spikes.n_neurons, spikes.onset, spikes.offset)}
    for name in network.neurons:
        if name not in model.stimulated():
            n = len(network.neurons[name])
            step, neuron = fired[name]
            step, neuron = step + (neuron // n) * length, neuron % n
            order = np.argsort(step, kind="stable")
            out[f"count.{name}"] = counts(step[order], neuron[order], n, spikes.onset, spikes.offset)
    return out


def tile(network: Network, copies: int) -> Network:
    """`copies` of a network side by side, unconnected, as one network without events in flight."""
    if copies == 1:
        return replace(network, pending={})

    def repeated(table: Table, sizes: Mapping[str, int]) -> Table:
        shift = np.repeat(np.arange(copies), len(table))
        out = {n: np.tile(c, copies) for n, c in table.columns.items()}
        return Table({n: c + shift * sizes[n] if n in sizes else c for n, c in out.items()})

    neurons = {n: repeated(t, {}) for n, t in network.neurons.items()}
    synapses = {}
    for name, table in network.synapses.items():
        source, target = network.ends[name]
        sizes = {"pre": len(network.neurons[source]), "post": len(network.neurons[target])}
        synapses[name] = repeated(table, sizes)
    return replace(network, neurons=neurons, synapses=synapses, pending={}, candidates={})


def fold(spikes: Spikes, copies: int) -> tuple[Spikes, int]:
    """The same presentations, dealt in runs of equal number to `copies` of the input, and the steps of one run."""
    if copies == 1 or len(spikes.onset) < copies:
        return spikes, spikes.n_steps
    each = -(-len(spikes.onset) // copies)
    length = int(spikes.onset[each] if each < len(spikes.onset) else spikes.n_steps)
    copy = np.minimum(spikes.step // length, copies - 1)
    step, neuron = spikes.step - copy * length, spikes.neuron + copy * spikes.n_neurons
    order = np.lexsort((neuron, step))
    inside = step[order] < length
    none = np.empty(0, np.int64)
    folded = Spikes(step[order][inside], neuron[order][inside], spikes.n_neurons * copies, length, spikes.dt,
                    none, none, none)
    return folded, length
