"""Verdicts: bands, seeds, controls, and what is neither passed nor failed."""

import json
from types import SimpleNamespace

import made_run
import pytest

from dpap_bio import judge, results, schema
from dpap_bio.judge import FAILED, FAILED_AS_IT_MUST, NOT_APPLICABLE, PASSED, PASSED_BUT_MUST_FAIL, TOO_LITTLE


def criterion(measure="peak_over_adult", between=(1.4, 2.0), args=None, **more):
    args = {"projection": "forward"} if args is None else args
    return schema.Criterion(measure=measure, title="claim", args=args, between=between, chosen="because", **more)


def life(left):
    """A development of ten epochs in which `left` of 20 synapses survive epoch 5."""
    return made_run.records(deaths={5: range(20 - left)})


def verdicts(folder, lived, *criteria):
    return judge.judge(made_run.run(folder, lived), SimpleNamespace(criteria=criteria))


def test_the_value_is_the_mean_over_seeds_with_its_standard_error(tmp_path):
    (v,) = verdicts(tmp_path, {("main", 1): life(10), ("main", 2): life(16)}, criterion())
    assert v.by_seed == pytest.approx({1: 2.0, 2: 1.25})
    assert (v.value, v.n) == (pytest.approx(1.625), 2)
    assert v.sem == pytest.approx(0.75 / 2)
    assert v.verdict == PASSED
    assert not v.failed


@pytest.mark.parametrize(("between", "verdict"), [
    ((2.0, 3.0), PASSED), ((1.0, 2.0), PASSED), ((2.0, 2.0), PASSED), ((2.001, 3.0), FAILED), ((1.0, 1.999), FAILED)])
def test_both_ends_belong_to_the_band(tmp_path, between, verdict):
    (v,) = verdicts(tmp_path, {("main", 1): life(10)}, criterion(between=between))
    assert (v.value, v.verdict, v.failed) == (2.0, verdict, verdict == FAILED)


def test_a_control_must_fail(tmp_path):
    lived = {("main", 1): life(10), ("control", 1): life(20)}
    main, control = verdicts(tmp_path, lived, criterion(must_fail_in=["control"]))
    assert (main.verdict, main.control) == (PASSED, False)
    assert (control.verdict, control.control, control.failed) == (FAILED_AS_IT_MUST, True, False)


def test_a_control_that_passes_speaks_against_the_run(tmp_path):
    lived = {("main", 1): life(10), ("control", 1): life(11)}
    _, control = verdicts(tmp_path, lived, criterion(must_fail_in=["control"]))
    assert (control.verdict, control.failed) == (PASSED_BUT_MUST_FAIL, True)


def test_an_arm_that_was_not_run_is_not_judged(tmp_path):
    _, control = verdicts(tmp_path, {("main", 1): life(10)}, criterion(must_fail_in=["control"]))
    assert (control.verdict, control.failed) == (NOT_APPLICABLE, False)
    assert "was not run at this size" in control.note


def test_too_few_seeds_are_too_little_data_and_the_value_is_still_told(tmp_path):
    (v,) = verdicts(tmp_path, {("main", 1): life(10)}, criterion(between=(5, 9), min_seeds=2))
    assert (v.verdict, v.value, v.failed) == (TOO_LITTLE, 2.0, False)
    assert "1 of the 2 seeds wanted" in v.note


def test_a_seed_without_a_value_is_named_and_the_others_count(tmp_path):
    lived = {("main", 1): life(10), ("main", 2): life(0)}
    (v,) = verdicts(tmp_path, lived, criterion())
    assert (v.verdict, v.by_seed) == (PASSED, {1: 2.0})
    assert "seed 2: no synapse of forward is left" in v.note


def test_a_measure_that_no_seed_has_is_not_applicable(tmp_path):
    (v,) = verdicts(tmp_path, {("main", 1): life(20)}, criterion("survivor_strength"))
    assert (v.verdict, v.n, v.said) == (NOT_APPLICABLE, 0, "no value")
    assert "no synapse of forward was eliminated" in v.note


