"""Numbers from numbers: percentiles, windows, and ratios of pairs with their spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 2000
CONFIDENCE = 0.95


def percentiles(values: Floats, wanted: Sequence[float] = (50, 95, 99)) -> tuple[float, ...]:
    """Return percentiles that occurred: the smallest value with at least that share at or below.

    Nothing is interpolated, so no latency is reported that no request had.
    """
    found = np.percentile(values, wanted, method="inverted_cdf")
    return tuple(float(value) for value in found)


def at(times: Floats, totals: Floats, moment: float) -> float:
    """Return a running total at `moment`, on the line between the two samples around it."""
    return float(np.interp(moment, times, totals))


def median(values: Sequence[float]) -> float:
    """Return the median of at least one value."""
    return float(np.median(np.asarray(values)))


@dataclass(frozen=True)
class Ratio:
    """A ratio of neighbours in time: its middle and the interval that the pairs leave open."""

    middle: float
    low: float
    high: float
    pairs: int

    @property
    def excludes_one(self) -> bool:
        """Whether all of the interval lies on one side of 1."""
        return self.low > 1 or self.high < 1


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return ours ÷ theirs: the geometric mean over pairs and its bootstrap interval.

    Efron's percentile bootstrap over the pairs' log ratios, with a fixed seed. With two pairs the
    interval is their range, which promises nothing: the report says so. Values must be above 0.
    """
    logs = np.log(np.asarray(ours, float)) - np.log(np.asarray(theirs, float))
    draws = np.random.default_rng(0).integers(len(logs), size=(RESAMPLES, len(logs)))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(logs[draws].mean(axis=1), (tail, 100 - tail))
    middle, low, high = (float(np.exp(value)) for value in (logs.mean(), low, high))
    return Ratio(middle, low, high, pairs=len(logs))


def repeat_difference(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the largest share by which repeats of the same thing differ: the noise floor.

    None when nothing was repeated.
    """
    repeated = [group for group in groups if len(group) > 1]
    return max((max(group) / min(group) - 1 for group in repeated), default=None)
