"""What can be said on the command line, and how it is read."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path

from lab.experiments.designs import OPEN_SHARES
from lab.experiments.targets import TARGETS
from lab.records.conditions import Conditions
from lab.sizing.cloud_run import PLATFORMS

DEFAULTS = Conditions()
DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
EXAMPLES = """\
examples:
  python -m lab doctor                                        can this machine measure?
  python -m lab compare django fastapi-sqlalchemy             which one? about seven minutes
  python -m lab compare django django --repeats 5             how noisy is this machine?
  python -m lab compare django http://127.0.0.1:8001 --load "--preset fastapi"
  python -m lab sweep django --workers 1,2,4 --users 50,500   how many workers?
  python -m lab sweep django --workers 1,2,4 --db-rtt 2ms     the same, database further away
  python -m lab sweep django --p95 300ms                      the fewest workers that meet it
  python -m lab ladder                                        what does each speed-up buy?
  python -m lab run django --cpus 1 --memory 512m             one box
  python -m lab run article --duration 10m                    the four figures of the article
  python -m lab run --hosts hosts.toml --users 500            service and load on other hosts
  python -m lab resume results/20261124-093000-sweep          go on after Ctrl-C
  python -m lab plan results/sweep --users 1000,1000000       what would that many users need?
  python -m lab plan results/sweep --users 5000 --think-time 5s --platform cloudrun
  python -m lab plan results/sweep --check --simulate         are its predictions to be believed?
  python -m lab report results/20261124-093000-sweep          redraw the report

exit codes: 0 good, 1 a threshold or verdict failed, 2 wrong use, 130 interrupted
"""
PLANS = """\
examples:
  python -m lab plan results/sweep --users 1000,10000,1000000 --think-time 10s
  python -m lab plan results/sweep --users 5000 --db-rtt 1ms --vcpus 2 --memory 1g --p95 100ms
  python -m lab plan results/sweep --users 5000 --price-vcpu-hour 0.05 --price-db-vcpu-hour 0.1
  python -m lab plan results/sweep --users 5000 --platform cloudrun --max-connections 100
  python -m lab plan results/sweep --check --simulate      is it to be believed?
