"""Measures against values worked out by hand, on runs made by hand."""

import inspect

import made_run
import numpy as np
import pytest

from dpap_bio import measures
from dpap_bio.measures import MEASURES, kaplan_meier, linear_readout
from dpap_bio.results_read import NotApplicable, TooLittleData

FORWARD = {"projection": "forward"}
READOUT = {"population": "cells", "train": "train", "test": "test"}


def following(folder, alive):
    """A run in which the numbers of living synapses after birth and after each epoch are those given."""
    births, deaths, living, born = {-1: alive[0]}, {}, list(range(alive[0])), alive[0]
    for epoch, (before, after) in enumerate(zip(alive[:-1], alive[1:], strict=True)):
        births[epoch] = max(0, after - before)
        living += range(born, born + births[epoch])
        born += births[epoch]
        deaths[epoch], living = living[: max(0, before - after)], living[max(0, before - after):]
    return made_run.one(folder, epochs=len(alive) - 1, births=births, deaths=deaths, stage_ends=(3, len(alive) - 2))


def value(run, name, arm="main", **args):
    """The measure of seed 1, with the defaults that a criterion would get."""
    defaults = {n: a.default for n, a in MEASURES[name].args.items() if not a.required}
    return MEASURES[name](run, arm, [1], defaults | args)[1]


# -- structure --


@pytest.mark.parametrize(("alive", "maxima"), [
    ([10, 14, 18, 20, 20, 20, 16, 12, 10, 10, 10, 10], 1),  # rise, flat top, fall
    ([10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32], 0),  # only rises: no maximum inside
    ([10, 14, 18, 20, 20, 20, 20, 20, 20, 20, 20, 20], 0),  # rises and stays: the arm without elimination
    ([20, 18, 16, 14, 12, 10, 10, 10, 10, 10, 10, 10], 0),  # only falls
    ([10, 20, 30, 30, 20, 10, 10, 20, 30, 30, 20, 10], 2),
])
def test_density_maxima_counts_interior_maxima(tmp_path, alive, maxima):
    assert value(following(tmp_path, alive), "density_maxima", **FORWARD) == maxima


def test_density_maxima_does_not_count_a_ripple_below_its_prominence(tmp_path):
    run = following(tmp_path, [100, 200, 300, 400, 400, 380, 376, 378, 376, 300, 200, 200])
    assert value(run, "density_maxima", **FORWARD, smooth=1) == 1
    assert value(run, "density_maxima", **FORWARD, smooth=1, prominence=0.001) == 2


def test_peak_over_adult_is_the_largest_density_over_the_mean_of_the_last_fifth(tmp_path):
    run = following(tmp_path, [10, 20, 36, 36, 30, 28, 26, 25, 25, 25])  # ten values: the last two
    assert value(run, "peak_over_adult", **FORWARD) == pytest.approx(36 / 25)
    assert value(run, "peak_over_adult", **FORWARD, last=0.5) == pytest.approx(36 / np.mean([28, 26, 25, 25, 25]))


def test_plateau_is_the_largest_relative_change_within_the_last_fifth(tmp_path):
    alive = [40, 40, 40, 40, 40, 40, 40, 40, 39, 41]
    assert value(following(tmp_path, alive), "plateau", **FORWARD) == pytest.approx(2 / 40)
    assert value(following(tmp_path, [40] * 10), "plateau", **FORWARD) == 0


def test_a_projection_without_a_synapse_at_the_end_has_no_adult_level(tmp_path):
    run = following(tmp_path, [20, 20, 10, 0, 0, 0, 0, 0, 0, 0])
    for name in ("peak_over_adult", "plateau"):
        with pytest.raises(NotApplicable, match="no synapse of forward is left"):
            value(run, name, **FORWARD)


def test_survivor_strength_compares_weights_at_the_peak_whatever_they_become(tmp_path):
    def weight(ids, epoch):  # at the peak (epoch 2) survivors weigh 3 and the others 2; later it is reversed
        early = np.where(ids < 4, 2.0, 3.0)
        return early if epoch <= 2 else 1 / early

    run = made_run.one(tmp_path, births={-1: 8, 1: 4}, deaths={3: [0, 1], 5: [2, 3]}, weight=weight)
    assert value(run, "survivor_strength", **FORWARD) == pytest.approx(1.5)


def test_survivor_strength_takes_the_snapshot_nearest_to_the_peak(tmp_path):
    run = made_run.one(tmp_path, births={-1: 8}, deaths={6: [0, 1, 2, 3]}, snapshots=[-1, 4, 9],
                       weight=lambda ids, e: np.where(ids < 4, 1.0, 2.0 if e == 4 else 9.0))
    assert value(run, "survivor_strength", **FORWARD) == pytest.approx(2)  # the peak ends in epoch 5


def test_nothing_eliminated_or_nothing_left_leaves_nobody_to_compare(tmp_path):
    with pytest.raises(NotApplicable, match="no synapse of forward was eliminated"):
        value(made_run.one(tmp_path), "survivor_strength", **FORWARD)
    with pytest.raises(NotApplicable, match="every synapse of forward was eliminated"):
        value(made_run.one(tmp_path, deaths={5: range(20)}), "survivor_strength", **FORWARD)


