"""What the measuring commands share: make a plan, carry it out, draw what was found."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from lab.cli.progress import Progress
from lab.errors import LabError
from lab.experiments import plan
from lab.experiments.plan import Plan, PlannedSetting, new_folder, shuffled
from lab.experiments.targets import is_url
from lab.records.jsonlines import completed
from lab.report.files import redraw
from lab.running import engine
from lab.running.machine import refuse_impossible, require_linux


def carry_out(kind: str, settings: Sequence[PlannedSetting], options: argparse.Namespace) -> Path:
    """Plan a run of settings as the options say, and measure it. Raises `LabError`."""
    require_linux()
    wanted = Plan(
        kind=kind,
        command=_typed(options.words),
        steps=shuffled(settings, options.repeats, options.seed),
        open_shares=getattr(options, "open", ()),
        objective_ms=options.objective_ms,
        url_load=tuple(shlex.split(options.load)),
        url_pid=options.pid,
        hosts=str(options.hosts) if getattr(options, "hosts", None) else None,
    )
    _refuse_what_cannot_be(wanted)
    return measure(new_folder(options.results, wanted))


def _typed(words: Sequence[str]) -> str:
    """Return the command for others to type: without this machine's place for results."""
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("--results"):
            kept.append(word)
        skip = word == "--results"
    return shlex.join(("python", "-m", "lab", *kept))


def _refuse_what_cannot_be(wanted: Plan) -> None:
    for step in wanted.steps:
        refuse_impossible(step.conditions)
        capped = step.conditions.cpus or step.conditions.memory or step.conditions.db_rtt
        if is_url(step.target) and capped:
            raise LabError(f"{step.target} is already running: the lab can cap only what it starts")


def measure(folder: Path) -> Path:
    """Measure what is left of a folder's plan, and draw whatever there is. Raises `LabError`."""
    plan.read(folder)
    try:
        engine.carry_out(folder, Progress)
    finally:
        if completed(folder):
            redraw(folder)
    return folder
