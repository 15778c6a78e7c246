"""What a computed experiment is: numbers in, labelled numbers out, nothing that another run could see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np


@dataclass(frozen=True)
class Given:
    """One thing that an experiment gives.

    unit       str             unit of its values, "1" for none
    long_name  str             what it is, as an axis label says it
    dims       tuple of str    () for a single number, which a criterion may ask for; a curve's dimension
                               is itself given, under its own name
    """

    unit: str
    long_name: str
    dims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """One computed experiment.

    run    f(p, rng) -> name -> number or array    `p` has an attribute per parameter in `needs`; draws from `rng`
    needs  parameter -> unit                       the unit `p.<parameter>` arrives in; a list arrives as an array
    gives  name -> Given                           all that `run` returns; nan is "not applicable"
    """

    run: Callable[[SimpleNamespace, np.random.Generator], dict]
    needs: Mapping[str, str]
    gives: Mapping[str, Given]
