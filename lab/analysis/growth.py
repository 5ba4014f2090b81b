"""Is it still growing? The slope of windowed latency, and what makes it rise."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lab.analysis.models.jump import Jump, clearest_jump, level_change
from lab.analysis.models.trend import rise
from lab.analysis.statistics import Estimate, Floats, Interval
from lab.records.trial import Trial

MOST_WINDOWS = 50  # from 25 seconds on there are at least 25
MATTERS = 0.1  # of the latency at the start, over the whole window of measurement
STEADY = 0.2  # a change by less is none
# Two values are the same when each of two tests, here at 1 %, excludes that they differ by more
# (Schuirmann, J. Pharmacokinetics and Biopharmaceutics 1987): then this interval lies within.
OF_STEADY = 0.98
SEEN = 0.1  # an interval this wide to either side shows a change of 20 % in 95 of 100 trials
TABLE_MATTERS = 0.02  # growth of the table that can explain anything
MOSTLY = 0.5  # of the growth of latency
LONG = 0.5  # of the warm-up: within its first half all users have come


class Course(StrEnum):
    """What latency does while the load stays the same."""

    CONVERGED = "converged"
    QUEUE = "growing because the queue grows"
    INSIDE = "growing: more and more requests are under way, in a queue or in longer work"
    TABLE = "growing because the table grows"
    SERVICE = "growing because each request takes longer, and not because the table grew"
    LONGER = "growing because each request takes longer (nobody looked at its table)"
    FALLING = "still falling, as after too short a warm-up"
    RISING = "still rising, as after a warm-up shorter than an answer"
    JUMPED = "jumped at once"
    SETTLED = "converged after it changed at first, as after too short a warm-up"
    UNKNOWN = "not known: the window is too short or too noisy"


@dataclass(frozen=True)
class Trend:
    """By how much the logarithm of latency rises from the start to the end of a window.

    It has its interval (at 99 %), or none when there were too few windows; `likely` has a narrower
    one.
    """

    rise: Estimate
    likely: Estimate

    @property
    def change(self) -> Estimate:
        """The rise as a share of the latency at the start."""
        return _as_share(self.rise)

    @property
    def matters(self) -> bool:
        """Whether it surely changes, and by an amount that anyone would notice."""
        return self.rise.excludes(0) and abs(self.rise.middle) > MATTERS

    @property
    def steady(self) -> bool:
        """Whether the data leave no room for a change that matters."""
        interval = _as_share(self.likely).interval
        return interval is not None and interval.within(Interval(-STEADY, STEADY))

    @property
    def longer(self) -> float | None:
        """How many times the window would have to last for a change of 20 % to be seen.

        Independent errors shrink with the square root of the time; None without an interval.
        """
        ends = self.rise.interval
        return max(1.0, ((ends.high - ends.low) / 2 / SEEN) ** 2) if ends else None


def _as_share(rise: Estimate) -> Estimate:
    ends = rise.interval
    between = ends and Interval(share_of(ends.low), share_of(ends.high))
    return Estimate(share_of(rise.middle), between, rise.repeats)


def share_of(rise: float) -> float:
    """Return a rise of logarithms as a share of what was before."""
    return math.expm1(min(rise, 700.0))  # a wild end is too far to write, not an overflow


@dataclass(frozen=True)
class Growth:
    """What latency did, how surely, and the two parts of its growth by Little's law."""

    course: Course
    latency: Trend
    queue_share: float | None  # of the growth; the rest is a falling throughput; None: no growth
    jump: Jump | None = None  # if latency has two levels, one after the other


@dataclass(frozen=True)
class Windows:
    """Throughput (requests/s) and mean latency (ms) in equal windows of time, and their places."""

    throughput: Floats
    latency_ms: Floats
    at: Floats


def windows(requests: Floats, total_ms: Floats) -> Windows:
    """Join seconds to at most `MOST_WINDOWS` windows; those without an answer are left out.

    One value per second, in order: requests that ended, and their latencies together.
    """
    length = max(1, math.ceil(len(requests) / MOST_WINDOWS))
    whole = len(requests) // length * length
    counts, sums = (
        column[:whole].reshape(-1, length).mean(axis=1) for column in (requests, total_ms)
    )
    (kept,) = np.nonzero(sums > 0)
    return Windows(counts[kept], sums[kept] / counts[kept], kept.astype(float))


