"""Throughput and latency over workers with the fitted law, and latency over throughput."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from lab.analysis.comparison import labels
from lab.analysis.formatting import number
from lab.analysis.models.scaling import Scaling
from lab.analysis.settings import Setting, closed, conditions_except, throughput, valid
from lab.analysis.sweeps import scaling
from lab.errors import CannotTellError
from lab.report.blocks import Chart
from lab.report.charts.drawing import MUTED, SHADE, Look, draw, looks
from lab.report.charts.series import (
    Point,
    brief,
    differing,
    evenly_chosen,
    latency_scale,
    p95_point,
    plot,
    point,
    repeats,
    whiskers,
)

MOST_FACETS = 4  # charts of one kind
BEYOND = 1.25  # times the most workers measured: so far a curve is drawn past its data
Lines = Mapping[str, Sequence[Setting]]


def over_workers(settings: Sequence[Setting]) -> list[Chart]:
    """Draw throughput and p95 over worker counts, if more than one was measured."""
    charts = []
    for place, (where, lines) in enumerate(_facets(settings).items(), start=1):
        charts.append(_throughput(f"throughput-over-workers-{place}", where, lines))
        charts.append(_latency(f"p95-over-workers-{place}", where, lines))
    return charts


def _facets(settings: Sequence[Setting]) -> dict[str, Lines]:
    """Return charts of settings: a line per implementation, or per load if there is one."""
    rows = _rows(settings)
    labels = {row[0].label for row in rows}
    names = [name for name in differing(row[0] for row in rows) if name != "workers"]
    if len(labels) < 2:
        return {"": {brief(row[0], names) or row[0].label: row for row in rows}} if rows else {}
    facets: dict[str, dict[str, list[Setting]]] = {}
    for row in rows:
        facets.setdefault(brief(row[0], names), {})[row[0].label] = row
    return {where: facets[where] for where in evenly_chosen(list(facets), MOST_FACETS)}


def _rows(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Return closed settings that differ in workers only, those without a valid trial included."""
    found: dict[object, list[Setting]] = {}
    for setting in closed(settings):
        key = setting.label, conditions_except(setting, "workers")
        found.setdefault(key, []).append(setting)
    rows = [sorted(row, key=lambda setting: setting.conditions.workers) for row in found.values()]
    return sorted((row for row in rows if len(row) > 1), key=lambda row: row[0].conditions.users)


def _throughput(name: str, where: str, lines: Lines) -> Chart:
    laws = {label: law for label, row in lines.items() if (law := _law(row))}

    def paint(axes: Axes) -> None:
        for label, look in looks(lines).items():
            points = [p for setting in lines[label] if (p := _at_workers(setting))]
            if label in laws:
                _curve(axes, laws[label], look)
                look = Look(look.colour, look.marker, "none")
            plot(axes, points, look, label)
        _worker_axis(axes, lines, beyond=bool(laws))
        axes.set_ylim(bottom=0)
        axes.set_title("requests/s")

    note = repeats(setting for row in lines.values() for setting in row)
    if laws:
        note += "; curve: Universal Scalability Law, dotted where nothing was measured"
    return draw(name, _titled("Throughput over workers", where), _said(lines), paint, note=note)


def _law(row: Sequence[Setting]) -> Scaling | None:
    believed = valid(row)
    try:
        return scaling(believed) if believed else None
    except CannotTellError:
        return None


def _curve(axes: Axes, law: Scaling, look: Look) -> None:
    measured, beyond = np.linspace(1, law.most, 100), np.linspace(law.most, law.most * BEYOND, 20)
    axes.plot(measured, law.curve(measured), color=look.colour, linewidth=1.3)
    axes.plot(beyond, law.curve(beyond), color=look.colour, linewidth=1.3, linestyle=":")


def _at_workers(setting: Setting) -> Point | None:
    return point(setting.conditions.workers, setting, throughput)


def _worker_axis(axes: Axes, lines: Lines, *, beyond: bool) -> None:
    counts = sorted({setting.conditions.workers for row in lines.values() for setting in row})
    axes.xaxis.set_major_locator(FixedLocator([float(count) for count in counts]))
    axes.set_xlabel("worker processes")
    if beyond:
        end = counts[-1] * BEYOND
        axes.axvspan(counts[-1], end, color=SHADE, zorder=0)
        axes.annotate(
            "not measured", (end, 0), (-3, 4), textcoords="offset points",
            ha="right", va="bottom", color=MUTED, fontsize=10,
        )  # fmt: skip
        axes.set_xlim(right=end)


