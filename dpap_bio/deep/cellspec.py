"""What a cell is, in plain numbers: read from a model file without loading torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellSpec:
    """What a cell is: kind "lif", "plif", "relu" (one step, no spikes), "current" (a read-out that never fires) or
    "pass" (a shortcut: its currents are added to those of another layer's cells).

    threshold  float  u above it is a spike
    tau        float  membrane time constant in steps of the Euler form: share = 1 / tau; the start value for PLIF
    surrogate  str    a key of SURROGATES
    width      float  its parameter
    reset      str    "hard" (to 0) or "soft" (by the threshold)
    """

    kind: str
    threshold: float = 1.0
    tau: float = 2.0
    surrogate: str = "atan"
    width: float = 2.0
    reset: str = "hard"
