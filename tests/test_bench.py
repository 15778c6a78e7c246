"""`dpap bench`: what it is asked for, its rates, its table and figure. What it measures is no test's business."""

import json
import sys

import numpy as np
import pytest

from dpap_bio import _standalone_library, bench, cli, library, newborn, standalone

pytestmark = pytest.mark.skipif(_standalone_library.compiler() is None, reason="no C++ compiler here")
SCRIPTS = str(library.folder("benchmark"))


@pytest.fixture(autouse=True)
def _scripts(request, monkeypatch):
    monkeypatch.setenv("DPAP_CACHE", str(request.config.cache.mkdir("standalone")))
    monkeypatch.syspath_prepend(SCRIPTS)


def row(cpu, rates=(6.0, 5.0), agree=True):
    return {"cpu": cpu, "wall": cpu, "rates": list(rates), "all": [cpu], "boundary": None, "rates agree": agree}


MADE = {"case": {"neurons": 100, "inputs": 10, "synapses": 1000, "plastic": 640, "seconds": 1.0, "rounds": 1,
                 "load": 0.0, "cores": 2},
        "beside": {"cpp_standalone": row(0.5), "NEST, STDP only": row(2.0, (9.0, 5.0), False)},
        "kept": {"1": {"gain": 1.0, "cpp_standalone, pruned": row(0.5), "cpp_standalone, gated": row(0.6)},
                 "0.2": {"gain": 4.8, "cpp_standalone, pruned": row(0.2), "cpp_standalone, gated": row(0.7)}},
        "structural": {"ours": {"deaths": 0.01, "number of deaths": 6, "births": 0.02, "number of births": 6}},
        "epochs per hour": {"cpp_standalone, cpp": 58000.0}}


def test_the_table_has_ratios_in_one_run_and_marks_rates_that_are_off(tmp_path):
    lines = bench.table(MADE).splitlines()
    nest = next(line for line in lines if line.startswith("NEST"))
    assert any("58000" in line for line in lines)
    assert any("0.010 CPU s for 6 deaths, 0.020 for 6 births" in line for line in lines)
    assert " 4.00 " in nest and nest.endswith("!") and lines[-1].startswith("! rates are not within 10 %")
    few = [line for line in lines if "pruned" in line or "gated" in line]
    assert [line.split()[-3] for line in few] == ["1.00", "1.20", "0.40", "1.40"]
    bench.write(MADE, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == MADE
    assert (tmp_path / "out" / "bench.png").stat().st_size > 5000


@pytest.mark.parametrize(("options", "said"), [
    (["--neurons", "5"], "10 at least"), (["--inputs", "1000"], "fewer inputs than neurons"),
    (["--kept", "0.5"], "1 first"), (["--kept", "1,0"], "shares above 0"), (["--kept", "1,x"], "numbers with commas"),
    (["--rounds", "0"], "at least one")])
def test_what_makes_no_network_is_refused_in_a_sentence(options, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dpap", "bench", *options])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_as_many_synapses_are_born_as_died_and_both_are_timed(tmp_path, monkeypatch):
    import bench as script
    import workload

    monkeypatch.delenv("DPAP_NEST", raising=False)
    monkeypatch.setattr(script, "SWAPPED", 0.1)
    m = workload.load(tmp_path, 100, 10)
    ours = script._structural(m, newborn.start_network(m, 1))["ours"]
    assert 30 < ours["number of deaths"] == ours["number of births"] < 100 and ours["deaths"] > 0 < ours["births"]


def test_removed_and_gated_synapses_are_the_same_network(tmp_path):
    import rivals
    import workload

    fired = {}
    for gated in (False, True):
        m = workload.load(tmp_path, 200, 50, 2.0, gated)
        network = workload.thinned(newborn.start_network(m, 1), 0.5, gated)
        fired[gated] = standalone.advance(m, network, {}, 1500)[1]
    assert np.array_equal(fired[False]["e"], fired[True]["e"]) and len(fired[True]["e"][0]) > 50
    m = workload.load(tmp_path, 200, 50)
    network = newborn.start_network(m, 1)
    ours = rivals.epoch(standalone.advance, m, network, 3000)
    limit = rivals.Limit(tmp_path).run(m, network, 3000)
    assert limit["rates"] == pytest.approx(ours["rates"], rel=0.1)


def test_rates_are_brought_back_when_synapses_go(tmp_path):
    import bench as script
    import workload

    network = newborn.start_network(workload.load(tmp_path, 300, 100), 1)
    rivals = sys.modules["rivals"]
    wanted = rivals.epoch(standalone.advance, workload.load(tmp_path, 300, 100), network, 5000)["rates"][0]
    gain = script._gain(tmp_path, 300, 100, network, 0.2, 5000, wanted)
    few = workload.thinned(network, 0.2)
    found = rivals.epoch(standalone.advance, workload.load(tmp_path, 300, 100, gain), few, 5000)["rates"][0]
    assert gain > 2 and found == pytest.approx(wanted, rel=script.OFF)
