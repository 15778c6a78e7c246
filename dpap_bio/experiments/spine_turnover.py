"""Spine turnover by age: two states, a wandering size, and DPAP's reserve, against imaging over days and months.

Calibrated on two weeks; the 18 months of Zuo et al. 2005 are a prediction of all three. One rate of loss for all
spines, the control, cannot have both.
"""

from __future__ import annotations

import numpy as np

from dpap_bio.experiments.experiment import Experiment, Given
from dpap_bio.experiments.recorded_sizes import distance, psd95, standardised_logs
from dpap_bio.experiments.spine_lives import log_size, reserve, turnover, two_state, two_state_expected

BINS = np.linspace(-4, 4, 33)
_RATES = ("transient", "births", "loss_transient", "ripening", "loss_persistent")


def auc(size: np.ndarray, lost: np.ndarray) -> float:
    """How well small size tells who is lost: chance that a lost one was smaller than a kept one, ties one half."""
    if not lost.any() or lost.all():
        return float("nan")
    kept = np.sort(size[~lost])
    below = np.searchsorted(kept, size[lost], side="left"), np.searchsorted(kept, size[lost], side="right")
    return float(1 - (below[0] + below[1]).mean() / (2 * len(kept)))


def skew(values: np.ndarray) -> float:
    """Third standardised moment; 0 is symmetric."""
    return float((((values - values.mean()) / values.std()) ** 3).mean())


def change_slope(before: np.ndarray, after: np.ndarray) -> float:
    """How the sd of changes grows with size: slope of ln(sd) against ln(size) over ten classes; 1 is in proportion."""
    order = np.array_split(np.argsort(before), 10)
    spread = [np.log((after[k] - before[k]).std()) for k in order]
    return float(np.polyfit([np.log(before[k].mean()) for k in order], spread, 1)[0])


def _run(p, rng):
    stages = {}
    for age, days in (("adult", int(p.days.max())), ("young", 30)):
        rates = {name: getattr(p, f"{name}_{age}") for name in _RATES}
        stages[age] = (*two_state(int(p.spines), days, rng, **rates), two_state_expected(int(p.days.max()), **rates))
    given = _of_states(stages, p)
    given |= _of_size(p, rng)
    return given | _of_reserve(p, rng)


def _of_states(stages, p):
    born, died, expected = stages["adult"]
    course = np.array([turnover(born, died, 0, day) for day in p.days])
    young = np.array([turnover(*stages["young"][:2], 0, day) for day in (14, 30)])
    adult = {day: turnover(born, died, 0, day) for day in (14, 30, 548)}
    exact = expected[p.days.astype(int)]
    return {
        "days": p.days, "adult_kept": 1 - course[:, 0], "adult_formed": course[:, 1],
        "adult_kept_exact": 1 - exact[:, 0], "young_kept_exact": 1 - stages["young"][2][p.days.astype(int), 0],
        "adult_eliminated_14": adult[14][0], "adult_formed_14": adult[14][1], "adult_stable_30": 1 - adult[30][0],
        "adult_eliminated_548": adult[548][0], "adult_formed_548": adult[548][1],
        "young_eliminated_14": young[0, 0], "young_formed_14": young[0, 1], "young_stable_30": 1 - young[1, 0],
        "young_density_14": 1 - young[0, 0] + young[0, 1],
        "expectation_error": np.max(np.abs(course - exact)),
    }  # fmt: skip


def _of_size(p, rng):
    burn = int(p.settling)
    size, replaced = log_size(int(p.spines), burn + 30, rng, p=p)
    now, next_day = size[burn], size[burn + 1]
    lost = {days: replaced[burn + 1 : burn + 1 + days].any(axis=0) for days in (14, 30)}
    kept = ~replaced[burn + 1]
    logs, recorded = np.log(now), psd95()
    tenth = np.array_split(np.argsort(now), 10)
    return {
        "size_eliminated_14": lost[14].mean(), "size_stable_30": 1 - lost[30].mean(), "size_auc": auc(now, lost[14]),
        "size_sd_log": logs.std(), "size_skew_log": skew(logs), "size_skew": skew(now),
        "size_change_slope": change_slope(now[kept], next_day[kept]),
        "tenth": np.arange(1, 11), "loss_by_size": np.array([lost[14][k].mean() for k in tenth]),
        "ln_size": (BINS[1:] + BINS[:-1]) / 2, "size_model": _density(standardised_logs([now])),
        "size_recorded": _density(standardised_logs(recorded)),
        "recorded_sd_log": np.median([np.log(s).std() for s in recorded]) if recorded else np.nan,
        "recorded_skew_log": np.median([skew(np.log(s)) for s in recorded]) if recorded else np.nan,
        "shape_distance": distance(standardised_logs([now]), standardised_logs(recorded)),
    }  # fmt: skip


def _density(values):
    if not len(values):
        return np.full(len(BINS) - 1, np.nan)
    return np.histogram(values, BINS)[0] / len(values) / np.diff(BINS)


