"""Response time, throughput, failures and waiting users over time: does it converge, or grow?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from lab.analysis.formatting import counted, number, so_many_users
from lab.analysis.growth import Course
from lab.analysis.settings import Setting, closed
from lab.analysis.statistics import Floats
from lab.records.histogram import BUCKETS, percentiles_of
from lab.records.operations import Second
from lab.records.trial import Trial
from lab.report.blocks import Chart
from lab.report.charts.drawing import MUTED, SHADE, draw, looks
from lab.report.charts.series import brief, differing, evenly_chosen

POINTS = 40  # per line: more is noise
MOST_LINES = 6
MOST_GROUPS = 8
WARM_UP = "seconds; shaded: the warm-up"


@dataclass(frozen=True)
class Timeline:
    """What a load met, window by window: each began `at` (s) and lasted `width` seconds.

    Latencies are in ms, and not a number where nothing was answered.
    """

    width: int
    at: Floats
    mean: Floats
    p95: Floats
    rate: Floats  # requests/s
    failures: Floats  # a second


Lines = Mapping[str, Sequence[Timeline]]  # repeats, by what they are called
Curves = Mapping[str, Sequence[tuple[Floats, Floats]]]  # the same as x and y


def over_time(settings: Sequence[Setting]) -> list[Chart]:
    """Draw over time the settings that tell most."""
    groups = list(_groups(closed(settings)).items())[:MOST_GROUPS]
    return [
        chart
        for place, (about, group) in enumerate(groups, start=1)
        for chart in _charts(f"over-time-{place}", about, group)
    ]


def _groups(settings: Sequence[Setting]) -> dict[str, dict[str, Setting]]:
    """Return lines by name, by what they are about. A sweep shows its heaviest load only."""
    titles = list(dict.fromkeys(title for setting in settings if (title := setting.shown[0].title)))
    if titles:
        return {
            f", {title}": {c.label: c for c in settings if c.shown[0].title == title}
            for title in titles
        }
    names = differing(settings)
    if not names:
        return {"": _few({setting.label: setting for setting in settings})}
    most = max(setting.conditions.users for setting in settings)
    groups: dict[str, dict[str, Setting]] = {}
    for setting in (setting for setting in settings if setting.conditions.users == most):
        about = f", {setting.label}, {so_many_users(most)}"
        words = brief(setting, (name for name in names if name != "users"))
        groups.setdefault(about, {})[words or setting.label] = setting
    return {about: _few(lines) for about, lines in groups.items()}


def _few(lines: dict[str, Setting]) -> dict[str, Setting]:
    return {name: lines[name] for name in evenly_chosen(list(lines), MOST_LINES)}


def _charts(name: str, about: str, group: Mapping[str, Setting]) -> list[Chart]:
    width = width_of(max(setting.conditions.seconds for setting in group.values()))
    lines = {
        label: [timeline(trial.seconds_of_load, width) for trial in setting.shown]
        for label, setting in group.items()
    }
    return [
        latency_over_time(name, about, lines, _grown(group)),
        *load_over_time(name, about, lines),
        *_waiting(f"{name}-waiting", about, group, width),
    ]


def width_of(seconds: float) -> int:
    """Return how many seconds make a point."""
    return max(1, round(seconds / POINTS))


def timeline(seconds: Sequence[Second], width: int) -> Timeline:
    """Return a load in windows of `width` seconds, warm-up included; it must not be empty."""
    begin, end = min(second.at for second in seconds), max(second.at for second in seconds) + 1
    first = begin // width
    counts = np.zeros(((end - 1) // width - first + 1, BUCKETS), np.int64)
    sums, failures = np.zeros(len(counts)), np.zeros(len(counts))
    for second in seconds:
        row = second.at // width - first
        counts[row, second.latencies.buckets] += second.latencies.counts
        sums[row] += second.requests * second.mean_ms
        failures[row] += second.failures
    total = counts.sum(axis=1).astype(float)
    at = np.arange(first, first + len(counts), dtype=float) * width
    # The first and the last window may be shorter.
    lasted: Floats = np.minimum(at + width, end) - np.maximum(at, begin)
    answered = total > 0
    p95: Floats = np.full(len(counts), np.nan)
    mean = p95.copy()
    mean[answered] = sums[answered] / total[answered]
    p95[answered] = percentiles_of(counts[answered], (95,))[:, 0]
    rate: Floats = total / lasted
    return Timeline(width, at, mean, p95, rate, failures / lasted)


def latency_over_time(name: str, about: str, lines: Lines, grown: str = "") -> Chart:
    """Draw the mean response time, as the article did; of a single line the tail as well."""
    alone = len(lines) == 1
    curves = {
        f"{label}, mean" if alone else label: [(one.at, one.mean) for one in repeats]
        for label, repeats in lines.items()
    }
    tails = [one for repeats in lines.values() for one in repeats] if alone else []

    def paint(axes: Axes) -> None:
        _plot(axes, curves)
        for place, one in enumerate(tails):
            said = None if place else "95th percentile"
            axes.plot(one.at, one.p95, color=MUTED, linewidth=1.1, label=said)
        _time_axis(axes, curves)
        axes.set_title("response time, ms" + ("" if alone else " (mean)"))

    alt = f"Mean response time in ms. {_from_to(curves)}."
    note = "; ".join(filter(None, (grown, _note(lines))))
    return draw(name, f"Response time over time{about}", alt, paint, note=note)


def load_over_time(name: str, about: str, lines: Lines) -> list[Chart]:
    """Draw throughput, and failures where there are any."""
    rates = {label: [(one.at, one.rate) for one in found] for label, found in lines.items()}
    failures = {label: [(one.at, one.failures) for one in found] for label, found in lines.items()}
    note = _note(lines)
    charts = [_each_second(f"{name}-rate", f"Throughput over time{about}", "requests/s", rates,
                           note)]  # fmt: skip
    if any(y.any() for found in failures.values() for _, y in found):
        title = f"Failures over time{about}"
        charts.append(_each_second(f"{name}-failures", title, "failures/s", failures, note))
    return charts


def _each_second(name: str, title: str, unit: str, curves: Curves, note: str) -> Chart:
    def paint(axes: Axes) -> None:
        _plot(axes, curves)
        _time_axis(axes, curves)
        axes.set_title(unit)

    return draw(name, title, f"{unit}. {_from_to(curves)}.", paint, note=note)


def _waiting(name: str, about: str, group: Mapping[str, Setting], width: int) -> list[Chart]:
    """Draw how many users wait for an answer: a queue that grows is seen here first."""
    curves = {
        label: [_inside(trial, width) for trial in setting.shown if trial.inside]
        for label, setting in group.items()
    }
    curves = {label: found for label, found in curves.items() if found}
    if not curves:
        return []
    users = max(setting.conditions.users for setting in group.values())

    def paint(axes: Axes) -> None:
        _plot(axes, curves)
        axes.axhline(users, color=MUTED, linewidth=1, linestyle=":", label=f"all {users:,}")
        _time_axis(axes, curves)
        axes.set_title("users who wait for an answer")

    alt = f"Users who wait, of {users:,}. {_from_to(curves)}."
    note = f"the others pause; {counted(width, 'second')} per point"
    return [draw(name, f"Waiting users over time{about}", alt, paint, note=note)]


def _inside(trial: Trial, width: int) -> tuple[Floats, Floats]:
    places = range(0, len(trial.inside), width)
    means = [float(np.mean(trial.inside[place : place + width])) for place in places]
    return np.array(places, float), np.array(means)


def _plot(axes: Axes, curves: Curves) -> None:
    for label, look in looks(curves).items():
        for repeat, (at, values) in enumerate(curves[label]):
            said = None if repeat else label
            axes.plot(at, values, color=look.colour, linestyle=look.dash, label=said)


def _time_axis(axes: Axes, curves: Curves) -> None:
    start = min(float(at[0]) for repeats in curves.values() for at, _ in repeats)
    if start < 0:
        axes.axvspan(start, 0, color=SHADE, zorder=0)
    axes.set_xlim(left=min(start, 0))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(WARM_UP if start < 0 else "seconds")


def _grown(group: Mapping[str, Setting]) -> str:
    """Say of each line what its latency does; nothing where that is not known."""
    said = []
    for label, setting in group.items():
        found = {setting.verdicts[trial.number].growth.course for trial in setting.shown}
        known = [str(course) for course in Course if course in found - {Course.UNKNOWN}]
        said += [f"{label}: {' or '.join(known)}"] if known else []
    return "; ".join(said)


def _note(lines: Lines) -> str:
    repeats = max(lines.values(), key=len)
    each = "each trial a line" if len(repeats) > 1 else "one trial each"
    return f"{each}; {counted(repeats[0].width, 'second')} per point"


def _from_to(curves: Curves) -> str:
    """Say of the first repeats where they begin and end."""
    parts = []
    for label, ((_, values), *_) in curves.items():
        known = values[np.isfinite(values)]
        parts.append(f"{label}: from {number(float(known[0]))} to {number(float(known[-1]))}")
    return "; ".join(parts)
