"""Throughput and latency over workers with the fitted law, and latency over throughput."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from lab.analysis.formatting import number
from lab.analysis.models.scaling import Scaling
from lab.analysis.settings import Cell, alike, throughput
from lab.analysis.sweeps import scaling
from lab.errors import CannotTellError
from lab.report.blocks import Chart
from lab.report.charts.drawing import MUTED, SHADE, Look, draw, looks
from lab.report.charts.series import (
    Point,
    brief,
    differing,
    latency_scale,
    p95_point,
    plot,
    point,
    repeats,
    some,
    whiskers,
)

MOST_FACETS = 4  # charts of one kind
BEYOND = 1.25  # times the most workers measured: so far a curve is drawn past its data
Lines = Mapping[str, Sequence[Cell]]


def over_workers(cells: Sequence[Cell]) -> list[Chart]:
    """Draw throughput and p95 over worker counts, if more than one was measured."""
    charts = []
    for place, (where, lines) in enumerate(_facets(cells).items(), start=1):
        charts.append(_throughput(f"throughput-over-workers-{place}", where, lines))
        charts.append(_latency(f"p95-over-workers-{place}", where, lines))
    return charts


def _facets(cells: Sequence[Cell]) -> dict[str, Lines]:
    """Return charts as lines of cells: a line per implementation, or per load if there is one."""
    rows = _rows(cells)
    labels = {row[0].label for row in rows}
    names = [name for name in differing(row[0] for row in rows) if name != "workers"]
    if len(labels) < 2:
        return {"": {brief(row[0], names) or row[0].label: row for row in rows}} if rows else {}
    facets: dict[str, dict[str, list[Cell]]] = {}
    for row in rows:
        facets.setdefault(brief(row[0], names), {})[row[0].label] = row
    return {where: facets[where] for where in some(list(facets), MOST_FACETS)}


def _rows(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return closed cells that differ in workers only, those that nobody believes included."""
    found: dict[object, list[Cell]] = {}
    for cell in cells:
        if not cell.conditions.arrival_rate:
            found.setdefault((cell.label, alike(cell, "workers")), []).append(cell)
    rows = [sorted(row, key=lambda cell: cell.conditions.workers) for row in found.values()]
    return sorted((row for row in rows if len(row) > 1), key=lambda row: row[0].conditions.users)


def _throughput(name: str, where: str, lines: Lines) -> Chart:
    laws = {label: law for label, row in lines.items() if (law := _law(row))}

    def paint(axes: Axes) -> None:
        for label, look in looks(lines).items():
            points = [p for cell in lines[label] if (p := _at_workers(cell))]
            if label in laws:
                _curve(axes, laws[label], look)
                look = Look(look.colour, look.marker, "none")
            plot(axes, points, look, label)
        _worker_axis(axes, lines, beyond=bool(laws))
        axes.set_ylim(bottom=0)
        axes.set_title("requests/s")

    note = repeats(cell for row in lines.values() for cell in row)
    if laws:
        note += "; curve: Universal Scalability Law, dotted where nothing was measured"
    return draw(name, _titled("Throughput over workers", where), _said(lines), paint, note=note)


def _law(row: Sequence[Cell]) -> Scaling | None:
    valid = [cell for cell in row if cell.trials]
    try:
        return scaling(valid) if valid else None
    except CannotTellError:
        return None


def _curve(axes: Axes, law: Scaling, look: Look) -> None:
    measured, beyond = np.linspace(1, law.most, 100), np.linspace(law.most, law.most * BEYOND, 20)
    axes.plot(measured, law.curve(measured), color=look.colour, linewidth=1.3)
    axes.plot(beyond, law.curve(beyond), color=look.colour, linewidth=1.3, linestyle=":")


def _at_workers(cell: Cell) -> Point | None:
    return point(cell.conditions.workers, cell, throughput)


def _worker_axis(axes: Axes, lines: Lines, *, beyond: bool) -> None:
    counts = sorted({cell.conditions.workers for row in lines.values() for cell in row})
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

    cells = [cell for row in lines.values() for cell in row]
    best = min((cell for cell in cells if cell.trials), key=lambda c: c.p95.middle, default=None)
    alt = (
        f"The lowest p95 is {number(best.p95.middle)} ms, {best.label} with {best.sentence}."
        if best
        else "No setting has a valid trial."
    )
    return draw(name, _titled("p95 latency over workers", where), alt, paint, note=repeats(cells))


def _titled(title: str, where: str) -> str:
    return f"{title}, {where}" if where else title


def _said(lines: Lines) -> str:
    """Return in words what the chart of throughput shows."""
    parts = []
    for label, row in lines.items():
        known = {cell.conditions.workers: cell.median(throughput) for cell in row if cell.trials}
        rates = (f"{number(rate or 0)} with {count}" for count, rate in known.items())
        parts.append(f"{label}: {', '.join(rates) or 'no valid trial'}")
    return f"Requests per second by workers. {'; '.join(parts)}."


def knees(cells: Sequence[Cell]) -> list[Chart]:
    """Draw p95 over throughput: from the knee on, more load brings latency and nothing else."""
    closed = [cell for cell in cells if not cell.conditions.arrival_rate]
    charts: list[Chart] = []
    for label in dict.fromkeys(cell.label for cell in closed):
        own = [cell for cell in closed if cell.label == label]
        along = next((name for name in ("users", "workers") if name in differing(own)), None)
        if along:
            charts.append(_knee(f"knee-{len(charts) + 1}", label, own, along))
    return charts[:MOST_FACETS]


def _knee(name: str, label: str, cells: Sequence[Cell], along: str) -> Chart:
    names = [other for other in differing(cells) if other != along]
    lines: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: int(getattr(cell.conditions, along))):
        lines.setdefault(brief(cell, names) or label, []).append(cell)

    def paint(axes: Axes) -> None:
        for line, look in looks(lines).items():
            _path(axes, lines[line], along, look, line)
        latency_scale(axes)
        axes.set_xlim(left=0)
        axes.margins(x=0.08)
        axes.set_xlabel("requests/s")
        axes.set_title("p95, ms")

    fastest = max(cells, key=lambda cell: cell.median(throughput) or 0)
    alt = (
        f"p95 latency over throughput, {along} growing along each line. The most requests per "
        f"second, {number(fastest.median(throughput) or 0)}, come with {fastest.sentence}."
    )
    note = f"numbers at the points: {along}; {repeats(cells)}"
    return draw(name, f"p95 latency over throughput, {label}", alt, paint, note=note)


def _path(axes: Axes, row: Sequence[Cell], along: str, look: Look, label: str) -> None:
    both = [(_at_workers(cell), p95_point(0, cell), cell) for cell in row]
    known = [(x, y, cell) for x, y, cell in both if x and x.is_valid and y.is_valid]
    rates, latencies = [x.estimate for x, _, _ in known], [y.estimate for _, y, _ in known]
    axes.errorbar(
        [rate.middle for rate in rates], [latency.middle for latency in latencies],
        xerr=whiskers(rates), yerr=whiskers(latencies), label=label,
        color=look.colour, marker=look.marker, linestyle=look.dash,
    )  # fmt: skip
    for rate, latency, (_, _, cell) in zip(rates, latencies, known, strict=True):
        axes.annotate(
            f"{getattr(cell.conditions, along)}", (rate.middle, latency.middle), (5, 4),
            textcoords="offset points", color=MUTED, fontsize=10,
        )  # fmt: skip
