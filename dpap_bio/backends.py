"""Who simulates: one row a backend. A row says how to open it for a model and what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from dpap_bio.network import Network

# advance(model, network, stimuli, n_steps, learning=...) -> network, {population: (steps, neurons) of its spikes}
Advance = Callable[..., tuple[Network, Mapping[str, tuple[np.ndarray, np.ndarray]]]]


@dataclass(frozen=True)
class Backend:
    """A way to let a network live for an epoch.

    title    what it is, for `dpap list`
    targets  code generation targets, the default first; "auto" chooses
    open     target -> Advance
    """

    title: str
    targets: tuple[str, ...]
    open: Callable[[str], Advance]


def _runtime(target: str):
    from dpap_bio import brian

    return partial(brian.advance, target=target)


def _standalone(target: str):
    from dpap_bio import standalone

    return standalone.advance


def _genn(target: str):
    from dpap_bio.genn import Genn

    return Genn(target)


BACKENDS = {
    "runtime": Backend("Brian2 in this process: numpy, or Cython where a compiler is", ("auto", "numpy", "cython"),
                       _runtime),
    "cpp_standalone": Backend("a C++ program written around Brian2's statements, compiled once a model", ("cpp",),
                              _standalone),
    "genn": Backend("GeNN through Brian2GeNN, in an environment of its own (`dpap doctor`); on the processor",
                    ("cpu", "gpu"), _genn),
}


def fastest() -> str:
    """The backend for much to do: cpp_standalone where there is a C++ compiler, else runtime."""
    from dpap_bio._standalone_library import compiler

    return "cpp_standalone" if compiler() else "runtime"


COMPILE_WORTH = 400_000  # steps of all developments together: above, 1-2 minutes of compiling pay for themselves


def choose_target(target: str, steps: int) -> str:
    """The code generation target in force: "auto" is Cython where there is a compiler and enough to do.

    Arguments
        target  "auto", or one of a backend's, which stands
        steps   int   time steps of the whole run
    Raises
        ValueError    Cython is asked for and there is no compiler
    """
    from dpap_bio import brian

    if target == "cython" and not brian.has_compiler():
        raise ValueError("target cython needs a C compiler and Python's headers, neither was found: "
                         "install gcc and python3-dev, or use --target numpy")
    if target != "auto":
        return target
    return "cython" if steps > COMPILE_WORTH and brian.has_compiler() else "numpy"
