"""`dpap validate`: every protocol in one pool, one table, one page; what breaks does not take the others with it."""

import json
import os
import subprocess
import sys

import pytest
import tiny

from dpap_bio import library, schema, validate
from dpap_bio.kinds import kind_of

pytestmark = pytest.mark.slow


def dpap(*words, cwd, env=None):
    return subprocess.run([sys.executable, "-m", "dpap_bio.cli", *words], cwd=cwd, text=True, capture_output=True,
                          env=env)


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """Three protocols: one that passes, one whose bounds are too hard, one whose main arm cannot live."""
    folder = tmp_path_factory.mktemp("validated")
    tiny.write(folder)
    (folder / "harder.toml").write_text(tiny.PROTOCOL.replace("[0.05, 1.0]", "[0.0, 0.01]"), encoding="utf-8")
    silent = tiny.PROTOCOL.replace('rate = "80 Hz", window', 'rate = "1 Hz", window')
    (folder / "silent.toml").write_text(silent, encoding="utf-8")
    names = ["./tiny.toml", "./harder.toml", "./silent.toml"]
    return folder, dpap("validate", *names, "--size", "full", "--out", "all", cwd=folder)


def test_one_criterion_outside_its_band_or_one_broken_protocol_is_exit_1_and_the_others_are_still_judged(validated):
    folder, run = validated
    assert run.returncode == 1, run.stderr
    text = run.stdout
    assert "tiny: A tiny protocol (full" in text and "  passed   " in text and "  failed   " in text
    assert "  failed: " in text and "1 protocols broke" in text
    assert text.rstrip().endswith("validation.html")


def test_the_page_holds_every_claim_and_every_figure_and_needs_no_other_file(validated):
    folder, _ = validated
    page = (folder / "all" / "validation.html").read_text(encoding="utf-8")
    for name in ("tiny", "harder", "silent"):
        assert f'id="{name}"' in page
    assert page.count("data:image/png;base64,") == 2  # the density figure of each run that ended
    assert "<script" not in page and "src=\"http" not in page


def test_what_is_finished_is_judged_again_and_not_run_again(validated):
    folder, first = validated
    before = (folder / "all" / "tiny" / "run.nc").stat().st_mtime_ns
    again = dpap("validate", "./tiny.toml", "--size", "full", "--out", "all", "--json", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert (folder / "all" / "tiny" / "run.nc").stat().st_mtime_ns == before
    (only,) = json.loads(again.stdout)
    assert only["protocol"] == "tiny" and not only["failed"] and only["criteria"][0]["verdict"] == "passed"


def test_a_protocol_whose_data_are_missing_is_left_out_and_one_that_does_not_exist_is_an_error(tmp_path):
    bare = {n: v for n, v in os.environ.items() if n != "DPAP_DATA"} | {"XDG_CACHE_HOME": str(tmp_path)}
    run = dpap("validate", "recorded_pairings", "--out", "bare", cwd=tmp_path, env=bare)
    assert run.returncode == 0, run.stderr
    assert "left out: plastyfire_biodata: no such dataset" in run.stdout and "1 left out" in run.stdout
    assert dpap("validate", "recorded_pairing", cwd=tmp_path).returncode == 2


def test_every_validation_protocol_has_a_quick_size_and_a_control_that_must_fail():
    for name in validate.names():
        path = library.find("protocol", name)
        _, spec = schema.read(path, kind_of(path).form)
        assert "quick" in spec.sizes, name
        assert any(c.must_fail_in for c in spec.criteria), name
