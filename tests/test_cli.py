"""The command line: results to stdout, one sentence and a code for each mistake, quick to start."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import tiny

from dpap_bio import cli, doctor, estimate, library, progress, results, runs
from dpap_bio import protocol as protocols
from dpap_bio.backends import BACKENDS
from dpap_bio.development import develop


@pytest.fixture
def dpap(monkeypatch, capsys, tmp_path):
    """Run a command in this process, in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["dpap", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def mistaken(dpap):
    """Run a command that must fail with one sentence, which is returned."""

    def run(*words, code=2):
        found, _, said = dpap(*words)
        assert found == code, said
        assert said.startswith("dpap: ") and said.count("\n") == 1, said
        return said

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tiny.write(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def records(files):
    """What the main arm of the tiny protocol went through."""
    protocol, advance = protocols.load(str(files)), BACKENDS["runtime"].open("numpy")
    return {("main", 1): [e.record for e in develop(protocol, protocol.arms[0], 1, advance)]}


@pytest.fixture(scope="module")
def lived(files, records):
    return assembled(files, records)


def assembled(path, records):
    protocol = protocols.load(str(path))
    return results.assemble(replace(protocol, arms=protocol.arms[:1]), records)


@pytest.fixture
def folder(lived, tmp_path):
    results.save(lived, tmp_path / "run.nc")
    return tmp_path


# -- starting ------------------------------------------------------------------------------------------------------


def test_neither_the_package_nor_the_help_loads_a_simulator():
    code = """
import sys, dpap_bio, dpap_bio.commands
heavy = ("brian2", "torch", "sklearn", "matplotlib", "xarray", "pandas", "scipy", "pydantic", "sympy")
print([m for m in heavy if m in sys.modules])"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"


def test_every_command_says_what_it_does(dpap):
    from dpap_bio.commands import app

    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        code, out, _ = dpap(name, "--help")
        assert code == 0 and command.callback.__doc__.split()[0] in out, name


def test_a_reader_that_stops_early_is_no_mistake():
    process = subprocess.Popen([sys.executable, "-m", "dpap_bio.cli", "schema"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


# -- looking -------------------------------------------------------------------------------------------------------


def test_list_names_everything_that_is_shipped(dpap):
    code, out, _ = dpap("list", "--json")
    found = json.loads(out)
    assert code == 0
    for kind in ("model", "mechanism", "protocol"):
        assert list(found[kind + "s"]) == library.names(kind)
        assert all(found[kind + "s"].values()), "each has a title"
    assert "runtime" in found["backends"] and "poisson" in found["stimuli"] and "survival" in found["rules"]
    code, text, _ = dpap("list")
    assert code == 0 and all(name in text for rows in found.values() for name in rows)


@pytest.mark.parametrize("name", library.names("model"))
def test_show_gives_every_parameter_of_a_model_with_its_unit_and_origin(name, dpap):
    from dpap_bio import model
    from dpap_bio.deep import model as deep

    path = library.find("model", name)
    code, out, _ = dpap("show", path)
    assert code == 0
    made = (deep if "dpap-deep-model" in path.read_text(encoding="utf-8") else model).load(name)
    for parameter, value in made.parameters.items():
        rows = [line.split() for line in out.splitlines() if line.split()[:1] == [parameter]]
        rows = [row for row in rows if "source" in row or "chosen:" in row]
        assert any(float(row[1]) == pytest.approx(value.value) for row in rows), parameter


def test_show_puts_the_textbook_synapse_beside_what_was_lifted(files, dpap):
    _, out, _ = dpap("show", files.with_name("tiny_model.toml"))
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "dx/dt = -x / tau_plus : 1 (event-driven) one per neuron of input, fed by arriving spikes" in lines
    assert "dy/dt = -y / tau_minus : 1 (event-driven) one per neuron of cell, called y_wire there" in lines
    assert "dy_wire/dt = -y_wire / tau_minus_wire : 1" in lines
    assert "w = clip(w + learning * a_plus * w_max * (1 - w / w_max)**mu * x, 0, w_max)" in out


def test_show_goes_through_a_protocol(files, dpap):
    code, out, _ = dpap("show", files, "--set", "rho=1.5")
    assert code == 0 and "rho = 1.5" in out
    assert "early: 4 epochs of 0.05 s, each standing for 1 day" in out
    assert "poisson to input, rate 80 Hz, window 0.01 s" in out
    assert "random: As many go by chance (prune_synapses -> random; as many synapses as in main)" in out
    assert "eliminated_share(projection = wire) in [0.05, 1]" in out


@pytest.mark.parametrize("name", library.names("protocol"))
def test_every_shipped_protocol_can_be_shown(name, dpap):
    code, out, said = dpap("show", name)
    if "no such dataset or recording" in said:
        pytest.skip(f"{name} takes its conditions from recorded data, which are not on this machine")
    assert code == 0, said
    assert "criteria" in out and "sizes" in out and ("stages" in out or "parameters" in out)


def test_schema_names_every_column_with_its_unit(dpap):
    code, out, _ = dpap("schema")
    assert code == 0
    assert all(name in out for columns in results.SCHEMA.values() for name in columns)


# -- a finished run ------------------------------------------------------------------------------------------------


def test_judge_exits_1_only_if_a_criterion_fails(records, folder, tmp_path, dpap):
    code, out, _ = dpap("judge", folder)
    assert code == 0 and out.startswith("passed")
    harder = tiny.write(tmp_path, protocol=tiny.PROTOCOL.replace("[0.05, 1.0]", "[0.0, 0.01]"))
    results.save(assembled(harder, records), tmp_path / "run.nc")
    code, out, _ = dpap("judge", tmp_path, "--json")
    assert code == 1 and json.loads(out)[0]["verdict"] == "failed"


def test_cite_and_figure_and_report_work_on_a_run(folder, dpap):
    assert "@article{song2000," in dpap("cite", folder)[1]
    code, out, _ = dpap("figure", "density", folder)
    assert code == 0 and Path(out.strip()).read_bytes().startswith(b"\x89PNG")
    code, out, _ = dpap("report", folder)
    assert code == 0 and "<html" in Path(out.strip()).read_text(encoding="utf-8")


def test_explain_counts_what_the_lifetimes_say(lived, folder, dpap):
    lives = lived["main/seed_1/synapses_wire"]
    gone = lives.died.notnull()
    code, out, _ = dpap("explain", folder)
    assert code == 0
    assert f"{int(gone.sum())} died" in out and f"{int((~gone).sum())} live on" in out
    assert "by rule prune_synapses" in out
    reserve = next(line.split() for line in out.splitlines() if line.split()[:1] == ["reserve"])
    assert float(reserve[1]) < float(reserve[2]), "the dying had less left"
    assert "below U* = 0.5" in out


def test_explain_tells_the_life_of_a_synapse_by_its_lasting_id(lived, folder, dpap):
    lives = lived["main/seed_1/synapses_wire"].to_dataset()
    victim = lives.isel(synapse=int(lives.died.notnull().values.argmax()))
    _, out, _ = dpap("explain", folder, "--synapse", int(victim.id))
    assert f"input {int(victim.pre)} -> cell {int(victim.post)}" in out
    assert f"died at age {float(victim.died):g} day with weight {float(victim.w_last):.4g}, by rule" in out


@pytest.mark.parametrize(("words", "says"), [
    (["--arm", "nix"], "the run has no arm 'nix': there are main"),
    (["--seed", "9"], "arm main has no seed 9: there are 1"),
    (["--projection", "nix"], "the run has no projection 'nix': there are wire, loop"),
    (["--synapse", "99999"], "projection wire has no synapse 99999"),
])
def test_explain_refuses_what_the_run_has_not(words, says, folder, mistaken):
    assert says in mistaken("explain", folder, *words)


# -- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "says"), [
    (["nix"], "No such command 'nix'"),
    (["run"], "Missing argument 'protocol'"),
    (["run", "nix"], "no protocol is called 'nix'"),
    (["run", "./nix.toml"], "does not exist"),
    (["run", "TINY", "--size", "huge"], "sizes.huge: there is no such size; there are full"),
    (["run", "TINY", "--set", "rho"], "NAME=VALUE is wanted"),
    (["run", "TINY", "--set", "rhho=1"], "did you mean 'rho'?"),
    (["run", "TINY", "--seed", "-1"], "--seed"),
    (["run", "TINY", "--seed", "1", "--seed", "1"], "seeds: found [1, 1], each is run once"),
    (["run", "TINY", "--backend", "nest"], "there is no backend 'nest': there are runtime"),
    (["run", "TINY", "--target", "java"], "backend runtime has no target 'java'"),
    (["run", "dpap_digits", "--backend", "genn"], "is of kind training; only a development takes --backend"),
    (["run", "spine_turnover", "--target", "numpy"], "of kind experiment; only a development takes --target"),
    (["run", "TINY", "--jobs", "0"], "--jobs"),
    (["run", "TINY", "--set", "input.size=90000", "--set", "cell.size=90000"], "of memory and"),
    (["resume", "FOLDER"], "is not the folder of a run: it has no run.json"),
    (["judge", "FOLDER"], "is not the folder of a run"),
    (["judge", "./nix"], "is not the folder of a run"),
    (["show", "nix"], "there is neither a model nor a protocol called 'nix'"),
    (["show", str(library.find("mechanism", "lif"))], "that of a model or of a protocol is wanted"),
    (["warmup", "nix"], "no protocol is called 'nix'"),
])
def test_a_mistake_is_one_sentence_and_exit_code_2(words, says, files, tmp_path, mistaken):
    given = {"TINY": files, "FOLDER": tmp_path}
    assert says in mistaken(*(given.get(word, word) for word in words))


def test_a_damaged_run_is_named_and_refused(folder, mistaken):
    data = (folder / "run.nc").read_bytes()
    (folder / "run.nc").write_bytes(data[: len(data) // 2])
    assert "run.nc: the file" in mistaken("judge", folder)


def test_a_figure_of_an_unknown_name_or_format_is_refused(folder, mistaken):
    assert "no analysis is called 'nix'" in mistaken("figure", "nix", folder)
    assert "xyz" in mistaken("figure", "density", folder, "--out", folder / "x.xyz")


def test_warmup_without_a_compiler_says_so(files, mistaken, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "target cython needs a C compiler and Python's headers" in mistaken("warmup", files)


@pytest.mark.slow
def test_wrong_units_arrive_as_a_sentence_that_names_model_and_projection(tmp_path):
    wrong = tiny.MODEL.replace('unit = "mV", chosen = "twenty', 'unit = "ms", chosen = "twenty')
    protocol = tiny.write(tmp_path, model=wrong)
    (tmp_path / "temp").mkdir()
    run = subprocess.run([sys.executable, "-m", "dpap_bio.cli", "run", protocol, "--out", tmp_path / "run"], text=True,
                         capture_output=True, env={**os.environ, "TMPDIR": str(tmp_path / "temp")})
    assert run.returncode == 2
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("dpap: tiny_model.toml: projection wire: ") and "g_wire_post" in last
    assert "Traceback" not in run.stderr
    assert not list((tmp_path / "temp").glob("brian*")), "Brian2's log files are gone"


# -- estimate, doctor, progress ------------------------------------------------------------------------------------


def test_an_estimate_counts_developments_steps_and_synapses(files):
    found = estimate.estimate(runs.Request(str(files), "full", {}, (1, 2), "runtime", "numpy"), jobs=3)
    assert (found.developments, found.jobs) == (4, 3)
    assert found.steps == 4 * 8 * 50
    first, most, possible = found.synapses["wire"]
    assert (first, possible) == (120, 200) and first < most < possible
    assert found.synapses["loop"] == (90, 90, 90)


def test_an_estimate_grows_with_the_network(files):
    requests = [runs.Request(str(files), "full", {"input.size": n, "cell.size": n}, (), "runtime", "numpy")
                for n in (10, 1000, 4000)]
    peaks = [estimate.estimate(request, jobs=1, trial=False).peak for request in requests]
    assert peaks[0] < peaks[1] < peaks[2] and peaks[2] > 10 * peaks[0]


def test_run_estimate_builds_nothing(files, dpap, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = dpap("run", files, "--estimate")
    assert code == 0 and out.splitlines()[0].endswith("2 side by side") and "memory" in out and "time" in out
    assert not list(tmp_path.iterdir())


def test_doctor_names_the_remedy_of_what_is_not_in_order(dpap, monkeypatch):
    monkeypatch.setenv("DPAP_DATA", "/no/such/folder")
    code, out, _ = dpap("doctor")
    assert code == 1
    assert "NO  DPAP_DATA" in out and "correct it or unset DPAP_DATA" in out
    monkeypatch.delenv("DPAP_DATA")
    text, healthy = doctor.examine()
    assert healthy == ("\nNO " not in "\n" + text)
    assert "backend genn" in text


P = runs.Progress("main", 1, 3, 12, "age 12 day | 61 % of synapses | 7.9 Hz", 2)


def test_a_development_in_words():
    assert progress.line(P, 12.4) == "main seed 1 | age 12 day | 61 % of synapses | 7.9 Hz | 12 s to go"


def test_a_log_gets_the_first_epoch_at_once_then_a_line_now_and_then_and_the_last(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress.watching() as (say, tell):
        say("begun")
        for epoch in range(13):
            tell(replace(P, epoch=epoch))
            tell(replace(P, epoch=epoch, seed=2))
            now[0] += 10.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "begun"
    assert lines[1].startswith("0 of 24 epochs, 0 of 2 developments done | main seed 1")
    assert lines[-1].startswith("24 of 24 epochs, 2 of 2 developments done")
    assert len(lines) == 2 + 4 + 1  # begun, at once, every 30 of 120 s, the end
    assert "| 2 min to go |" in lines[2]  # 5 of 24 in 30 s


def test_a_terminal_gets_a_bar_for_each_development():
    code = """
from dpap_bio.progress import watching
from dpap_bio.runs import Progress
with watching() as (say, tell):
    say("begun [bold]")
    for epoch in range(3):
        tell(Progress("main", 1, epoch, 12, f"age {epoch} day | 61 % of synapses | 7.9 Hz", 2))
        tell(Progress("random", 2, epoch, 12, f"age {epoch} day | 50 % of synapses | 7.9 Hz", 2))
"""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, stdout=subprocess.DEVNULL,
                               env={**os.environ, "COLUMNS": "150", "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    assert process.wait() == 0
    text = shown.decode()
    assert "begun [bold]" in text
    assert "main seed 1 | age 2 day | 61 % of synapses | 7.9 Hz" in text and "random seed 2 | age 2 day" in text
