"""`python -m lab plan`: what the users of tomorrow need, from what requests cost today."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.analysis.models.demands import by_implementation
from lab.analysis.settings import Setting, by_setting
from lab.cli.arguments import amount, byte_count, milliseconds, numbers, seconds
from lab.errors import CannotTellError, LabError
from lab.records.jsonlines import completed
from lab.records.trial import Trial
from lab.report import capacity_plan, forecasts, platforms
from lab.report.blocks import Block, Bullets, Heading, say
from lab.report.summary import estimate
from lab.sizing.capacity import Plan, Size, planned
from lab.sizing.costs import measured
from lab.sizing.cross_validation import Forecast, held_out
from lab.sizing.instances import share
from lab.sizing.platforms import PLATFORMS
from lab.sizing.requirements import Prices, Requirements
from lab.sizing.simulation import Simulated, simulate

DESCRIPTION = "work out what a number of users needs, from the measured cost of a request"
VERSION = 1
EXAMPLES = """\
examples:
  python -m lab plan results/sweep --users 1000,10000,1000000 --think-time 10s
  python -m lab plan results/sweep --users 5000 --db-rtt 1ms --vcpus 2 --memory 1g --p95 100ms
  python -m lab plan results/sweep --users 5000 --price-vcpu-hour 0.05 --price-db-vcpu-hour 0.1
  python -m lab plan results/sweep --users 5000 --platform cloudrun --max-connections 100
  python -m lab plan results/sweep --check --simulate      can it be trusted?
