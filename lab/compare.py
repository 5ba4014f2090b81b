"""Measure several implementations in turns and write what was found as it is found."""

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import records
from lab.caps import available_cores, divide
from lab.errors import LabError
from lab.machine import facts
from lab.plan import Conditions, interleaved
from lab.postgres import database
from lab.progress import Progress
from lab.report import markdown, report
from lab.trial import Bench, run_trial

REPORT = "report.md"


@dataclass(frozen=True)
class Comparison:
    """What to compare, how often, under which conditions, and where results go."""

    names: Sequence[str]
    repeats: int
    conditions: Conditions
    results: Path


def compare(wanted: Comparison) -> Path:
    """Run all trials and return their folder. Completed trials are kept, whatever happens.

    Raises `LabError` when something is wrong, OSError when files cannot be written.
    """
    steps = interleaved(wanted.names, wanted.repeats, wanted.conditions)
    available = available_cores()
    cores = divide(available, wanted.conditions.workers)
    machine = facts()
    folder = _new_folder(wanted.results)
    with contextlib.ExitStack() as stack:
        stack.callback(write_report, folder)
        scratch = stack.enter_context(_scratch(folder))
        progress = stack.enter_context(Progress(steps, folder))
        prepared = stack.enter_context(database(folder / "database.log", cores.database))
        stack.enter_context(_pinned(cores.load))
        bench = Bench(prepared, available, machine, folder, scratch)
        for step in steps:
            progress.begin(step)
            trial = run_trial(bench, step, progress.tick)
            records.append(folder / records.FILE, trial)
            progress.end(trial)
    return folder


def write_report(folder: Path) -> None:
    """Redraw a folder's report from its records; without records there is none."""
    if not (folder / records.FILE).exists():
        return
    text = markdown(report(records.read(folder / records.FILE)))
    unfinished = folder / f"{REPORT}.unfinished"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / REPORT)


def _new_folder(results: Path) -> Path:
    now = datetime.datetime.now(datetime.UTC)
    folder = results / f"{now:%Y%m%d-%H%M%S}-bench"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise LabError(f"cannot write results to {folder}: {error.strerror}") from error
    return folder


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a place for files that are not whole yet; nothing of it stays."""
    scratch = folder / "unfinished"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _pinned(cores: tuple[int, ...]) -> Iterator[None]:
    """Keep the lab itself off the server's core."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
