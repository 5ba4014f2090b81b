"""What the limit is: which part of the system was full, named from utilisation."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.formatting import counted, number, percent
from lab.analysis.growth import Course
from lab.analysis.models.network import SERVER, server_cores
from lab.analysis.rules.parts import LINKS, PARTIES, PARTS, SLOTS, WAITING, Part
from lab.analysis.settings import Setting
from lab.analysis.statistics import median
from lab.analysis.verdicts import Level, Verdict
from lab.errors import CannotTellError
from lab.records.trial import Trial

FEW_CORES = 0.5  # of the CPU that was there: below, the question is why it idles
GROWN = 1.2  # times the latency under fewer users
QUEUE = 1.5  # times as many inside as there are slots
HELD_UP = 2.0  # times as long between two requests of a user: less is chance, or a short queue
FEW_MORE = 0.25  # of the users that came: a part that is not full serves more of them
NOTHING = "nothing"
UNSEEN = "something that the lab does not see"
SLOWER = (Course.TABLE, Course.SERVICE, Course.LONGER)
GROWING = (Course.QUEUE, Course.INSIDE, *SLOWER)


@dataclass(frozen=True)
class Limit:
    """What limited a setting, or `NOTHING`; `parts` are all that could have, the fullest first."""

    name: str
    text: str
    parts: tuple[Part, ...]
    cpu: float  # the share in use, of what its owner sees
    too_few_workers: bool  # too few workers, while CPU idles: the article's


def limit(
    setting: Setting,
    fewer_users: Setting | None = None,
    in_workers: tuple[Setting, Setting] | None = None,
) -> Limit:
    """Name the limit of a setting. Trials that only drift, or are few, count: they ran into it.

    `fewer_users` is the same setting under less load: does latency grow with more? `in_workers`
    are the same with few workers and with more, itself among them: did those help?
    Raises `CannotTellError` when no trial can be trusted or the server's CPU was not measured.
    """
    trial = _typical(setting)
    found = [part for part in (make(trial) for make in PARTS) if part]
    parts = tuple(sorted(found, key=lambda part: part.utilisation / part.full, reverse=True))
    first = next((part for part in found if part.is_full), None)  # of PARTS: causes first
    if first is None:
        name, text = _nothing_full(setting, fewer_users, parts)
        return Limit(name, text, parts, _cpu(trial, name), False)
    cpu, text = _cpu(trial, first.name), f"{first.name}: {first.detail}"
    slower = _takes_longer(setting)
    held_up = first.name in (SERVER, SLOTS, WAITING, LINKS) and cpu < FEW_CORES and queues(trial)
    lesson = held_up and not slower
    if lesson and in_workers and (said := _in_vain(*in_workers)):
        seen = f"{first.name} is the fullest ({first.detail})"
        return Limit(UNSEEN, f"{UNSEEN}: {said}. Of what it sees, {seen}", parts, cpu, False)
    if lesson:
        what = "latency grows" if _grows(setting, fewer_users) else _queueing(trial)
        text = f"CPU at {percent(cpu)} while {what}: {_too_few(trial, first)}. {text}"
    elif slower:
        text = f"{text}. Each request takes longer and longer: more workers only put that off"
    return Limit(first.name, text, parts, cpu, lesson)


def _too_few(trial: Trial, full: Part) -> str:
    """Name what there is too little of; a worker that computes has no use for more threads."""
    several = f", or {trial.per_worker}s of each" if trial.per_worker else ""
    return "too few workers" + (several if full.name != SERVER else "")


def _typical(setting: Setting) -> Trial:
    """Return the trial of median throughput among those that can be believed."""
    trials = [trial for trial in setting.all if _believed(setting.verdicts[trial.number])]
    if not trials:
        raise CannotTellError("none of its trials can be trusted")
    if not all("server" in trial.usage for trial in trials):
        behind = all(trial.is_foreign and not trial.is_external for trial in trials)
        why = "what answers is no process of the command" if behind else "give its pid"
        raise CannotTellError(f"the server's CPU was not measured: {why}")
    return sorted(trials, key=lambda trial: trial.throughput)[len(trials) // 2]


def _grows(setting: Setting, fewer_users: Setting | None) -> bool:
    """Whether latency rises within most of its trials, or with the users."""
    if _mostly(setting, GROWING):
        return True
    return fewer_users is not None and _latency(setting) > GROWN * _latency(fewer_users)


def _takes_longer(setting: Setting) -> bool:
    """Whether the service itself slows down, which no number of workers mends."""
    return _mostly(setting, SLOWER)


def _mostly(setting: Setting, courses: Sequence[Course]) -> bool:
    """Whether the latency of more than half of the trials took one of these courses."""
    found = [verdict.growth.course in courses for verdict in setting.verdicts.values()]
    return 2 * sum(found) > len(found)


def _cpu(trial: Trial, name: str) -> float:
    """Return the share of the CPU in use that a person who watches it would see.

    Of the server's cores, or its cap; where its workers fill their cores and nothing caps it, of
    the whole machine: the lab gives it as many cores as workers, so its own would always be full.
    """
    used = trial.cores_used("server")
    if name == SERVER:
        if cap := trial.conditions.cpus:
            return used / cap
        return sum(trial.cores_used(party) for party in PARTIES) / float(trial.machine["cores"])
    return used / server_cores(trial)


def _believed(found: Verdict) -> bool:
    """Whether a trial may say what was full: its generator may be, its latency may drift."""
    rules = (
        "drift", "few_requests", "generator", "generator_warning", "little", "silence", "rate",
    )  # fmt: skip
    return found.without(*rules) is Level.VALID


def _latency(setting: Setting) -> float:
    return median([trial.total.mean_ms for trial in setting.shown])


def _throughput(setting: Setting) -> float:
    return median([trial.throughput for trial in setting.shown])


def queues(trial: Trial) -> bool:
    """Whether more requests were under way than workers can hold."""
    return trial.knows_slots and trial.under_way > QUEUE * (trial.links or trial.slots)


def _queueing(trial: Trial) -> str:
    if trial.links:
        return (
            f"{trial.under_way:.0f} requests are in {counted(trial.conditions.workers, 'worker')}"
        )
    return f"{trial.under_way:.0f} requests queue for {counted(trial.slots, 'slot')}"


def _nothing_full(
    setting: Setting, fewer_users: Setting | None, parts: tuple[Part, ...]
) -> tuple[str, str]:
    """Return a name and words for a limit that is none of the parts, or not reached.

    Where every request holds a slot, more users will find one of the parts; else something may be
    full that nobody looks at: a lock, a pool, a service behind.
    """
    trial, fullest = _typical(setting), parts[0]
    seen = f"{fullest.name} is the fullest ({fullest.detail})"
    if fewer_users and (said := _held_up(setting, fewer_users)):
        return UNSEEN, f"{UNSEEN}: {said}. Of what it sees, {seen}"
    if setting.is_open:
        return NOTHING, f"nothing is full at this rate: {seen}"
    if trial.knows_slots:
        return NOTHING, f"nothing is full: {seen}; more users will find the limit"
    return NOTHING, (
        f"nothing that the lab sees is full: {seen}; if more users bring no more requests/s, "
        "something else is"
    )


def _held_up(setting: Setting, fewer_users: Setting) -> str:
    """Say how much longer requests take than with fewer users, where that holds users up."""
    c, before = setting.conditions, fewer_users.conditions
    were, now = (_latency(one) / 1000 for one in (fewer_users, setting))
    held_up = now + c.think_time > HELD_UP * (were + c.think_time)
    more = _throughput(setting) / _throughput(fewer_users)
    if not held_up or more - 1 > FEW_MORE * (c.users / before.users - 1):
        return ""
    return (
        f"{c.users} users instead of {before.users} get {number(more)} times the requests/s, and "
        f"each takes {number(now / were)} times as long"
    )


def _in_vain(fewer: Setting, more: Setting) -> str:
    """Say what more workers brought, where all of both wait, and more of them did not help."""
    if not all(_waits(_typical(one)) for one in (fewer, more)):
        return ""
    few, many = fewer.conditions.workers, more.conditions.workers
    times = _throughput(more) / _throughput(fewer)
    if times - 1 > FEW_MORE * (many / few - 1):
        return ""
    return (
        f"{counted(many, 'worker')} instead of {few} get {number(times)} times the requests/s, "
        "although CPU idles and all their slots are held"
    )


def _waits(trial: Trial) -> bool:
    """Whether requests hold what there is to hold, while CPU idles."""
    found = (part for make in PARTS if (part := make(trial)))
    first = next((part.name for part in found if part.is_full), NOTHING)
    return first in (SLOTS, WAITING, LINKS) and _cpu(trial, first) < FEW_CORES
