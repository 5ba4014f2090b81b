"""What a person sees while it runs: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.live import Live

from lab.load import Tail
from lab.plan import Step, expected_seconds
from lab.records import Trial
from lab.statistics import percentiles


class Progress:
    """Says before the start how long it will take, and while it runs how long still."""

    def __init__(self, steps: Sequence[Step], folder: Path) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._steps = steps
        self._folder = folder
        self._ends = 0.0
        self._current = steps[0]

    def __enter__(self) -> Self:
        expected = expected_seconds(self._steps)
        self._ends = time.monotonic() + expected
        self._say(
            f"{len(self._steps)} trials, each {_spans(self._steps)}: about {_minutes(expected)}. "
            f"Ctrl-C stops all; completed trials stay in {_from_here(self._folder)}"
        )
        if self._console.is_terminal:
            self._live.start()
        self._show("preparing the database")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def begin(self, step: Step) -> None:
        """A trial begins: its table is seeded and its server started."""
        self._current = step
        left = self._steps[self._steps.index(step) :]
        self._ends = time.monotonic() + expected_seconds(left)
        self._show("seeding the table, starting the server")

    def tick(self, tail: Tail) -> None:
        """A second of load has passed."""
        if not self._console.is_terminal:
            return
        latencies = np.array(tail.news())
        if not len(latencies):
            self._show("waiting for answers")
            return
        (p95,) = percentiles(latencies, (95,))
        self._show(f"{len(latencies)} requests/s, p95 {p95:.0f} ms, {tail.failures} failed")

    def end(self, trial: Trial) -> None:
        """A trial is complete and written."""
        self._say(
            f"trial {trial.number} of {len(self._steps)}, {trial.label}: "
            f"{trial.throughput:.0f} requests/s, p95 {trial.total.p95_ms:.0f} ms, "
            f"{trial.total.failures} of {trial.total.requests} failed, "
            f"{_demand(trial)}"
        )

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def _show(self, doing: str) -> None:
        if not self._console.is_terminal:
            return
        left = _minutes(max(0.0, self._ends - time.monotonic()))
        step = self._current
        where = f"trial {step.number} of {len(self._steps)}, {step.label}"
        self._live.update(f"{where}: {doing}; {left} left", refresh=True)


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
