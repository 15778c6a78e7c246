"""What NEST's structural plasticity costs an update, run by DPAP_NEST's Python: nothing to do, deaths, births.

    python benchmarks/nest_structural.py 3200 800 0.001      neurons, synapses to each, share that dies and is reborn

The neurons do not fire; NEST makes the synapses (`stdp_synapse`) itself from as many free elements. Then the number
of elements that each neuron is allowed falls or rises, and the next update acts on it. The answer is one JSON line in
CPU s, without what a simulation of the same length takes with structural plasticity off.
"""

import argparse
import json
import time

import nest

SPAN = 100.0  # ms, between two updates
ELEMENTS = ("axon", "dendrite")


def main(neurons: int, inputs: int, share: float) -> None:
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": 1, "structural_plasticity_update_interval": SPAN})
    nest.structural_plasticity_synapses = {"plastic": {
        "synapse_model": "stdp_synapse", "pre_synaptic_element": "axon", "post_synaptic_element": "dendrite"}}
    still = {"growth_curve": "linear", "growth_rate": 0.0, "z": float(inputs), "continuous": False}
    cells = nest.Create("iaf_psc_exp", neurons, {"synaptic_elements": dict.fromkeys(ELEMENTS, still)})
    nest.EnableStructuralPlasticity()
    found = {"all born": _span()}
    made = nest.num_connections
    found["nothing to do"] = min(_span() for _ in range(3))
    for what, allowed in (("deaths", 1 - share), ("births", 1 + share)):
        for cell, now in zip(cells, cells.synaptic_elements, strict=True):
            wanted = {e: {"z": float(round(now[e]["z_connected"] * allowed))} for e in ELEMENTS}
            cell.set({"synaptic_elements_param": wanted})
        found[what] = _span()
        found[f"number of {what}"], made = abs(nest.num_connections - made), nest.num_connections
    nest.DisableStructuralPlasticity()
    plain = min(_span() for _ in range(3))
    print(json.dumps({n: v if n.startswith("number") else v - plain for n, v in found.items()}), flush=True)


def _span() -> float:
    begun = time.process_time()
    nest.Simulate(SPAN)
    return time.process_time() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in (("neurons", int), ("inputs", int), ("share", float)):
        parser.add_argument(name, type=kind)
    given = parser.parse_args()
    if not (given.neurons > given.inputs > 0 and 0 < given.share < 1):
        parser.error(f"found {given.neurons} neurons, {given.inputs} inputs and a share of {given.share:g}; fewer "
                     "inputs than neurons and a share between 0 and 1 are wanted")
    main(given.neurons, given.inputs, given.share)
