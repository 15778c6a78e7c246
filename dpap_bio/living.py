"""One arm and seed of a run in its folder: lived step by step, each committed whole, from wherever it was."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpap_bio import kinds, store
from dpap_bio.kinds import Unhealthy

Say = Callable[[str], None]
STOPPED = "stopped.txt"  # in the folder of a development that ended early: why


@dataclass(frozen=True)
class Request:
    """What a run was asked for: enough to do the same again."""

    protocol: str
    size: str
    set: Mapping[str, object]
    seeds: tuple[int, ...]
    backend: str
    target: str
    model: str | None = None

    def load(self):
        """The kind of the protocol that is asked for, and the protocol."""
        model = {} if self.model is None else {"model": self.model}
        return kinds.load(self.protocol, size=self.size, set_=self.set, seeds=tuple(self.seeds) or None, **model)


@dataclass(frozen=True)
class Progress:
    """One step of one development out of `developments`, as a progress bar needs it; `told` says where it stands."""

    arm: str
    seed: int
    epoch: int
    epochs: int
    told: str
    developments: int


def reference(arm) -> str | None:
    """The arm whose number of synapses this arm keeps, if it is such a control."""
    return getattr(arm, "quota_of", None)


def live(request: Request, arm_name: str, seed: int, folder: Path, quotas, report: Callable[[Progress], None],
         say: Say) -> float:
    """Let one arm and seed live to the end in its folder, from where it was. Returns wall seconds spent."""
    begun = time.perf_counter()
    kind, protocol = request.load()
    arm = next(a for a in protocol.arms if a.name == arm_name)

    def tell(number: int, told: str) -> None:
        report(Progress(arm_name, seed, number + 1, protocol.epochs, told, len(protocol.arms) * len(protocol.seeds)))

    with store.Lock(folder), _controls_may_end_early(protocol, arm, seed, folder, say):
        after = last_step(folder, say)
        _forget_later(folder, -2 if after is None else after[0])
        if after is not None:
            tell(after[0], "resumed")
        for step in kind.lives(protocol, arm, seed, request, after, quotas):
            number = step.number + 1
            store.commit(folder / "records" / f"{number:05d}", number, dict(step.record))
            store.commit(folder / "state", number, dict(step.state))
            tell(step.number, step.told)
    return time.perf_counter() - begun


def records(folder: Path, upto: int, tell: Say) -> list[dict] | int:
    """The records of steps -1..upto of a development, or the number of the first that is missing or damaged."""
    out = []
    for number in range(-1, upto + 1):
        found = store.latest(folder / "records" / f"{number + 1:05d}", tell)
        if found is None:
            return number
        out.append(found[1])
    return out


def last_step(folder: Path, say: Say) -> tuple[int, dict] | None:
    """Number and state of the newest step of a development whose state and records are all in order."""
    before = None
    while (found := store.latest(folder / "state", say, before=before)) is not None:
        number = found[0] - 1
        kept = records(folder, number, say)
        if isinstance(kept, list):
            return number, found[1]
        before = kept + 1
    if (folder / "state").exists():
        say(f"{folder.name}: no epoch of it is in order; it starts again from birth")
    return None


@contextlib.contextmanager
def _controls_may_end_early(protocol, arm, seed: int, folder: Path, say: Say):
    """A control that dies or runs away has failed, which may be what it is for; the run goes on without it."""
    try:
        yield
    except Unhealthy as error:
        if arm is protocol.arms[0] or any(reference(a) == arm.name for a in protocol.arms):
            raise
        store.write_text_atomically(folder / STOPPED, str(error))
        say(f"{arm.name}, seed {seed}, ended early: {error}")


def _forget_later(folder: Path, number: int) -> None:
    """Remove steps after `number`, those of a kill between record and state among them: they are lived again."""
    for path in [*folder.glob("records/[0-9]*"), *folder.glob("state/epoch-*")]:
        if int(path.name.removeprefix("epoch-")) > number + 1:
            shutil.rmtree(path)
