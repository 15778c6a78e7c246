import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from deep_skips import TO_CURRENTS, text
from deep_small import DPAP, written

torch = pytest.importorskip("torch")
pytest.importorskip("torch.distributed")

from dpap_bio import results, runs  # noqa: E402
from dpap_bio.living import Request  # noqa: E402

RANDOM = '[[arms]]\nname = "random"\ntitle = "random"\nmethod = "random_units"\nquota_of = "main"'


def launched(processes, path, out, *more, env=None):
    """The processes of a run, ended: what torchrun would start, with its environment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    given = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes),
             "OMP_NUM_THREADS": "1", **(env or {})}
    started = [subprocess.Popen([sys.executable, "-m", "dpap_bio.deep.launch", path, "--out", str(out), "--seed", "1",
                                 *more], env={**given, "RANK": str(k)}, stderr=subprocess.PIPE, text=True)
               for k in range(processes)]
    return [(process.wait(120), process.stderr.read()) for process in started]


def table(out, arm="main"):
    return results.load(out / "run.nc")[f"{arm}/seed_1/training"]


def close(a, b):
    assert np.allclose(a.loss, b.loss, rtol=2e-3, atol=2e-3, equal_nan=True)
    assert np.allclose(a.accuracy, b.accuracy, atol=0.021, equal_nan=True)
    for name in ("live_weights", "live_units"):
        assert np.abs(a[name].values - b[name].values).max() <= 0.05 * a[name].values.max()


@pytest.mark.slow
@pytest.mark.parametrize("form", [{}, {"pool_of": "current", "encoding": "rate"}])
def test_two_processes_train_and_prune_as_one_with_the_same_batches(form, tmp_path):
    path = written(tmp_path, "dpap", {**DPAP, "reserve_start": 0.5}, epochs=3, arms=RANDOM, **form)
    ended = launched(2, path, tmp_path / "two")
    assert [code for code, _ in ended] == [0, 0], ended
    runs.start(Request(path, "full", {}, (1,), "torch", ""), tmp_path / "one", jobs=1, say=lambda s: None)
    assert int(table(tmp_path / "one").live_weights[-1].sum()) < int(table(tmp_path / "one").live_weights[0].sum())
    for arm in ("main", "random"):
        close(table(tmp_path / "one", arm), table(tmp_path / "two", arm))
    assert json.loads((tmp_path / "two" / "run.json").read_text())["status"] == "finished"


@pytest.mark.slow
def test_shortcuts_and_norms_in_plain_pytorch_are_shared_too(tmp_path):
    path = written(tmp_path, "none", {}, epochs=2)
    (tmp_path / "deep_small.toml").write_text(text(TO_CURRENTS))
    assert [code for code, _ in launched(2, path, tmp_path / "two", env={"CXX": "no-such-compiler"})] == [0, 0]
    runs.start(Request(path, "full", {}, (1,), "torch", ""), tmp_path / "one", jobs=1, say=lambda s: None)
    close(table(tmp_path / "one"), table(tmp_path / "two"))


def test_a_batch_that_cannot_be_shared_is_one_sentence_in_every_process(tmp_path):
    path = written(tmp_path)
    ended = launched(3, path, tmp_path / "three")
    assert [code for code, _ in ended] == [2, 2, 2]
    assert all("training.batch: found 50, which 3 processes cannot share equally" in said for _, said in ended)


def test_without_torchrun_it_says_how_it_is_started(tmp_path):
    env = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    done = subprocess.run([sys.executable, "-m", "dpap_bio.deep.launch", written(tmp_path), "--out", "x"], env=env,
                          capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2 and done.stderr.startswith("start it as torchrun") and not (tmp_path / "x").exists()


def test_other_kinds_of_protocols_are_refused(tmp_path):
    ((code, said),) = launched(1, "stdp_window", tmp_path / "out")
    assert code == 2 and "only trainings of deep networks" in said
