"""The command line: `python -m lab --help`."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Protocol

from lab.analysis.analyse import failed
from lab.cli import compare, doctor, ladder, plan, probe, report, resume, run, sweep
from lab.errors import FailedError, LabError
from lab.report.blocks import say
from lab.report.contents import summary
from lab.report.files import PAGE, SUMMARY, analysed


class Command(Protocol):
    """A module that is a command; `run` returns the results folder to print, or None."""

    DESCRIPTION: str

    def add_options(self, part: argparse.ArgumentParser, /) -> None:
        """Declare what can be said after its name."""

    def run(self, options: argparse.Namespace, /) -> Path | None:
        """Do it. Raises `LabError`."""


COMMANDS: Mapping[str, Command] = {
    "doctor": doctor, "probe": probe, "run": run, "sweep": sweep, "compare": compare,
    "ladder": ladder, "resume": resume, "plan": plan, "report": report,
}  # fmt: skip
EXAMPLES = """\
examples:
  python -m lab doctor                                        can this machine measure?
  python -m lab compare django fastapi-sqlalchemy             which one? about seven minutes
  python -m lab compare django django --repeats 5             how noisy is this machine?
  python -m lab compare results/old results/new --junit x.xml is anything worse than before?
  python -m lab compare django http://127.0.0.1:8001 --load "--preset fastapi"
  python -m lab sweep django --workers 1,2,4 --users 50,500   how many workers?
  python -m lab probe http://127.0.0.1:8001                   which options fit my service?
  python -m lab sweep --command "uvicorn app:app --port {port} --workers {workers}"
  python -m lab sweep django --workers 1,2,4 --db-rtt 2ms     the same, database further away
  python -m lab sweep django --p95 300ms                      how many, of those that meet it?
  python -m lab ladder                                        what does each speed-up buy? an hour
  python -m lab run django --cpus 1 --memory 512m             on one small box
  python -m lab run article --duration 10m                    the four figures of the article
  python -m lab run --hosts hosts.toml --users 500            service and load on other hosts
  python -m lab resume results/20261124-093000-sweep          continue after Ctrl-C
  python -m lab plan results/sweep --users 1000,1000000       what would that many users need?
  python -m lab plan results/sweep --users 5000 --think-time 5s --platform cloudrun
  python -m lab plan results/sweep --check --simulate         can its predictions be trusted?
  python -m lab report results/20261124-093000-sweep          redraw the report

exit codes: 0 success, 1 a threshold or verdict failed, 2 usage error, 130 interrupted
"""
GOOD, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
UNHEARD = 128 + signal.SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 when a threshold or verdict failed, 2 for what the caller can
    mend, or 130 when interrupted.
    """
    words = sys.argv[1:] if argv is None else [*argv]
    options = parser().parse_args(words)
    options.words = words
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: it is to outlive its terminal
            signal.signal(number, _interrupt)
    if isinstance(sys.stdout, TextIOWrapper):  # not all that is said is in every character set
        sys.stdout.reconfigure(errors="replace")
    if os.environ.get("COLUMNS") == "0":  # nobody set its size: rich would write nothing
        del os.environ["COLUMNS"]
    try:
        folder: Path | None = options.run(options)
        code = _say(folder, options) if folder else GOOD
        print(end="", flush=True)  # noqa: T201
        return code
    except BrokenPipeError:  # as `| head`, who has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNHEARD
    except FailedError as error:
        _complain(str(error))
        return FAILED
    except LabError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.strerror}: {error.filename or 'a file of the lab'}")
    except KeyboardInterrupt:
        _complain("stopped, and so is everything it started")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="python -m lab", description="Measure implementations of the item service.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parts = whole.add_subparsers(required=True, metavar="command")
    for name, command in COMMANDS.items():
        # Whole words only: what is typed is recorded, without --results and what follows it.
        part = parts.add_parser(
            name, help=command.DESCRIPTION, description=command.DESCRIPTION, allow_abbrev=False
        )
        command.add_options(part)
        part.set_defaults(run=command.run)
    return whole


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