def test_eliminated_share_counts_who_was_alive_at_the_peak_and_nobody_born_later(tmp_path):
    run = made_run.one(tmp_path, births={-1: 20, 6: 2}, deaths={3: range(5), 8: [20]})
    assert value(run, "eliminated_share", **FORWARD) == pytest.approx(5 / 20)


def test_eliminated_share_does_not_count_who_died_before_the_peak(tmp_path):
    run = made_run.one(tmp_path, births={-1: 10, 2: 20}, deaths={1: range(4), 7: [4, 5]})
    assert value(run, "eliminated_share", **FORWARD) == pytest.approx(2 / 26)


def test_early_over_late_elimination_by_hand(tmp_path):
    # the peak ends at age 4. Ages 5 to 7 are early: 4, 4, 0 deaths of 20, 16, 12; 8 to 10 late: 0, 2, 0 of 12, 12, 10
    run = made_run.one(tmp_path, deaths={4: range(4), 5: range(4, 8), 8: [8, 9]})
    early, late = (8 + 0.5) / (20 + 16 + 12), (2 + 0.5) / (12 + 12 + 10)
    assert value(run, "early_over_late_elimination", **FORWARD) == pytest.approx(early / late)


def test_a_constant_risk_of_elimination_gives_a_ratio_near_one(tmp_path):
    alive = [2000]
    for _ in range(20):
        alive.append(round(alive[-1] * 0.9))
    assert value(following(tmp_path, alive), "early_over_late_elimination", **FORWARD) == pytest.approx(1, abs=0.02)


def test_survivor_ratio_of_a_projection_with_itself_is_one(tmp_path):
    run = made_run.one(tmp_path, deaths={5: [0, 1, 2]})
    assert value(run, "survivor_ratio", of="forward", over="forward") == 1


def test_rate_over_target_is_the_mean_rate_of_the_last_fifth_in_the_unit_of_the_target(tmp_path):
    run = made_run.one(tmp_path, epochs=9, rate=lambda e: 12.0 if e >= 7 else 99.0)
    assert value(run, "rate_over_target", population="cells", parameter="tau_m") == pytest.approx(12 / 0.02)
    with pytest.raises(NotApplicable, match="no parameter 'rate_target'"):
        value(run, "rate_over_target", population="cells")


def test_kaplan_meier_is_the_published_table_of_the_6_mp_patients():
    # 21 patients, weeks of remission; + cut off. The worked example of textbooks (Freireich et al. 1963)
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    relapse = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    time, alive, at_risk = kaplan_meier(weeks, relapse)
    assert time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert alive == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)


def test_kaplan_meier_without_cut_off_is_the_share_still_alive():
    age = np.random.default_rng(1).integers(1, 30, 500)
    time, alive, _ = kaplan_meier(age, np.ones(500, bool))
    assert alive == pytest.approx([(age > t).mean() for t in time])


def test_kaplan_meier_of_survivors_only_has_no_step():
    assert [len(x) for x in kaplan_meier([3.0, 4.0], [False, False])] == [0, 0, 0]


# -- what criteria may say --


@pytest.mark.parametrize("name", MEASURES)
def test_the_defaults_of_a_criterion_are_those_of_the_function(name):
    given = inspect.signature(MEASURES[name].fn).parameters
    own = {n: p.default for n, p in given.items() if p.kind is p.KEYWORD_ONLY}
    declared = {n: inspect.Parameter.empty if a.required else a.default for n, a in MEASURES[name].args.items()}
    assert own == declared


@pytest.mark.parametrize(("measure", "args", "sentence"), [
    ("plateu", FORWARD, "no measure 'plateu'; did you mean 'plateau'"),
    ("plateau", {}, "args.projection is missing: plateau needs the name of a projection"),
    ("plateau", {"projection": "froward"}, "the name of a projection is wanted; did you mean 'forward'"),
    ("plateau", {"projection": ["forward"]}, "the name of a projection is wanted"),
    ("plateau", {**FORWARD, "last": 0}, "found 0, a number above 0 and at most 1 is wanted"),
    ("plateau", {**FORWARD, "last": True}, "found True, a number above 0"),
    ("plateau", {**FORWARD, "last": float("nan")}, "found nan"),
    ("plateau", {**FORWARD, "lost": 0.2}, "plateau has no such argument; did you mean 'last'"),
    ("density_maxima", {**FORWARD, "smooth": 4}, "found 4, an odd whole number"),
    ("density_maxima", {**FORWARD, "smooth": "3"}, "found '3', an odd whole number"),
    ("silent_share", {"population": "input", "probe": "test"}, "found 'input', the name of a population is wanted"),
    ("silent_share", {"population": "cells", "probe": "toast"}, "the name of a probe is wanted; did you mean 'test'"),
    ("silent_share", {"population": "cells", "probe": "test", "after": "lunch"}, "the name of a stage is wanted"),
    ("readout_difference", {**READOUT, "over": "contrl"}, "the name of an arm is wanted; did you mean 'control'"),
    ("rate_over_target", {"population": "cells"}, None),
    ("rate_over_target", {"population": "cells", "parameter": "tau_n"}, "did you mean 'tau_m'"),
    ("readout_difference", {**READOUT, "over": "control"}, None),
    ("readout", {**READOUT, "after": "early"}, None),
])
def test_check_says_in_one_sentence_what_is_wrong_with_a_criterion(tmp_path, measure, args, sentence):
    protocol = made_run.protocol(tmp_path)
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    if sentence is None:
        measures.check(measure, args, protocol, model)
        return
    with pytest.raises(ValueError) as error:
        measures.check(measure, args, protocol, model)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_check_knows_arms_that_a_size_leaves_out_and_refuses_probes_not_shown_after_the_stage(tmp_path):
    protocol = made_run.protocol(tmp_path, size="small")
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    assert [arm.name for arm in protocol.arms] == ["main"]
    measures.check("readout_difference", {**READOUT, "over": "control"}, protocol, model)
    path = tmp_path / "made.toml"
    path.write_text(path.read_text().replace('after    = ["early", "late"]', 'after    = ["late"]'))
    with pytest.raises(ValueError, match="is not shown after stage 'early'"):
        measures.check("readout", {**READOUT, "after": "early"}, made_run.protocols.load(str(path)), model)


