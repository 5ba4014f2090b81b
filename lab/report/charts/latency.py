"""Latency by operation, and by percentile under closed and open load."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lab.analysis.comparison import labels
from lab.analysis.formatting import counted, number, percent, so_many_users
from lab.analysis.settings import Setting, closed, throughput
from lab.analysis.statistics import Floats
from lab.records.conditions import Conditions
from lab.records.histogram import BUCKETS, GROWTH, MIDDLES_MS, Histogram
from lab.records.operations import ALL
from lab.report.blocks import Chart
from lab.report.charts.drawing import Look, draw, looks
from lab.report.charts.series import decades, evenly_chosen, latency_scale, told_apart

SHOWN = (50.0, 95.0, 99.0)
TAIL = (50.0, 90.0, 95.0, 99.0, 99.5, 99.9)
MERGED = 8  # buckets in a step of the histogram
STEP = GROWTH**MERGED - 1
ROW = 0.34  # inches of height
MOST_SETTINGS = 6


def by_operation(settings: Sequence[Setting]) -> list[Chart]:
    """Draw the percentiles of each operation, all implementations under the same conditions."""
    chosen = told_apart(evenly_chosen(side_by_side(settings), MOST_SETTINGS))
    operations = sorted({n for setting in chosen.values() for n in _latencies(setting)})
    if not operations:
        return []
    places = {name: -index * (len(chosen) + 1.0) for index, name in enumerate(operations)}

    def paint(axes: Axes) -> None:
        for index, (label, look) in enumerate(looks(chosen).items()):
            found = _latencies(chosen[label])
            rows = [(places[name] - index, found[name]) for name in operations if name in found]
            _ranges(axes, rows, look, label)
        axes.yaxis.set_major_locator(NullLocator())
        for name, place in places.items():
            axes.annotate(
                name, (0, place), (2, 3), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="bottom", fontsize=10.5,
            )  # fmt: skip
        axes.set_ylim(min(places.values()) - len(chosen), 1.3)
        decades(axes, "x")
        axes.set_xlabel("ms; marks: 50th, 95th and 99th percentile")

    slowest = max(
        ((label, name, _latencies(setting)[name].percentiles()[1])
         for label, setting in chosen.items() for name in _latencies(setting)),
        key=lambda found: found[2],
    )  # fmt: skip
    alt = f"The highest 95th percentile is {number(slowest[2])} ms: {slowest[1]} of {slowest[0]}."
    requests = sum(trial.total.requests for setting in chosen.values() for trial in setting.shown)
    note = f"{requests:,} requests in {counted(_trials(chosen), 'trial')}, merged"
    height = 0.9 + ROW * len(operations) * (len(chosen) + 1)
    return [draw("by-operation", "Latency by operation", alt, paint, note=note, height=height)]


def histogram(settings: Sequence[Setting]) -> list[Chart]:
    """Draw how many requests took how long."""
    chosen = told_apart(evenly_chosen(side_by_side(settings), MOST_SETTINGS))
    if not chosen:
        return []
    found = {label: Histogram.merged(t.total.latencies for t in setting.shown)
             for label, setting in chosen.items()}  # fmt: skip
    edges = MIDDLES_MS[::MERGED]

    def paint(axes: Axes) -> None:
        for label, look in looks(chosen).items():
            counts = np.add.reduceat(found[label].dense(), np.arange(0, BUCKETS, MERGED))
            held = slice(max(0, int(counts.nonzero()[0][0]) - 1), int(counts.nonzero()[0][-1]) + 2)
            axes.step(
                edges[held], 100 * counts[held] / counts.sum(), where="post", color=look.colour,
                linestyle=look.dash, label=label,
            )  # fmt: skip
        decades(axes, "x")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("ms")
        axes.set_title("% of the requests")

    said = "; ".join(
        f"{label}: half of the requests took up to {number(one.percentiles((50,))[0])} ms, the "
        f"slowest {number(max(t.total.max_ms for t in chosen[label].shown))} ms"
        for label, one in found.items()
    )
    note = f"all requests of {counted(_trials(chosen), 'trial')}, each step {percent(STEP)} wide"
    return [draw("histogram", "How long requests took", f"{said}.", paint, note=note)]


def fastest(settings: Sequence[Setting]) -> list[Setting]:
    """Return of each implementation the closed setting with the highest throughput."""
    best: dict[str, Setting] = {}
    for setting in closed(settings):
        known = best.get(setting.label)
        if known is None or (setting.median(throughput) or 0) > (known.median(throughput) or 0):
            best[setting.label] = setting
    return list(best.values())


def side_by_side(settings: Sequence[Setting]) -> list[Setting]:
    """Return the closed settings of the conditions that most implementations met, at their best."""
    groups: dict[Conditions, list[Setting]] = {}
    for setting in closed(settings):
        groups.setdefault(setting.conditions, []).append(setting)

    def worth(group: Sequence[Setting]) -> tuple[int, float]:
        rates = [rate for setting in group if (rate := setting.median(throughput))]
        return len(rates), sum(rates)

    return max(groups.values(), key=worth, default=[])


def _trials(settings: Mapping[str, Setting]) -> int:
    return sum(len(setting.shown) for setting in settings.values())


def _latencies(setting: Setting) -> dict[str, Histogram]:
    """Return a setting's latencies by operation, all of its trials together."""
    parts: dict[str, list[Histogram]] = {}
    for trial in setting.shown:
        for operation in trial.operations:
            if operation.name != ALL:
                parts.setdefault(operation.name, []).append(operation.latencies)
    return {name: Histogram.merged(found) for name, found in parts.items()}


