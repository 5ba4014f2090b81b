"""What is said of all settings of one implementation together: limits, growth, and its cost."""

from collections.abc import Sequence
from math import ceil

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.formatting import number as written
from lab.analysis.formatting import percent
from lab.analysis.growth import Course
from lab.analysis.limits import NOTHING, Limit, limit
from lab.analysis.models.demands import Demands, demands, laws
from lab.analysis.models.network import NAMES, SERVER, usable_cores
from lab.analysis.models.queueing import bounds, knee
from lab.analysis.settings import Setting, closed, conditions_except, valid
from lab.analysis.statistics import median
from lab.analysis.verdicts import Level, drift_in_words
from lab.errors import CannotTellError

MS = 1000
AN_HOUR = 3600


def limits(settings: Sequence[Setting]) -> Answer:
    """Name the limits met, each by the setting that shows it clearest. Raises `CannotTellError`."""
    found: list[tuple[Setting, Limit]] = []
    unknown: list[tuple[Setting, CannotTellError]] = []
    for setting in settings:
        try:
            fewer, beside = _fewer_users(setting, settings), _in_workers(setting, settings)
            found.append((setting, limit(setting, fewer, beside)))
        except CannotTellError as why:
            unknown.append((setting, why))
    if not found:
        raise unknown[0][1]
    texts, numbers = _by_name(found)
    known = [f"{setting.sentence}: {_parts(one)}" for setting, one in found]
    others = [f"{setting.sentence}: I cannot tell, because {why}" for setting, why in unknown]
    text, label = f"{'. '.join(texts)}.", settings[0].label
    return Answer(Question.LIMIT, label, Kind.ANSWER, text, (*known, *others), numbers)


def _by_name(found: Sequence[tuple[Setting, Limit]]) -> tuple[list[str], dict[str, float]]:
    """Return a sentence about each limit, and how full that part was."""
    texts, numbers = [], {}
    names = dict.fromkeys(one.name for _, one in found)
    for name in sorted(names, key=lambda name: name == NOTHING):
        mine = [(setting, one) for setting, one in found if one.name == name]
        setting, clearest = max(mine, key=_clearness)
        share = f" in {len(mine)} of {len(found)} settings" if len(found) > 1 else ""
        where = f" ({setting.sentence},{share})" if share else ""
        texts.append(f"{clearest.text}{where}")
        numbers[name] = max((p.utilisation for p in clearest.parts if p.name == name), default=0.0)
    return texts, numbers


def _fewer_users(setting: Setting, settings: Sequence[Setting]) -> Setting | None:
    """Return the same setting under the fewest users that were measured, if those are fewer."""
    same = [
        one
        for one in settings
        if conditions_except(one, "users") == conditions_except(setting, "users")
    ]
    least = min(same, key=lambda one: one.conditions.users)
    return least if least.conditions.users < setting.conditions.users else None


def _in_workers(setting: Setting, settings: Sequence[Setting]) -> tuple[Setting, Setting] | None:
    """Return the same with fewer workers and with more: its next size, or the one before."""
    same = [
        one
        for one in settings
        if one.trials and conditions_except(one, "workers") == conditions_except(setting, "workers")
    ]
    own = setting.conditions.workers
    larger = [one for one in same if one.conditions.workers > own]
    smaller = [one for one in same if one.conditions.workers < own]
    if larger:
        return setting, min(larger, key=lambda one: one.conditions.workers)
    if smaller:
        return max(smaller, key=lambda one: one.conditions.workers), setting
    return None


def _clearness(setting: tuple[Setting, Limit]) -> tuple[bool, float]:
    _, one = setting
    return one.too_few_workers, max((part.utilisation for part in one.parts), default=0.0)


def _parts(one: Limit) -> str:
    return ", ".join(f"{part.name} {percent(part.utilisation)}" for part in one.parts)


