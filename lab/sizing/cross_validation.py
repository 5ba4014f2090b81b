"""Predictions of sizes that were held out: each from what the other sizes cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.analysis.formatting import counted, number, percent, spread
from lab.analysis.models.demands import MISS, Demands, Prediction, demands, laws, prediction
from lab.analysis.settings import Cell
from lab.analysis.statistics import median
from lab.errors import CannotTellError
from lab.report import summary
from lab.report.blocks import Table
from lab.sizing.latencies import percentile

AXES = ("users", "workers", "threads")


@dataclass(frozen=True)
class Forecast:
    """One setting that the prediction has not seen; p95 in ms."""

    prediction: Prediction
    predicted_p95: float
    measured_p95: float

    @property
    def p95_miss(self) -> float:
        """By which share the predicted p95 is off."""
        return self.predicted_p95 / self.measured_p95 - 1

    @property
    def is_missed(self) -> bool:
        """Whether throughput, mean latency or p95 are off by more than `MISS`."""
        return self.prediction.is_flagged or abs(self.p95_miss) > MISS


def held_out(cells: Sequence[Cell]) -> list[Forecast]:
    """Return each closed and valid setting as predicted from the trials of all other sizes.

    A size is a number of users, or of workers where all had the same users. Open loads follow:
    their rates are sizes of their own, predicted from all closed trials. Raises
    `CannotTellError` when there is one size only.
    """
    usable = [cell for cell in cells if cell.trials and not cell.conditions.arrival_rate]
    axis = next((axis for axis in AXES if len(_sizes(usable, axis)) > 1), None)
    if axis is None:
        raise CannotTellError(
            "all its valid trials have one size, so none can be held out: "
            "python -m lab sweep --users 50,200,500"
        )
    found = []
    for size in _sizes(usable, axis):
        held = [cell for cell in usable if getattr(cell.conditions, axis) == size]
        cost = demands([cell for cell in usable if cell not in held])
        found += [_forecast(cell, cost) for cell in held]
    opened = [cell for cell in cells if cell.trials and cell.conditions.arrival_rate]
    return found + [_forecast(cell, demands(usable)) for cell in opened]


def _sizes(cells: Sequence[Cell], axis: str) -> list[int]:
    return sorted({getattr(cell.conditions, axis) for cell in cells})


def _forecast(cell: Cell, cost: Demands) -> Forecast:
    one = laws(cell, cost)
    p95 = one.delay + percentile(one.network, cell.conditions.users, one.think_time + one.delay)
    measured = median([trial.total.p95_ms for trial in cell.trials])
    return Forecast(prediction(cell, cost), 1000 * p95, measured)


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
    cell, said = one.prediction.cell, one.prediction.predicted
    return [
        cell.sentence,
        *_three(said.throughput, [trial.throughput for trial in cell.trials]),
        *_three(1000 * said.latency, [trial.total.mean_ms for trial in cell.trials]),
        *_three(one.predicted_p95, [trial.total.p95_ms for trial in cell.trials]),
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
