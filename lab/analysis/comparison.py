"""What one setting or implementation does compared to another, and whether that is real."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.formatting import counted, estimated, hundredths, percent
from lab.analysis.settings import Setting, demand, p95, per_cpu_second, ratio, throughput
from lab.analysis.statistics import FEWEST, Estimate, distinguishable, noise_floor
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


def better(
    settings: Sequence[Setting],
    ours: str,
    theirs: str,
    floor: float | None,
    objective_ms: float | None = None,
) -> Answer:
    """Say which of two implementations serves more, or answers faster. Raises `CannotTellError`.

    Users who pause set the pace themselves: then throughput is the same, and latency is not.
    """
    found = effects(settings, ours, theirs)
    if not found:
        raise CannotTellError(f"{ours} and {theirs} have no valid trials beside one another")
    kind, text = _verdict(found, ours, theirs, floor)
    first = found[0]
    numbers = {
        "throughput_ratio": first.throughput.middle,
        "p95_ratio": first.p95.middle if first.p95 else None,
        "demand_ratio": first.demand.middle if first.demand else None,
        "noise_floor": floor,
    }
    evidence = tuple(effect.figures for effect in found)
    text += _objective(found, ours, theirs, objective_ms)
    return Answer(Question.BETTER, f"{ours}, {theirs}", kind, text, evidence, numbers)


def _objective(found: Sequence[Effect], ours: str, theirs: str, objective_ms: float | None) -> str:
    """Say who met the objective, where one of them did not."""
    if objective_ms is None:
        return ""
    met = {
        ours: sum(1 for effect in found if effect.ours.p95.middle < objective_ms),
        theirs: sum(1 for effect in found if effect.theirs.p95.middle < objective_ms),
    }
    if len(set(met.values())) == 1:
        return ""
    said = (f"{name} in {count} of {counted(len(found), 'setting')}" for name, count in met.items())
    return f" A p95 below {objective_ms:g} ms: {', '.join(said)}."


def _verdict(
    found: Sequence[Effect], ours: str, theirs: str, floor: float | None
) -> tuple[Kind, str]:
    real = [effect for effect in found if effect.is_real(floor)]
    if found[0].is_same_thing:
        noise = "is not known from so few repeats" if floor is None else f"is {percent(floor, 1)}"
        return Kind.EVEN, f"{ours} and {theirs} are the same thing twice: the noise floor {noise}."
    if all(effect.throughput.interval is None for effect in found):
        least = found[0].throughput.repeats
        raise CannotTellError(
            f"{counted(least, 'pair')} of trials name no winner (--repeats {FEWEST} is the least); "
            f"it looks like {found[0].figures}"
        )
    if len(found) == 1:
        return _single(found[0], ours, theirs, bool(real))
    more = sum(1 for effect in real if effect.throughput.middle > 1)
    even = len(found) - len(real)
    ratios = [effect.throughput.middle for effect in found]
    faster = [effect.is_faster for effect in found]
    latency = ""
    if any(one is not None for one in faster):
        latency = f" Its p95 is lower in {faster.count(True)}, higher in {faster.count(False)}."
    return (
        Kind.ANSWER if real or latency else Kind.EVEN,
        f"{ours} serves more than {theirs} in {more} of {counted(len(found), 'setting')}, less in "
        f"{len(real) - more}, not distinguishable in {even}: {min(ratios):.2f} to "
        f"{max(ratios):.2f} times the throughput.{latency}",
    )


def _single(effect: Effect, ours: str, theirs: str, real: bool) -> tuple[Kind, str]:
    needs = f"; it needs {times(effect.demand)} the CPU per request" if effect.demand else ""
    latency = ""
    if effect.p95 and effect.is_faster is not None:
        latency = f", at {times(effect.p95)} the p95"
    if not real:
        told = "is not distinguishable"
        if effect.is_paced:
            told = "the schedule sets" if effect.ours.is_open else "the users' pauses set"
        text = f"{ours} and {theirs} are not distinguishable in throughput: "
        if latency:
            text = f"{ours} is {'faster' if effect.is_faster else 'slower'} than {theirs} at a "
            text += f"throughput that {told}: "
        elif effect.is_paced:
            text = f"{ours} and {theirs} are not distinguishable at a throughput that {told}: "
        kind = Kind.ANSWER if latency else Kind.EVEN
        return kind, f"{text}{times(effect.throughput)}{latency}{needs}."
    text = f"{ours} serves {times(effect.throughput)} the requests of {theirs}{latency}{needs}."
    return Kind.ANSWER, text


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