def growing(settings: Sequence[Setting]) -> Answer:
    """Say where latency converged and where it grew, and why. Raises `CannotTellError`."""
    courses: dict[Course, list[str]] = {}
    for setting in settings:
        for number, one in setting.verdicts.items():
            if one.level is not Level.INVALID:
                said = f"trial {number}, {setting.sentence}: {drift_in_words(one.growth)}"
                courses.setdefault(one.growth.course, []).append(said)
    total = sum(map(len, courses.values()))
    if not total:
        raise CannotTellError("no trial can be trusted")
    longer = _longer(settings)
    evidence = [said for group in courses.values() for said in group]
    if set(courses) == {Course.UNKNOWN}:
        where = f" in each of {total} trials" if total > 1 else ""
        text = f"I cannot tell, because the window is too short or too noisy{where}{longer}."
        return Answer(Question.GROWTH, settings[0].label, Kind.UNKNOWN, text, tuple(evidence))
    text = "; ".join(
        f"{course} in {len(said)} of {total} trials{longer if course is Course.UNKNOWN else ''}"
        for course, said in courses.items()
    )
    numbers = {str(course): len(said) for course, said in courses.items()}
    return Answer(
        Question.GROWTH, settings[0].label, Kind.ANSWER, f"{text}.", tuple(evidence), numbers
    )


def _longer(settings: Sequence[Setting]) -> str:
    """Say which length of the window would show growth where this one does not."""
    needed = [
        trial.seconds * times
        for setting in settings
        for trial in setting.all
        if (growth := setting.verdicts[trial.number].growth).course is Course.UNKNOWN
        and (times := growth.latency.longer)
    ]
    if not needed:
        return ""
    if median(needed) > AN_HOUR:
        return " (too noisy for an hour, too)"
    return f" (--seconds {10 * ceil(median(needed) / 10)} would show a growth of 20 %)"


def cost(settings: Sequence[Setting]) -> Answer:
    """Say what one request costs, from which a plan is made. Raises `CannotTellError`."""
    found = demands(settings)
    names = {"server": SERVER, **NAMES}
    numbers = {f"{names[party]}, ms": MS * spent for party, spent in found.cpu.items()}
    if found.is_sure:
        numbers["waiting, ms"] = MS * found.wait
        numbers["on its way, ms"] = MS * found.outside
    is_known = not found.fitted or found.fitted.all[0].knows_slots
    queue = "" if is_known else " (in a queue, too: how many it takes at once is not known)"
    parts = [
        f"{written(value)} ms {name.removesuffix(', ms')}" + queue * (name == "waiting, ms")
        for name, value in numbers.items()
    ]
    per_core = 1 / found.cpu["server"] if found.cpu["server"] else float("inf")
    idle = "CPU and links" if any(t.links for one in settings for t in one.trials) else "CPU"
    waits = "" if found.is_sure else f"; how long it waits cannot be told: none left {idle} idle"
    text = (
        f"one request costs {', '.join(parts)}{waits}. A core of application CPU serves "
        f"{written(per_core)} requests/s at most."
    )
    evidence = tuple(_capacity(setting, found) for setting in valid(closed(settings)))
    return Answer(Question.PLAN, found.label, Kind.ANSWER, text, evidence, numbers)


def _capacity(setting: Setting, found: Demands) -> str:
    """Say what the demands promise at best: the asymptotic bounds."""
    one, users = laws(setting, found), setting.conditions.users
    think_time = one.think_time + one.delay
    best = bounds(one.network, users, think_time)
    most, latency = one.network.capacity, MS * (best.latency + one.delay)
    trial = setting.trials[0]
    several = usable_cores(trial) if not trial.knows_workers else 1.0
    if_all = f" if it can use {written(several)} cores" if several > 1 else ""
    if not trial.knows_slots:
        if_all += f"{' and' if if_all else ' if it'} takes all {users} requests at once"
    return (
        f"{setting.sentence}: a capacity of {written(most)} requests/s{if_all}, reached from "
        f"{written(knee(one.network, think_time))} users on; at best {written(latency)} ms"
    )
