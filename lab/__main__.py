"""The command line: `python -m lab --help`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from lab.cli.arguments import parser
from lab.cli.commands import COMMANDS
from lab.errors import LabError
from lab.report.blocks import say
from lab.report.contents import summary
from lab.report.files import PAGE, SUMMARY, analysed
from lab.report.results import failed

GOOD, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 when a threshold or verdict failed, 2 for what the caller can
    mend, or 130 when interrupted.
    """
    words = sys.argv[1:] if argv is None else [*argv]
    options = parser(COMMANDS).parse_args(words)
    options.words = words
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        folder: Path | None = options.run(options)
        return _say(folder, options) if folder else GOOD
    except LabError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.strerror}: {error.filename or 'a file of the lab'}")
    except KeyboardInterrupt:
        _complain("stopped; all it started is stopped too")
        return INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # SIGTERM and a closed terminal take the way of Ctrl-C


def _complain(what: str) -> int:
    print(f"lab: {what}", file=sys.stderr)  # noqa: T201
    return WRONG


def _say(folder: Path, options: argparse.Namespace) -> int:
    """Print what a folder's records say and what failed in them; return the exit code."""
    found = analysed(folder, options.objective_ms)
    if options.json:
        print((folder / SUMMARY).read_text(encoding="utf-8"), end="")  # noqa: T201
    else:
        say(summary(found))
        print(f"\nThe whole report is {folder / PAGE}")  # noqa: T201
    failures = [*failed(found, options.objective_ms or found.trials[0].objective_ms)]
    for failure in failures:
        _complain(failure)
    return FAILED if failures else GOOD


if __name__ == "__main__":
    sys.exit(main())
