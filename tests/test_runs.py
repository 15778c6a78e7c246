"""Runs that are killed, stopped, damaged or sick: nothing is lost, nothing differs, and every end has its code.

Further kills by hand: DPAP_KILLS=50 pytest tests/test_runs.py -k killed -s
"""

import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from dpap_bio import estimate, results, runs

KILLS = int(os.environ.get("DPAP_KILLS", "3"))
pytestmark = pytest.mark.slow


def dpap(*words, **options):
    """A `dpap` command in a process group of its own."""
    return subprocess.Popen([sys.executable, "-m", "dpap_bio.cli", *map(str, words)], start_new_session=True, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def ended(process, seconds=120):
    """Exit code and stderr of a command."""
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said


def kill(process, with_signal=signal.SIGKILL):
    """Signal a whole process group, as a terminal or a batch system does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, with_signal)
    return ended(process)


def digest(out):
    return results.digest(results.load(out / "run.nc"))


def committed(out):
    """Epochs of which the state is on the disk, all developments together."""
    return sum(int(p.name.removeprefix("epoch-")) for p in out.glob("developments/*/state/epoch-*"))


def committing(out):
    """Whether an epoch is being written: its folder still has a temporary name."""
    return any(out.glob("developments/*/state/tmp-*-new")) or any(out.glob("developments/*/records/*/tmp-*-new"))


def wait_for(condition, process, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.001)


@pytest.fixture(scope="module")
def protocol(tmp_path_factory):
    return tiny.write(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def whole(protocol, tmp_path_factory):
    """A run that nothing disturbed: its folder, its digest, its seconds."""
    out, begun = tmp_path_factory.mktemp("whole") / "run", time.monotonic()
    code, said = ended(dpap("run", protocol, "--out", out, "--jobs", 2))
    assert code == 0, said
    return out, digest(out), time.monotonic() - begun


@pytest.fixture(scope="module")
def halfway(protocol, tmp_path_factory):
    """The folder of a run that was killed after some epochs; tests work on copies."""
    out = tmp_path_factory.mktemp("halfway") / "run"
    process = dpap("run", protocol, "--out", out, "--jobs", 1)
    wait_for(lambda: committed(out) >= 9, process)  # epochs 4 and 5
    kill(process)
    return out


def copied(halfway, tmp_path):
    return Path(shutil.copytree(halfway, tmp_path / "run"))


def test_a_finished_run_keeps_its_results_and_no_working_files(whole):
    out, _, _ = whole
    assert json.loads((out / "run.json").read_text())["status"] == "finished"
    assert (out / "report.html").exists() and not (out / "developments").exists()


def test_one_job_and_two_jobs_give_the_same_bits(protocol, whole, tmp_path):
    code, said = ended(dpap("run", protocol, "--out", tmp_path / "run", "--jobs", 1))
    assert code == 0, said
    assert digest(tmp_path / "run") == whole[1]


def test_killed_runs_end_as_if_nothing_had_happened(protocol, whole, tmp_path):
    rng, moments = random.Random(20), []
    kills = 0
    while kills < KILLS:
        out = tmp_path / f"run-{kills}"
        for attempt in range(4):
            begun = (out / "run.json").exists()
            words = ["resume", out] if begun else ["run", protocol, "--out", out]
            process = dpap(*words, "--jobs", rng.choice([1, 2]))
            if attempt == 3 or kills == KILLS or (attempt and rng.random() < 0.4):
                break
            moments.append(_kill_somewhen(process, out, rng, whole[2]))
            kills += process.returncode == -signal.SIGKILL
        code, said = ended(process)
        assert code == 0, said
        assert digest(out) == whole[1], moments[-4:]
        shutil.rmtree(out)
    print(f"{kills} kills, 0 runs differ: " + ", ".join(f"{m} {moments.count(m)}" for m in sorted(set(moments))))


def _kill_somewhen(process, out, rng, seconds):
    """SIGKILL at a random moment, or in the middle of a commit; where that was."""
    if rng.random() < 0.5:
        wanted, until = rng.randrange(1, 9), time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < until:
            if committed(out) >= wanted and committing(out):
                break
    else:
        time.sleep(rng.uniform(0, seconds))
    kill(process)
    in_commit = committing(out)
    if process.returncode != -signal.SIGKILL:
        return "after the end"
    if not (out / "run.json").exists():
        return "before run.json"
    if (out / "run.nc").exists():
        return "in the report"
    return "in a commit" if in_commit else "while living" if committed(out) else "before the first epoch"


def test_ctrl_c_ends_with_130_and_the_run_goes_on_to_the_same_bits(protocol, whole, tmp_path):
    out = tmp_path / "run"
    process = dpap("run", protocol, "--out", out, "--jobs", 2)
    wait_for(lambda: committed(out) >= 5, process)
    code, said = kill(process, signal.SIGINT)
    assert code == 130, said
    assert "dpap resume" in said and "Traceback" not in said
    code, said = ended(dpap("resume", out))
    assert code == 0, said
    assert digest(out) == whole[1]


def test_a_second_process_in_the_folder_is_turned_away_with_7(protocol, tmp_path):
    out = tmp_path / "run"
    first = dpap("run", protocol, "--out", out, "--jobs", 1)
    wait_for(lambda: committed(out) >= 1, first)
    code, said = ended(dpap("resume", out))
    assert code == 7 and f"process {first.pid} is working here" in said
    code, _ = kill(first, signal.SIGTERM)
    assert code == 130
    assert ended(dpap("resume", out))[0] == 0


@pytest.mark.parametrize("damage", ["truncated", "one bit", "gone"])
def test_a_damaged_newest_epoch_is_noticed_and_the_one_before_used(damage, halfway, whole, tmp_path):
    out = copied(halfway, tmp_path)
    newest = max(out.glob("developments/main-1/state/epoch-*"))
    file = newest / "arrays.npz"
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    else:
        data[len(data) // 2] ^= 4
        file.write_bytes(data[: len(data) // 2] if damage == "truncated" else data)
    code, said = ended(dpap("resume", out))
    assert code == 0, said
    assert newest.name in said and "looking at the epoch before" in said
    assert digest(out) == whole[1]


def test_a_damaged_record_of_an_old_epoch_costs_time_and_no_bit(halfway, whole, tmp_path):
    out = copied(halfway, tmp_path)
    file = next(out.glob("developments/main-1/records/00001/epoch-00001/state.json"))
    file.write_bytes(file.read_bytes()[:-9])
    code, said = ended(dpap("resume", out))
    assert code == 0, said
    assert "starts again from birth" in said
    assert digest(out) == whole[1]


def test_a_changed_protocol_is_not_resumed(tmp_path):
    protocol = tiny.write(tmp_path)
    out = tmp_path / "run"
    process = dpap("run", protocol, "--out", out, "--jobs", 1)
    wait_for(lambda: committed(out) >= 1, process)
    kill(process)
    protocol.write_text(protocol.read_text().replace("80 Hz", "81 Hz"))
    code, said = ended(dpap("resume", out))
    assert code == 2 and "tiny.toml changed since the run" in said


@pytest.mark.parametrize(("set_", "says"), [
    (["a_minus=1e308", "w_max=1e10"], r"cell: g_wire of neuron \d+ is nan at age 1 day"),
    (["q_syn=2000", "t_ref=1", "q_inh=0"], r"cell ran away at age \d day: .* neuron \d+ fired most"),
    (["w_low=0", "w_high=0"], "the network is dead at age 1 day"),
])
def test_a_sick_network_stops_with_3_and_says_where_and_when(set_, says, protocol, tmp_path):
    out = tmp_path / "run"
    code, said = ended(dpap("run", protocol, "--out", out, "--jobs", 1, *(f"--set={s}" for s in set_)))
    assert code == 3, said
    assert re.search(says, said), said
    assert "Traceback" not in said


def test_a_full_disk_ends_with_74_and_the_run_goes_on_when_there_is_room(halfway, whole, tmp_path):
    out = copied(halfway, tmp_path)
    small = 9000  # bytes that a file may have
    limited = dpap("resume", out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (small, small)))
    code, said = ended(limited)
    assert code == 74, said
    assert "Traceback" not in said and "the epochs before it are" in said
    code, said = ended(dpap("resume", out))
    assert code == 0, said
    assert digest(out) == whole[1]


@pytest.mark.parametrize("content", ["", "{}", '{"schema": "dpap-run-folder/1"}', "[1]", "\x00",
                                     '{"schema": "dpap-run-folder/1", "status": "begun", "request": {"seeds": 3}}'])
def test_a_damaged_run_json_is_refused_in_a_sentence(content, tmp_path):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match="damaged"):
        runs.resume(tmp_path)


@pytest.mark.parametrize(("backend", "target"), [("runtime", "numpy"), ("cpp_standalone", "cpp")])
def test_the_memory_that_was_estimated_is_what_a_run_takes(protocol, tmp_path, backend, target):
    sizes = {"input.size": 400, "cell.size": 400}
    wanted = estimate.estimate(runs.Request(str(protocol), "full", sizes, (1, 2), backend, target), 2, trial=False)
    process = dpap("run", protocol, "--out", tmp_path / "run", "--jobs", 2, "--seed", 1, "--seed", 2,
                   "--backend", backend, *(f"--set={name}={v}" for name, v in sizes.items()))
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(proportional_memory(pid) for pid in family(process.pid)))
        time.sleep(0.05)
    code, said = ended(process)
    assert code == 0, said
    assert peak / 1.3 < wanted.peak < peak * 1.3, (peak, wanted.peak)


def family(pid):
    """A process and all its descendants."""
    found = [pid]
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += family(int(child))
    return found


def proportional_memory(pid):
    """Bytes of a process, what it shares divided among those that share it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0
