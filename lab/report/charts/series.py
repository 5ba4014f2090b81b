"""Settings as lines and points: what tells them apart, and what they measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from lab.analysis.formatting import counted, so_many_users
from lab.analysis.settings import Setting, Value
from lab.analysis.statistics import Estimate, median
from lab.records.conditions import Conditions
from lab.report.charts.drawing import Look, plain_numbers

T = TypeVar("T")
MIB = 2**20
DECADE = 10
NAMES: Mapping[str, Callable[[Conditions], str]] = {
    "workers": lambda c: counted(c.workers, "worker"),
    "threads": lambda c: counted(c.threads, "thread"),
    "users": lambda c: "" if c.arrival_rate else so_many_users(c.users),
    "arrival_rate": lambda c: f"{c.arrival_rate:,.0f} requests/s sent" if c.arrival_rate else "",
    "think_time": lambda c: f"{c.think_time:g} s of thought",
    "mix": lambda c: f"mix {c.mix}",
    "seconds": lambda c: f"{c.seconds:g} s",
    "rows": lambda c: f"{c.rows:,} rows",
    "cpus": lambda c: f"{c.cpus:g} CPU" if c.cpus else "no CPU cap",
    "memory": lambda c: f"{c.memory / MIB:.0f} MiB" if c.memory else "no memory cap",
    "db_rtt": lambda c: f"database {1000 * c.db_rtt:g} ms away",
}


def differing(settings: Iterable[Setting]) -> list[str]:
    """Return the names of the conditions in which settings differ."""
    conditions = [setting.conditions for setting in settings]
    names = (field.name for field in fields(Conditions))
    return [name for name in names if len({getattr(c, name) for c in conditions}) > 1]


def brief(setting: Setting, names: Iterable[str]) -> str:
    """Name a setting by some of its conditions only."""
    return ", ".join(filter(None, (_brief(setting, name) for name in names if name in NAMES)))


def _brief(setting: Setting, name: str) -> str:
    each = setting.all[0].per_worker
    if name == "threads" and each:
        return counted(setting.conditions.threads, each)
    return NAMES[name](setting.conditions)


def told_apart(settings: Sequence[Setting]) -> dict[str, Setting]:
    """Name settings by whatever tells them apart, and by nothing else."""
    labels = {setting.label for setting in settings}
    names = differing(settings)
    found = {}
    for setting in settings:
        words = (setting.label if len(labels) > 1 or not names else "", brief(setting, names))
        found[", ".join(filter(None, words))] = setting
    return found


def evenly_chosen(many: Sequence[T], most: int) -> list[T]:
    """Return a few of many, evenly chosen, the first and the last among them."""
    places = np.linspace(0, len(many) - 1, min(most, len(many))).round()
    return [many[int(place)] for place in places]


@dataclass(frozen=True)
class Point:
    """A value of a setting; `is_valid` says whether any of its trials can be believed."""

    at: float
    estimate: Estimate
    is_valid: bool


def point(at: float, setting: Setting, value: Value) -> Point | None:
    """Return the mean over a setting's valid trials, or of the refused ones without interval."""
    if found := setting.estimate(value):
        return Point(at, found, True)
    values = [known for trial in setting.refused if (known := value(trial)) is not None]
    return Point(at, Estimate(median(values), None, len(values)), False) if values else None


def p95_point(at: float, setting: Setting) -> Point:
    """Return the 95th percentile of latency (ms); of refused trials without interval."""
    if setting.trials:
        return Point(at, setting.p95, True)
    return Point(at, Estimate(median([t.total.p95_ms for t in setting.refused]), None, 1), False)


def plot(axes: Axes, points: Sequence[Point], look: Look, label: str) -> None:
    """Draw points with their intervals on a line; hollow and apart what cannot be believed."""
    good = [one for one in points if one.is_valid]
    axes.errorbar(
        [one.at for one in good],
        [one.estimate.middle for one in good],
        yerr=whiskers([one.estimate for one in good]),
        color=look.colour, marker=look.marker, linestyle=look.dash, label=label,
    )  # fmt: skip
    bad = [one for one in points if not one.is_valid]
    axes.plot(
        [one.at for one in bad],
        [one.estimate.middle for one in bad],
        color=look.colour, marker=look.marker, linestyle="none", fillstyle="none",
    )  # fmt: skip


def row_places(count: int) -> list[float]:
    """Return where on the y axis so many rows are, the first one on top."""
    return [-float(index) for index in range(count)]


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write the names of rows beside them, instead of a scale."""
    axes.set_yticks(row_places(len(names)), names)
    axes.tick_params(axis="y", length=0)


def whiskers(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    """Return the lengths of intervals below and above the middles; 0 where none is claimed."""
    below = [max(0.0, e.middle - e.interval.low) if e.interval else 0.0 for e in estimates]
    above = [max(0.0, e.interval.high - e.middle) if e.interval else 0.0 for e in estimates]
    return below, above


def repeats(settings: Iterable[Setting]) -> str:
    """Say of how many trials each point is made, and what its bar says."""
    counts = sorted({len(setting.shown) for setting in settings})
    few, most = counts[0], counts[-1]
    said = f"{few} to {most} trials" if few != most else counted(few, "trial")
    return (
        f"{said} per point; bars: 95 % interval" if most > 2 else f"{said} per point, no interval"
    )


def latency_scale(axes: Axes) -> None:
    """Make the y axis start at 0, or logarithmic where latencies span more than a decade."""
    low, high = axes.dataLim.intervaly
    if 0 < low * DECADE < high:
        decades(axes, "y")
    else:
        axes.set_ylim(bottom=0)


def decades(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with as many plain numbers on it as there is room for."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.dataLim.intervalx if which == "x" else axes.dataLim.intervaly
    many = high > low * DECADE * DECADE
    axis.set_major_locator(LogLocator(subs=(1,) if many else (1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    plain_numbers(axis)
