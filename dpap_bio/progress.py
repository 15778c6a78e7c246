"""Watch a run: bars on a terminal, one line now and then in a log; always to stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from dpap_bio.runs import Progress

EVERY = 30.0  # s between two lines where stderr is no terminal


@contextlib.contextmanager
def watching() -> Iterator[tuple[Callable[[str], None], Callable[[Progress], None]]]:
    """Two functions while the block lasts: `say` takes a sentence, `progress` takes an epoch that was lived."""
    board = _Board(time.monotonic())
    if not sys.stderr.isatty():
        yield _say_plain, _in_lines(board)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True, highlight=False)
    with Bars(BarColumn(bar_width=24), TextColumn("{task.description}", markup=False), console=console,
              transient=True) as bars:
        yield lambda text: console.print(text, markup=False, soft_wrap=True), _on_bars(board, bars)


class _Board:
    """The newest epoch of each development, and the first that was seen of it."""

    def __init__(self, begun: float):
        self.begun = begun
        self.first: dict[tuple[str, int], tuple[Progress, float]] = {}
        self.newest: dict[tuple[str, int], Progress] = {}

    def note(self, p: Progress) -> None:
        self.first.setdefault((p.arm, p.seed), (p, time.monotonic()))
        self.newest[p.arm, p.seed] = p

    def to_go(self, p: Progress) -> float | None:
        """Seconds that one development will need at its pace so far; None before there is a pace."""
        then, when = self.first[p.arm, p.seed]
        return _rest(time.monotonic() - when, p.epoch - then.epoch, p.epochs - p.epoch)

    def run_to_go(self) -> float | None:
        """Seconds that the whole run will need, developments that have not begun with it."""
        lived = sum(p.epoch - self.first[key][0].epoch for key, p in self.newest.items())
        return _rest(time.monotonic() - self.begun, lived, self.epochs() - self.lived())

    def lived(self) -> int:
        return sum(p.epoch for p in self.newest.values())

    def epochs(self) -> int:
        return sum(p.epochs * p.developments for p in [*self.newest.values()][:1])


def line(p: Progress, to_go: float | None) -> str:
    """One development in words: "main seed 1 | age 12 day | 61 % of synapses | 7.9 Hz | 12 s to go"."""
    words = [f"{p.arm} seed {p.seed}", p.told, f"{_span(to_go)} to go" if to_go is not None else ""]
    return " | ".join(word for word in words if word)


def _on_bars(board: _Board, bars) -> Callable[[Progress], None]:
    tasks = {}

    def progress(p: Progress) -> None:
        board.note(p)
        key = p.arm, p.seed
        if key not in tasks:
            tasks[key] = bars.add_task("", total=p.epochs)
        bars.update(tasks[key], completed=p.epoch, description=line(p, board.to_go(p)), visible=p.epoch < p.epochs)

    return progress


def _in_lines(board: _Board) -> Callable[[Progress], None]:
    last = -EVERY

    def progress(p: Progress) -> None:
        nonlocal last
        board.note(p)
        now, over = time.monotonic() - board.begun, board.lived() == board.epochs()
        if now - last >= EVERY or over:
            last = now
            done = sum(p.epoch == p.epochs for p in board.newest.values())
            text = f"{board.lived()} of {board.epochs()} epochs, {done} of {p.developments} developments done"
            to_go = None if over else board.run_to_go()
            rest = f" | {_span(to_go)} to go" if to_go is not None else ""
            _say_plain(f"{text}{rest} | {line(p, None)}")

    return progress


def _say_plain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _rest(seconds: float, lived: int, left: int) -> float | None:
    return seconds / lived * left if lived > 0 else None


def _span(seconds: float) -> str:
    unit, length = ("s", 1) if seconds < 100 else ("min", 60) if seconds < 6000 else ("h", 3600)
    return f"{seconds / length:.{1 if unit == 'h' else 0}f} {unit}"