def _latency(name: str, where: str, lines: Lines) -> Chart:
    def paint(axes: Axes) -> None:
        for label, look in looks(lines).items():
            plot(axes, [p95_point(c.conditions.workers, c) for c in lines[label]], look, label)
        _worker_axis(axes, lines, beyond=False)
        latency_scale(axes)
        axes.set_title("p95, ms")

    settings = [setting for row in lines.values() for setting in row]
    best = min(valid(settings), key=lambda setting: setting.p95.middle, default=None)
    alt = (
        f"The lowest p95 is {number(best.p95.middle)} ms, {best.label} with {best.sentence}."
        if best
        else "No setting has a valid trial."
    )
    return draw(
        name, _titled("p95 latency over workers", where), alt, paint, note=repeats(settings)
    )


def _titled(title: str, where: str) -> str:
    return f"{title}, {where}" if where else title


def _said(lines: Lines) -> str:
    """Return in words what the chart of throughput shows."""
    parts = []
    for label, row in lines.items():
        known = {one.conditions.workers: one.median(throughput) for one in valid(row)}
        rates = (f"{number(rate or 0)} with {count}" for count, rate in known.items())
        parts.append(f"{label}: {', '.join(rates) or 'no valid trial'}")
    return f"Requests per second by workers. {'; '.join(parts)}."


def knees(settings: Sequence[Setting]) -> list[Chart]:
    """Draw p95 over throughput: from the knee on, more load brings latency and nothing else."""
    charts: list[Chart] = []
    for label in labels(closed(settings)):
        own = [setting for setting in closed(settings) if setting.label == label]
        along = next(
            (name for name in ("users", "workers", "threads") if name in differing(own)), None
        )
        if along and valid(own):
            charts.append(_knee(f"knee-{len(charts) + 1}", label, own, along))
    return charts[:MOST_FACETS]


def _knee(name: str, label: str, settings: Sequence[Setting], along: str) -> Chart:
    names = [other for other in differing(settings) if other != along]
    lines: dict[str, list[Setting]] = {}
    for setting in sorted(settings, key=lambda setting: int(getattr(setting.conditions, along))):
        lines.setdefault(brief(setting, names) or label, []).append(setting)

    def paint(axes: Axes) -> None:
        for line, look in looks(lines).items():
            _path(axes, lines[line], along, look, line)
        latency_scale(axes)
        axes.set_xlim(left=0)
        axes.margins(x=0.08)
        axes.set_xlabel("requests/s")
        axes.set_title("p95, ms")

    fastest = max(settings, key=lambda setting: setting.median(throughput) or 0)
    alt = (
        f"p95 latency over throughput, {along} growing along each line. The most requests per "
        f"second, {number(fastest.median(throughput) or 0)}, come with {fastest.sentence}."
    )
    note = f"numbers at the points: {along}; {repeats(settings)}"
    return draw(name, f"p95 latency over throughput, {label}", alt, paint, note=note)


def _path(axes: Axes, row: Sequence[Setting], along: str, look: Look, label: str) -> None:
    both = [(_at_workers(setting), p95_point(0, setting), setting) for setting in row]
    known = [(x, y, setting) for x, y, setting in both if x and x.is_valid and y.is_valid]
    rates, latencies = [x.estimate for x, _, _ in known], [y.estimate for _, y, _ in known]
    axes.errorbar(
        [rate.middle for rate in rates], [latency.middle for latency in latencies],
        xerr=whiskers(rates), yerr=whiskers(latencies), label=label,
        color=look.colour, marker=look.marker, linestyle=look.dash,
    )  # fmt: skip
    for rate, latency, (_, _, setting) in zip(rates, latencies, known, strict=True):
        axes.annotate(
            f"{getattr(setting.conditions, along)}", (rate.middle, latency.middle), (5, 4),
            textcoords="offset points", color=MUTED, fontsize=10,
        )  # fmt: skip
