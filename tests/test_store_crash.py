"""However a process ends and whatever the disk refuses, a run folder holds whole epochs and belongs to one process."""

import errno
import multiprocessing
import os
import random
import signal
import time
import warnings

import pytest
from store_children import (
    commit_within,
    die_at_step,
    failing_at,
    hold_lock,
    hold_lock_beside_a_worker,
    is_whole,
    state_of,
    write_epochs,
)

from dpap_bio import store

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["store_children"])


def _start(target, *args):
    process = processes.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def test_kill_at_any_moment_leaves_a_whole_epoch_and_loses_none_that_was_acknowledged(tmp_path):
    rng, acknowledged, reached = random.Random(1), processes.Value("q", -1, lock=False), []
    for _ in range(32):
        child = _start(write_epochs, tmp_path, acknowledged)
        before = acknowledged.value
        deadline = time.monotonic() + 20
        while acknowledged.value == before and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.03))  # several epochs long
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with warnings.catch_warnings(action="error"):
            epoch, state = store.latest(tmp_path)
        assert is_whole(epoch, state) and acknowledged.value <= epoch <= acknowledged.value + 1
        reached.append(epoch)
    assert reached == sorted(reached) and len(set(reached)) == 32
    store.commit(tmp_path, reached[-1] + 1, state_of(reached[-1] + 1))
    assert len(os.listdir(tmp_path)) == 2, "what the killed ones left half-written is cleared away"


def test_an_error_at_any_step_leaves_the_epoch_before_or_the_new_one(tmp_path):
    def fail():
        raise OSError(errno.ENOSPC, "No space left on device")

    outcomes, step = [], 0
    while "clean" not in outcomes:
        step += 1
        folder = tmp_path / str(step)
        for epoch in range(3):
            store.commit(folder, epoch, state_of(epoch))
        try:
            with failing_at(step, fail) as disk:
                store.commit(folder, 3, state_of(3))
            outcomes.append("clean" if disk.left > 0 else "new")
        except OSError as error:
            assert error.errno == errno.ENOSPC and str(error).startswith("the disk is full: epoch 3 is not safely in")
            outcomes.append("refused")
        epoch, state = store.latest(folder, tell=pytest.fail)
        assert is_whole(epoch, state) and epoch in ((2, 3) if outcomes[-1] == "refused" else (3,))
        store.commit(folder, 4, state_of(4))
        assert all(name.startswith("epoch-") for name in os.listdir(folder)), "nothing half-written stays behind"
    assert outcomes.count("refused") >= 7 and outcomes[-1] == "clean"


def test_death_at_any_step_leaves_the_epoch_before_or_the_new_one(tmp_path):
    code, step, epochs = None, 0, []
    while code != 0:
        step += 1
        folder = tmp_path / str(step)
        for epoch in range(3):
            store.commit(folder, epoch, state_of(epoch))
        child = _start(die_at_step, folder, 3, step)
        child.join()
        code = child.exitcode
        epoch, state = store.latest(folder, tell=pytest.fail)
        assert code in (0, 9) and is_whole(epoch, state)
        epochs.append(epoch)
    assert epochs == sorted(epochs) and set(epochs) == {2, 3} and len(epochs) > 8


def test_a_full_disk_is_a_sentence_at_any_size_and_the_run_goes_on_when_there_is_space(tmp_path):
    store.commit(tmp_path / "full", 0, state_of(0))
    sizes = sum(path.stat().st_size for path in (tmp_path / "full" / "epoch-00000").iterdir())
    results, refused = processes.Queue(), 0
    for size in [*range(0, sizes, 331), sizes]:
        folder = tmp_path / f"run{size}"
        store.commit(folder, 0, state_of(0))
        child = _start(commit_within, folder, 1, size, results)
        result = results.get(timeout=20)
        child.join()
        if result is not None:
            refused += 1
            message, before = result
            assert message.startswith("the limit on file sizes is reached: epoch 1") and "\n" not in message
            assert before == 0
        assert is_whole(*store.latest(folder, tell=pytest.fail)) and store.latest(folder)[0] == 1
    assert refused > 5 and result is None


def test_only_one_of_two_racing_processes_gets_the_lock_and_the_other_learns_who(tmp_path):
    for race in range(10):
        results, start = processes.Queue(), time.monotonic()  # anew, for a killed process may take a queue with it
        racers = [_start(hold_lock, tmp_path / str(race), results, 30) for _ in range(2)]
        outcome = dict(results.get(timeout=20) for _ in racers)
        assert set(outcome) == {"held", "turned away"} and time.monotonic() - start < 20
        assert "\n" not in outcome["turned away"] and "is working here" in outcome["turned away"]
        os.kill(outcome["held"], signal.SIGKILL)
        for racer in racers:
            racer.join()
    results = processes.Queue()
    with store.Lock(tmp_path / "named"):
        _start(hold_lock, tmp_path / "named", results, 0).join()
        assert f"process {os.getpid()} is working here" in results.get(timeout=20)[1]


def test_the_lock_is_free_after_the_holder_is_killed_even_if_a_forked_worker_lives_on(tmp_path):
    results = processes.Queue()
    holder = _start(hold_lock_beside_a_worker, tmp_path, results)
    _, worker = results.get(timeout=20)
    with pytest.raises(BlockingIOError, match=f"process {holder.pid} is working here"), store.Lock(tmp_path):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    try:
        with store.Lock(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())
    finally:
        os.kill(worker, signal.SIGKILL)


def test_the_lock_is_free_after_the_block_and_refused_inside_it(tmp_path):
    for _ in range(2):
        with store.Lock(tmp_path), pytest.raises(BlockingIOError), store.Lock(tmp_path):
            pass
