"""Our temporal extension of DPAP: time steps too live on a reserve, and those that use it up are left out for good.

The paper prunes in space and time where data are recordings; how is not public, and this is not it. Here every step
has a reserve that moves as a unit's does: it rises with what happens in the step (`steps.step_importance`) and falls
without, with constants of its own. A network that has lost a step runs one step less, on the frames that are left;
under direct encoding, where all steps show the same image, this shortens the run and nothing else. `keep_steps` always
stay. Units and synapses are pruned by DPAP as ever.
"""

from __future__ import annotations

from dataclasses import replace

from array_api_compat import array_namespace

from dpap_bio.deep.methods.dpap import DPAP
from dpap_bio.rules.prune import survivors
from dpap_bio.rules.survival import annealing, survive, u_scores

OF_STEPS = {"rho_step": "1", "bonus_step": "1", "eta_step": "day", "keep_steps": "1"}


def _steps(importance, reserve, epoch: int, p):
    """The reserve of each step after an epoch, and which steps live on."""
    xp = array_namespace(reserve)
    everybody = xp.ones_like(reserve, dtype=xp.bool)
    if epoch < p.survival_start:
        return reserve, everybody
    u = u_scores(importance, percentile=p.percentile, subtract_minimum=p.subtract_minimum > 0)
    kappa = annealing(epoch, start=p.survival_start, eta=p.eta_step)
    reserve = survive(reserve, u, rho=p.rho_step, bonus=p.bonus_step, kappa=kappa, gamma=p.gamma,
                      elimination=p.elimination)
    return reserve, survivors(reserve, everybody, keep_at_least=int(p.keep_steps))


DPAP_TIME = replace(DPAP, needs={**DPAP.needs, **OF_STEPS}, of_steps=_steps)
