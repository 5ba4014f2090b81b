"""What the measuring commands share: make a plan, carry it out, draw what was found."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from lab.cli.arguments import service
from lab.cli.live import Live
from lab.cli.progress import Progress
from lab.errors import LabError
from lab.experiments import plan
from lab.experiments.plan import Plan, PlannedSetting, new_folder, shuffled
from lab.experiments.services import Service
from lab.experiments.targets import is_ours, is_url, named
from lab.records.conditions import Conditions
from lab.records.jsonlines import completed
from lab.report.files import redraw
from lab.running import engine
from lab.running.hosts import inventory
from lab.running.hosts.inventory import Hosts
from lab.running.machine import refuse_impossible, require_linux


def carry_out(kind: str, settings: Sequence[PlannedSetting], options: argparse.Namespace) -> Path:
    """Plan a run of settings as the options say, and measure it. Raises `LabError`."""
    require_linux()
    load = tuple(shlex.split(options.load))
    _refuse_secrets(load)
    wanted = Plan(
        kind=kind,
        command=_typed(options.words),
        steps=shuffled(settings, options.repeats, options.seed),
        open_shares=getattr(options, "open", ()),
        objective_ms=options.objective_ms,
        url_load=load,
        url_pid=options.pid,
        hosts=str(options.hosts) if getattr(options, "hosts", None) else None,
        service=service(options),
    )
    _refuse_what_cannot_be(wanted)
    return measure(new_folder(options.results, wanted), live=options.live)


def _typed(words: Sequence[str]) -> str:
    """Return the command for others to type: without this machine's place for results."""
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("--results"):
            kept.append(word)
        skip = word == "--results"
    return shlex.join(("python", "-m", "lab", *kept))


def _refuse_secrets(load: Sequence[str]) -> None:
    """Raise `LabError` for a key that would be kept in plan, records and reports."""
    if any(word.startswith("--api") for word in load):
        raise LabError(
            "the key must not stand in --load, which is kept in plan, records and reports: "
            "put it into the variable LOCUST_API_KEY, or into a file named by LOCUST_API_KEY_FILE"
        )


def _refuse_what_cannot_be(wanted: Plan) -> None:
    for step in wanted.steps:
        refuse_impossible(step.conditions)
        capped = step.conditions.cpus or step.conditions.memory or step.conditions.db_rtt
        if is_url(step.target) and capped:
            raise LabError(f"{step.target} is already running: the lab can cap only what it starts")
        if not is_ours(step.target) and step.conditions.db_rtt:
            raise LabError(f"--db-rtt: the lab cannot move the database of {step.label} away")
        target = named(step.target, wanted.url_load, wanted.service)
        _refuse_secrets(target.load)
        if told := inventory.read(Path(wanted.hosts)) if wanted.hosts else target.service:
            _refuse_unheard(told, {other.conditions for other in wanted.steps})


def _refuse_unheard(told: Service | Hosts, conditions: set[Conditions]) -> None:
    """Raise `LabError` when several counts are asked for, and the service is told none of them."""
    for name in ("workers", "threads"):
        if len({getattr(one, name) for one in conditions}) > 1 and not told.uses(name):
            raise LabError(
                f"several --{name} are asked for, and the service is not told how many: write "
                f"{{{name}}} where it is started, where the number belongs"
            )


def measure(folder: Path, *, live: bool) -> Path:
    """Measure what is left of a folder's plan, and draw whatever there is. Raises `LabError`."""
    plan.read(folder)
    try:
        engine.carry_out(folder, Live if live else Progress)
    finally:
        if completed(folder):
            redraw(folder)
    return folder
