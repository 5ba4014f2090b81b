"""What can be said on the command line, and how it is read."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from lab.errors import LabError
from lab.experiments.services import BY_COMMAND, Service
from lab.experiments.targets import TARGETS, VARIANTS
from lab.records.conditions import CONSTANT, RANDOM, Conditions
from lab.records.operations import ROLES
from lab.running.hosts import inventory

DEFAULTS = Conditions()
DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
MIXES = {"article": DEFAULTS.mix, "httparena-crud": "75/5/5/15/0"}  # as in locust/options.py
MOST = 10**10  # of anything that is counted: more than there are people
SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
CONDITIONS: Mapping[str, str] = {
    "users": "concurrent users",
    "workers": "worker processes of the server",
    "threads": "threads, pooled connections or links to the database, per worker",
    "rows": "rows in the table at the start",
    "seed": "seed of all random choices",
}


def conditions(options: argparse.Namespace) -> Conditions:
    """Return what was asked for. Raises `LabError`."""
    given = {field.name: getattr(options, field.name, None) for field in fields(Conditions)}
    single = {name: value for name, value in given.items() if not isinstance(value, tuple)}
    return Conditions(**{name: value for name, value in single.items() if value is not None})


def add_folder(part: argparse.ArgumentParser) -> None:
    """Declare which results folder is meant."""
    part.add_argument("folder", type=Path, help="a results folder")
    add_output(part)


def add_targets(part: argparse.ArgumentParser) -> None:
    """Declare what is measured."""
    known = (
        f"any of {', '.join((*TARGETS, *VARIANTS))}, the http:// address of a running service, or "
        "a .toml file that says how to start one (docs/own-service.md)"
    )
    part.add_argument("target", nargs="*", help=f"{known}; the first is compared to each")
    add_service(part)


def targets(options: argparse.Namespace) -> list[str]:
    """Return what is to be measured. Raises `LabError` when nobody said."""
    hosts = getattr(options, "hosts", None)
    names = [*options.target, *([BY_COMMAND] if options.command else [])]
    if hosts and names:
        raise LabError("--hosts already names the URL: leave out target and --command")
    if hosts:
        return [inventory.read(hosts).url]
    if not names:
        raise LabError(
            "name what to measure: a target, an http:// address, a .toml file, --command"
        )
    return names


def service(options: argparse.Namespace) -> Service | None:
    """Return the service of --command. Raises `LabError`."""
    if options.command:
        return Service(
            options.command, folder=options.folder, ready=options.ready,
            database=options.database, before=options.before,
        )  # fmt: skip
    for name in ("ready", "database", "before"):
        if getattr(options, name, ""):
            raise LabError(f"--{name} belongs to --command: give that, too")
    return None


def add_service(part: argparse.ArgumentParser) -> None:
    """Declare how to start or find somebody's own service."""
    add = part.add_argument_group(
        "a service of your own", "docs/own-service.md says more"
    ).add_argument
    add(
        "--command",
        help="how to start it: 'uvicorn app:app --port {port} --workers {workers}'; it gets this "
        "shell's environment",
    )
    add("--folder", default=".", help="where to start it (default: here)")
    add("--ready", default="", help="path that answers 200 once it serves (default: any answer)")
    add(
        "--database", default="",
        help="address of its PostgreSQL, to watch its CPU and connections; $NAME: of a variable",
    )  # fmt: skip
    add("--before", default="", help="command before each trial, such as one that resets its table")
    add(
        "--load",
        default="",
        metavar="OPTIONS",
        help="options of locust/locustfile.py that fit it, as `python -m lab probe` finds them",
    )
    add("--pid", type=int, help="main process of an http:// target, to measure its CPU and memory")


def add_conditions(
    part: argparse.ArgumentParser,
    grid: Mapping[str, tuple[int, ...]] | None = None,
    defaults: Conditions = DEFAULTS,
) -> None:
    """Declare the conditions; those in `grid` take several values each."""
    add = part.add_argument
    for name, what in CONDITIONS.items():
        value = getattr(defaults, name)
        if grid and name in grid:
            shown = ",".join(map(str, grid[name]))
            add(f"--{name}", type=numbers, default=grid[name], help=f"{what} (default {shown})")
        else:
            add(f"--{name}", type=type(value), default=value, help=f"{what} (default {value})")
    add(
        "--mix", type=lambda said: MIXES.get(said, said), default=defaults.mix, metavar="MIX",
        help=f"{', '.join(MIXES)}, or weights of {'/'.join(ROLES)} (default {defaults.mix}; four "
        "weights leave out updates)",
    )  # fmt: skip
    for flags, what in {
        ("--seconds", "--duration"): "length of the measured window, such as 50s or 10m",
        ("--warm-up",): "load before the window, which is not counted",
        ("--think-time",): "think time of a user between a response and the next request",
        ("--db-rtt",): "latency added to each database round trip, such as 2ms",
    }.items():
        value = getattr(defaults, flags[0][2:].replace("-", "_"))
        add(*flags, type=seconds, default=value, help=f"{what} (default {value:g}s)")
    add(
        "--pace", choices=(RANDOM, CONSTANT), default=defaults.pace,
        help="whether pauses and arrivals are random around the mean or constant "
        f"(default {defaults.pace})",
    )  # fmt: skip
    add("--cpus", type=amount, help="CPU cap of the server in cores, such as 1 or 0.5")
    add("--memory", type=byte_count, help="memory cap of the server, such as 512m or 1g")


