"""The command line: runs a command and turns what it raises into one sentence and an exit code.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a criterion failed, 2 the input was wrong, 3 the network
was not healthy, 7 another process works in the folder, 70 a mistake of dpap_bio's own (with its traceback), 74 the disk
did not take it, 130 stopped (and resumable).
"""

from __future__ import annotations

import os
import signal
import sys
import traceback

_ON = "what was committed is safe, go on with `dpap resume`"
_WRONG_INPUT = (ValueError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)


def main() -> None:
    """Run a command; every mistake of the user ends in one sentence and a code, never in a traceback."""
    from dpap_bio.commands import app

    signal.signal(signal.SIGTERM, _stop)
    try:
        try:
            code = app(standalone_mode=False)
        except Exception as error:
            code = _ended(error)
        except SystemExit:  # typer's, where whoever reads our output has read enough
            code = 0
        except KeyboardInterrupt as stop:
            code = _say(str(stop) or f"stopped; {_ON}", 130)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _ended(error: Exception) -> int:
    """Say in one sentence what ended a command; the exit code that belongs to it."""
    match error:
        case BrokenPipeError():
            raise error
        case BlockingIOError():
            return _say(str(error), 7)
        case OSError() if isinstance(error, _WRONG_INPUT):
            return _say(_sentence(error), 2)
        case OSError():
            return _say(_sentence(error), 74)
        case ValueError():
            return _say(str(error), 2)
        case MemoryError():
            return _say(f"the memory does not suffice; {_ON}, with fewer --jobs", 2)
    name = type(error).__name__
    if name == "Unhealthy":
        return _say(str(error), 3)
    if name == "BrokenProcessPool":
        return _say(f"a development was killed from outside, perhaps for want of memory; {_ON}", 130)
    if name == "NoArgsIsHelpError":
        print(error.format_message())
        return 2
    if hasattr(error, "format_message"):  # a complaint of typer's
        return _say(error.format_message(), 2)
    if name in ("Exit", "Abort"):
        return getattr(error, "exit_code", 130)
    traceback.print_exception(error)
    return _say("this is a mistake of dpap_bio, please report it", 70)


def _sentence(error: OSError) -> str:
    """The system's complaint as words; ours are sentences already."""
    return f"{error.filename}: {error.strerror.lower()}" if error.filename and error.strerror else str(error)


def _stop(signum, frame):
    raise KeyboardInterrupt(f"stopped by SIGTERM; {_ON}")


def _say(sentence: str, code: int) -> int:
    print("dpap: " + " ".join(sentence.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
