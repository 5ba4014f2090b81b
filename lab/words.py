"""Numbers as a person writes them."""

from collections.abc import Sequence

from lab.statistics import median


def number(value: float) -> str:
    """Return three significant digits, never an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """Return the median and, if there are several values, the range."""
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"
