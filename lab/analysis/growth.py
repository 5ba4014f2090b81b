"""Is it still growing? The slope of windowed latency, and what makes it rise."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from lab.analysis.statistics import Estimate, Floats, Interval
from lab.records.trial import Trial

FEWEST_WINDOWS = 8  # for a slope with an interval
WINDOWS = 20  # enough of them to see how they resemble their neighbours
LONGEST_WINDOW = 5  # seconds
MATTERS = 0.1  # of the mean latency, over the whole window of measurement
TABLE_MATTERS = 0.02  # growth of the table that can explain anything
MOSTLY = 0.5  # of the growth of latency
CONFIDENCE = 0.99  # a queue near its knee wanders, and there are many trials to be wrong about


class Course(StrEnum):
    """What latency does while the load stays the same."""

    CONVERGED = "converged"
    QUEUE = "growing because the queue grows"
    TABLE = "growing because the table grows"
    SERVICE = "growing because each request takes longer, and not because the table grew"
    FALLING = "still falling: the warm-up was too short"
    UNKNOWN = "not known: the window is too short or too noisy"


@dataclass(frozen=True)
class Trend:
    """A straight line through windows: `change` is its rise from end to end as a share of `mean`.

    `change` has its interval (at 99 %), or none below `FEWEST_WINDOWS` windows.
    """

    mean: float
    change: Estimate

    @property
    def matters(self) -> bool:
        """Whether it surely changes, and by an amount that anyone would notice."""
        return self.change.excludes(0) and abs(self.change.middle) > MATTERS

    @property
    def steady(self) -> bool:
        """Whether the data leave no room for a change that matters."""
        interval = self.change.interval
        return interval is not None and interval.within(Interval(-2 * MATTERS, 2 * MATTERS))


@dataclass(frozen=True)
class Growth:
    """What latency did, how surely, and the two parts of its growth by Little's law."""

    course: Course
    latency: Trend
    queue_share: float | None  # of the growth; the rest is a falling throughput; None: no growth


@dataclass(frozen=True)
class Windows:
    """Throughput (requests/s), mean latency (ms) and requests inside, in equal windows of time."""

    throughput: Floats
    latency_ms: Floats
    inside: Floats


def window_length(seconds: int) -> int:
    """Return how many seconds make a window: up to `LONGEST_WINDOW`, if enough windows are left."""
    return max(1, min(LONGEST_WINDOW, seconds // WINDOWS))


def windows(requests: Floats, total_ms: Floats, inside: Floats) -> Windows:
    """Join seconds to windows; windows without an answer are left out.

    One value per second, in order: requests that ended, their latencies together, and how many
    were under way.
    """
    length = window_length(len(requests))
    whole = len(requests) // length * length
    counts, sums, under_way = (
        column[:whole].reshape(-1, length).mean(axis=1) for column in (requests, total_ms, inside)
    )
    kept = counts > 0
    return Windows(counts[kept], sums[kept] / counts[kept], under_way[kept])


def trend(values: Floats) -> Trend:
    """Return the least-squares line through equally spaced windows, with the interval of its rise.

    Neighbouring windows resemble one another, so their number is reduced to n (1 - r) / (1 + r),
    r being the residuals' lag-1 autocorrelation (Santer et al., JGR 2000, section 3), before
    Student's t gives the interval. Residuals are those of a parabola: growth that levels off is
    no noise.
    """
    mean, count = float(values.mean()), len(values)
    if count < FEWEST_WINDOWS:
        return Trend(mean, Estimate(0.0, None, count))
    at, slope = _line(values)
    residuals = values - np.polynomial.Polynomial.fit(at, values, 2)(at)
    spread = float(residuals @ residuals)
    lag = float(residuals[1:] @ residuals[:-1]) / spread if spread else 0.0
    effective = max(5.0, count * (1 - max(0.0, lag)) / (1 + max(0.0, lag)))
    error = math.sqrt(spread / (effective - 3) / float(at @ at))
    half = error * float(special.stdtrit(effective - 3, (1 + CONFIDENCE) / 2))
    ends = Interval((slope - half) / mean, (slope + half) / mean)
    return Trend(mean, Estimate(slope / mean, ends, count))


def _line(values: Floats) -> tuple[Floats, float]:
    """Return the middles of the windows, between -1/2 and 1/2, and the rise from end to end."""
    at = (np.arange(len(values)) + 0.5) / len(values) - 0.5
    return at, float(at @ values / (at @ at))


def growth(parts: Windows, table_growth: float | None) -> Growth:
    """Say what latency did. `table_growth` is the table's, as a share; None: not measured.

    By Little's law the number inside is L = X R, so ln R = ln L - ln X: latency rises because
    more are inside (the queue grows) or because fewer come out (each takes longer). When it is
    the second and the table grew as well, the table is what explains it.
    """
    latency = trend(parts.latency_ms)
    if not latency.matters:
        return Growth(Course.CONVERGED if latency.steady else Course.UNKNOWN, latency, None)
    if latency.change.middle < 0:
        return Growth(Course.FALLING, latency, None)
    _, inside = _line(np.log(np.maximum(parts.inside, 1)))
    _, rise = _line(np.log(parts.latency_ms))
    share = inside / rise
    if share > MOSTLY:
        course = Course.QUEUE
    elif table_growth is not None and table_growth > TABLE_MATTERS:
        course = Course.TABLE
    else:
        course = Course.SERVICE
    return Growth(course, latency, share)


def windows_of(trial: Trial) -> Windows:
    """Return the measured window of a trial as windows."""
    length = int(trial.seconds)
    requests, total_ms = np.zeros(length), np.zeros(length)
    for second in trial.seconds_of_load:
        if 0 <= second.at < length:
            requests[second.at] += second.requests
            total_ms[second.at] += second.requests * second.mean_ms
    under_way = trial.in_flight or (0,)
    inside = np.interp(np.arange(length), np.arange(len(under_way)), under_way)
    return windows(requests, total_ms, inside)


def growth_of(trial: Trial) -> Growth:
    """Say what latency did within a trial's window."""
    table = trial.table
    grown = table.rows_after / max(1, table.rows_before) - 1 if table else None
    return growth(windows_of(trial), grown)
