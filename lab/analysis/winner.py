"""Which of two implementations serves more, or answers faster; also where only bounds are known."""

from collections.abc import Sequence
from dataclasses import replace

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.comparison import Effect, effects, times
from lab.analysis.formatting import counted, percent
from lab.analysis.settings import Setting
from lab.analysis.statistics import FEWEST, Estimate
from lab.analysis.verdicts import Level
from lab.analysis.workers import Aim
from lab.errors import CannotTellError

# Users waited inside the generator: latencies flatter and throughput is the least that there is,
# but what a request costs the server stays what it was.
HELD_BACK = ("little", "generator_warning")


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
    kind, text = (
        _verdict(found, ours, theirs, floor)
        if found
        else _bounds(found := _held_back(settings, ours, theirs), ours, theirs, floor)
    )
    first = found[0]
    numbers = {
        "throughput_ratio": first.throughput.middle,
        "p95_ratio": first.p95.middle if first.p95 else None,
        "demand_ratio": first.demand.middle if first.demand else None,
        "noise_floor": floor,
    }
    evidence = tuple(effect.figures for effect in found)
    if all(effect.p95 for effect in found):
        text += _objective(found, Aim(objective_ms, floor))
    return Answer(Question.BETTER, f"{ours}, {theirs}", kind, text, evidence, numbers)


def _held_back(settings: Sequence[Setting], ours: str, theirs: str) -> list[Effect]:
    """Return the effects that trials show, too, which the load generator held back.

    Raises `CannotTellError` where there is none.
    """
    more = [
        replace(one, trials=(*one.trials, *(
            trial for trial in one.refused
            if one.verdicts[trial.number].without(*HELD_BACK) is Level.VALID
        )))
        for one in settings
    ]  # fmt: skip
    found = [replace(effect, p95=None) for effect in effects(more, ours, theirs)]
    if not found:
        raise CannotTellError(f"{ours} and {theirs} have no valid trials beside one another")
    return found


def _is_held_back(setting: Setting) -> bool:
    return any(setting.verdicts[trial.number].reasons for trial in setting.trials)


def _bounds(
    found: Sequence[Effect], ours: str, theirs: str, floor: float | None
) -> tuple[Kind, str]:
    """Say who serves more at least, although the load generator set the pace of one of them.

    Raises `CannotTellError` where nothing is left to say.
    """
    _check_repeats(found)
    sides = [(_is_held_back(effect.ours), _is_held_back(effect.theirs)) for effect in found]
    real = [(effect.throughput, held) for effect, held in zip(found, sides, strict=True)
            if effect.is_real(floor)]  # fmt: skip
    more = [one for one, held in real if held == (True, False) and one.middle > 1]
    less = [one for one, held in real if held == (False, True) and one.middle < 1]
    costs = [one.demand for one in found if one.demand and one.demand.interval]
    needs = f"needs {_all(costs, len(found))} the CPU per request" if costs else ""
    if bool(more) != bool(less):
        bound, who = ("least", ours) if more else ("most", theirs)
        text = f"{ours} serves at {bound} {_all(more or less, len(found))} the requests of {theirs}"
        text += f", and {needs}" if needs else ""
        return Kind.ANSWER, f"{text}. The load generator, not {who}, set the pace."
    unknown = "which of them serves more: the load generator set the pace"
    if not needs:
        raise CannotTellError(f"{ours} and {theirs} do not show {unknown}")
    return Kind.ANSWER, f"{ours} {needs} of {theirs}. They do not show {unknown}."


def _all(ratios: Sequence[Estimate], settings: int) -> str:
    """Return the ratios of one or several settings."""
    if settings == 1:
        return times(ratios[0])
    middles = [one.middle for one in ratios]
    return (
        f"{min(middles):.2f} to {max(middles):.2f} times (in {len(ratios)} of {settings} settings)"
    )


def _objective(found: Sequence[Effect], aim: Aim) -> str:
    """Say who met the objective, where one of them did not."""
    if aim.objective_ms is None:
        return ""
    sides = ([effect.ours for effect in found], [effect.theirs for effect in found])
    met = {side[0].label: sum(map(aim.holds, side)) for side in sides}
    if len(set(met.values())) == 1:
        return ""
    said = (f"{name} in {count} of {counted(len(found), 'setting')}" for name, count in met.items())
    return f" A p95 below {aim.objective_ms:g} ms, with its whole interval: {', '.join(said)}."


def _verdict(
    found: Sequence[Effect], ours: str, theirs: str, floor: float | None
) -> tuple[Kind, str]:
    real = [effect for effect in found if effect.is_real(floor)]
    if found[0].is_same_thing:
        noise = "is not known from so few repeats" if floor is None else f"is {percent(floor, 1)}"
        return Kind.EVEN, f"{ours} and {theirs} are the same thing twice: the noise floor {noise}."
    _check_repeats(found)
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


def _check_repeats(found: Sequence[Effect]) -> None:
    """Raise `CannotTellError` unless there are enough of them to name a winner."""
    if all(effect.throughput.interval is None for effect in found):
        least = found[0].throughput.repeats
        raise CannotTellError(
            f"{counted(least, 'pair')} of trials name no winner (--repeats {FEWEST} is the least); "
            f"it looks like {found[0].figures}"
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