def test_an_unfinished_development_is_too_little_data(tmp_path):
    run = made_run.run(tmp_path, {("main", 1): life(10), ("main", 2): life(10)[:6]})
    (v,) = judge.judge(run, SimpleNamespace(criteria=[criterion()]))
    assert (v.verdict, v.note) == (TOO_LITTLE, "seed 2 has lived 5 of 10 epochs")


def test_a_development_that_was_stopped_as_unhealthy_fails_and_a_control_fails_as_it_must(tmp_path):
    lived = {("main", 1): life(10)[:6], ("control", 1): life(10)[:6]}
    stopped = {key: "cells ran away" for key in lived}
    run = results.assemble(made_run.protocol(tmp_path), lived, stopped=stopped)
    main, control = judge.judge(run, SimpleNamespace(criteria=[criterion(must_fail_in=["control"])]))
    assert (main.verdict, control.verdict) == (FAILED, FAILED_AS_IT_MUST)
    assert main.note == "seed 1: cells ran away"


CRITERIA = """
[[criteria]]
measure = "peak_over_adult"
title   = "Peak over adult"
args    = { projection = "forward" }
between = [1.4, 2.0]
source  = "huttenlocher1979"
evidence = "verified"
must_fail_in = ["control"]

[[criteria]]
measure = "plateau"
title   = "Plateau, strict"
args    = { projection = "forward" }
between = [0.0, 0.02]
chosen  = "flat"

[[criteria]]
measure = "plateau"
title   = "Plateau, loose"
args    = { projection = "forward", last = 0.9 }
between = [0.0, 0.02]
chosen  = "flat"
"""


def test_a_run_is_judged_by_the_criteria_of_its_protocol_and_carries_the_verdicts_in_its_file(tmp_path):
    lived = {(arm, seed): life(10 + seed) for arm in ("main", "control") for seed in (1, 2)}
    run = made_run.run(tmp_path, lived, criteria=CRITERIA)
    results.save(run, tmp_path / "run.nc")
    back = results.load(tmp_path / "run.nc")
    found = judge.verdicts(back)
    assert [(v.name, v.arm, v.verdict) for v in found] == [
        ("peak_over_adult", "main", PASSED), ("peak_over_adult", "control", PASSED_BUT_MUST_FAIL),
        ("plateau 1", "main", PASSED), ("plateau 2", "main", FAILED)]
    again = judge.judge(back)
    assert [v.as_dict() for v in found] == [v.as_dict() for v in again]
    assert results.digest(results.with_verdicts(back, again)) == results.digest(run)


def test_verdicts_are_json_even_where_there_is_no_number(tmp_path):
    found = verdicts(tmp_path, {("main", 1): life(20)}, criterion("survivor_strength"), criterion())
    read = json.loads(json.dumps([v.as_dict() for v in found], allow_nan=False))
    assert read[0]["value"] is None
    assert read[1]["by_seed"] == {"1": 1.0}


def test_the_table_says_verdict_value_band_and_why(tmp_path):
    lived = {("main", 1): life(10), ("main", 2): life(11), ("control", 1): life(20)}
    text = judge.table(verdicts(tmp_path, lived, criterion(must_fail_in=["control"]), criterion("survivor_ratio", args={
        "of": "forward", "over": "forward"}, between=(0, 0.5))))
    first, control, second = text.splitlines()
    assert first.startswith("passed ")
    assert "1.909 \N{PLUS-MINUS SIGN} 0.091 (n = 2), wanted 1.4 to 2" in first
    assert control.startswith("failed as it must")
    assert "in control" in control
    assert second.startswith("failed ")


def test_a_protocol_without_criteria_has_no_verdicts(tmp_path):
    run = made_run.one(tmp_path)
    assert judge.verdicts(run) == []
    assert judge.table([]) == "the protocol has no criteria"
    results.save(run, tmp_path / "run.nc")
    assert judge.verdicts(results.load(tmp_path / "run.nc")) == []
