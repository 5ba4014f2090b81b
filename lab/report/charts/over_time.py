"""Response time over time, as the article drew it: does it converge, or does it grow?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from lab.analysis.formatting import counted, number
from lab.analysis.settings import Setting, closed
from lab.analysis.statistics import Floats
from lab.records.histogram import BUCKETS, percentiles_of
from lab.records.trial import Trial
from lab.report.blocks import Chart
from lab.report.charts.drawing import MUTED, SHADE, draw, looks
from lab.report.charts.series import brief, differing, evenly_chosen

POINTS = 40  # per line: more is noise
MOST_LINES = 6
MOST_CHARTS = 8


@dataclass(frozen=True)
class Course:
    """Latency by window of a trial: when it began (s), mean and 95th percentile (ms)."""

    at: Floats
    mean: Floats
    p95: Floats


def over_time(settings: Sequence[Setting]) -> list[Chart]:
    """Draw latency over time of the settings that tell most."""
    charts = [
        _chart(f"over-time-{place}", title, group)
        for place, (title, group) in enumerate(_groups(closed(settings)).items(), start=1)
    ]
    return charts[:MOST_CHARTS]


def _groups(settings: Sequence[Setting]) -> dict[str, dict[str, Setting]]:
    """Return charts by title: lines by name. A sweep shows its heaviest load only."""
    titles = list(dict.fromkeys(title for setting in settings if (title := setting.shown[0].title)))
    if titles:
        return {
            title[0].upper() + title[1:]: {
                c.label: c for c in settings if c.shown[0].title == title
            }
            for title in titles
        }
    names = differing(settings)
    if not names:
        return {"Response time over time": _few({setting.label: setting for setting in settings})}
    most = max(setting.conditions.users for setting in settings)
    groups: dict[str, dict[str, Setting]] = {}
    for setting in (setting for setting in settings if setting.conditions.users == most):
        title = f"Response time over time, {setting.label}, {most:,} users"
        words = brief(setting, (name for name in names if name != "users"))
        groups.setdefault(title, {})[words or setting.label] = setting
    return {title: _few(lines) for title, lines in groups.items()}


def _few(lines: dict[str, Setting]) -> dict[str, Setting]:
    return {name: lines[name] for name in evenly_chosen(list(lines), MOST_LINES)}


def _chart(name: str, title: str, lines: Mapping[str, Setting]) -> Chart:
    longest = max(setting.conditions.seconds for setting in lines.values())
    width = max(1, round(longest / POINTS))
    courses = {label: [course(t, width) for t in setting.shown] for label, setting in lines.items()}
    alone = len(lines) == 1

    def paint(axes: Axes) -> None:
        for label, look in looks(lines).items():
            for repeat, found in enumerate(courses[label]):
                said = (f"{label}, mean" if alone else label) if not repeat else None
                axes.plot(found.at, found.mean, color=look.colour, linestyle=look.dash, label=said)
                if alone:
                    said = "95th percentile" if not repeat else None
                    axes.plot(found.at, found.p95, color=MUTED, linewidth=1.1, label=said)
        start = min(float(one.at[0]) for found in courses.values() for one in found)
        axes.axvspan(min(start, 0), 0, color=SHADE, zorder=0)
        axes.set_xlim(left=min(start, 0))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds; shaded: the warm-up")
        axes.set_title("response time, ms" + ("" if alone else " (mean)"))

    trials = max(len(found) for found in courses.values())
    each = "each trial a line" if trials > 1 else "one trial each"
    note = f"{each}; {counted(width, 'second')} per point"
    return draw(name, title, _said(courses), paint, note=note)


def course(trial: Trial, width: int) -> Course:
    """Return a trial's latency in windows of `width` seconds, warm-up included."""
    last = max(second.at for second in trial.seconds_of_load)
    first = min(second.at for second in trial.seconds_of_load) // width
    counts = np.zeros((last // width - first + 1, BUCKETS), np.int64)
    sums = np.zeros(len(counts))
    for second in trial.seconds_of_load:
        row = second.at // width - first
        counts[row, second.latencies.buckets] += second.latencies.counts
        sums[row] += second.requests * second.mean_ms
    total = counts.sum(axis=1)
    kept = total > 0
    at = (np.arange(len(counts)) + first) * float(width)
    p95 = percentiles_of(counts[kept], (95,))[:, 0]
    return Course(at[kept], sums[kept] / total[kept], p95)


def _said(courses: Mapping[str, Sequence[Course]]) -> str:
    parts = [
        f"{label}: from {number(float(found[0].mean[0]))} to {number(float(found[0].mean[-1]))} ms"
        for label, found in courses.items()
    ]
    return f"Mean response time from start to end. {'; '.join(parts)}."
