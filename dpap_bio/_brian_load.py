"""Load Brian2 without what it does to a process: files executed, log files left, hooks and signal handlers taken."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import sysconfig
from functools import cache
from pathlib import Path


def has_compiler() -> bool:
    """Whether Cython code can be compiled here: a C compiler and Python's headers."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(compiler) is not None and Path(sysconfig.get_paths()["include"], "Python.h").is_file()


@cache
def brian2():
    """Import Brian2, which evaluates a file called `brian_preferences` if it finds one in the working folder.

    Raises
        ValueError   there is such a file
    """
    if Path("brian_preferences").exists():
        raise ValueError("the working folder holds a file brian_preferences, which Brian2 would execute: "
                         "remove it or start elsewhere")
    handler = signal.getsignal(signal.SIGINT)
    ours = "brian2" not in sys.modules
    import brian2 as b2

    if ours:
        signal.signal(signal.SIGINT, handler)  # Brian2's own fails where Ctrl+C is ignored, as in our workers
        _no_log_files(b2)
    if (sys.excepthook.__module__ or "").startswith("brian2"):
        sys.excepthook = sys.__excepthook__  # Brian2's own asks to report anybody's exception as a bug of Brian2
    for name in ("resolution_conflict", "unused_brian_object", "invalid_values"):
        b2.BrianLogger.suppress_name(name)
    return b2


def _no_log_files(b2) -> None:
    """Remove the log and the copy of the script that Brian2 made in the temporary folder: a killed run leaves them."""
    logger = b2.BrianLogger
    b2.prefs.logging.file_log = False
    if logger.file_handler is not None:
        logging.getLogger("brian2").removeHandler(logger.file_handler)
        logger.file_handler.close()
    for path in (logger.tmp_log, logger.tmp_script):
        if path is not None:
            Path(path).unlink(missing_ok=True)
    logger.tmp_log = logger.tmp_script = logger.file_handler = None