docs/planning.md says how it is computed, and how far the formulas hold.
"""
OBJECTIVE_MS = 300.0  # when neither the caller nor the records name one


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    part.epilog, part.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    add = part.add_argument
    add("folder", type=Path, help="a results folder, preferably of a sweep, to plan from")
    add("--users", type=numbers, default=(1000,), help="users at the busiest moment (default 1000)")
    add("--think-time", type=seconds, default=10.0, help="pause of a user between a response "
        "and the next request (default 10s)")  # fmt: skip
    add("--p95", type=milliseconds, metavar="TIME", dest="objective_ms", help="objective for the "
        "95th percentile (default: the records' own, or 300ms)")  # fmt: skip
    add("--utilisation", type=amount, default=70.0, metavar="PERCENT",
        help="highest use of CPU, slots and pooled connections (default 70)")  # fmt: skip
    add("--vcpus", type=amount, default=1.0, help="vCPUs of one instance (default 1)")
    add(
        "--memory",
        type=byte_count,
        default=512 * 1024**2,
        help="memory of one instance (default 512m)",
    )
    add("--db-rtt", type=seconds, help="round trip to the production database (default: as "
        "measured)")  # fmt: skip
    add(
        "--db-vcpus",
        type=int,
        default=16,
        help="vCPUs of the largest database available (default 16)",
    )
    add(
        "--max-connections", type=int, help="max_connections of the database (default: as measured)"
    )
    for what in ("vcpu", "gib", "db-vcpu"):
        add(f"--price-{what}-hour", type=amount, default=0.0, metavar="PRICE")
    add(
        "--platform",
        choices=PLATFORMS,
        help="also print the values for the platform's files, with the arithmetic",
    )
    add("--target", help="plan this implementation only (default: all in the folder)")
    add(
        "--check",
        action="store_true",
        help="show how each measured size is predicted from the others",
    )
    add("--simulate", action="store_true", help="also simulate the plan, event by event")
    add("--json", action="store_true", help="print the plan as JSON")


@dataclass(frozen=True)
class Inquiry:
    """What is found out about one implementation; a text is the reason why something is not."""

    label: str
    plan: Plan | str
    forecasts: Sequence[Forecast] | str
    simulated: Sequence[Simulated] | None  # None: not asked for
    options: argparse.Namespace


def run(options: argparse.Namespace) -> None:
    """Print a plan from the records of a folder. Raises `LabError` when none can be made."""
    trials = completed(options.folder)
    if not trials:
        raise LabError(f"there is no completed trial in {options.folder} to plan from")
    if min(options.users) < 1:
        raise LabError("--users is 0: give numbers above 0, such as 1000,1000000")
    required = _required(options, trials[0])
    found = [_inquire(settings, required, options) for settings in _chosen(trials, options)]
    if options.json:
        document = {"version": VERSION, "plans": [_document(one, required) for one in found]}
        print(json.dumps(document, indent=1, ensure_ascii=False))  # noqa: T201
    else:
        say([block for one in found for block in _blocks(one)])
    if all(isinstance(one.plan, str) for one in found):
        raise LabError(f"no plan: {found[0].plan}")


def _required(options: argparse.Namespace, trial: Trial) -> Requirements:
    allowed = trial.machine.get("postgresql", {}).get("max_connections", 100)
    return Requirements(
        think_time=options.think_time,
        objective=(options.objective_ms or trial.objective_ms or OBJECTIVE_MS) / 1000,
        utilisation=options.utilisation / 100,
        vcpus=options.vcpus,
        memory=options.memory,
        round_trip=options.db_rtt,
        max_connections=int(options.max_connections or allowed),
        database_vcpus=options.db_vcpus,
        prices=Prices(options.price_vcpu_hour, options.price_gib_hour, options.price_db_vcpu_hour),
    )


def _chosen(trials: Sequence[Trial], options: argparse.Namespace) -> list[list[Setting]]:
    found = by_implementation(by_setting(trials))
    labels = [settings[0].label for settings in found]
    if options.target and options.target not in labels:
        raise LabError(f"no {options.target!r} in {options.folder}: there are {', '.join(labels)}")
    return [one for one in found if options.target in (None, one[0].label)]


def _inquire(
    settings: Sequence[Setting], required: Requirements, options: argparse.Namespace
) -> Inquiry:
    label, forecasts = settings[0].label, _checked(settings)
    try:
        made = planned(measured(settings), required, options.users)
    except CannotTellError as why:
        reason = f"I cannot tell what {label} needs, because {why}"
        return Inquiry(label, reason, forecasts, None, options)
    played = [_played(size, required) for size in made.sizes] if options.simulate else None
    return Inquiry(label, made, forecasts, played, options)


def _checked(settings: Sequence[Setting]) -> Sequence[Forecast] | str:
    try:
        return held_out(settings)
    except CannotTellError as why:
        return f"I cannot check its predictions, because {why}"


def _played(size: Size, required: Requirements) -> Simulated:
    users = share(size.users, size.needs.instances)
    return simulate(size.one.network, users, required.think_time + size.one.outside)


def _blocks(found: Inquiry) -> Iterator[Block]:
    if isinstance(found.plan, str):
        yield Bullets([found.plan])
    else:
        yield from capacity_plan.blocks(found.plan)
        if found.simulated is not None:
            yield Heading("The same, simulated")
            yield forecasts.beside(found.plan.sizes, found.simulated)
        if found.options.platform:
            for size in found.plan.sizes:
                yield from platforms.blocks(found.plan, size)
    yield Heading(f"Checked against trials it has not seen: {found.label}")
    if isinstance(found.forecasts, str):
        yield Bullets([found.forecasts])
    else:
        yield Bullets([forecasts.trust(found.forecasts)])
        if found.options.check:
            yield forecasts.table(found.forecasts)


def _document(found: Inquiry, required: Requirements) -> dict[str, Any]:
    """Return everything about one implementation; seconds and bytes where no unit is named."""
    document: dict[str, Any] = {"label": found.label, "wanted": asdict(required)}
    if isinstance(found.plan, str):
        document["cannot_tell"] = found.plan
    else:
        document |= capacity_plan.document(found.plan)
        if found.simulated is not None:
            document["simulated"] = [_estimates(one) for one in found.simulated]
        if platform := found.options.platform:
            document[platform] = [platforms.document(found.plan, s) for s in found.plan.sizes]
    if isinstance(found.forecasts, str):
        document["cannot_check"] = found.forecasts
    else:
        document["check"] = [forecasts.document(one) for one in found.forecasts]
    return document


def _estimates(found: Simulated) -> dict[str, Any]:
    return {name: estimate(value) for name, value in vars(found).items()}
