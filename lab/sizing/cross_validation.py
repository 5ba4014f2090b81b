"""Predictions of sizes that were held out: each from what the other sizes cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.models.demands import MISS, Demands, Prediction, demands, laws, prediction
from lab.analysis.settings import Setting, closed, valid
from lab.analysis.statistics import median
from lab.errors import CannotTellError
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


def held_out(settings: Sequence[Setting]) -> list[Forecast]:
    """Return each closed and valid setting as predicted from the trials of all other sizes.

    A size is a number of users, or of workers where all had the same users. Open loads follow:
    their rates are sizes of their own, predicted from all closed trials. Raises
    `CannotTellError` when there is one size only.
    """
    usable = valid(closed(settings))
    axis = next((axis for axis in AXES if len(_sizes(usable, axis)) > 1), None)
    if axis is None:
        raise CannotTellError(
            "all its valid trials have one size, so none can be held out: "
            "python -m lab sweep --users 50,200,500"
        )
    found = []
    for size in _sizes(usable, axis):
        held = [setting for setting in usable if getattr(setting.conditions, axis) == size]
        cost = demands([setting for setting in usable if setting not in held])
        found += [_forecast(setting, cost) for setting in held]
    opened = [setting for setting in valid(settings) if setting.is_open]
    return found + [_forecast(setting, demands(usable)) for setting in opened]


def _sizes(settings: Sequence[Setting], axis: str) -> list[int]:
    return sorted({getattr(setting.conditions, axis) for setting in settings})


def _forecast(setting: Setting, cost: Demands) -> Forecast:
    one = laws(setting, cost)
    p95 = one.delay + percentile(one.network, setting.conditions.users, one.think_time + one.delay)
    measured = median([trial.total.p95_ms for trial in setting.trials])
    return Forecast(prediction(setting, cost), 1000 * p95, measured)
