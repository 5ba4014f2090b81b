"""How every chart looks, and from a matplotlib figure to SVG that a page can colour.

Colours are written as CSS variables with the light colour behind them, so that the page decides
between light and dark. Text stays text, in the font of the page.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import Bbox

from lab.report.blocks import Chart
from lab.report.charts.hovering import hover

# Okabe and Ito's colours, which colour-blind people tell apart, darkened where white is behind.
COLOURS = {
    "ink": "#1c2128",
    "muted": "#59626d",
    "paper": "#fefefe",
    "grid": "#dfe3e8",
    "shade": "#f0f2f5",
    "series-1": "#0067a5",
    "series-2": "#c04e01",
    "series-3": "#00825e",
    "series-4": "#a8457f",
    "series-5": "#9a6a00",
    "series-6": "#3f8fc4",
    "series-7": "#6b7079",
}
INK, MUTED, PAPER, GRID, SHADE = list(COLOURS.values())[:5]
SERIES = tuple(colour for name, colour in COLOURS.items() if name.startswith("series"))
MARKERS = "os^DvPX"
Dash = str | tuple[int, tuple[int, ...]]
DASHES: tuple[Dash, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
OTHER_FONT = 0.06  # share by which a page's font may be wider than the one that is measured here
UNITS = 72  # an inch
WIDTH, HEIGHT = 5.8, 3.3  # inches; text of 11.5 is readable on a screen of 390 px
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": MUTED,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "errorbar.capsize": 3,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "legend.handlelength": 2.2,
}


@dataclass(frozen=True)
class Look:
    """How one series is told from the others, also without colour."""

    colour: str
    marker: str
    dash: Dash


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each name its look; the eighth looks like the first."""
    ways = tuple(zip(SERIES, MARKERS, DASHES, strict=True))
    return {name: Look(*ways[place % len(ways)]) for place, name in enumerate(names)}


def draw(
    name: str,
    title: str,
    alt: str,
    paint: Callable[[Axes], None],
    *,
    note: str = "",
    height: float = HEIGHT,
) -> Chart:
    """Return a chart that `paint` draws on fresh axes. `name` must be unique on its page."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), dpi=UNITS, layout="constrained")
        FigureCanvasSVG(figure)  # words are as wide here as where they are written
        axes = figure.add_subplot()
        for axis in (axes.xaxis, axes.yaxis):
            plain_numbers(axis)
        paint(axes)
        handles, labels = axes.get_legend_handles_labels()
        if labels:
            figure.legend(handles, labels, loc="outside upper left", ncols=_columns(labels))
        _keep_inside(figure, axes)
        figure.set_layout_engine(None)  # it is laid out: once more would take a third of all
        _thin_out(axes)
        written = StringIO()
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Date", "Creator")))
        values = hover(axes, (INK, MUTED, SHADE))
    return Chart(name, title, note, alt, _inline(written.getvalue(), name, title, alt, values))


def _keep_inside(figure: Figure, axes: Axes) -> None:
    """Move the words below the x axis to where they are not cut; fold what is too wide."""
    label, room = axes.xaxis.label, figure.bbox.width * (1 - OTHER_FONT)
    figure.draw_without_rendering()
    if label.get_window_extent().width > room:
        label.set_text(label.get_text().replace("; ", ";\n"))
        figure.draw_without_rendering()
    half, middle = label.get_window_extent().width * (1 + OTHER_FONT) / 2, axes.bbox.width / 2
    left, right = axes.bbox.x0 + middle - half, axes.bbox.x0 + middle + half
    shift = min(0.0, figure.bbox.width - right) or max(0.0, -left)
    label.set_x(0.5 + shift / axes.bbox.width)


def _thin_out(axes: Axes) -> None:
    """Leave out annotations that would lie upon an earlier one."""
    kept: list[Bbox] = []
    for text in axes.texts:
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in kept):
            text.set_visible(False)
        else:
            kept.append(box)


def plain_numbers(axis: Axis) -> None:
    """Write 0.5, 20 and 1,500 at an axis; again after its scale was changed."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def _columns(labels: list[str], letters: int = 46) -> int:
    """Return how many columns of a legend fit the width, all of them equally full."""
    fit = max(1, min(len(labels), letters // (max(map(len, labels)) + 5)))
    rows = -(-len(labels) // fit)
    return -(-len(labels) // rows)


def _inline(svg: str, name: str, title: str, alt: str, values: str) -> str:
    """Return the SVG for a page: coloured by it, in its font, with words for a screen reader."""
    body = svg[svg.index("<g id=") : svg.rindex("</svg>")]
    (box,) = re.findall(r'viewBox="([^"]+)"', svg)
    body = re.sub(r"font-family: [^;]+; ?", "", body)
    body = re.sub(r'\bd="[^"]+"', lambda path: _rounded(path[0]), body)
    for variable, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{variable}, {colour})")
    body = _named(body, name)
    return (
        f'<svg viewBox="{box}" role="img" aria-labelledby="{name}-title {name}-alt" '
        f'data-points="{escape(values)}">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-alt">{escape(alt)}</desc>{body}</svg>'
    )


def _rounded(path: str) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", path).replace(" \n", " ")


def _named(body: str, name: str) -> str:
    """Keep the ids that are used, each with the chart's name: a page has many charts."""
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w.]+)", body))

    def kept(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    body = re.sub(r' id="([\w.]+)"', kept, body)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", body)
