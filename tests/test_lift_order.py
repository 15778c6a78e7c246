"""A lifted trace rises after the synapse has read it, as in the plain synapse."""

from dataclasses import replace

import numpy as np
import pytest

from dpap_bio import brian, model, newborn
from dpap_bio.lift import renamed
from dpap_bio.stimuli import STIMULI

MODEL = """
schema = "dpap-model/1"
title  = "Triplet STDP whose depression reads the presynaptic trace before it rises (hippocampal set)"
dt     = "1 ms"
[populations.input]
size = 10
stimulated = true
[populations.cells]
size = 10
mechanisms = ["lif"]
[projections.plastic]
from = "input"
to = "cells"
mechanisms = ["current_synapse", "triplet_stdp"]
delay = "{delay}"
connect = {{ share = 0.7 }}
start = {{ w = 0.5 }}
[projections.plastic.parameters]
q_syn = {{ value = 0.0, unit = "mV", chosen = "open loop" }}
a3_minus = {{ value = 0.01, unit = "1", chosen = "so large that reading the trace too late shows" }}
[projections.drive]
from = "input"
to = "cells"
mechanisms = ["current_synapse"]
delay = "1 ms"
connect = {{ share = 0.7 }}
[projections.drive.parameters]
q_syn = {{ value = 30.0, unit = "mV", chosen = "the cells fire" }}
"""


@pytest.mark.parametrize("delay", ["0 ms", "3 ms"])
def test_triplet_depression_reads_the_presynaptic_trace_before_it_rises(tmp_path, delay):
    (tmp_path / "order.toml").write_text(MODEL.format(delay=delay))
    lifted = model.load(str(tmp_path / "order.toml"))
    projection = lifted.projections["plastic"]
    assert {t.equation.name for t in projection.arrivals} == {"x", "x_slow"}
    textbook = replace(projection, code=renamed(projection.plain, {"g_post": "g_plastic_post"}), arrivals=())
    plain = replace(lifted, projections={**lifted.projections, "plastic": textbook})
    spikes = STIMULI["poisson"](10, 500, lifted.dt, np.random.default_rng(0), rate=60.0)
    w = [brian.advance(m, newborn.start_network(m, 3), {"input": spikes}, 500, target="numpy")[0].synapses["plastic"].w
         for m in (lifted, plain)]
    assert w[0].std() > 1e-3
    np.testing.assert_allclose(w[0], w[1], rtol=1e-12, atol=1e-14)
