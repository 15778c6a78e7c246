"""A whole development in two seconds: eight epochs of 50 ms with delays, pair STDP, pruning, growth and two arms."""

import textwrap

MODEL = """
schema = "dpap-model/1"
title  = "A tiny model"
dt     = "1 ms"

[populations.input]
size       = 20
stimulated = true

[populations.cell]
size       = 10
mechanisms = ["lif"]

[projections.wire]
from       = "input"
to         = "cell"
mechanisms = ["current_synapse", "pair_stdp"]
delay      = "3 ms"
connect    = { share = 0.6 }
start      = { w = { uniform = ["w_low", "w_high"] } }
rules      = ["importance", "survival", "prune_synapses", "grow", "scaling"]

[projections.loop]
from       = "cell"
to         = "cell"
mechanisms = ["inhibitory_current_synapse"]
delay      = "2 ms"
connect    = { share = 1.0, autapses = false }

[parameters]
q_syn            = { value = 12.0, unit = "mV", chosen = "twenty inputs make a cell fire" }
a_plus           = { value = 0.1, unit = "1", chosen = "weights move within 50 ms" }
a_minus          = { value = 0.1, unit = "1", chosen = "weights move within 50 ms" }
w_low            = { value = 0.2, unit = "1", chosen = "test" }
w_high           = { value = 0.8, unit = "1", chosen = "test" }
tau_trace        = { value = 20.0, unit = "ms", chosen = "test" }
score_memory     = { value = 2.0, unit = "day", chosen = "test" }
threshold_memory = { value = 2.0, unit = "day", chosen = "test" }
threshold_power  = { value = 1.0, unit = "1", chosen = "test" }
threshold_scale  = { value = 1.0, unit = "1", chosen = "test" }
afferent_sum     = { value = 6.0, unit = "1", chosen = "test" }
tau_scaling      = { value = 1.0, unit = "day", chosen = "test" }
growth_rate      = { value = 0.2, unit = "1/day", chosen = "test" }
growth_decay     = { value = 10.0, unit = "day", chosen = "test" }
growth_end       = { value = 6.0, unit = "day", chosen = "test" }
keep_synapses    = { value = 1.0, unit = "1", chosen = "test" }
rho              = { value = 1.2, unit = "1", chosen = "test" }
bonus            = { value = 0.5, unit = "1", chosen = "test" }
reserve_start    = { value = 1.0, unit = "1", chosen = "test" }
subtract_minimum = { value = 1.0, unit = "1", chosen = "test" }
eta              = { value = 9.0, unit = "day", chosen = "test" }
gamma            = { value = 0.999, unit = "1", chosen = "test" }
survival_start   = { value = 1.0, unit = "day", chosen = "test" }
percentile       = { value = 0.75, unit = "1", chosen = "test" }
elimination      = { value = 1.0, unit = "1", chosen = "test" }
"""

PROTOCOL = """
schema = "dpap-protocol/1"
title  = "A tiny protocol"
model  = "./tiny_model.toml"
seeds   = [1]
figures = ["density"]

[[stages]]
name     = "early"
epochs   = 4
epoch    = { simulate = "50 ms", stands_for = "1 day" }
stimulus = { kind = "poisson", rate = "80 Hz", window = "10 ms" }

[[stages]]
name     = "late"
epochs   = 4
epoch    = { simulate = "50 ms", stands_for = "1 day" }
stimulus = { kind = "correlated", rate = "80 Hz", correlation = 0.5, groups = 2, window = "10 ms" }

[[arms]]
name       = "random"
title      = "As many go by chance"
replace    = { prune_synapses = "random" }
quota_of   = "main"

[[criteria]]
measure = "eliminated_share"
title   = "Something is eliminated"
args    = { projection = "wire" }
between = [0.05, 1.0]
chosen  = "a run in which nothing happens tests nothing"
"""


def write(folder, protocol=PROTOCOL, model=MODEL):
    """The two files in a folder; the path of the protocol."""
    (folder / "tiny_model.toml").write_text(textwrap.dedent(model), encoding="utf-8")
    path = folder / "tiny.toml"
    path.write_text(textwrap.dedent(protocol), encoding="utf-8")
    return path
