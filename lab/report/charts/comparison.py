"""Ratios with their intervals: implementations against one another, and the ladder's rungs."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from lab.analysis.comparison import Effect, effects, labels
from lab.analysis.formatting import counted, estimated, hundredths
from lab.analysis.settings import Setting, per_cpu_second
from lab.analysis.statistics import Estimate
from lab.report.blocks import Chart
from lab.report.charts.drawing import INK, SERIES, SHADE, Look, draw, looks, plain_numbers
from lab.report.charts.series import (
    brief,
    differing,
    evenly_chosen,
    name_rows,
    row_places,
    whiskers,
)

ROW = 0.4  # inches of height
MIDDLING, WIDE = 4, 30  # ratios of an axis's ends, from which on fewer numbers fit below it
MOST_ROWS = 9
FIGURES = {"throughput": "throughput", "p95": "p95 latency", "demand": "server CPU per request"}


def ratios(settings: Sequence[Setting], floor: float | None) -> list[Chart]:
    """Draw the first implementation's figures divided by each other's."""
    if any(setting.is_rung for setting in settings):
        return []
    first, *rest = labels(settings)
    return [_forest(f"ratios-{place}", found, floor)
            for place, other in enumerate(rest, start=1)
            if (found := effects(settings, first, other))]  # fmt: skip


def _forest(name: str, found: Sequence[Effect], floor: float | None) -> Chart:
    chosen = evenly_chosen(found, MOST_ROWS // len(FIGURES))
    ours, theirs = chosen[0].ours.label, chosen[0].theirs.label
    names = differing(effect.ours for effect in found)
    rows = {
        ", ".join(filter(None, (words, brief(effect.ours, names)))): estimate
        for figure, words in FIGURES.items()
        for effect in chosen
        if (estimate := getattr(effect, figure))
    }

    def paint(axes: Axes) -> None:
        _points(axes, rows, Look(SERIES[0], "o", "none"))
        if floor:
            axes.axvspan(1 / (1 + floor), 1 + floor, color=SHADE, zorder=0)
        axes.axvline(1, color=INK, linewidth=1)
        axes.set_xlabel(f"{ours} ÷ {theirs}; 1: no difference, log scale")
        _ratio_axis(axes)

    said = "; ".join(f"{row} {estimated(e, hundredths)}" for row, e in rows.items())
    note = _said_repeats(rows) + ("; shaded: this machine's noise" if floor else "")
    return draw(
        name, f"{ours} against {theirs}", f"{ours} divided by {theirs}: {said}.", paint,
        note=note, height=1.0 + ROW * len(rows),
    )  # fmt: skip


def _points(axes: Axes, rows: Mapping[str, Estimate], look: Look) -> None:
    places = row_places(len(rows))
    axes.errorbar(
        [one.middle for one in rows.values()], places, xerr=whiskers(list(rows.values())),
        color=look.colour, marker=look.marker, linestyle="none",
    )  # fmt: skip
    for place, one in zip(places, rows.values(), strict=True):
        end = one.interval.high if one.interval else one.middle
        axes.annotate(hundredths(one.middle), (end, place), (6, 0), textcoords="offset points",
                      va="center", fontsize=10.5)  # fmt: skip
    name_rows(axes, [row.replace(", ", ",\n", 1) for row in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.margins(x=0.18)


def _ratio_axis(axes: Axes) -> None:
    low, high = axes.dataLim.intervalx
    axes.set_xscale("log", base=2)
    low, high = min(low, 0.9) / 1.15, max(high, 1.1) * 1.3
    axes.set_xlim(low, high)
    wide = high / low > WIDE
    subs = (1,) if wide or high / low > MIDDLING else (1, 1.5)
    axes.xaxis.set_major_locator(LogLocator(base=10 if wide else 2, subs=subs))
    plain_numbers(axes.xaxis)
    axes.xaxis.set_minor_locator(NullLocator())


def _said_repeats(rows: Mapping[str, Estimate]) -> str:
    least = min(estimate.repeats for estimate in rows.values())
    bars = "bars: 95 % interval" if least > 2 else "too few for an interval"
    return f"{counted(least, 'pair')} of neighbouring trials; {bars}"


def ladder(settings: Sequence[Setting]) -> list[Chart]:
    """Draw what a CPU second of the server serves at each rung."""
    rungs = {setting.label: setting for setting in settings if setting.is_rung}
    found = {name: setting.estimate(per_cpu_second) for name, setting in rungs.items()}
    rows = {name: estimate for name, estimate in found.items() if estimate}
    if len(rows) < 2:
        return []

    def paint(axes: Axes) -> None:
        _points(axes, rows, looks(["all"])["all"])
        axes.set_xlim(0, axes.dataLim.intervalx[1] * 1.2)
        axes.set_xlabel("requests per CPU second of the server")

    said = "; ".join(f"{row} {estimated(e)}" for row, e in rows.items())
    least = min(estimate.repeats for estimate in rows.values())
    note = f"each rung has all pieces above it; {counted(least, 'trial')} each, " + (
        "bars: 95 % interval" if least > 2 else "too few for an interval"
    )
    return [draw("ladder", "What each improvement buys", f"Requests per CPU second: {said}.",
                 paint, note=note, height=1.0 + ROW * len(rows))]  # fmt: skip
