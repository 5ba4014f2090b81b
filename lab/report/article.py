"""The article's four figures: what it published, what was measured here, and why they differ.

The published numbers are quoted as they stand; its machine, its think time, its throughput and its
table are not known, so nothing here says which of two implementations is faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.formatting import counted, estimated, number, percent
from lab.analysis.growth import growth_of
from lab.analysis.limits import limit
from lab.analysis.models.network import server_cores
from lab.analysis.settings import Setting
from lab.errors import CannotTellError
from lab.records.trial import Trial
from lab.report.blocks import Block, Bullets, Heading, Table

MS = 1000


@dataclass(frozen=True)
class Published:
    """What the article says of a figure; the latency it ended with in ms."""

    words: str
    ended_ms: float


PUBLISHED = {  # a FastAPI service; figures 1 and 4 on Cloud Run, 2 and 3 on a PC of 6 cores
    "figure 1": Published("400 ms for one request; 2 s on average and growing", 2000),
    "figure 2": Published("14 ms for one request; 1.6 s and growing", 1600),
    "figure 3": Published("converged to 90 ms", 90),
    "figure 4": Published("converged to 300 ms", 300),
}


def article(settings: Sequence[Setting]) -> list[Block]:
    """Return the article's figures beside ours; nothing when others were measured."""
    pairs = [(found, setting) for setting in settings if (found := _published(setting))]
    if not pairs:
        return []
    header = ("figure", "the article (quoted)", "here", "change in the window", "requests/s",
              "mean, ms", "p95, ms", "server CPU")  # fmt: skip
    rows = [_row(published, setting) for published, setting in pairs]
    note = (
        "The article's service is FastAPI on its own machines; its think time is not published. "
        "Change: of the mean latency from the start to the end of the window (99 % interval)."
    )
    return [
        Heading("The article's four figures"),
        Table(header, rows, note),
        Bullets([_why(published, setting) for published, setting in pairs]),
    ]


def _published(setting: Setting) -> Published | None:
    return PUBLISHED.get(setting.shown[0].title.partition(":")[0])


def _row(published: Published, setting: Setting) -> list[str]:
    trial = setting.shown[0]
    found = growth_of(trial)
    return [
        f"{trial.title} ({setting.label})",
        published.words,
        str(found.course),
        estimated(change, percent) if (change := found.latency.change).interval else "not known",
        number(trial.throughput),
        number(trial.total.mean_ms),
        number(trial.total.p95_ms),
        _cpu(trial),
    ]


def _cpu(trial: Trial) -> str:
    if "server" not in trial.usage:
        return "not measured"
    return percent(trial.cores_used("server") / server_cores(trial))


def _why(published: Published, setting: Setting) -> str:
    """Explain the difference by what was measured; Little's law does what arithmetic can."""
    trial, users = setting.shown[0], setting.conditions.users
    theirs = users / (published.ended_ms / MS + setting.conditions.think_time)
    spent = trial.server_ms_per_request
    each = f", at {number(spent)} CPU ms each" if spent else ""
    return (
        f"{trial.title.partition(':')[0].capitalize()}, {setting.label}: {counted(users, 'user')} "
        f"at {number(published.ended_ms)} ms are at most {number(theirs)} requests/s (Little's "
        f"law, if they paused as ours); here were {number(trial.throughput)}{each}. "
        f"{_ended(setting)}"
    )


def _ended(setting: Setting) -> str:
    try:
        return f"What ended it here: {limit(setting).text}."
    except CannotTellError as why:
        return f"What ended it here cannot be told, because {why}."
