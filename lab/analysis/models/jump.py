"""Does a series jump? Two levels, each steady, are something else than a slope.

The clearest split is the one that leaves least around its two levels (least squares; Hawkins,
Testing a sequence of observations for a shift in location, JASA 1977). How clear it is is told in
standard deviations of a window, not of a mean: neighbours resemble one another, and what wanders,
or grows evenly, comes near two levels by chance, but never so near. A line that is flat up to a
bend has as many numbers to choose as two levels: where that explains more, growth has begun.
"""

from dataclasses import dataclass

import numpy as np

from lab.analysis.statistics import Floats

FEWEST_WINDOWS = 16
FEWEST_BESIDE = 4  # windows on each side: fewer are a stall, or chance
SHARP = 0.35  # of the jump: it may fall into the middle of a window
CLEAR = 6.0  # standard deviations; a straight line has 3.5 at most, a random walk about 3


@dataclass(frozen=True)
class Jump:
    """From which window on (a share of all of them) the level is another, and by how much."""

    after: float
    by: float
    clearness: float  # in standard deviations of the windows around their levels
    on_the_way: float  # how far the two windows on each side are from their level, of `by`
    bends: bool  # whether a line that is flat up to a bend explains more

    @property
    def is_clear(self) -> bool:
        """Whether two levels explain nearly all, and nothing lies between them."""
        return self.clearness > CLEAR and self.on_the_way < SHARP and not self.bends


def level_change(values: Floats, after: float) -> float:
    """Return by how much the level of a series differs from a share of its windows on."""
    at = round(after * len(values))
    return float(values[at:].mean() - values[:at].mean())


def clearest_jump(values: Floats) -> Jump | None:
    """Return the clearest split of a series into two levels; None for a short one."""
    count = len(values)
    if count < FEWEST_WINDOWS:
        return None
    before = np.arange(FEWEST_BESIDE, count - FEWEST_BESIDE + 1)
    sums = np.cumsum(values)[before - 1]
    low, high = sums / before, (values.sum() - sums) / (count - before)
    around = (values**2).sum() - before * low**2 - (count - before) * high**2
    best = int(around.argmin())
    spread = np.sqrt(max(float(around[best]), np.finfo(float).tiny) / (count - 2))
    by = float(high[best] - low[best])
    at = int(before[best])
    sides = (values[at - 2 : at].mean() - low[best], high[best] - values[at : at + 2].mean())
    on_the_way = max(map(float, sides), key=lambda side: side / by) / by if by else 0.0
    bends = _around_a_bend(values) < float(around[best])
    return Jump(at / count, by, abs(by) / float(spread), on_the_way, bends)


def _around_a_bend(values: Floats) -> float:
    """Return the squares that the best line leaves which is flat up to a bend."""
    places = np.arange(len(values), dtype=float)
    bent = np.maximum(places, places[1:-1, None])
    bent -= bent.mean(axis=1, keepdims=True)
    apart = values - values.mean()
    explained = (bent @ apart) ** 2 / (bent**2).sum(axis=1)
    return float(apart @ apart - explained.max())
