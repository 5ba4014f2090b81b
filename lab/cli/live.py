"""`--live`: a page that shows the run while it goes on, drawn every ten seconds."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from lab.cli.progress import Progress
from lab.experiments.plan import Plan, Step
from lab.records.histogram import Histogram
from lab.records.operations import ALL, Second
from lab.records.trial import Trial
from lab.report.blocks import Block
from lab.report.files import PAGE
from lab.report.live import REFRESH, UnderWay, complete, draw_live
from lab.running.load import Ended


class Live(Progress):
    """Says what `Progress` says, and draws it.

    A file needs no server and no port, and when the run ends the browser that reloads it finds the
    whole report there.
    """

    def __init__(self, plan: Plan, done: Sequence[Trial], folder: Path) -> None:
        super().__init__(plan, done, folder)
        self._begin: float | None = None  # of the window, epoch seconds
        self._seconds: list[Second] = []
        self._complete: Sequence[Block] = complete(folder)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        entered = super().__enter__()
        self._say(f"live: {(self._folder / PAGE).absolute().as_uri()}")
        self._draw()
        return entered

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if not self._done:  # else the report takes its place
            draw_live(self._folder, ["no trial was complete"], None, [])

    def begin(self, step: Step) -> None:
        """A trial begins: its table is seeded and its server started."""
        super().begin(step)
        self._begin, self._seconds = None, []
        self._draw()

    def tick(self, news: Sequence[Ended]) -> None:
        """A second of load has passed."""
        super().tick(news)
        if news and self._begin is None:
            sent = min(one.at - one.latency_ms / 1000 for one in news)
            self._begin = sent + self._current.conditions.warm_up
        self._seconds += seconds_of(news, self._begin or 0.0)
        if time.monotonic() - self._drawn > REFRESH:
            self._draw()

    def end(self, trial: Trial) -> None:
        """A trial is complete and written."""
        super().end(trial)
        self._complete = complete(self._folder)

    def _draw(self) -> None:
        now = UnderWay(self._current.label, self._current.conditions.seconds, self._seconds)
        draw_live(self._folder, [f"{self._where}; {self._remaining} left"], now, self._complete)
        self._drawn = time.monotonic()


def seconds_of(news: Sequence[Ended], begin: float) -> list[Second]:
    """Return requests that ended as seconds since `begin`; the next news may add to the last."""
    by_second: dict[int, list[Ended]] = {}
    for one in news:
        by_second.setdefault(int(np.floor(one.at - begin)), []).append(one)
    return [_second(at, those) for at, those in by_second.items()]


def _second(at: int, those: Sequence[Ended]) -> Second:
    latencies = np.array([one.latency_ms for one in those])
    return Second(
        at=at,
        operation=ALL,
        failures=sum(one.failed for one in those),
        mean_ms=float(latencies.mean()),
        max_ms=float(latencies.max()),
        bytes=0,
        latencies=Histogram.of(latencies),
    )