def _ranges(axes: Axes, rows: Sequence[tuple[float, Histogram]], look: Look, label: str) -> None:
    for place, latencies in rows:
        low, middle, high = latencies.percentiles(SHOWN)
        axes.plot((low, high), (place, place), color=look.colour, linewidth=1.4)
        axes.plot(middle, place, color=look.colour, marker="|", markersize=9, linestyle="none")
        axes.plot(high, place, color=look.colour, marker="|", markersize=9, linestyle="none")
    lows = [latencies.percentiles(SHOWN)[0] for _, latencies in rows]
    axes.plot(
        lows, [place for place, _ in rows], color=look.colour, marker=look.marker,
        linestyle="none", label=label,
    )  # fmt: skip


def by_percentile(settings: Sequence[Setting]) -> list[Chart]:
    """Draw latency over percentiles; where an open load was sent, beside the closed one."""
    opened = [setting for setting in settings if setting.is_open]
    if not opened:
        chosen = told_apart(evenly_chosen(side_by_side(settings), MOST_SETTINGS))
        title = "Latency by percentile"
        return [_tail("by-percentile", title, chosen, "")] if len(chosen) > 1 else []
    charts: list[Chart] = []
    for label in labels(opened):
        lines = {_load(setting): setting for setting in fastest(settings) if setting.label == label}
        lines |= {_load(setting): setting for setting in opened if setting.label == label}
        title = f"Closed and open load, {label}"
        note = "; open: timed from when a request was due, so a stall counts for all behind it"
        charts.append(_tail(f"open-load-{len(charts) + 1}", title, lines, note))
    return charts


def _load(setting: Setting) -> str:
    rate = setting.conditions.arrival_rate
    return f"open, {rate:,.0f}/s" if rate else f"closed, {so_many_users(setting.conditions.users)}"


def _tail(name: str, title: str, lines: Mapping[str, Setting], more: str) -> Chart:
    found = {
        label: np.array(
            Histogram.merged(t.total.latencies for t in setting.shown).percentiles(TAIL)
        )
        for label, setting in lines.items()
    }

    def paint(axes: Axes) -> None:
        rarity = -np.log10(1 - np.array(TAIL) / 100)
        for label, look in looks(lines).items():
            axes.plot(
                rarity, found[label], color=look.colour, marker=look.marker,
                linestyle=look.dash, label=label,
            )  # fmt: skip
        axes.xaxis.set_major_locator(FixedLocator([float(at) for at in rarity]))
        axes.xaxis.set_major_formatter(FuncFormatter(_percentile))
        axes.set_xlabel("percentile: so many of 100 requests were faster")
        axes.set_title("ms")
        latency_scale(axes)

    note = f"{counted(_trials(lines), 'trial')} together{more}"
    return draw(name, title, _tail_said(found), paint, note=note)


def _percentile(_: float, place: int | None) -> str:
    return f"{TAIL[place or 0]:g}"


def _tail_said(found: Mapping[str, Floats]) -> str:
    at = TAIL.index(99.0)
    parts = (f"{label}: {number(float(values[at]))} ms" for label, values in found.items())
    return f"99th percentile of latency. {'; '.join(parts)}."
