"""What one setting does compared to another, and whether that is real."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.formatting import counted, estimated, hundredths, percent
from lab.analysis.settings import Setting, demand, p95, per_cpu_second, ratio, throughput
from lab.analysis.statistics import Estimate, distinguishable, noise_floor
from lab.errors import CannotTellError

PACED = 0.1  # latency over think time: below, the users set the pace, not the server
MATTERS = 1.1  # times the latency: anything closer is not called faster


@dataclass(frozen=True)
class Effect:
    """Ratios of one setting of two implementations, ours ÷ theirs."""

    ours: Setting
    theirs: Setting
    throughput: Estimate
    p95: Estimate | None
    demand: Estimate | None  # the server's CPU per request

    @property
    def is_same_thing(self) -> bool:
        """Whether both are one implementation, started alike: what they differ by is noise."""
        ours, theirs = (
            (one.target, one.all[0].settings.get("command"), one.all[0].settings.get("env"))
            for one in (self.ours, self.theirs)
        )
        return ours == theirs and not self.ours.is_rung

    @property
    def is_paced(self) -> bool:
        """Whether users who pause, or a schedule, set the pace: then neither serves more."""
        pause = self.ours.conditions.think_time
        latencies = (
            one.median(lambda trial: trial.total.mean_ms) for one in (self.ours, self.theirs)
        )
        return self.ours.is_open or all((one or 0.0) < PACED * 1000 * pause for one in latencies)

    def is_real(self, floor: float | None) -> bool:
        """Whether their throughputs differ by more than chance and noise."""
        told_apart = distinguishable(self.throughput, floor)
        return told_apart and not (self.is_same_thing or self.is_paced)

    @property
    def is_faster(self) -> bool | None:
        """Whether ours answers in less time (p95), or theirs; None: they cannot be told apart."""
        found = self.p95
        if self.is_same_thing or found is None or not found.excludes(1):
            return None
        return None if 1 / MATTERS < found.middle < MATTERS else found.middle < 1

    @property
    def figures(self) -> str:
        """The ratios in words."""
        parts = {"throughput": self.throughput, "p95": self.p95, "CPU per request": self.demand}
        said = (f"{times(found)} the {name}" for name, found in parts.items() if found)
        return f"{self.ours.sentence}: {', '.join(said)}"


def times(found: Estimate) -> str:
    """Return a ratio as `0.50 times (0.48 to 0.51)`."""
    middle, bracket, interval = estimated(found, hundredths).partition(" (")
    return f"{middle} times{bracket}{interval}"


def gain(found: Estimate | None, floor: float | None, *, plural: bool = False) -> str:
    """Say what a ratio of throughputs adds or costs, and whether that can be told from chance."""
    if found is None:
        return "were not measured beside it" if plural else "was not measured beside it"
    change = found.middle - 1
    verb = ("add" if change >= 0 else "cost") + ("" if plural else "s")
    said = f"{verb} {percent(abs(change))}"
    if found.interval is None:
        return f"{said} (in {counted(found.repeats, 'repeat')}: no interval)"
    if not distinguishable(found, floor):
        return f"{said} (not distinguishable)"
    low, high = sorted(abs(end - 1) for end in (found.interval.low, found.interval.high))
    return f"{said} ({percent(low)} to {percent(high)})"


def effects(settings: Sequence[Setting], ours: str, theirs: str) -> list[Effect]:
    """Return what two labels did under the same conditions, beside one another in time."""
    others = {setting.conditions: setting for setting in settings if setting.label == theirs}
    found = []
    for setting in settings:
        other = others.get(setting.conditions) if setting.label == ours else None
        speed = ratio(throughput, setting, other) if other else None
        if other and speed:
            found.append(
                Effect(
                    setting, other, speed, ratio(p95, setting, other), ratio(demand, setting, other)
                )
            )
    return found


def labels(settings: Sequence[Setting]) -> list[str]:
    """Return the labels in the order in which they were asked for."""
    return list(dict.fromkeys(setting.label for setting in settings))


def floor_of(settings: Sequence[Setting]) -> float | None:
    """Return the noise floor: by how much one implementation, measured as two, differs from itself.

    None when it was not measured so (`compare django django`), or too seldom for an interval.
    """
    names = labels(settings)
    pairs = [(one, two) for index, one in enumerate(names) for two in names[index + 1 :]]
    found = [effect for one, two in pairs for effect in effects(settings, one, two)]
    return noise_floor([effect.throughput for effect in found if effect.is_same_thing])


def bought(settings: Sequence[Setting]) -> Answer:
    """Say what each rung of the ladder added to the one below it. Raises `CannotTellError`.

    In requests per CPU second: throughput would show the users, or the generator, once they are
    what sets the pace.
    """
    rungs = {setting.label: setting for setting in settings if setting.is_rung}
    if len(rungs) < 2:
        raise CannotTellError("no ladder was measured: python -m lab ladder")
    steps, numbers = [], {}
    for below, rung in pairwise(rungs):
        found = ratio(per_cpu_second, rungs[rung], rungs[below])
        if found is None:
            steps.append(f"{rung}: no valid trial beside {below}")
            continue
        numbers[rung] = found.middle
        steps.append(f"{rung} {gain(found, None)}")
    first, *_, last = rungs.values()
    whole = ratio(per_cpu_second, last, first)
    total = f"{times(whole)} those of {first.label}" if whole else "not known"
    text = f"requests per CPU second: all together {total}. Step by step: {'; '.join(steps)}."
    return Answer(Question.BOUGHT, ", ".join(rungs), Kind.ANSWER, text, tuple(steps), numbers)
