"""The command line: `python -m lab --help`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from lab import records
from lab.blocks import Block, markdown, show
from lab.compare import Comparison, compare, write_report
from lab.errors import LabError
from lab.plan import Conditions
from lab.report import summary
from lab.targets import TARGETS

DEFAULTS = Conditions()
WRONG, INTERRUPTED = 2, 130
EXAMPLES = """\
examples:
  python -m lab compare django fastapi-sqlalchemy             about five minutes
  python -m lab compare django fastapi-sqlalchemy --seconds 10   a first look
  python -m lab compare django django --repeats 5             how noisy is this machine?
  python -m lab compare django --workers 4 --cpus 1 --memory 512m
  python -m lab report results/20261124-093000-bench          redraw the report
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 2 for what the caller can mend, or 130 when interrupted."""
    options = _parser().parse_args(argv)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        folder: Path = options.run(options)
        _print(summary(records.read(folder / records.FILE)))
    except LabError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.strerror}: {error.filename or 'a file of the lab'}")
    except KeyboardInterrupt:
        _complain("stopped; all it started is stopped too")
        return INTERRUPTED
    print(f"\nThe whole report is {folder / 'report.md'}")  # noqa: T201
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # SIGTERM and a closed terminal take the way of Ctrl-C


def _complain(what: str) -> int:
    print(f"lab: {what}", file=sys.stderr)  # noqa: T201
    return WRONG


def _print(blocks: Sequence[Block]) -> None:
    console = Console(highlight=False)
    if console.is_terminal:
        show(blocks, console)
    else:  # no terminal width to wrap tables to
        print(markdown(blocks))  # noqa: T201


def _compare(options: argparse.Namespace) -> Path:
    fields = ("workers", "threads", "users", "think_time", "warm_up", "seconds", "rows", "seed")
    values = {name: getattr(options, name) for name in (*fields, "cpus", "memory")}
    wanted = Comparison(options.target, options.repeats, Conditions(**values), options.results)
    return compare(wanted)


def _report(options: argparse.Namespace) -> Path:
    folder: Path = options.folder
    records.read(folder / records.FILE)
    write_report(folder)
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description="Measure implementations of the item service.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_compare(commands.add_parser("compare", help="measure implementations in turns"))
    again = commands.add_parser("report", help="redraw the report of a results folder")
    again.add_argument("folder", type=Path)
    again.set_defaults(run=_report)
    return parser


def _add_compare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", nargs="+", help=f"any of {', '.join(TARGETS)}; the first is compared to each")
    add("--repeats", type=int, default=2, help="trials of each (default 2)")
    add("--results", type=Path, default=Path("results"), help="where the results folder is made")
    for name, what in {
        "seconds": "measured seconds per trial",
        "warm_up": "seconds of load before them",
        "users": "concurrent users",
        "workers": "worker processes of the server",
        "threads": "threads, or pooled connections, per worker",
        "think_time": "seconds a user pauses after an answer",
        "rows": "rows in the table at the start",
        "seed": "of all random choices",
    }.items():
        value = getattr(DEFAULTS, name)
        flag = f"--{name.replace('_', '-')}"
        add(flag, type=type(value), default=value, help=f"{what} (default {value:g})")
    add("--cpus", type=float, help="cap of the server in cores, such as 1 or 0.5")
    add("--memory", type=_bytes, help="cap of the server in bytes, such as 512m or 1g")
    parser.set_defaults(run=_compare)


def _bytes(text: str) -> int:
    units = {"k": 1024, "m": 1024**2, "g": 1024**3}
    digits, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    if not digits.isdecimal() or unit not in {"", *units}:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 512m or 1g")
    return int(digits) * units.get(unit, 1)


if __name__ == "__main__":
    sys.exit(main())