# -- read-out in a run --


def arms(folder, strength):
    """Two seeds of two arms whose cells prefer a class so strongly; their inputs do twice as much."""
    def shown(seed, k):
        count, label = made_run.tuned(seed, k)
        return made_run.probe(count, label, made_run.tuned(seed + 50, 2 * k, n_cells=made_run.INPUTS)[0])

    lived = {(arm, seed): made_run.records(probes={9: {"train": shown(seed, k), "test": shown(seed + 10, k)}})
             for arm, k in strength.items() for seed in (1, 2)}
    return made_run.run(folder, lived)


def test_readout_raw_reads_the_input_and_readout_the_cells(tmp_path):
    run = arms(tmp_path, {"main": 2.0})
    probe = run["main/seed_1/probes/9/train"], run["main/seed_1/probes/9/test"]
    cells = linear_readout(*(a for p in probe for a in (p.count_cells.values, p.label.values)))
    raw = linear_readout(*(a for p in probe for a in (p.input.values, p.label.values)))
    assert value(run, "readout", **READOUT) == cells
    assert value(run, "readout_raw", train="train", test="test") == raw
    assert raw > cells + 5


def test_readout_difference_is_paired_over_the_seeds_of_both_arms(tmp_path):
    run = arms(tmp_path, {"main": 4.0, "control": 1.0})
    args = {**READOUT, "over": "control", "after": None}
    found = MEASURES["readout_difference"](run, "main", [], args)
    each = {arm: MEASURES["readout"](run, arm, [1, 2], {**READOUT, "after": None}) for arm in ("main", "control")}
    assert found == {seed: each["main"][seed] - each["control"][seed] for seed in (1, 2)}
    assert min(found.values()) > 10
    back = MEASURES["readout_difference"](run, "control", [], {**args, "over": "main"})
    assert back == {seed: -points for seed, points in found.items()}


def test_a_comparison_with_an_arm_that_was_not_run_does_not_apply(tmp_path):
    run = arms(tmp_path, {"main": 1.0})
    with pytest.raises(NotApplicable, match="main and control were not run with the same seed"):
        MEASURES["readout_difference"](run, "main", [1], {**READOUT, "over": "control"})


def test_silent_share_counts_cells_without_a_spike(tmp_path):
    count, label = made_run.tuned(0)
    count[:, [1, 3]] = 0
    run = made_run.one(tmp_path, probes={9: {"test": made_run.probe(count, label)}})
    assert value(run, "silent_share", population="cells", probe="test") == pytest.approx(0.4)


def test_selectivity_gain_asks_for_enough_cells(tmp_path):
    probes = {e: {"test": made_run.probe(*made_run.tuned(e))} for e in (3, 9)}
    run = made_run.one(tmp_path, probes=probes)
    with pytest.raises(TooLittleData, match="5 neurons of cells fired at least 30 spikes at both times, 10 are wanted"):
        value(run, "selectivity_gain", population="cells", probe="test", before="early", after="late")


def test_selectivity_follows_cells_by_their_ids_across_deaths(tmp_path):
    before, label = made_run.tuned(0, strength=0.0)
    after = before.copy()
    after[:, 3] = np.where(label == 3, 20, 0)  # cell 3 becomes selective; cell 1 dies, so it moves to column 2
    probes = {3: {"test": made_run.probe(before, label)}, 9: {"test": made_run.probe(np.delete(after, 1, 1), label)}}
    run = made_run.one(tmp_path, probes=probes, neuron_deaths={5: [1]})
    first, second = measures.selectivity(run, "main", 1, population="cells", probe="test", before="early", after="late")
    assert (second - first).argmax() == 2
    assert np.delete(second - first, 2) == pytest.approx([0, 0, 0])
    assert second[2] == pytest.approx(1)
