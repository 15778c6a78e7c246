"""What a computed experiment came to: the one measure of runs of that kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpap_bio import results_read as read

if TYPE_CHECKING:
    import xarray as xr


def outcome(run: xr.DataTree, arm: str, seed: int, *, of: str) -> float:
    """The number of that name that the experiment gave.

    Raises
        NotApplicable   the run holds no such number
    """
    given = read.table(run, arm, seed, "outcome")
    if of not in given or given[of].dims:
        raise read.NotApplicable(f"the experiment gave no number called {of!r}")
    return float(given[of])
