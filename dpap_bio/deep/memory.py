"""Memory of large tensors is kept for the next ones: a process that trains asks the system for it once."""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache

_TRIM, _TOP_PAD, _MMAP = -1, -2, -3  # glibc's numbers
_MOST = 2**31 - 1


@cache
def keep() -> None:
    """Tell the C library not to give large blocks back when they are freed; of another library than glibc, nothing.

    Every tensor of a few megabytes would else be mapped, filled with zeros page by page, and unmapped, which costs a
    tenth and more of a step. The process holds on to the most it ever used.
    """
    with contextlib.suppress(OSError, AttributeError):
        tune = ctypes.CDLL("libc.so.6").mallopt
        for what, value in ((_MMAP, 1 << 30), (_TRIM, _MOST), (_TOP_PAD, 1 << 26)):
            tune(what, value)
