"""Does a series rise? A straight line through values whose neighbours resemble one another.

How much they do is not known. So the errors are taken as one part that wanders (an autoregression
of order 1, which forgets slowly or quickly) and one that does not, the slope is estimated for each
of a grid of such mixtures, and these are weighted by how well they explain the series (restricted
likelihood: Harville, Biometrika 1974; weights: Hoeting et al., Statistical Science 1999). Smooth
growth leaves small smooth residuals: a wandering that explains them is small as well and cannot
have made the growth. An estimate of the autocorrelation alone would take that for no evidence.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy

from lab.analysis.statistics import Estimate, Floats, Interval

FEWEST_WINDOWS = 8  # for a slope with an interval
CONFIDENCE = 0.99  # a queue near its knee wanders, and there are many trials to be wrong about
PERSISTENCE = (0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.995)  # of the part that wanders, window to window
STILL = (0.0, 0.3, 0.6)  # the share of the variance that does not wander
INDEPENDENT = 0.7  # the weight beforehand of no wandering at all
BISECTIONS = 32  # of 198 standard errors or so: to a millionth of one


@dataclass(frozen=True)
class _Errors:
    """Ways in which errors may resemble their neighbours, on the first axis of each array."""

    whiten: Floats  # makes them independent
    line: Floats  # level and slope, whitened
    inverse: Floats  # of line' line
    log_weight: Floats  # before the series is seen


@dataclass(frozen=True)
class _Slopes:
    """The slope and its standard error for each way, and the weight the series gives to it."""

    slope: Floats
    error: Floats
    weight: Floats
    freedom: int

    def quantile(self, share: float) -> float:
        """Return below what the slope lies with that probability: a mixture of Student's t."""
        low = float((self.slope - 99 * self.error).min())
        high = float((self.slope + 99 * self.error).max())
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if self._below(middle) < share:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def _below(self, value: float) -> float:
        return float(
            self.weight @ scipy.special.stdtr(self.freedom, (value - self.slope) / self.error)
        )


def rise(values: Floats, at: Floats | None = None, *, confidence: float = CONFIDENCE) -> Estimate:
    """Return by how much values rise from the first to the last, with the interval.

    `at` are the places of the windows where some are missing. Below `FEWEST_WINDOWS` there is no
    interval.
    """
    count = len(values)
    places = np.arange(count) if at is None else at
    if count < FEWEST_WINDOWS:
        return Estimate(0.0, None, count)
    found = _slopes(values, _errors(tuple(float(place) for place in places)))
    tail = (1 - confidence) / 2
    ends = Interval(found.quantile(tail), found.quantile(1 - tail))
    return Estimate(found.quantile(0.5), ends, count)


@lru_cache(maxsize=64)
def _errors(places: tuple[float, ...]) -> _Errors:
    count, at = len(places), np.asarray(places)
    span = at[-1] - at[0] + 1
    line = np.column_stack((np.ones(count), (at - at.mean()) / span))
    apart, alone = np.abs(np.subtract.outer(at, at)), np.eye(count)
    wandering = [
        still * alone + (1 - still) * forgets**apart for forgets in PERSISTENCE for still in STILL
    ]
    roots = np.linalg.cholesky(np.stack((alone, *wandering)))
    whiten = np.linalg.inv(roots)
    lines = whiten @ line
    squares = lines.transpose(0, 2, 1) @ lines
    before = np.full(len(roots), (1 - INDEPENDENT) / len(wandering))
    before[0] = INDEPENDENT
    log_roots = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    log_weight = np.log(before) - log_roots - np.linalg.slogdet(squares)[1] / 2
    return _Errors(whiten, lines, np.linalg.inv(squares), log_weight)


def _slopes(values: Floats, errors: _Errors) -> _Slopes:
    white = errors.whiten @ values
    fitted = errors.inverse @ (errors.line.transpose(0, 2, 1) @ white[..., None])
    residuals = white - (errors.line @ fitted)[..., 0]
    freedom = len(values) - 2
    spread = np.maximum((residuals**2).sum(axis=1), np.finfo(float).tiny)
    log_weight = errors.log_weight - freedom / 2 * np.log(spread)
    weight = np.exp(log_weight - log_weight.max())
    error = np.sqrt(spread / freedom * errors.inverse[:, 1, 1])
    return _Slopes(fitted[:, 1, 0], error, weight / weight.sum(), freedom)
