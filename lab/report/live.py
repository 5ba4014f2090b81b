"""The page of a run that is going on: how far it is, the trial under way, and what is complete."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.analysis.analyse import analyse
from lab.records.jsonlines import completed
from lab.records.operations import Second
from lab.report.blocks import Block, Bullets, Charts, Heading
from lab.report.charts.all import charts
from lab.report.charts.over_time import latency_over_time, load_over_time, timeline, width_of
from lab.report.contents import report
from lab.report.files import PAGE, write
from lab.report.page.render import page

REFRESH = 10  # seconds


@dataclass(frozen=True)
class UnderWay:
    """The trial that is measured now: what it is, and its load so far."""

    label: str
    expected: float  # seconds of its window
    seconds_of_load: Sequence[Second]

    def charts(self) -> list[Block]:
        """Draw its load; the second that is not over yet is left out."""
        last = max((second.at for second in self.seconds_of_load), default=0)
        seconds = [second for second in self.seconds_of_load if second.at < last]
        if not seconds:
            return []
        lines = {self.label: [timeline(seconds, width_of(self.expected))]}
        return [
            Charts([latency_over_time("live", "", lines), *load_over_time("live", "", lines)]),
        ]


def complete(folder: Path) -> list[Block]:
    """Return the report on the trials that are complete; nothing before the first one."""
    if not (trials := completed(folder)):
        return []
    found = analyse(trials, trials[0].objective_ms)
    return report(found, charts(found))


def draw_live(
    folder: Path, said: Sequence[str], now: UnderWay | None, before: Sequence[Block]
) -> None:
    """Write the page, which a browser loads anew by itself; without a trial it does no longer.

    `said` is how far the run is; `before` is `complete`. Raises OSError.
    """
    title = "A run that is going on" if now else "A run that was stopped"
    blocks = [Heading(title, level=1), Bullets(said), *(now.charts() if now else []), *before]
    write(folder / PAGE, page(blocks, refresh=REFRESH if now else None))