def _of_reserve(p, rng):
    burn = int(p.settling)
    born, died, *_ = reserve(int(p.spines), burn + int(p.days.max()), rng, rho=p.rho_adult, births=None, p=p)
    course = np.array([turnover(born, died, burn, burn + day) for day in p.days])
    adult = {day: turnover(born, died, burn, burn + day) for day in (14, 30, 548)}
    start = int(p.start_young)
    born, died, *_ = reserve(int(p.spines), start + 30, rng, rho=p.rho_young, births=p.births_reserve_young, p=p)
    young = {day: turnover(born, died, start, start + day) for day in (14, 30)}
    return {
        "reserve_kept": 1 - course[:, 0], "reserve_formed": course[:, 1],
        "reserve_eliminated_14": adult[14][0], "reserve_formed_14": adult[14][1],
        "reserve_stable_30": 1 - adult[30][0],
        "reserve_eliminated_548": adult[548][0], "reserve_formed_548": adult[548][1],
        "reserve_young_eliminated_14": young[14][0], "reserve_young_formed_14": young[14][1],
        "reserve_young_stable_30": 1 - young[30][0],
    }  # fmt: skip


_TWO_STATE, _RESERVE, _SIZE = "two states", "DPAP's reserve", "wandering size"
RESERVE_NEEDS = {
    "reserve_start": "1", "reserve_newborn": "1", "stakes": "day", "bonus": "1", "gamma": "1", "percentile": "1",
    "tau_size": "day", "spread": "1", "ln_newborn": "1", "mature": "day", "newcomers": "1", "rho_adult": "1",
    "rho_young": "1", "births_reserve_young": "1/day", "start_young": "day", "settling": "day", "spines": "1",
}  # fmt: skip
SPINE_TURNOVER = Experiment(
    _run,
    needs={
        **RESERVE_NEEDS, "days": "day", "ln_lost": "1", "by_size": "1", "multiplicative": "1",
        **{f"transient_{age}": "1" for age in ("adult", "young")},
        **{f"{name}_{age}": "1/day" for name in _RATES[1:] for age in ("adult", "young")},
    },
    gives={
        "days": Given("day", "days between the two images", ("days",)),
        "adult_kept": Given("1", f"share of spines still there, adult, {_TWO_STATE}", ("days",)),
        "adult_formed": Given("1", f"spines formed, relative to the first image, adult, {_TWO_STATE}", ("days",)),
        "adult_kept_exact": Given("1", f"share of spines still there, adult, {_TWO_STATE}, expected", ("days",)),
        "young_kept_exact": Given("1", f"share of spines still there, young, {_TWO_STATE}, expected", ("days",)),
        "reserve_kept": Given("1", f"share of spines still there, adult, {_RESERVE}", ("days",)),
        "reserve_formed": Given("1", f"spines formed, relative to the first image, adult, {_RESERVE}", ("days",)),
        "tenth": Given("1", "tenth of the sizes on day 0, smallest first", ("tenth",)),
        "loss_by_size": Given("1", "share lost within 14 days", ("tenth",)),
        "ln_size": Given("1", "ln(size), standardised", ("ln_size",)),
        "size_model": Given("1", f"density of ln(size), {_SIZE}", ("ln_size",)),
        "size_recorded": Given("1", "density of ln(PSD-95), recorded", ("ln_size",)),
        **{f"{age}_eliminated_14": Given("1", f"eliminated in 14 days, {age}, {_TWO_STATE}") for age in
           ("adult", "young")},
        **{f"{age}_formed_14": Given("1", f"formed in 14 days, {age}, {_TWO_STATE}") for age in ("adult", "young")},
        **{f"{age}_stable_30": Given("1", f"still there after 30 days, {age}, {_TWO_STATE}") for age in
           ("adult", "young")},
        "adult_eliminated_548": Given("1", f"eliminated in 18 months, adult, {_TWO_STATE}"),
        "adult_formed_548": Given("1", f"formed in 18 months, adult, {_TWO_STATE}"),
        "young_density_14": Given("1", f"density after 14 days over that before, young, {_TWO_STATE}"),
        "expectation_error": Given("1", f"largest distance from the expectation, adult, {_TWO_STATE}"),
        "size_eliminated_14": Given("1", f"eliminated in 14 days, {_SIZE}"),
        "size_stable_30": Given("1", f"still there after 30 days, {_SIZE}"),
        "size_auc": Given("1", f"how well small size foretells loss within 14 days (area under ROC), {_SIZE}"),
        "size_sd_log": Given("1", f"standard deviation of ln(size), {_SIZE}"),
        "size_skew_log": Given("1", f"skewness of ln(size), {_SIZE}"),
        "size_skew": Given("1", f"skewness of size, {_SIZE}"),
        "size_change_slope": Given("1", f"ln(sd of daily change) over ln(size), slope, {_SIZE}"),
        "recorded_sd_log": Given("1", "standard deviation of ln(PSD-95) of a dendrite, recorded, median"),
        "recorded_skew_log": Given("1", "skewness of ln(PSD-95) of a dendrite, recorded, median"),
        "shape_distance": Given("1", "largest distance of the standardised distribution of ln(size) from ln(PSD-95)"),
        "reserve_eliminated_14": Given("1", f"eliminated in 14 days, adult, {_RESERVE}"),
        "reserve_formed_14": Given("1", f"formed in 14 days, adult, {_RESERVE}"),
        "reserve_stable_30": Given("1", f"still there after 30 days, adult, {_RESERVE}"),
        "reserve_eliminated_548": Given("1", f"eliminated in 18 months, adult, {_RESERVE}"),
        "reserve_formed_548": Given("1", f"formed in 18 months, adult, {_RESERVE}"),
        "reserve_young_eliminated_14": Given("1", f"eliminated in 14 days, young, {_RESERVE}"),
        "reserve_young_formed_14": Given("1", f"formed in 14 days, young, {_RESERVE}"),
        "reserve_young_stable_30": Given("1", f"still there after 30 days, young, {_RESERVE}"),
    },
)  # fmt: skip
