"""Latencies counted in buckets, each 2 % wider than the one before: small, and mergeable.

A percentile read from them is at most 1 % off, whatever was merged: DDSketch's guarantee (Masson,
Rim and Lee, VLDB 2019), with a fixed grid instead of a collapsing one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.02
SMALLEST_MS = 0.001  # where bucket 0 begins
BUCKETS = 1100  # the last begins at about 47 minutes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MIDDLES_MS: Floats = np.power(GROWTH, np.arange(BUCKETS) + 0.5) * SMALLEST_MS  # geometric


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many latencies fell into each bucket; those without any are left out."""

    buckets: Ints  # ascending
    counts: Ints

    @classmethod
    def of(cls, latencies_ms: Floats) -> "Histogram":
        """Count latencies in milliseconds."""
        above = np.maximum(latencies_ms, SMALLEST_MS) / SMALLEST_MS
        indices = np.minimum(np.log(above) / np.log(GROWTH), BUCKETS - 1).astype(np.int64)
        return cls(*np.unique(indices, return_counts=True))

    @classmethod
    def merged(cls, parts: "Iterable[Histogram]") -> "Histogram":
        """Return all parts together; of none, an empty one."""
        dense = sum((part.dense() for part in parts), np.zeros(BUCKETS, np.int64))
        (buckets,) = dense.nonzero()
        return cls(buckets, dense[buckets])

    @cached_property
    def total(self) -> int:
        """How many latencies were counted."""
        return int(self.counts.sum())

    def dense(self) -> Ints:
        """Return the counts of all `BUCKETS` buckets, whose middles are `MIDDLES_MS`."""
        counts = np.zeros(BUCKETS, np.int64)
        counts[self.buckets] = self.counts
        return counts

    def percentiles(self, wanted: Sequence[float] = (50, 95, 99)) -> tuple[float, ...]:
        """Return percentiles in milliseconds. Raises ValueError when nothing was counted."""
        return tuple(float(value) for value in percentiles_of(self.dense(), wanted))

    def to_json(self) -> list[int]:
        """Return bucket, count, bucket, count and so on."""
        return [int(n) for n in np.column_stack((self.buckets, self.counts)).ravel()]

    @classmethod
    def from_json(cls, flat: Sequence[int]) -> "Histogram":
        """Return what `to_json` wrote. Raises ValueError for what it cannot have written."""
        pairs = np.array(flat, np.int64).reshape(-1, 2)
        buckets, counts = pairs[:, 0].copy(), pairs[:, 1].copy()
        sound = (np.diff(buckets) > 0).all() and (counts > 0).all()
        if not sound or (len(buckets) and not 0 <= buckets[0] <= buckets[-1] < BUCKETS):
            raise ValueError("a histogram whose buckets do not rise or whose counts are not counts")
        return cls(buckets, counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(tuple(self.to_json()))


def percentiles_of(dense: Ints, wanted: Sequence[float]) -> Floats:
    """Return percentiles (ms) of dense counts: the smallest bucket with at least that share below.

    `dense` may have leading axes, as resamples do; they become the leading axes of the result,
    whose last axis is `wanted`. Raises ValueError when a row counts nothing.
    """
    running = dense.cumsum(axis=-1)
    totals = running[..., -1:]
    if not totals.all():
        raise ValueError("no latency was counted")
    ranks = np.maximum(np.ceil(totals * np.asarray(wanted) / 100), 1)
    below = (running[..., None, :] < ranks[..., :, None]).sum(axis=-1)
    middles: Floats = MIDDLES_MS[below]
    return middles
