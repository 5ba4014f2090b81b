"""Two results, measured at different times: what became better or worse, and what cannot be told.

The trials of two runs are no neighbours in time, so nothing is paired: each figure's repeats are
compared by Welch's unequal variances t interval on their logarithms (Welch 1947). All figures
together may call a change where there is none in 5 of 100 comparisons (Bonferroni).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

import numpy as np
import scipy

from lab.analysis.formatting import counted
from lab.analysis.settings import Setting, demand
from lab.analysis.statistics import CONFIDENCE, FEWEST, Floats, Interval
from lab.analysis.verdicts import Level
from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.records.operations import ALL
from lab.records.trial import Trial

TOLERANCE = 0.05  # a change that is no larger is the machine's, or nobody's concern
DOUBLED = 2.0
Value = Callable[[Trial], float | None]


class Change(StrEnum):
    """What became of a figure."""

    BETTER = "better"
    WORSE = "worse"
    EVEN = "not distinguishable"
    UNKNOWN = "cannot tell"
    INVALID = "no longer valid"


@dataclass(frozen=True)
class Compared:
    """A figure of a setting, before and now; `ratio` is now ÷ before."""

    setting: str
    figure: str
    unit: str
    change: Change
    before: float | None
    now: float | None
    ratio: float | None = None
    interval: Interval | None = None
    why: str = ""  # it cannot be told


@dataclass(frozen=True)
class Figure:
    """What is compared; more of it is better, or worse."""

    name: str
    unit: str
    of: Value
    more_is_better: bool = False


@dataclass(frozen=True)
class Differences:
    """Two results compared: every figure, and what else differs between them."""

    compared: tuple[Compared, ...]
    circumstances: tuple[str, ...]

    @property
    def failed(self) -> list[Compared]:
        """Return what speaks against the later result."""
        return [*self.those(Change.INVALID), *self.those(Change.WORSE)]

    @property
    def too_wide(self) -> list[Compared]:
        """Return the figures of which even a doubling would have passed for chance."""
        seen = Interval(1 / DOUBLED, DOUBLED)
        even = self.those(Change.EVEN)
        return [one for one in even if one.interval and not one.interval.within(seen)]

    def those(self, change: Change) -> list[Compared]:
        """Return the figures that became so."""
        return [one for one in self.compared if one.change is change]


def differences(
    before: Sequence[Setting], now: Sequence[Setting], tolerance: float = TOLERANCE
) -> Differences:
    """Compare what two results have in common. Raises `LabError` when that is nothing."""
    pairs, alone = matched(before, now)
    if not pairs:
        raise LabError(
            "the two results have no setting in common: "
            + "; ".join(_conditions(before[0].conditions, now[0].conditions))
        )
    figures = [(old, new, figure) for old, new in pairs for figure in _figures(old, new)]
    compared = [_compared(*one, tolerance, len(figures)) for one in figures]
    compared += [found for old, new in pairs for found in _invalid_now(old, new)]
    other = dict.fromkeys(said for old, new in pairs for said in _circumstances(old, new))
    return Differences(tuple(compared), (*other, *alone))


def matched(
    before: Sequence[Setting], now: Sequence[Setting]
) -> tuple[list[tuple[Setting, Setting]], list[str]]:
    """Return settings of the same label and conditions, and sentences about all others.

    Where each result is of one label, another label is no obstacle: it is what is compared.
    """
    one_each = len({s.label for s in before}) == len({s.label for s in now}) == 1

    def key(setting: Setting) -> object:
        return setting.conditions if one_each else (setting.label, setting.conditions)

    old, new = ({key(setting): setting for setting in settings} for settings in (before, now))
    pairs = [(old[one], setting) for one, setting in new.items() if one in old]
    gone = [f"only before: {s.label}, {s.sentence}" for one, s in old.items() if one not in new]
    come = [f"only now: {s.label}, {s.sentence}" for one, s in new.items() if one not in old]
    return pairs, gone + come


def _figures(before: Setting, now: Setting) -> Iterator[Figure]:
    yield Figure("throughput", "requests/s", lambda trial: trial.throughput, more_is_better=True)
    yield Figure("CPU per request", "ms", demand)
    names = dict.fromkeys(o.name for s in (before, now) for t in s.shown for o in t.operations)
    for name in names:
        said = "all operations" if name == ALL else name
        yield Figure(f"{said}, p50", "ms", _percentile(name, "p50_ms"))
        yield Figure(f"{said}, p95", "ms", _percentile(name, "p95_ms"))


def _percentile(operation: str, attribute: str) -> Value:
    def find(trial: Trial) -> float | None:
        own = (o for o in trial.operations if o.name == operation)
        return next((getattr(one, attribute) for one in own), None)

    return find


def _compared(
    before: Setting, now: Setting, figure: Figure, tolerance: float, tests: int
) -> Compared:
    old, new = (_values(setting, figure.of) for setting in (before, now))
    known = Compared(
        f"{now.label}, {now.sentence}", figure.name, figure.unit, Change.UNKNOWN,
        before=float(np.mean(old)) if old else None, now=float(np.mean(new)) if new else None,
    )  # fmt: skip
    if why := _refused("now", now):
        return replace(known, change=Change.INVALID if before.trials else Change.UNKNOWN, why=why)
    if why := _refused("before", before) or _too_few(old, new):
        return replace(known, why=why)
    ratio, interval = welch(new, old, 1 - (1 - CONFIDENCE) / tests)
    change = _change(ratio, interval, tolerance, more_is_better=figure.more_is_better)
    return replace(known, change=change, ratio=ratio, interval=interval)


def _invalid_now(before: Setting, now: Setting) -> Iterator[Compared]:
    """Say that some trials are invalid that all were valid before: the others do not show why."""
    wrong = _invalid(now)
    if now.trials and wrong and not _invalid(before):
        reason = now.verdicts[wrong[0].number].reasons[0].text
        yield Compared(
            f"{now.label}, {now.sentence}", "trials", "valid", Change.INVALID,
            before=float(len(before.trials)), now=float(len(now.trials)),
            why=f"{len(wrong)} of {len(now.all)} trials are invalid now: {reason}",
        )  # fmt: skip


def _invalid(setting: Setting) -> list[Trial]:
    return [one for one in setting.refused if setting.verdicts[one.number].level is Level.INVALID]


def _values(setting: Setting, of: Value) -> list[float]:
    return [value for trial in setting.trials if (value := of(trial))]


def _refused(when: str, setting: Setting) -> str:
    if setting.trials:
        return ""
    return f"no valid trial {when}: {setting.verdicts[setting.refused[0].number].reasons[0].text}"


def _too_few(old: Sequence[float], new: Sequence[float]) -> str:
    for when, values in (("before", old), ("now", new)):
        if len(values) < FEWEST:
            return f"{counted(len(values), 'trial')} measured it {when}, {FEWEST} are the least"
    return ""


def welch(
    ours: Sequence[float] | Floats, theirs: Sequence[float] | Floats, confidence: float
) -> tuple[float, Interval]:
    """Return ours ÷ theirs, geometric means, and its interval; values are above 0, two at least."""
    logs = [np.log(np.asarray(values, float)) for values in (ours, theirs)]
    parts = [float(log.var(ddof=1)) / len(log) for log in logs]
    middle, spread = float(logs[0].mean() - logs[1].mean()), math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / max(
        sum(part**2 / (len(log) - 1) for part, log in zip(parts, logs, strict=True)), 1e-300
    )
    wide = float(scipy.special.stdtrit(max(freedom, 1.0), (1 + confidence) / 2)) * spread
    return math.exp(middle), Interval(math.exp(middle - wide), math.exp(min(middle + wide, 700.0)))


def _change(ratio: float, interval: Interval, tolerance: float, *, more_is_better: bool) -> Change:
    if 1 in interval or max(ratio, 1 / ratio) <= 1 + tolerance:
        return Change.EVEN
    return Change.BETTER if (ratio > 1) is more_is_better else Change.WORSE


def _circumstances(before: Setting, now: Setting) -> Iterator[str]:
    """Say what else differs: then a change may be its doing."""
    old, new = before.all[0], now.all[0]
    if old.label != new.label:
        yield f"before: {old.label}, now: {new.label}"
    for name, was, is_now in _differing(old.machine, new.machine):
        yield f"{name}: before {was}, now {is_now}"
    for name in ("command", "env", "versions"):
        if old.settings.get(name) != new.settings.get(name):
            yield f"{name}: before {old.settings.get(name)}, now {new.settings.get(name)}"
    if old.cap.sentences != new.cap.sentences:
        yield f"caps: before {'; '.join(old.cap.sentences)}, now {'; '.join(new.cap.sentences)}"


def _differing(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys((*old, *new)):
        was, is_now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            yield from _differing(was, is_now, f"{prefix}{name}.")
        elif was != is_now:
            yield f"{prefix}{name}", was, is_now


def _conditions(before: Conditions, now: Conditions) -> Iterator[str]:
    for field in fields(Conditions):
        was, is_now = getattr(before, field.name), getattr(now, field.name)
        if was != is_now:
            yield f"{field.name}: before {was}, now {is_now}"
