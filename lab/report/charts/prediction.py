"""What the operational laws predict beside what was measured."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from lab.analysis.formatting import percent
from lab.analysis.models.demands import MISS, Prediction
from lab.analysis.models.queueing import Performance
from lab.report.blocks import Chart
from lab.report.charts.drawing import MUTED, SHADE, draw, looks
from lab.report.charts.series import decades

LEAST = 2  # predictions that are not calibrations


def predictions(found: Sequence[Prediction]) -> list[Chart]:
    """Draw throughput and mean latency, predicted over measured."""
    if sum(not one.is_calibration for one in found) < LEAST:
        return []
    return [
        _scatter("predicted-throughput", "Predicted throughput", "requests/s", found,
                 lambda p: p.throughput),
        _scatter("predicted-latency", "Predicted mean latency", "ms", found,
                 lambda p: 1000 * p.latency),
    ]  # fmt: skip


def _scatter(
    name: str,
    title: str,
    unit: str,
    found: Sequence[Prediction],
    value: Callable[[Performance], float],
) -> Chart:
    labels = list(dict.fromkeys(one.setting.label for one in found))
    ends = _ends(found, value)

    def paint(axes: Axes) -> None:
        low, high = ends
        axes.fill_between((low, high), (low * (1 - MISS), high * (1 - MISS)),
                          (low * (1 + MISS), high * (1 + MISS)), color=SHADE)  # fmt: skip
        axes.plot((low, high), (low, high), color=MUTED, linewidth=1)
        for label, look in looks(labels).items():
            own = [one for one in found if one.setting.label == label]
            for fitted in (False, True):
                part = [one for one in own if one.is_calibration is fitted]
                axes.plot(
                    [value(one.measured) for one in part], [value(one.predicted) for one in part],
                    color=look.colour, marker=look.marker, linestyle="none",
                    fillstyle="none" if fitted else "full", label=None if fitted else label,
                )  # fmt: skip
        decades(axes, "x")
        decades(axes, "y")
        axes.set_xlabel(f"measured {unit}")
        axes.set_title(f"predicted {unit}")

    missed = sum(one.is_flagged and not one.is_calibration for one in found)
    judged = sum(not one.is_calibration for one in found)
    alt = f"{judged - missed} of {judged} settings are predicted within {percent(MISS)}."
    note = f"shaded: within {percent(MISS)}; hollow: the setting that the wait was fitted to"
    return draw(name, title, alt, paint, note=note)


def _ends(
    found: Sequence[Prediction], value: Callable[[Performance], float]
) -> tuple[float, float]:
    values = [value(p) for one in found for p in (one.predicted, one.measured)]
    return min(values) / 1.3, max(values) * 1.3
