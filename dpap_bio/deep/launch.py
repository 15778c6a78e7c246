"""Run a training in several processes, on one machine or more:

    torchrun --nproc-per-node 2 -m dpap_bio.deep.launch PROTOCOL --out FOLDER [--size S] [--seed N] [--set name=value]

A folder that holds the run already is gone on with. Process 0 writes; the folder is that of `dpap run`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

import torch.distributed as dist

from dpap_bio import asked, living, pool, runs, store
from dpap_bio.deep import ranks

WRONG = "start it as torchrun --nproc-per-node 2 -m dpap_bio.deep.launch PROTOCOL --out FOLDER"


def main(words: list[str] | None = None) -> int:
    """Train all arms and seeds, one after the other, in all processes; 0 when done, 2 when it cannot be."""
    parser = argparse.ArgumentParser(prog="dpap_bio.deep.launch")
    parser.add_argument("protocol")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="full")
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args(words)
    try:
        if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
            raise ValueError(WRONG)
        dist.init_process_group("gloo")
        request = living.Request(given.protocol, given.size, asked.overrides(given.set), tuple(given.seed), "torch", "")
        _train(request, given.out)
        return 0
    except (ValueError, OSError, living.Unhealthy) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _train(request: living.Request, out: Path) -> None:
    kind, protocol = request.load()
    if kind.name != "training":
        raise ValueError(f"{request.protocol} is a {kind.name}: only trainings of deep networks run in several "
                         "processes")
    if protocol.training.batch % ranks.world():
        raise ValueError(f"training.batch: found {protocol.training.batch}, which {ranks.world()} processes cannot "
                         "share equally")
    if ranks.told(dict(protocol.texts)) != dict(protocol.texts):
        raise ValueError(f"{request.protocol} is not the same file in all processes")
    first = ranks.rank() == 0
    with store.Lock(out) if first else contextlib.nullcontext():
        begun = None
        if first:
            begun = runs.reopen(out) if (out / "run.json").exists() else runs.begin(request, out)
        request = ranks.told(begun and begun.request)
        for arm, seed in pool.Begun(request, kind, request.load()[1], out).jobs():
            _live(begun, request, kind, arm, seed, out)
        if first:
            runs.conclude(out, begun.walls)


def _live(begun, request, kind, arm, seed: int, out: Path) -> None:
    """One arm and seed, in all processes: 0 commits every epoch, the others train along."""
    folder, after, quotas = pool.place(out, arm.name, seed), None, None
    if begun is not None:
        after, quotas = living.last_step(folder, _say), pool._quotas(begun, arm, seed, _say)
    after, quotas = ranks.told((after, quotas))
    if begun is not None:
        begun.walls[f"{arm.name}-{seed}"] = living.live(request, arm.name, seed, folder, quotas, _tell, _say)
        return
    protocol = request.load()[1]
    try:
        for _ in kind.lives(protocol, arm, seed, request, after, quotas):
            pass
    except living.Unhealthy:  # process 0 goes on without a control that has failed
        if arm.name in ("main", *(living.reference(each) for each in protocol.arms)):
            raise


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _tell(progress: living.Progress) -> None:
    _say(f"{progress.arm}, seed {progress.seed}: {progress.epoch} of {progress.epochs} epochs | {progress.told}")


if __name__ == "__main__":
    sys.exit(main())
