"""The Universal Scalability Law: how throughput grows, flattens and falls with more workers.

X(N) = λ N / (1 + σ (N - 1) + κ N (N - 1)); Gunther, Guerrilla Capacity Planning (2007), chapter 4.
λ is one worker's throughput, σ the share of work that waits for one another (contention), κ the
price of agreeing with one another (coherency), which makes throughput fall again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from lab.analysis.statistics import RESAMPLES, TAIL, Estimate, Floats, Interval, small_sample_factor
from lab.errors import CannotTellError

PARAMETERS = 3
FEWEST_COUNTS = PARAMETERS + 1  # distinct worker counts: three alone fit any data


@dataclass(frozen=True)
class Scaling:
    """A fitted law. Valid from 1 worker to `most`, the largest count measured, and no further."""

    one_worker: Estimate  # λ, requests/s
    contention: Estimate  # σ
    coherency: Estimate  # κ
    most: int
    worst_miss: float  # the largest share by which a measurement leaves the curve

    @property
    def peak(self) -> float | None:
        """Workers of the highest throughput; None when it lies beyond what was measured."""
        sigma, kappa = self.contention.middle, self.coherency.middle
        workers = math.sqrt((1 - sigma) / kappa) if kappa > 0 and sigma < 1 else math.inf
        return workers if workers <= self.most else None

    def throughput(self, workers: float) -> float:
        """Return requests/s. Raises ValueError beyond `most`: a curve is not a measurement."""
        if not 1 <= workers <= self.most:
            raise ValueError(f"do not extrapolate beyond {self.most} workers")
        return float(self.curve(np.asarray(float(workers))))

    def curve(self, workers: Floats) -> Floats:
        """Return requests/s, also beyond `most`: to draw, and to mark as no measurement."""
        law = np.array([self.one_worker.middle, self.contention.middle, self.coherency.middle])
        return _curve(workers, law)


def usl(workers: Sequence[int], throughputs: Sequence[float]) -> Scaling:
    """Fit the law to measurements. Raises `CannotTellError` for too few distinct worker counts.

    Divided into N, the law is linear in 1/λ, σ/λ and κ/λ: N / X = (1 + σ (N-1) + κ N (N-1)) / λ.
    So non-negative least squares on relative misses finds the best fit without a first guess.
    Intervals: bootstrap of the residuals (Davison & Hinkley 1997, 6.3), widened for few.
    """
    counts, measured = np.asarray(workers, float), np.asarray(throughputs, float)
    if (distinct := len(set(workers))) < FEWEST_COUNTS:
        raise CannotTellError(
            f"{distinct} worker counts fit any curve of {PARAMETERS} parameters: measure at least "
            f"{FEWEST_COUNTS}"
        )
    law = _fit(counts, measured)
    fitted = _curve(counts, law)
    misses = measured / fitted - 1
    resampled = _refit(counts, fitted, misses)
    one, sigma, kappa = (
        Estimate(float(middle), _interval(float(middle), column, len(misses)), len(misses))
        for middle, column in zip(law, resampled.T, strict=True)
    )
    return Scaling(one, sigma, kappa, max(workers), float(np.abs(misses).max()))


def _curve(counts: Floats, law: Floats) -> Floats:
    one, sigma, kappa = law
    found: Floats = one * counts / (1 + sigma * (counts - 1) + kappa * counts * (counts - 1))
    return found


def _fit(counts: Floats, measured: Floats) -> Floats:
    """Return λ, σ, κ."""
    terms = np.stack([np.ones_like(counts), counts - 1, counts * (counts - 1)], axis=1)
    weights = measured / counts
    scale = weights.max()  # all terms near 1, or nnls stops at its tolerance
    (base, sigma, kappa), _ = scipy.optimize.nnls(
        terms * weights[:, None] / scale, np.ones(len(counts))
    )
    base = max(base, np.finfo(float).tiny)
    return np.array([scale / base, sigma / base, kappa / base])


def _refit(counts: Floats, fitted: Floats, misses: Floats) -> Floats:
    """Return the laws of resampled residuals: draws × parameters."""
    rng = np.random.default_rng(0)
    spread = (misses - misses.mean()) * math.sqrt(len(misses) / (len(misses) - PARAMETERS))
    drawn = spread[rng.integers(len(misses), size=(RESAMPLES // 4, len(misses)))]
    return np.array([_fit(counts, fitted * np.maximum(1 + row, 0.01)) for row in drawn])


def _interval(middle: float, resampled: Floats, points: int) -> Interval:
    low, high = np.percentile(resampled, (TAIL, 100 - TAIL))
    freedom = points - PARAMETERS
    wider = small_sample_factor(freedom + 1) / math.sqrt(
        (freedom + 1) / freedom
    )  # Student's t for z, no more
    return Interval(
        max(0.0, middle - wider * max(0.0, middle - float(low))),
        middle + wider * max(0.0, float(high) - middle),
    )
