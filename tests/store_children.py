"""What the processes of test_store.py do: write epochs until killed, race for a lock, fail at a chosen step."""

import os
import resource
import time

import numpy as np

from dpap_bio import store


def state_of(epoch):
    """The state of a test epoch, computed from nothing but its number, so that any mixture of two is seen."""
    rng = np.random.default_rng(epoch)
    weights = rng.random(300 + epoch % 7)
    return {"epoch": epoch, "sum": float(weights.sum()), "net": {"w": weights, "id": rng.integers(0, 2**62, 50)}}


def is_whole(epoch, state):
    expected = state_of(epoch)
    same = all(np.array_equal(state["net"][name], expected["net"][name]) for name in ("w", "id"))
    return same and state["epoch"] == epoch and state["sum"] == expected["sum"]


def write_epochs(folder, acknowledged):
    """Go on from the latest epoch for ever, saying in `acknowledged` which epochs are safe."""
    found = store.latest(folder)
    epoch = found[0] + 1 if found else 0
    while True:
        store.commit(folder, epoch, state_of(epoch))
        acknowledged.value = epoch
        epoch += 1


def hold_lock(folder, results, seconds):
    """Try for the lock once; report what came of it."""
    try:
        with store.Lock(folder):
            results.put(("held", os.getpid()))
            time.sleep(seconds)
    except BlockingIOError as error:
        results.put(("turned away", str(error)))


def hold_lock_beside_a_worker(folder, results):
    """Take the lock, start a forked worker that outlives us, and wait to be killed."""
    with store.Lock(folder):
        worker = os.fork()
        if worker == 0:
            time.sleep(60)
            os._exit(0)
        results.put(("held", worker))
        time.sleep(60)


def die_at_step(folder, epoch, step):
    """Commit an epoch, ending without a goodbye just before the `step`-th call that changes the disk."""
    with failing_at(step, lambda: os._exit(9)):
        store.commit(folder, epoch, state_of(epoch))
    os._exit(0)


def commit_within(folder, epoch, size, results):
    """Commit an epoch where no file may grow beyond `size` bytes, and again without the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        store.commit(folder, epoch, state_of(epoch))
        results.put(None)
    except OSError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        before = store.latest(folder, tell=lambda message: None)
        store.commit(folder, epoch, state_of(epoch))
        results.put((str(error), before and before[0]))


class failing_at:
    """While it lasts, the `step`-th of all calls that change the disk does not happen; `action` happens instead."""

    CALLS = ("mkdir", "fsync", "rename", "replace", "rmdir", "unlink", "write")

    def __init__(self, step, action):
        self.left, self.action, self.real = step, action, {name: getattr(os, name) for name in self.CALLS}

    def __enter__(self):
        for name in self.CALLS:
            setattr(os, name, self._counted(self.real[name]))
        return self

    def __exit__(self, *_):
        for name, real in self.real.items():
            setattr(os, name, real)

    def _counted(self, real):
        def call(*args, **kwargs):
            self.left -= 1
            if self.left == 0:
                self.action()
            return real(*args, **kwargs)

        return call
