"""The values that a chart shows where it is pointed at: read from what was drawn.

The page's script finds the nearest one. Without it, the same values are in the tables.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.lines import Line2D

from lab.analysis.formatting import number

Ends = Mapping[float, tuple[float, float]]  # of an interval, by the place of the point it is about
Marks = Mapping[Axis, Mapping[float, str]]  # what is written at the places of an axis


def hover(axes: Axes, unnamed: Sequence[str]) -> str:
    """Return all values as JSON: [x, y, words] of each, in the units of the drawing (72 an inch).

    Lines of the colours in `unnamed` are none, unless the legend names them.
    """
    marks: Marks = {axis: _marks(axis) for axis in (axes.xaxis, axes.yaxis)}
    found = [*_of_lines(axes, unnamed, marks), *_of_bars(axes, marks)]
    height = axes.figure.bbox.height
    places = axes.transData.transform(np.reshape([(x, y) for x, y, _ in found], (-1, 2)))
    values = [
        (round(float(x), 1), round(float(height - y), 1), words)
        for (x, y), (_, _, words) in zip(places, found, strict=True)
    ]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _marks(axis: Axis) -> dict[float, str]:
    return {float(tick.get_loc()): tick.label1.get_text() for tick in axis.get_major_ticks()}


def _of_lines(
    axes: Axes, unnamed: Sequence[str], marks: Marks
) -> Iterator[tuple[float, float, str]]:
    names = _names(axes)
    bars = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    intervals = {one.lines[0]: _ends(one) for one in bars}
    caps = {cap for one in bars for cap in one.lines[1]}
    for line in axes.lines:
        colour = str(line.get_color())
        is_data = line.get_transform() == axes.transData and line not in caps
        if not is_data or (colour in unnamed and colour not in names):
            continue
        xs, ys = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        of_x, of_y = intervals.get(line, ({}, {}))
        for x, y in zip(xs, ys, strict=True):
            if np.isfinite(x) and np.isfinite(y):
                parts = (names.get(colour, ""), _row(axes, y, marks),
                         _said(axes.xaxis, x, of_x.get(y), marks),
                         _said(axes.yaxis, y, of_y.get(x), marks))  # fmt: skip
                yield x, y, _lines(parts)


def _names(axes: Axes) -> dict[str, str]:
    """Return what the legend says, by colour: repeats of a line have the same."""
    found = {}
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
        line = handle.lines[0] if isinstance(handle, ErrorbarContainer) else handle
        if isinstance(line, Line2D):
            found[str(line.get_color())] = label
    return found


def _ends(container: ErrorbarContainer) -> tuple[Ends, Ends]:
    """Return the ends of the horizontal bars by y, and of the vertical ones by x."""
    bars = iter(container.lines[2])
    found: list[Ends] = []
    for has, along in ((container.has_xerr, 0), (container.has_yerr, 1)):
        segments = next(bars).get_segments() if has else []
        ends = [(float(s[0][1 - along]), float(s[0][along]), float(s[1][along])) for s in segments]
        found.append({place: (low, high) for place, low, high in ends if low < high})
    return found[0], found[1]


def _of_bars(axes: Axes, marks: Marks) -> Iterator[tuple[float, float, str]]:
    for container in axes.containers:
        if isinstance(container, BarContainer):
            label = str(container.get_label())
            name = "" if label.startswith("_") else label
            for bar in container.patches:
                x, y = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2
                if bar.get_width() > 0:
                    value = _said(axes.xaxis, bar.get_width(), None, marks)
                    yield x, y, _lines((name, _row(axes, y, marks), value))


def _row(axes: Axes, y: float, marks: Marks) -> str:
    """Return the name of a row, where the y axis has names instead of a scale."""
    named = not axes.get_title(loc="left")
    return marks[axes.yaxis].get(y, "").replace("\n", " ") if named else ""


def _said(axis: Axis, value: float, ends: tuple[float, float] | None, marks: Marks) -> str:
    """Return what a value is, and the value as at the axis's mark there, if it has one."""
    is_x = axis is axis.axes.xaxis
    what = axis.axes.get_xlabel() if is_x else axis.axes.get_title(loc="left")
    if not what:
        return ""
    name = what.partition(";")[0].replace("\n", " ")
    between = f" ({number(ends[0])} to {number(ends[1])})" if ends else ""
    return f"{name}: {marks[axis].get(value) or _number(value)}{between}"


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"-{number(-value)}" if value < 0 else number(value)


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(filter(None, parts))
