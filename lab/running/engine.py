"""Carry out a plan: each step a trial, each trial a record as soon as it is complete."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from lab.errors import LabError
from lab.experiments import designs, plan
from lab.experiments.plan import Plan, Step
from lab.experiments.targets import is_ours
from lab.records import jsonlines
from lab.records.jsonlines import completed
from lab.records.trial import Trial
from lab.running.caps import available_cores, share_out
from lab.running.database.postgres import database
from lab.running.load import Ended
from lab.running.machine import allow_open_files, facts
from lab.running.trial import Bench, run_trial

SCRATCH = "unfinished"


class Progress(Protocol):
    """Receives how far a run is."""

    def replan(self, plan: Plan) -> None:
        """More trials follow than were planned at first."""

    def begin(self, step: Step) -> None:
        """A trial begins: its table is seeded and its server started."""

    def tick(self, news: Sequence[Ended]) -> None:
        """A second of load has passed; `news` are the requests that ended in it."""

    def end(self, trial: Trial) -> None:
        """A trial is complete and written."""

    def fail(self, error: LabError) -> None:
        """The trial under way cannot be completed, and others follow."""


Show = Callable[[Plan, Sequence[Trial], Path], AbstractContextManager[Progress]]


def carry_out(folder: Path, show: Show) -> None:
    """Measure what a folder's plan says and its records lack; `show` is told how far it is.

    Completed trials are kept, whatever happens. Raises `LabError` when something is wrong, OSError
    when files cannot be written.
    """
    wanted = plan.read(folder)
    to_plan = wanted.open_shares and not wanted.has_open_steps
    if not to_plan and len(completed(folder)) == len(wanted.steps):
        return
    allow_open_files()
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(show(wanted, completed(folder), folder))
        bench = stack.enter_context(_bench(wanted, folder))
        failed = _measure(bench, wanted, progress)
        if to_plan:
            settings = designs.open_pass(wanted.steps, completed(folder), wanted.open_shares)
            wanted = plan.appended(wanted, settings)
            plan.write(folder, wanted)
            progress.replan(wanted)
            failed |= _measure(bench, wanted, progress)
    if failed:
        raise LabError(
            f"{len(failed)} of the settings could not be measured, all others were: "
            + "; ".join(str(error).splitlines()[0] for error in failed.values())
        )


def _measure(bench: Bench, wanted: Plan, progress: Progress) -> dict[object, LabError]:
    """Measure what lacks; return the settings that could not be measured, and why.

    What none of the settings survives is no setting's: it ends the run. One alone tells nothing of
    the others, whichever comes first.
    """
    done = completed(bench.folder)
    complete, measured = {one.number for one in done}, {one.group_key for one in done}
    failed: dict[object, LabError] = {}
    only = len({step.group_key for step in wanted.steps}) == 1
    for step in wanted.steps:
        if step.number in complete or step.group_key in failed:
            continue
        progress.begin(step)
        try:
            trial = run_trial(bench, step, progress.tick)
        except LabError as error:
            failed[step.group_key] = error
            if only or len(failed) > max(1, len(measured)) or _is_gone(bench):
                raise
            progress.fail(error)
            continue
        jsonlines.append(bench.folder / jsonlines.FILE, trial)
        measured.add(step.group_key)
        progress.end(trial)
    return failed


def _is_gone(bench: Bench) -> bool:
    """Whether what all trials need is not there any more."""
    return bench.database is not None and not bench.database.alive()


@contextlib.contextmanager
def _bench(wanted: Plan, folder: Path) -> Iterator[Bench]:
    """Prepare what all trials share. Raises `LabError`."""
    available = available_cores()
    apart = share_out(available, wanted.most_workers)
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(_scratch(folder))
        prepared = None
        if any(is_ours(step.target) for step in wanted.steps):
            log = folder / "database.log"
            prepared = stack.enter_context(database(log, apart.database))
            prepared.refuse_too_many_connections(wanted.steps)
        stack.enter_context(_pinned(apart.load))
        yield Bench(wanted, prepared, available, facts(available), folder, scratch)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a place for files that are not whole yet; nothing of it stays."""
    scratch = folder / SCRATCH
    with _alone(folder):
        shutil.rmtree(scratch, ignore_errors=True)  # left by one that was killed
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep another lab out of a folder: both would write the same files. Raises `LabError`."""
    held = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # where files cannot be locked nobody is kept out
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                said = f"another lab measures in {folder}: wait until it ends"
                raise LabError(said) from error
        yield
    finally:
        os.close(held)


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
