"""What each command does: plan, carry out, draw. Each returns the folder of its results."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from lab.cli import doctor, plan
from lab.cli.arguments import Run, conditions
from lab.errors import LabError
from lab.experiments import designs
from lab.experiments.plan import Cell, Plan, shuffled
from lab.experiments.plan import read as read_plan
from lab.experiments.targets import is_url
from lab.report.results import new_folder, write_report
from lab.running import engine
from lab.running.hosts import inventory
from lab.running.machine import refuse_impossible, require_linux

ARTICLE = "article"
AXES = ("workers", "threads", "users")


def run(options: argparse.Namespace) -> Path:
    """Measure each target alone, or the article's figures."""
    names = options.target
    if options.hosts:
        if names:
            raise LabError("--hosts names the URL already: leave the target out")
        names = [inventory.read(options.hosts).url]
    if not names:
        raise LabError("name what to measure: a target, an http:// address, or --hosts FILE")
    first, *rest = names
    if first == ARTICLE:
        cells = designs.article(rest or [designs.CLIMBED], conditions(options))
        return _carried_out(ARTICLE, cells, options)
    return _carried_out("run", designs.compared("run", names, conditions(options)), options)


def compare(options: argparse.Namespace) -> Path:
    """Measure targets in turns under the same conditions."""
    cells = designs.compared("compare", options.target, conditions(options))
    return _carried_out("compare", cells, options)


def sweep(options: argparse.Namespace) -> Path:
    """Measure targets over a grid of workers, threads and users."""
    axes = {name: getattr(options, name) for name in AXES}
    cells = designs.swept(options.target, conditions(options), axes)
    return _carried_out("sweep", cells, options)


def ladder(options: argparse.Namespace) -> Path:
    """Measure our service with one speed-up more at each rung."""
    return _carried_out("ladder", designs.ladder(conditions(options)), options)


def resume(options: argparse.Namespace) -> Path:
    """Go on with a run that was stopped."""
    require_linux()
    return _measured(options.folder)


def report(options: argparse.Namespace) -> Path:
    """Redraw what a run found."""
    if not engine.done(options.folder):
        raise LabError(f"there is no completed trial in {options.folder} to report on")
    write_report(options.folder, options.objective_ms)
    return Path(options.folder)


def diagnose(options: argparse.Namespace) -> None:
    """Say what this machine can measure; raise `LabError` when it is nothing."""
    require_linux()
    doctor.examine(options.results)


def _carried_out(kind: str, cells: Sequence[Cell], options: argparse.Namespace) -> Path:
    require_linux()
    wanted = Plan(
        kind=kind,
        command=_typed(options.words),
        steps=shuffled(cells, options.repeats, options.seed),
        open_shares=getattr(options, "open", ()),
        objective_ms=options.objective_ms,
        url_load=tuple(shlex.split(options.load)),
        url_pid=options.pid,
        hosts=str(options.hosts) if getattr(options, "hosts", None) else None,
    )
    _refuse_what_cannot_be(wanted)
    return _measured(new_folder(options.results, wanted))


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
            raise LabError(f"{step.target} runs already: only what the lab starts can be capped")


def _measured(folder: Path) -> Path:
    read_plan(folder)
    try:
        engine.carry_out(folder)
    finally:
        write_report(folder)
    return folder


COMMANDS: dict[str, tuple[Run, str]] = {
    "doctor": (diagnose, "say what this machine can measure, and what is missing"),
    "run": (run, "measure one implementation, or the four figures of the article"),
    "sweep": (sweep, "measure over workers, threads and users: how many workers?"),
    "compare": (compare, "measure implementations in turns: which one?"),
    "ladder": (ladder, "measure stock DRF, then our service with one speed-up more at a time"),
    "resume": (resume, "go on with a run that was stopped"),
    "plan": (
        plan.plan,
        "say what so many users need, from what one request was measured to cost",
    ),
    "report": (report, "redraw the report of a results folder"),
}
