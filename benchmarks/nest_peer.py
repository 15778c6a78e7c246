"""Workload W in NEST, run by DPAP_NEST's Python (pip install nest-simulator==3.10.0): less work than W.

E to E has `stdp_synapse` without BCM and spines, all else is static. Each line of stdin asks for a span in s; each
answer is one JSON line.
"""

import json
import sys
import time

import nest
import numpy as np

PROJECTIONS = ("ee", "ei", "ie", "ii")


def main(path: str, threads: int) -> None:
    data = np.load(path)
    p = json.loads(str(data["given"]))
    nest.set_verbosity("M_ERROR")
    nest.SetKernelStatus({"resolution": p["dt"] * 1e3, "local_num_threads": threads})
    ms, mv, c_m = 1e3, 1e3, 200.0
    common = {"C_m": c_m, "tau_m": p["tau_m"] * ms, "t_ref": p["t_ref"] * ms, "E_L": p["v_rest"] * mv,
              "V_th": p["v_th"] * mv, "V_reset": p["v_reset"] * mv, "tau_syn_ex": 5.0, "tau_syn_in": 10.0}
    cells = {"e": nest.Create("iaf_psc_exp", len(data["v_e"]), {**common, "tau_minus": p["tau_minus"] * ms}),
             "i": nest.Create("iaf_psc_exp", len(data["v_i"]), common)}
    unit = c_m / (p["tau_m"] * ms)  # pA for 1 mV in the membrane equation
    for name, group in cells.items():
        group.V_m = list(data[f"v_{name}"] * mv)
    begun = time.process_time()
    top = p["q_syn"] * mv * unit  # pA at w = 1
    nest.CopyModel("stdp_synapse", "plastic", {"Wmax": top, "lambda": p["a_plus"], "alpha": p["a_minus"] / p["a_plus"],
                                               "mu_plus": 0.0, "mu_minus": 0.0, "tau_plus": p["tau_plus"] * ms})
    for name in PROJECTIONS:
        pre, post = (np.array(cells[end].tolist())[data[f"{name}_{side}"]] for end, side in zip(name, ("pre", "post"),
                                                                                               strict=True))
        scale = p["q_syn"] if name[0] == "e" else -p["q_inh"]
        nest.Connect(pre, post, "one_to_one", {
            "synapse_model": "plastic" if name == "ee" else "static_synapse",
            "weight": data[f"{name}_w"] * scale * mv * unit, "delay": np.full(len(pre), p["delay"] * ms)})
    counters = {n: nest.Create("spike_recorder", params={"record_to": "memory"}) for n in cells}
    for name, group in cells.items():
        nest.Connect(group, counters[name])
    nest.Simulate(1.0)
    print(json.dumps({"build": time.process_time() - begun}), flush=True)
    for line in sys.stdin:
        seconds = float(line)
        before = [c.n_events for c in counters.values()]
        begun = time.process_time()
        nest.Simulate(seconds * ms)
        spent = time.process_time() - begun
        counts = [c.n_events - b for c, b in zip(counters.values(), before, strict=True)]
        rates = [c / len(g) / seconds for c, g in zip(counts, cells.values(), strict=True)]
        print(json.dumps({"cpu": spent, "rates": rates}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
