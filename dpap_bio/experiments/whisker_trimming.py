"""Whisker trimming: does less input spare spines (Zuo et al. 2005) or cost them ("use it or lose it")?

Two models of a young animal: two states in which the loss of persistent spines follows activity, and DPAP's reserve in
which what a mature spine pays follows activity. The sign of that dependence is the question, so it is a parameter:
+1 elimination is driven by activity, 0 DPAP as it stands (it ranks within a layer and does not see a uniform loss of
input), -1 use it or lose it.
"""

from __future__ import annotations

import numpy as np

from dpap_bio.experiments.experiment import Experiment, Given
from dpap_bio.experiments.spine_lives import reserve, turnover, two_state_expected
from dpap_bio.experiments.spine_turnover import RESERVE_NEEDS

_RATES = ("transient", "births", "loss_transient", "ripening", "loss_persistent")
WEEKS = 14  # days between two images


def factor(activity: float, sign: float) -> float:
    """By what elimination is multiplied when activity is that share of normal: activity^sign."""
    return float(activity) ** float(sign)


def _run(p, rng):
    seeds = rng.integers(2**31, size=2)  # trimmed and untrimmed animals see the same chance
    trimmed = int(p.trimmed_for)

    def measured(age, activity):
        start = int(p.start_young if age == "young" else p.settling)
        births, rho = (p.births_reserve_young, p.rho_young) if age == "young" else (None, p.rho_adult)
        change = factor(activity, p.sign)
        alone = np.random.default_rng(int(seeds[int(age == "adult")]))
        born, died, *_ = reserve(
            int(p.spines), start + trimmed + WEEKS, alone, rho=rho, births=births, p=p,
            elimination=lambda day: change if start < day <= start + trimmed else 1.0,
        )  # fmt: skip
        here = [np.count_nonzero((born <= start + d) & (died > start + d)) for d in range(trimmed + WEEKS + 1)]
        first = turnover(born, died, start, start + WEEKS)
        return *first, turnover(born, died, start + trimmed, start + trimmed + WEEKS)[0], np.array(here) / here[0]

    of = {(age, a): measured(age, a) for age in ("young", "adult") for a in (1.0, p.activity)}
    control, less = of["young", 1.0], of["young", p.activity]
    spared = {age: of[age, 1.0][0] - of[age, p.activity][0] for age in ("young", "adult")}
    return {
        "day": np.arange(trimmed + WEEKS + 1), "density_control": control[3], "density_trimmed": less[3],
        "elimination_control": control[0], "elimination_trimmed": less[0],
        "formation_control": control[1], "formation_trimmed": less[1],
        "elimination_change": less[0] / control[0] - 1, "formation_change": less[1] / control[1] - 1,
        "net_loss_ratio": (less[0] - less[1]) / (control[0] - control[1]),
        "restoration": less[2] / control[2], "adult_over_young": spared["adult"] / (spared["young"] or np.nan),
        **_two_states(p),
    }  # fmt: skip


def _two_states(p):
    rates = {name: getattr(p, f"{name}_young") for name in _RATES}
    change = factor(p.activity, p.sign)
    less = rates | {"loss_persistent": change * rates["loss_persistent"]}
    if p.newcomers > 0:
        less["loss_transient"] = min(change * rates["loss_transient"], 1 - rates["ripening"])
    (control, formed), (spared, formed_less) = (two_state_expected(WEEKS, **r)[-1] for r in (rates, less))
    return {
        "states_elimination_change": spared / control - 1, "states_formation_change": formed_less / formed - 1,
        "states_net_loss_ratio": (spared - formed_less) / (control - formed),
    }


WHISKER_TRIMMING = Experiment(
    _run,
    needs={
        **RESERVE_NEEDS, "activity": "1", "sign": "1", "trimmed_for": "day",
        "transient_young": "1", **{f"{name}_young": "1/day" for name in _RATES[1:]},
    },
    gives={
        "day": Given("day", "days since trimming", ("day",)),
        "density_control": Given("1", "density of spines over that of day 0, untrimmed", ("day",)),
        "density_trimmed": Given("1", "density of spines over that of day 0, trimmed; whiskers back at last", ("day",)),
        "elimination_control": Given("1", "eliminated in 14 days, untrimmed"),
        "elimination_trimmed": Given("1", "eliminated in 14 days, trimmed"),
        "formation_control": Given("1", "formed in 14 days, untrimmed"),
        "formation_trimmed": Given("1", "formed in 14 days, trimmed"),
        "elimination_change": Given("1", "change of elimination by trimming, relative"),
        "formation_change": Given("1", "change of formation by trimming, relative"),
        "net_loss_ratio": Given("1", "net loss when trimmed over that when not"),
        "restoration": Given("1", "elimination in the 14 days after the whiskers are back, over an untrimmed animal's"),
        "adult_over_young": Given("1", "spared by trimming, share of spines, adult over young"),
        "states_elimination_change": Given("1", "change of elimination by trimming, relative, two states"),
        "states_formation_change": Given("1", "change of formation by trimming, relative, two states"),
        "states_net_loss_ratio": Given("1", "net loss when trimmed over that when not, two states"),
    },
)  # fmt: skip