docs/planning.md says how it is computed, and how far the formulas hold.
"""
CONDITIONS: Mapping[str, str] = {
    "users": "concurrent users",
    "workers": "worker processes of the server",
    "threads": "threads, or pooled connections, per worker",
    "rows": "rows in the table at the start",
    "seed": "of all random choices",
    "mix": "weights of retrieve/list/create/delete",
}
Run = Callable[[argparse.Namespace], Path | None]


def parser(commands: Mapping[str, tuple[Run, str]]) -> argparse.ArgumentParser:
    """Return the parser of all commands; each is what it runs and what it is for."""
    whole = argparse.ArgumentParser(
        prog="python -m lab", description="Measure implementations of the item service.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parts = whole.add_subparsers(required=True, metavar="command", dest="command")
    for name, (run, what) in commands.items():
        part = parts.add_parser(name, help=what, description=what)
        DECLARED[name](part)
        part.set_defaults(run=run)
    return whole


def conditions(options: argparse.Namespace) -> Conditions:
    """Return what was asked for. Raises `LabError`."""
    given = {field.name: getattr(options, field.name, None) for field in fields(Conditions)}
    single = {name: value for name, value in given.items() if not isinstance(value, tuple)}
    return Conditions(**{name: value for name, value in single.items() if value is not None})


def _run(part: argparse.ArgumentParser) -> None:
    names = "a target, or `article` and perhaps targets (django)"
    part.add_argument("target", nargs="*", help=names)
    part.add_argument(
        "--hosts", type=Path, metavar="FILE", help="hosts that serve and load: docs/hosts.md"
    )
    _add_conditions(part)
    _add_run(part, repeats=1)


def _compare(part: argparse.ArgumentParser) -> None:
    _add_targets(part)
    _add_conditions(part)
    _add_run(part, repeats=3)
    _add_open(part, ())


def _sweep(part: argparse.ArgumentParser) -> None:
    _add_targets(part)
    _add_conditions(part, grid={"workers": (1, 2, 4), "threads": (4,), "users": (50, 100, 500)})
    _add_run(part, repeats=3)
    _add_open(part, OPEN_SHARES)


def _ladder(part: argparse.ArgumentParser) -> None:
    # Users who pause: the rungs differ by twenty times, and the fastest would fill the generator.
    paced = replace(DEFAULTS, workers=1, threads=16, users=64, think_time=0.08)
    _add_conditions(part, defaults=paced)
    _add_run(part, repeats=5)


def _folder(part: argparse.ArgumentParser) -> None:
    part.add_argument("folder", type=Path, help="a results folder")
    _add_output(part)


def _plan(part: argparse.ArgumentParser) -> None:
    part.epilog, part.formatter_class = PLANS, argparse.RawDescriptionHelpFormatter
    add = part.add_argument
    add("folder", type=Path, help="a results folder, best of a sweep; its records are planned from")
    add("--users", type=_numbers, default=(1000,), help="at the busiest moment (default 1000)")
    add("--think-time", type=_seconds, default=10.0, help="pause of a user after an answer "
        "(default 10s)")  # fmt: skip
    add("--p95", type=_milliseconds, metavar="TIME", dest="objective_ms", help="what the 95th "
        "percentile must stay below (default: the records' own, or 300ms)")  # fmt: skip
    add("--utilisation", type=float, default=70.0, metavar="PERCENT",
        help="of CPU, slots and pooled connections, at most (default 70)")  # fmt: skip
    add("--vcpus", type=float, default=1.0, help="of one instance (default 1)")
    add("--memory", type=_bytes, default=512 * 1024**2, help="of one instance (default 512m)")
    add("--db-rtt", type=_seconds, help="a whole round trip to the database there (default: as "
        "measured)")  # fmt: skip
    add("--db-vcpus", type=int, default=16, help="of the largest database to be had (default 16)")
    add("--max-connections", type=int, help="of the database (default: of the measured one)")
    for what in ("vcpu", "gib", "db-vcpu"):
        add(f"--price-{what}-hour", type=float, default=0.0, metavar="PRICE")
    add("--platform", choices=PLATFORMS, help="also print the values for its files, with the sums")
    add("--target", help="plan this implementation only (default: all in the folder)")
    add(
        "--check",
        action="store_true",
        help="show how each measured size is predicted from the others",
    )
    add("--simulate", action="store_true", help="also play the plan, event by event")
    add("--json", action="store_true", help="print the plan as JSON")


def _doctor(part: argparse.ArgumentParser) -> None:
    part.add_argument("--results", type=Path, default=Path("results"), help="where results go")


DECLARED: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _run, "sweep": _sweep, "compare": _compare, "ladder": _ladder,
    "resume": _folder, "report": _folder, "plan": _plan, "doctor": _doctor,
}  # fmt: skip


def _add_targets(part: argparse.ArgumentParser) -> None:
    known = f"any of {', '.join(TARGETS)}, or the http:// of what runs already"
    part.add_argument("target", nargs="+", help=f"{known}; the first is compared to each")


def _add_conditions(
    part: argparse.ArgumentParser,
    grid: Mapping[str, tuple[int, ...]] | None = None,
    defaults: Conditions = DEFAULTS,
) -> None:
    add = part.add_argument
    for name, what in CONDITIONS.items():
        value = getattr(defaults, name)
        if grid and name in grid:
            shown = ",".join(map(str, grid[name]))
            add(f"--{name}", type=_numbers, default=grid[name], help=f"{what} (default {shown})")
        else:
            add(f"--{name}", type=type(value), default=value, help=f"{what} (default {value})")
    for flags, what in {
        ("--seconds", "--duration"): "measured time of a trial, such as 50s or 10m",
        ("--warm-up",): "time of load before it",
        ("--think-time",): "pause of a user after an answer",
        ("--db-rtt",): "added to each round trip to the database, such as 2ms",
    }.items():
        value = getattr(defaults, flags[0][2:].replace("-", "_"))
        add(*flags, type=_seconds, default=value, help=f"{what} (default {value:g}s)")
    add("--cpus", type=float, help="cap of the server in cores, such as 1 or 0.5")
    add("--memory", type=_bytes, help="cap of the server, such as 512m or 1g")
    add(
        "--load", default="", metavar="OPTIONS", help="of locust/locustfile.py, for http:// targets"
    )
    add("--pid", type=int, help="first process of an http:// target, to see what it uses")


def _add_run(part: argparse.ArgumentParser, repeats: int) -> None:
    part.add_argument(
        "--repeats", type=int, default=repeats, help=f"trials of each (default {repeats})"
    )
    part.add_argument(
        "--results", type=Path, default=Path("results"), help="where the results folder is made"
    )
    _add_output(part)


def _add_open(part: argparse.ArgumentParser, shares: tuple[float, ...]) -> None:
    shown = ",".join(f"{100 * share:g}" for share in shares) or "none"
    part.add_argument(
        "--open", type=_shares, default=shares, metavar="PERCENTAGES",
        help="open loads to follow, in %% of the capacity found, such as 50,70,90 or none "
        f"(default {shown})",
    )  # fmt: skip


def _add_output(part: argparse.ArgumentParser) -> None:
    part.add_argument("--json", action="store_true", help="print the summary as JSON")
    part.add_argument(
        "--p95", type=_milliseconds, metavar="TIME", dest="objective_ms",
        help="what the 95th percentile must stay below, such as 300ms: the advice keeps to it, "
        "and the exit code is 1 when an implementation never does",
    )  # fmt: skip


def _numbers(text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers; write 1,2,4")
    return tuple(dict.fromkeys(int(word) for word in words))


def _shares(text: str) -> tuple[float, ...]:
    """Read percentages; past 100 a queue grows without end, which is worth a look too."""
    if text == "none":
        return ()
    return tuple(number / 100 for number in _numbers(text))


def _seconds(text: str) -> float:
    digits = text.rstrip("mshMSH")
    unit = text[len(digits) :].lower() or "s"
    try:
        return float(digits) * DURATIONS[unit]
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 50s, 10m or 2ms") from None


def _milliseconds(text: str) -> float:
    return _seconds(f"{text}ms" if text.isdecimal() else text) * 1000


def _bytes(text: str) -> int:
    digits, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    if not digits.isdecimal() or unit not in {"", *SIZES}:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 512m or 1g")
    return int(digits) * SIZES.get(unit, 1)
