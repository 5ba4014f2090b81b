"""Numbers from numbers: percentiles, and middles with the interval that repeats leave open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 2000
CONFIDENCE = 0.95
TAIL = 100 * (1 - CONFIDENCE) / 2
FEWEST = 3  # repeats: from two no interval is claimed


def percentiles(values: Floats, wanted: Sequence[float] = (50, 95, 99)) -> tuple[float, ...]:
    """Return percentiles that occurred: the smallest value with at least that share at or below.

    Nothing is interpolated, so no latency is reported that no request had.
    """
    found = np.percentile(values, wanted, method="inverted_cdf")
    return tuple(float(value) for value in found)


def median(values: Sequence[float]) -> float:
    """Return the median of at least one value."""
    return float(np.median(np.asarray(values)))


@dataclass(frozen=True)
class Interval:
    """What the data leave open, at 95 % confidence; ends in the unit of the value."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval from {self.low} to {self.high}")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def within(self, other: "Interval") -> bool:
        """Whether all of this lies in the other."""
        return other.low <= self.low and self.high <= other.high


@dataclass(frozen=True)
class Estimate:
    """A middle, the interval around it (None: too few repeats to claim one), and how many."""

    middle: float
    interval: Interval | None
    repeats: int

    def excludes(self, value: float) -> bool:
        """Whether the data contradict `value`; never when no interval is claimed."""
        return self.interval is not None and value not in self.interval


def mean_estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of repeats and its interval.

    Efron's percentile bootstrap (fixed seed), widened for few values, where it is too narrow: by
    t/z of n - 1 degrees of freedom and sqrt(n / (n - 1)). That is the correction of Hesterberg,
    What Teachers Should Know About the Bootstrap (2015), made in widths, because in percentiles
    it stops at the range of the values. Below `FEWEST` values no interval is claimed.
    """
    found = np.asarray(values, float)
    middle, count = float(found.mean()), len(found)
    if count < FEWEST:
        return Estimate(middle, None, count)
    draws = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    return Estimate(middle, _around(middle, found[draws].mean(axis=1), count), count)


def _around(middle: float, resampled: Floats, count: int) -> Interval:
    low, high = np.percentile(resampled, (TAIL, 100 - TAIL))
    wider = small_sample_factor(count)
    return Interval(
        middle - wider * max(0.0, middle - float(low)),
        middle + wider * max(0.0, float(high) - middle),
    )


def small_sample_factor(count: int) -> float:
    """Return by how much a bootstrap of `count` independent values is too narrow; 1 for many."""
    share = (1 + CONFIDENCE) / 2
    return float(scipy.special.stdtrit(count - 1, share) / scipy.special.ndtri(share)) * math.sqrt(
        count / (count - 1)
    )


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Return ours ÷ theirs: the geometric mean over neighbours in time, and its interval.

    Pairing cancels what changes slowly on a machine. The values must be above 0.
    """
    logs = np.log(np.asarray(ours, float)) - np.log(np.asarray(theirs, float))
    found = mean_estimate(logs)
    interval = found.interval and Interval(math.exp(found.interval.low), _exp(found.interval.high))
    return Estimate(math.exp(found.middle), interval, found.repeats)


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))  # wild repeats: an end too far to write, not an overflow


def noise_floor(same: Sequence[Estimate]) -> float | None:
    """Return the share by which pairs of one and the same implementation differ; None: unknown.

    `same` are paired ratios of A/A runs. An effect within 1 ± this is the machine's doing.
    """
    ends = [end for ratio in same if (found := ratio.interval) for end in (found.low, found.high)]
    return max((max(end, 1 / end) - 1 for end in ends if end > 0), default=None)


def distinguishable(ratio: Estimate, floor: float | None) -> bool:
    """Whether a ratio is more than chance: its interval excludes 1 and leaves the noise floor."""
    noise = 1 + (floor or 0.0)
    inside = ratio.interval is not None and ratio.interval.within(Interval(1 / noise, noise))
    return ratio.excludes(1) and not inside


def repeat_difference(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the largest share by which repeats of the same thing differ.

    None when nothing was repeated.
    """
    repeated = [group for group in groups if len(group) > 1]
    return max((max(group) / min(group) - 1 for group in repeated), default=None)


def histogram_percentile(counts: Floats, values: Floats, wanted: float) -> Floats:
    """Return a percentile of histograms: the value of the bin in which it lies.

    `counts` has bins on its last axis, `values` what each stands for; `wanted` is 0 to 100.
    Every histogram must hold something.
    """
    running = np.cumsum(counts, axis=-1)
    needed = np.maximum(running[..., -1:] * wanted / 100, np.finfo(float).tiny)
    found: Floats = values[np.argmax(running >= needed * (1 - 1e-12), axis=-1)]
    return found


def percentile_estimate(repeats: Sequence[Floats], values: Floats, wanted: float) -> Estimate:
    """Return a percentile over repeats, and its interval from windows and repeats.

    Each repeat is an array of windows × bins, a window being a block of seconds: neighbouring
    seconds share a queue and are no independent evidence. Repeats are drawn, then windows in each
    (two-stage bootstrap: Davison & Hinkley 1997, 3.8), widened for few repeats as in
    `mean_estimate`. Below `FEWEST` repeats only windows are drawn: that interval says how steady
    these runs were, and nothing about the next one.
    """
    merged = np.concatenate(repeats)
    held = merged.any(axis=0)
    merged, values = merged[:, held], values[held]
    middle = float(histogram_percentile(merged.sum(axis=0), values, wanted))
    independent = len(repeats) if len(repeats) >= FEWEST else len(merged)
    if independent < 2:
        return Estimate(middle, None, len(repeats))
    weights = _redrawn([len(windows) for windows in repeats])
    logs = np.log(histogram_percentile(weights @ merged, values, wanted))
    interval = _around(math.log(middle), logs, independent)
    return Estimate(middle, Interval(math.exp(interval.low), _exp(interval.high)), len(repeats))


def _redrawn(sizes: Sequence[int]) -> Floats:
    """Return how often each window of each repeat is drawn: draws × all windows."""
    rng, count = np.random.default_rng(0), len(sizes)
    if count < FEWEST:
        copies = np.ones((RESAMPLES, count), int)
    else:
        copies = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    # Drawing from each copy of a repeat is drawing so much more often from the repeat.
    parts = [
        rng.multinomial(copies[:, index] * size, np.full(size, 1 / size))
        for index, size in enumerate(sizes)
    ]
    return np.concatenate(parts, axis=1).astype(float)
