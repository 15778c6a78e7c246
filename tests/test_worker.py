"""An epoch in another process: the same result, and one sentence for everything that goes wrong there."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import write

from dpap_bio import brian, genn_environment, model, newborn, worker_job
from dpap_bio.expressions import parse_equations
from dpap_bio.stimuli import STIMULI
from dpap_bio.worker import Worker

STEPS = 60


@pytest.fixture(scope="module")
def epoch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    write(folder)
    m = model.load(str(folder / "tiny_model.toml"))
    spikes = STIMULI["poisson"](20, STEPS, m.dt, np.random.default_rng(1), rate=80.0)
    return m, newborn.start_network(m, 1), {"input": spikes}, STEPS


@pytest.fixture(scope="module")
def worker():
    made = Worker("runtime", "numpy")
    yield made
    made.close()


def same(a, b):
    for group in ("neurons", "synapses", "pending"):
        assert getattr(a, group).keys() == getattr(b, group).keys()
        for name, table in getattr(a, group).items():
            for column, values in table.columns.items():
                assert np.array_equal(values, getattr(b, group)[name].columns[column]), f"{name}.{column}"
    return (a.step, dict(a.ends), dict(a.next_id)) == (b.step, dict(b.ends), dict(b.next_id))


def test_a_job_is_read_as_it_was_written(epoch):
    m, network, stimuli, n_steps = epoch
    back, network_back, stimuli_back, n, learning = worker_job.arguments(
        worker_job.job(m, network, stimuli, n_steps, False))
    assert (n, learning) == (n_steps, False) and same(network, network_back)
    assert worker_job.model_state(back) == worker_job.model_state(m)
    assert [str(e) for e in back.populations["cell"].equations] == [
        str(e) for e in m.populations["cell"].equations]
    assert np.array_equal(stimuli_back["input"].step, stimuli["input"].step)


def test_epochs_in_a_worker_are_those_of_this_process_bit_for_bit(epoch, worker):
    m, here, stimuli, n_steps = epoch
    there, processes = here, set()
    for _ in range(2):
        here, fired_here = brian.advance(m, here, stimuli, n_steps, target="numpy")
        there, fired_there = worker.advance(m, there, stimuli, n_steps)
        processes.add(worker._process.pid)
        assert same(here, there) and len(fired_here["cell"][0]) > 5
        for name in fired_here:
            assert all(np.array_equal(a, b) for a, b in zip(fired_here[name], fired_there[name], strict=True))
    assert len(processes) == 1


def test_learning_is_off_in_a_worker_where_it_is_off(epoch, worker):
    m, network, stimuli, n_steps = epoch
    after, _ = worker.advance(m, network, stimuli, n_steps, learning=False)
    assert np.array_equal(after.synapses["wire"].w, network.synapses["wire"].w)


def test_a_wrong_model_is_the_same_sentence_as_here_and_the_worker_lives_on(epoch, worker):
    m, network, stimuli, n_steps = epoch
    cell = m.populations["cell"]
    equations = tuple(e for e in cell.equations if e.name != "v") + tuple(parse_equations("dv/dt = u / second : volt"))
    wrong = replace(m, populations={**m.populations, "cell": replace(cell, equations=equations)})
    with pytest.raises(ValueError) as here:
        brian.advance(wrong, network, stimuli, n_steps, target="numpy")
    with pytest.raises(ValueError) as there:
        worker.advance(wrong, network, stimuli, n_steps)
    assert str(here.value) == str(there.value)
    assert worker.advance(m, network, stimuli, n_steps)[0].step == n_steps


def test_a_worker_that_is_killed_is_one_sentence_and_its_files_go(epoch):
    killed = Worker("runtime", "numpy")
    killed.versions()
    folder = killed._folder
    killed._process.kill()
    with pytest.raises(ChildProcessError, match="worker of backend runtime ended in the epoch from step 0 on .*signal"):
        killed.advance(*epoch)
    assert not folder.exists()


def test_a_python_that_is_not_there_is_one_sentence():
    with pytest.raises(ValueError, match="/no/such/python cannot be started .*dpap doctor"):
        Worker("runtime", "numpy", python="/no/such/python").versions()


def test_a_program_that_is_no_worker_is_one_sentence():
    with pytest.raises(ChildProcessError, match="worker of backend runtime said '-c"):
        Worker("runtime", "numpy", python="/bin/echo").versions()


def test_an_environment_with_other_versions_is_refused(tmp_path):
    (tmp_path / "version.txt").write_text("4.9.0\n")
    tried = dict(genn_environment.TRIED)
    assert genn_environment.wrong_versions(tried, str(tmp_path)) == ""
    other = genn_environment.wrong_versions(tried | {"brian2": "2.9.0"}, str(tmp_path))
    assert "brian2 2.9.0, 2.5.4 is wanted" in other
    assert "brian2genn not at all" in genn_environment.wrong_versions({"brian2": "2.5.4"}, str(tmp_path))
    (tmp_path / "version.txt").write_text("5.4.0\n")
    assert "is 5.4.0, 4.9.0 is wanted" in genn_environment.wrong_versions(tried, str(tmp_path))


def test_a_worker_whose_environment_is_not_in_order_says_so(tmp_path):
    with pytest.raises(ValueError, match="environment of backend genn .*is wanted; `dpap doctor`"):
        Worker("genn", "cpu", environment={"GENN_PATH": str(tmp_path)}).versions()
