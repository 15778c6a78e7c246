"""Workload W(N, K): N leaky cells, 80 % excitatory, K inputs each on average; E to E learns (pair STDP, BCM, spines).

The network of Brette et al. 2007 (CUBA) with weights times 80 / K; its drive is a resting potential above threshold,
raised until cells fire at 5 to 8 Hz at K = 1000. All simulators get the same synapse list and start values.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dpap_bio import model
from dpap_bio.lift import renamed

_MODEL = """
schema = "dpap-model/1"
title  = "Workload W: CUBA network of leaky cells, E to E plastic by pair STDP, BCM and spines"
dt     = "0.1 ms"
[populations.e]
size = {n_e}
mechanisms = ["lif"]
start = {{ v = {{ uniform = ["v_reset", "v_th"] }} }}
[populations.i]
size = {n_i}
mechanisms = ["lif"]
start = {{ v = {{ uniform = ["v_reset", "v_th"] }} }}
[projections.ee]
from = "e"
to = "e"
mechanisms = ["{synapse}", "pair_stdp", "bcm", "spine"]
delay = "1 ms"
connect = {{ share = {share} }}
start = {{ w = 0.5 }}
[projections.ei]
from = "e"
to = "i"
mechanisms = ["current_synapse"]
delay = "1 ms"
connect = {{ share = {share} }}
start = {{ w = 0.5 }}
[projections.ie]
from = "i"
to = "e"
mechanisms = ["inhibitory_current_synapse"]
delay = "1 ms"
connect = {{ share = {share} }}
[projections.ii]
from = "i"
to = "i"
mechanisms = ["inhibitory_current_synapse"]
delay = "1 ms"
connect = {{ share = {share} }}
[parameters]
v_rest = {{ value = {v_rest}, unit = "mV", chosen = "drive: cells fire at 5 to 8 Hz" }}
q_syn = {{ value = {q_syn}, unit = "mV", chosen = "1.62 mV at 80 inputs and w = 0.5" }}
q_inh = {{ value = {q_inh}, unit = "mV", chosen = "9 mV at 80 inputs" }}
"""
_GATED = """
schema = "dpap-mechanism/1"
title  = "current_synapse with a gate: 0 silences a synapse, which is there and learns all the same"
[synapse]
equations = \"\"\"
w : 1
gate : 1
\"\"\"
on_pre = "g_post += gate * w * q_syn"
[target]
equations = "dg/dt = -g / tau_syn : volt"
adds = { drive = "g" }
[start]
g = 0.0
w = 1.0
gate = 1.0
[parameters]
tau_syn = { value = 5.0, unit = "ms", chosen = "as current_synapse" }
q_syn = { value = 1.62, unit = "mV", chosen = "as current_synapse" }
"""
REST = -46.0  # mV
_Q_SYN, _Q_INH = 3.24, 9.0  # mV at 80 inputs


def load(folder: Path, n: int, k: int, gain: float = 1.0, gated: bool = False) -> model.Model:
    """The workload as a model; `gain` makes E to E synapses stronger, a gate can silence them one by one."""
    path, n_e = folder / "workload.toml", n * 4 // 5
    (folder / "gated_synapse.toml").write_text(_GATED)
    synapse = "./gated_synapse.toml" if gated else "current_synapse"
    path.write_text(_MODEL.format(n_e=n_e, n_i=n - n_e, share=k / n, v_rest=REST, q_syn=_Q_SYN * 80 / k,
                                  q_inh=_Q_INH * 80 / k, synapse=synapse))
    return model.load(str(path), set_={"ee.q_syn": gain * _Q_SYN * 80 / k})


def thinned(network, kept: float, gated: bool = False):
    """The network with that share of its E to E synapses, taken by chance; the others removed, or silent."""
    table = network.synapses["ee"]
    alive = np.random.default_rng(7).random(len(table)) < kept
    if gated:
        return replace(network, synapses={**network.synapses, "ee": table.replace(gate=alive.astype(float))})
    return replace(network, synapses={**network.synapses, "ee": table.replace(alive=alive)}).compact()


def textbook(m: model.Model) -> model.Model:
    """The same model as a user of plain Brian2 writes it: two event-driven traces and a spine in every synapse."""
    populations, projections = dict(m.populations), dict(m.projections)
    for name, projection in m.projections.items():
        lifted = {e.name for e in projection.plain.equations} - {e.name for e in projection.code.equations}
        on_neuron = {f"{variable}_{name}" for variable in lifted}
        target = populations[projection.target]
        populations[projection.target] = replace(
            target, equations=tuple(e for e in target.equations if e.name not in on_neuron),
            reset=tuple(line for line in target.reset if line.split()[0] not in on_neuron))
        held = {e.name.removesuffix(f"_{name}") for e in target.equations if e.name.endswith(f"_{name}")}
        onto = {f"{variable}_post": f"{variable}_{name}_post" for variable in held}
        projections[name] = replace(projection, code=renamed(projection.plain, onto), arrivals=())
    return replace(m, populations=populations, projections=projections)

