"""Numbers as a person writes them."""

from collections.abc import Callable, Sequence

from lab.analysis.statistics import Estimate, median


def number(value: float) -> str:
    """Return about three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def hundredths(value: float) -> str:
    """Return two decimals, for what is at most a few whole ones."""
    return f"{value:.2f}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share in per cent."""
    return f"{round(100 * share, digits) + 0.0:.{digits}f} %"  # + 0: no "-0"


def spread(values: Sequence[float], written: Callable[[float], str] = number) -> str:
    """Return the median and, if there are several values, the range."""
    if len(values) == 1:
        return written(values[0])
    return f"{written(median(values))} ({written(min(values))} to {written(max(values))})"


def estimated(estimate: Estimate, written: Callable[[float], str] = number) -> str:
    """Return the middle and the interval around it, if one is claimed."""
    if estimate.interval is None:
        return written(estimate.middle)
    ends = f"{written(estimate.interval.low)} to {written(estimate.interval.high)}"
    return f"{written(estimate.middle)} ({ends})"


def ranged(estimate: Estimate, written: Callable[[float], str] = number) -> str:
    """Return an estimate, without an interval that would be the same number twice."""
    ends = estimate.interval
    same = ends and written(ends.low) == written(ends.high)
    return written(estimate.middle) if same else estimated(estimate, written)


def ordinal(number: int) -> str:
    """Return 2nd, 3rd, 4th and so on."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def and_others(numbers: Sequence[int]) -> str:
    """Return the end of a sentence about one trial that holds for others, too."""
    if not numbers:
        return ""
    noun = "trial" if len(numbers) == 1 else "trials"
    return f"; likewise {noun} {', '.join(map(str, numbers))}"


def so_many_users(number: int) -> str:
    """Return a number of users, of which there may be millions."""
    return f"{number:,} user" + ("" if number == 1 else "s")


def counted(number: int, what: str) -> str:
    """Return the number with its noun, in the plural where it is due."""
    return f"{number} {what}" + ("" if number == 1 else "s")
