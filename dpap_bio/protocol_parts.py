"""What all kinds of protocol files have in common, checked alike: sizes, arms, seeds, criteria and figures.

Errors are one sentence without the file's name, which the caller knows.
"""

from __future__ import annotations

from pathlib import Path

from dpap_bio import library, measures
from dpap_bio.complaint import did_you_mean


def at_size(spec, size: str, seeds, whole) -> tuple:
    """What a file says at one size.

    Arguments
        spec   the file as read
        size   "full" or a name under [sizes]
        seeds  instead of the file's, or None
        whole  what the size "full" changes: nothing
    Returns
        the changes of the size, the arms that run in it, the seeds
    Raises
        ValueError   there is no such size or arm, or something is there twice
    """
    if size != "full" and size not in spec.sizes:
        raise ValueError(f"sizes.{size}: there is no such size; there are {_sizes(spec)}")
    check_once("arms", spec.arms)
    change, names = spec.sizes.get(size, whole), [arm.name for arm in spec.arms]
    for name in change.arms or []:
        if name not in names:
            raise ValueError(f"sizes.{size}.arms: there is no arm {name!r}{did_you_mean(name, names)}")
    chosen = tuple(seeds or change.seeds or spec.seeds)
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"seeds: found {list(chosen)}, each is run once")
    return change, [arm for arm in spec.arms if change.arms is None or arm.name in change.arms], chosen


def check_once(what: str, parts) -> None:
    """Refuse two parts of a file (arms, stages, probes) that have one name, with a ValueError."""
    names = [part.name for part in parts]
    if twice := next((n for n in names if names.count(n) > 1), None):
        raise ValueError(f"{what}: {twice!r} is the name of two of them")


def check_ends(spec, folder: Path, protocol, model=None, *, look_up: bool = True) -> None:
    """Check what a file wants in the end: criteria and figures.

    Arguments
        spec      the file as read, from this folder
        protocol  what it was made into, with this model
        look_up   False: do not ask whether the model has what criteria name; the judge then says "not applicable"
    Raises
        ValueError   a criterion or a figure names what is not there
    """
    names = [arm.name for arm in spec.arms]
    for criterion in spec.criteria:
        where = f"criteria.{criterion.measure}"
        for size in criterion.sizes:
            if size not in ("full", *spec.sizes):
                raise ValueError(f"{where}.sizes: there is no size {size!r}; there are {_sizes(spec)}")
        for name in criterion.must_fail_in:
            if name not in names:
                raise ValueError(f"{where}.must_fail_in: there is no arm {name!r}{did_you_mean(name, names)}")
        if look_up:
            try:
                measures.check(criterion.measure, criterion.args, protocol, model)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
    for figure in spec.figures:
        try:
            library.find("analysis", figure, folder)
        except FileNotFoundError as error:
            raise ValueError(f"figures: {error}") from None


def _sizes(spec) -> str:
    return ", ".join(["full", *spec.sizes])
