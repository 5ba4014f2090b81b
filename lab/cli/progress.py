"""What a person sees while it runs: a live line on a terminal, plain lines elsewhere."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.live import Live

from lab.analysis.formatting import counted
from lab.analysis.statistics import percentiles
from lab.errors import LabError
from lab.experiments.plan import Plan, Step, expected_seconds
from lab.experiments.targets import is_url, named
from lab.records.trial import Trial
from lab.running.load import Ended


class Progress:
    """Says before the start how long it will take, and while it runs how long still."""

    def __init__(self, plan: Plan, done: Sequence[Trial], folder: Path) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._plan = plan
        self._done = {trial.number for trial in done}
        self._folder = folder
        self._ends = 0.0
        self._current = plan.steps[0]
        self._failures = 0  # of the trial under way

    def __enter__(self) -> Self:
        again = f", {len(self._done)} of them done" if self._done else ""
        self._ends = time.monotonic() + self._left
        trials = counted(len(self._plan.steps), "trial")
        self._say(
            f"{trials}{again}, each {_spans(self._plan.steps)}: about {_minutes(self._left)}. "
            f"Ctrl-C stops everything; completed trials are kept in {_from_here(self._folder)}"
        )
        if self._plan.open_shares and not self._plan.has_open_steps:
            shares = ", ".join(f"{share:.0%}" for share in self._plan.open_shares)
            self._say(f"then an open load at {shares} of the capacity found")
        if self._console.is_terminal:
            self._live.start()
        self._show("preparing the database")
        return self

    @property
    def _left(self) -> float:
        done = [step for step in self._plan.steps if step.number in self._done]
        return self._plan.expected_seconds - (expected_seconds(done) if done else 0.0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        if error:
            folder = shlex.quote(str(_from_here(self._folder)))
            self._say(f"to continue: python -m lab resume {folder}")

    def replan(self, plan: Plan) -> None:
        """More trials follow than were planned at first."""
        self._plan = plan

    def begin(self, step: Step) -> None:
        """A trial begins: its table is seeded and its server started."""
        self._current, self._failures = step, 0
        self._ends = time.monotonic() + self._left
        self._show("seeding the table, starting the server")

    def tick(self, news: Sequence[Ended]) -> None:
        """A second of load has passed."""
        self._failures += sum(one.failed for one in news)
        latencies = np.array([one.latency_ms for one in news])
        if not len(latencies):
            self._show("waiting for answers")
            return
        (p95,) = percentiles(latencies, (95,))
        self._show(f"{len(latencies)} requests/s, p95 {p95:.0f} ms, {self._failures} failed")

    def end(self, trial: Trial) -> None:
        """A trial is complete and written."""
        self._done.add(trial.number)
        self._say(
            f"trial {trial.number} of {len(self._plan.steps)}, "
            f"{_place(self._plan, self._current)}: "
            f"{trial.throughput:.0f} requests/s, p95 {trial.total.p95_ms:.0f} ms, "
            f"{trial.total.failures} of {trial.total.requests} failed, "
            f"{_demand(trial)}"
        )

    def fail(self, error: LabError) -> None:
        """The trial under way cannot be completed, and others follow."""
        step = self._current
        self._done |= {one.number for one in self._plan.steps if one.group_key == step.group_key}
        self._say(f"{self._where}: left out, with its repeats: {error}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def _show(self, doing: str) -> None:
        if not self._console.is_terminal:
            return
        self._live.update(f"{self._where}: {doing}; {self._remaining} left", refresh=True)

    @property
    def _where(self) -> str:
        step = self._current
        return f"trial {step.number} of {len(self._plan.steps)}, {_place(self._plan, step)}"

    @property
    def _remaining(self) -> str:
        return _minutes(max(0.0, self._ends - time.monotonic()))


def _place(plan: Plan, step: Step) -> str:
    """Say which trial this is: what is compared, and what may differ between trials of a run."""
    c = step.conditions
    if is_url(step.target):  # nobody told it how many workers
        return f"{step.label}, {c.load}"
    target = named(step.target, plan.url_load, plan.service)
    several, service = target.per_worker(step.env), target.service
    size = [counted(c.workers, "worker")] if not service or service.uses("workers") else []
    size += [counted(c.threads, several)] if several else []
    return ", ".join(filter(None, (step.label, " × ".join(size), c.load)))


def _spans(steps: Sequence[Step]) -> str:
    spans = {(step.conditions.warm_up, step.conditions.seconds) for step in steps}
    each = (f"{warm_up:g} s warm-up and {seconds:g} s measured" for warm_up, seconds in spans)
    return " or ".join(each)


def _demand(trial: Trial) -> str:
    spent = trial.server_ms_per_request
    return "server not measured" if spent is None else f"server {spent:.2f} CPU ms per request"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _from_here(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