def add_hosts(part: argparse.ArgumentParser) -> None:
    """Declare that several hosts take part."""
    part.add_argument(
        "--hosts", type=Path, metavar="FILE", help="hosts that serve and load: docs/hosts.md"
    )


def add_run(part: argparse.ArgumentParser, repeats: int) -> None:
    """Declare how often, and where the results go."""
    part.add_argument(
        "--repeats", type=int, default=repeats, help=f"trials of each (default {repeats})"
    )
    part.add_argument(
        "--results", type=Path, default=Path("results"), help="where to create the results folder"
    )
    add_live(part)
    add_output(part)


def add_live(part: argparse.ArgumentParser) -> None:
    """Declare that the report is to be seen while it comes into being."""
    part.add_argument(
        "--live", action="store_true",
        help="draw report.html every ten seconds while the run goes on, for a browser that reloads "
        "it; drawing takes CPU from the load generator",
    )  # fmt: skip


def add_open(part: argparse.ArgumentParser, shares: tuple[float, ...]) -> None:
    """Declare the open loads that follow."""
    shown = ",".join(f"{100 * share:g}" for share in shares) or "none"
    part.add_argument(
        "--open", type=percentages, default=shares, metavar="PERCENTAGES",
        help="open loads to send afterwards, in %% of the capacity found: such as 50,70,90 or none "
        f"(default {shown})",
    )  # fmt: skip


def add_output(part: argparse.ArgumentParser) -> None:
    """Declare what is printed, and when the exit code is 1."""
    part.add_argument("--json", action="store_true", help="print the summary as JSON")
    part.add_argument(
        "--p95", type=milliseconds, metavar="TIME", dest="objective_ms",
        help="objective for the 95th percentile, such as 300ms: the advice keeps to it, and the "
        "exit code is 1 when an implementation never meets it",
    )  # fmt: skip


def numbers(text: str) -> tuple[int, ...]:
    """Read numbers as in 1,2,4."""
    words = text.split(",")
    if not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers: write 1,2,4")
    found = tuple(dict.fromkeys(map(int, words)))
    if max(found) > MOST:
        raise argparse.ArgumentTypeError(f"{max(found)} is more than there can be")
    return found


def amount(text: str) -> float:
    """Read how much of something."""
    try:
        return _from_0_up(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount: write 0.5 or 70") from None


def _from_0_up(value: float) -> float:
    """Return it. Raises ValueError: float() reads "nan" and "inf", too, and less than nothing."""
    if not 0 <= value < math.inf:
        raise ValueError
    return value


def percentages(text: str) -> tuple[float, ...]:
    """Read percentages; past 100 a queue grows without end, which is worth a look too."""
    if text == "none":
        return ()
    shares = tuple(number / 100 for number in numbers(text))
    if not all(shares):
        raise argparse.ArgumentTypeError(f"{text!r}: no load is 0 %: write 50,70,90 or none")
    return shares


def seconds(text: str) -> float:
    """Read a time as in 50s, 10m or 2ms; a bare number is seconds."""
    digits = text.rstrip("mshMSH")
    unit = text[len(digits) :].lower() or "s"
    try:
        return _from_0_up(float(digits) * DURATIONS[unit])
    except (ValueError, KeyError):
        said = f"{text!r} is not a time: write 50s, 10m or 2ms"
        raise argparse.ArgumentTypeError(said) from None


def milliseconds(text: str) -> float:
    """Read a time in milliseconds; a bare number is milliseconds."""
    found = seconds(text if text[-1:].isalpha() else f"{text}ms") * 1000
    if not found > 0:
        raise argparse.ArgumentTypeError(f"{text!r}: no answer takes so little: write 300ms or 2s")
    return found


def byte_count(text: str) -> int:
    """Read a size as in 512m or 1g."""
    digits, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    if not digits.isdecimal() or unit not in {"", *SIZES}:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: write 512m or 1g")
    return int(digits) * SIZES.get(unit, 1)
