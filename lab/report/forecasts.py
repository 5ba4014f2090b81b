"""Predictions beside what came: of sizes that were held out, and of a simulation."""

from collections.abc import Sequence
from typing import Any

from lab.analysis.formatting import counted, estimated, number, percent, so_many_users, spread
from lab.analysis.models.demands import MISS
from lab.analysis.statistics import Estimate, Interval, median
from lab.report import summary
from lab.report.blocks import Table
from lab.sizing.capacity import Size
from lab.sizing.cross_validation import Forecast
from lab.sizing.simulation import BATCHES, Simulated


def trust(forecasts: Sequence[Forecast]) -> str:
    """Say by how much the predictions missed."""
    said = [
        f"{name} {percent(median(misses))} ({percent(min(misses))} to {percent(max(misses))})"
        for name, misses in (
            ("throughput", [one.prediction.miss for one in forecasts]),
            ("mean latency", [one.prediction.latency_miss for one in forecasts]),
            ("p95", [one.p95_miss for one in forecasts]),
        )
    ]
    return (
        f"{counted(len(forecasts), 'setting')}, each predicted from the trials of other sizes, "
        f"missed by a median (range) of: {', '.join(said)}"
    )


def table(forecasts: Sequence[Forecast]) -> Table:
    """Return prediction, measurement and miss of each."""
    header = ("", "requests/s, predicted", "measured", "off by", "mean ms, predicted", "measured",
              "off by", "p95 ms, predicted", "measured", "off by", "")  # fmt: skip
    note = (
        "Each size is predicted from the trials of the other sizes alone, load generator and "
        "all. Measured: the median of the trials (lowest to highest). MISSED: more than "
        f"{percent(MISS)} off."
    )
    return Table(header, [_row(one) for one in forecasts], note)


def _row(one: Forecast) -> list[str]:
    setting, said = one.prediction.setting, one.prediction.predicted
    return [
        setting.sentence,
        *_three(said.throughput, [trial.throughput for trial in setting.trials]),
        *_three(1000 * said.latency, [trial.total.mean_ms for trial in setting.trials]),
        *_three(one.predicted_p95, [trial.total.p95_ms for trial in setting.trials]),
        "MISSED" if one.is_missed else "",
    ]


def _three(predicted: float, measured: Sequence[float]) -> list[str]:
    return [number(predicted), spread(measured), percent(predicted / median(measured) - 1)]


def document(one: Forecast) -> dict[str, Any]:
    """Return one prediction beside its measurement, for other programs."""
    return {
        **summary.prediction(one.prediction),
        "predicted_p95_ms": one.predicted_p95,
        "measured_p95_ms": one.measured_p95,
        "is_missed": one.is_missed,
    }


def beside(sizes: Sequence[Size], played: Sequence[Simulated]) -> Table:
    """Return what the laws say of one instance of each plan beside what the simulation found."""
    rows = []
    for size, found in zip(sizes, played, strict=True):
        needs = size.needs
        pairs = (
            (needs.throughput / needs.instances, found.throughput, 1.0),
            (needs.latency - size.one.outside, found.latency, 1000.0),
            (needs.p95 - size.one.outside, found.p95, 1000.0),
        )
        rows.append([so_many_users(size.users), *(_pair(*pair) for pair in pairs)])
    header = ("one of its instances", "requests/s, laws : simulated", "mean ms", "p95 ms")
    return Table(
        header, rows, "Exponential service times, nothing on the way. Intervals: batch means."
    )


def _pair(said: float, found: Estimate, unit: float) -> str:
    ends = found.interval and Interval(unit * found.interval.low, unit * found.interval.high)
    return f"{number(unit * said)} : {estimated(Estimate(unit * found.middle, ends, BATCHES))}"