def growth(
    parts: Windows,
    table_growth: float | None,
    *,
    queues: bool | None = True,
    from_before: bool = False,
    still_fills: bool = False,
) -> Growth:
    """Say what latency did. `table_growth` is the table's, as a share; None: not measured.

    `queues` is whether more were under way in the end than the server takes at once; None: nobody
    knows how many that are. `from_before` is whether what rises may come from before the window,
    `still_fills` whether more were under way in the end than shortly before.

    By Little's law the number inside is L = X R, so ln R = ln L - ln X: latency rises because
    more are inside (the queue grows) or because fewer come out (each takes longer). When it is
    the second and the table grew as well, the table is what explains it. When neither is so, R
    comes from before the window: it is known only when a request has been answered.
    """
    logarithms = np.log(parts.latency_ms)
    latency = Trend(rise(logarithms, parts.at), rise(logarithms, parts.at, confidence=OF_STEADY))
    jump = clearest_jump(logarithms)
    if jump and jump.is_clear and abs(share_of(jump.by)) > STEADY:
        through = level_change(np.log(parts.throughput), jump.after)
        if from_before and jump.by > 0 and 1 + through / jump.by > MOSTLY:
            return Growth(Course.RISING, latency, None)  # nothing but what waited before the window
        return Growth(Course.JUMPED, latency, None, jump)
    if not latency.matters:
        return Growth(Course.CONVERGED if latency.steady else Course.UNKNOWN, latency, None)
    settled = not still_fills and _has_settled(logarithms, parts.at, latency.rise.middle)
    if latency.rise.middle < 0:
        return Growth(Course.SETTLED if settled else Course.FALLING, latency, None)
    share = 1 + _slope(parts, parts.throughput) / _slope(parts, parts.latency_ms)
    if share > MOSTLY and from_before:
        course = Course.RISING
    elif settled:
        return Growth(Course.SETTLED, latency, None)
    elif share > MOSTLY and queues is not False:
        course = Course.QUEUE if queues else Course.INSIDE
    elif table_growth is None:
        course = Course.LONGER
    else:
        course = Course.TABLE if table_growth > TABLE_MATTERS else Course.SERVICE
    return Growth(course, latency, share)


def _has_settled(logarithms: Floats, at: Floats, whole: float) -> bool:
    """Whether the second half surely changes by too little to matter.

    And by less than a quarter of its part of an even slope: what rose at first rises no more.
    """
    half = len(at) // 2
    later = rise(logarithms[half:], at[half:], confidence=OF_STEADY).interval
    most = min(abs(whole) / 8, MATTERS)
    return later is not None and later.within(Interval(-most, most))


def _slope(parts: Windows, values: Floats) -> float:
    return float(np.polynomial.Polynomial.fit(parts.at, np.log(values), 1).convert().coef[1])


def windows_of(trial: Trial) -> Windows:
    """Return the measured window of a trial as windows."""
    length = int(trial.seconds)
    requests, total_ms = np.zeros(length), np.zeros(length)
    for second in trial.seconds_of_load:
        if 0 <= second.at < length:
            requests[second.at] += second.requests
            total_ms[second.at] += second.requests * second.mean_ms
    return windows(requests, total_ms)


def growth_of(trial: Trial) -> Growth:
    """Say what latency did within a trial's window."""
    table = trial.table
    grown = table.rows_after / max(1, table.rows_before) - 1 if table else None
    parts = windows_of(trial)
    return growth(
        parts, grown,
        queues=_queues(trial), from_before=_from_before(trial, parts),
        still_fills=_fills(trial, since=2),
    )  # fmt: skip


def _queues(trial: Trial) -> bool | None:
    """Whether requests queued for slots at the end: users who pause leave room for longer work."""
    if not trial.knows_slots or trial.links or not trial.inside:
        return None
    return _quarters(trial)[-1] > trial.slots


def _from_before(trial: Trial, parts: Windows) -> bool:
    """Whether answers take about as long as the warm-up did, and no more are under way at the end.

    Then the first in the window can have waited no longer than the load had lasted.
    """
    long = parts.latency_ms.max() > LONG * 1000 * trial.conditions.warm_up
    return bool(trial.inside) and bool(long) and not _fills(trial, since=0)


def _fills(trial: Trial, *, since: int) -> bool:
    """Whether more were under way in the last quarter than in another, so that it matters."""
    quarters = _quarters(trial) if trial.inside else [0.0] * 4
    return quarters[-1] > quarters[since] * (1 + MATTERS)


def _quarters(trial: Trial) -> list[float]:
    """Return how many requests were under way in each quarter of the window."""
    return [float(part.mean()) for part in np.split(np.repeat(trial.inside, 4), 4)]
