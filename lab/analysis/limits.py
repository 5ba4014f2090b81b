"""What the limit is: which part of the system was full, named from utilisation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.analysis.formatting import counted, number, percent
from lab.analysis.growth import Course
from lab.analysis.models.network import (
    NAMES,
    SERVER,
    explained,
    link_wait,
    server_cores,
    usable_cores,
)
from lab.analysis.rules.trials import stalls, stalls_in_words
from lab.analysis.settings import Setting
from lab.analysis.statistics import median
from lab.analysis.verdicts import Level, Verdict
from lab.errors import CannotTellError
from lab.records.trial import Trial

BUSY = 0.9  # of what a part could have done
DISTURBED = 0.1  # of the machine's cores, by programs of others
FLUSHING = 0.7  # of the time the one flush at a time is under way: the next waits
FULL_MEMORY = 0.95
ALWAYS = 0.995  # of the time
FEW_CORES = 0.5  # of the CPU that was there: below, the question is why it idles
GROWN = 1.2  # times the latency under fewer users
QUEUE = 1.5  # times as many inside as there are slots
SLOTS = "worker slots"
WAITING = "worker slots waiting on the database"
LINKS = "links to the database"
MOSTLY = 0.5  # of the time that a slot is held
NOTHING = "nothing"
STALLS = "stalls"
STALLED = 0.02  # of the time
PARTIES = ("server", *NAMES, "lab", "others")
GROWING = (Course.QUEUE, Course.INSIDE, Course.TABLE, Course.SERVICE)


@dataclass(frozen=True)
class Part:
    """A part of the system and how full it was; `detail` says of what."""

    name: str
    utilisation: float
    full: float  # from here on it is the limit
    detail: str

    @property
    def is_full(self) -> bool:
        """Whether it holds the rest up."""
        return self.utilisation > self.full


@dataclass(frozen=True)
class Limit:
    """What limited a setting, or `NOTHING`; `parts` are all that could have, the fullest first."""

    name: str
    text: str
    parts: tuple[Part, ...]
    cpu: float  # the share in use, of what its owner sees
    too_few_workers: bool  # too few workers, while CPU idles: the article's


def limit(setting: Setting, fewer_users: Setting | None = None) -> Limit:
    """Name the limit of a setting. Trials that only drift, or are few, count: they ran into it.

    `fewer_users` is the same setting under less load: does latency grow with more?
    Raises `CannotTellError` when no trial can be trusted or the server's CPU was not measured.
    """
    trial = _typical(setting)
    found = [part for part in (make(trial) for make in PARTS) if part]
    parts = tuple(sorted(found, key=lambda part: part.utilisation / part.full, reverse=True))
    first = next((part for part in found if part.is_full), None)  # of PARTS: causes first
    if first is None:
        text = f"nothing is full: {_fullest(parts)}"
        return Limit(NOTHING, text, parts, _cpu(trial, NOTHING), False)
    cpu, text = _cpu(trial, first.name), f"{first.name}: {first.detail}"
    slower = _takes_longer(setting)
    held_up = first.name in (SERVER, SLOTS, WAITING, LINKS) and cpu < FEW_CORES and queues(trial)
    lesson = held_up and not slower
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
        raise CannotTellError("the server's CPU was not measured: give its pid")
    return sorted(trials, key=lambda trial: trial.throughput)[len(trials) // 2]


def _grows(setting: Setting, fewer_users: Setting | None) -> bool:
    """Whether latency rises within most of its trials, or with the users."""
    if _mostly(setting, GROWING):
        return True
    return fewer_users is not None and _latency(setting) > GROWN * _latency(fewer_users)


def _takes_longer(setting: Setting) -> bool:
    """Whether the service itself slows down, which no number of workers mends."""
    return _mostly(setting, (Course.SERVICE, Course.TABLE))


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


def queues(trial: Trial) -> bool:
    """Whether more requests were under way than workers can hold."""
    return trial.knows_slots and trial.under_way > QUEUE * (trial.links or trial.slots)


def _queueing(trial: Trial) -> str:
    if trial.links:
        return (
            f"{trial.under_way:.0f} requests are in {counted(trial.conditions.workers, 'worker')}"
        )
    return f"{trial.under_way:.0f} requests queue for {counted(trial.slots, 'slot')}"


def _fullest(parts: tuple[Part, ...]) -> str:
    fullest = parts[0]
    return f"{fullest.name} is the fullest ({fullest.detail}); more users will find the limit"


def others(trial: Trial) -> Part | None:
    """What is not ours on this machine, when it took enough to leave too little."""
    cores = float(trial.machine["cores"])
    foreign = trial.cores_used("others") + trial.cores_used("steal")
    if foreign < DISTURBED * cores:
        return None
    whole = foreign + sum(trial.cores_used(party) for party in PARTIES if party != "others")
    detail = f"they used {number(foreign)} of {number(cores)} cores, and {percent(whole / cores)} "
    return Part("other programs", whole / cores, BUSY, detail + "was in use")


def memory(trial: Trial) -> Part | None:
    """Memory, of the cap; killed for want of it is full whatever was seen."""
    cap, peak = trial.conditions.memory, trial.usage["server"].peak_pss
    if not cap or not peak:
        return None
    kills = trial.counters.get("cap")
    killed = (kills and kills.during("oom_kills", 0, trial.seconds)) or 0
    share = 1.0 if killed else peak / cap
    detail = f"{percent(peak / cap)} of {cap / 2**20:.0f} MiB"
    return Part("memory", share, FULL_MEMORY, f"{detail}, {killed:.0f} kills" if killed else detail)


def generator(trial: Trial) -> Part | None:
    """The load generator, one process on one core; of several hosts the busiest."""
    used = max(trial.generators.values(), default=0.0)
    return Part("load generator", used, BUSY, f"it used {percent(used)} of a core")


def application(trial: Trial) -> Part | None:
    """The server's CPU, of what its workers can use at most."""
    can, may = usable_cores(trial), server_cores(trial)
    used = trial.cores_used("server")
    detail = f"the server used {number(used)} of {number(may)} cores"
    if can < may and trial.knows_workers:
        detail += f", and {counted(trial.conditions.workers, 'worker')} can use {number(can)}"
    return Part(SERVER, used / can, BUSY, detail)


def database(trial: Trial) -> Part | None:
    """The database's CPU, of its cores."""
    if "database" not in trial.usage:
        return None
    cores = len(trial.cores.get("database", ())) or trial.machine["cores"]
    used = trial.cores_used("database")
    detail = f"it used {number(used)} of {counted(cores, 'core')}"
    return Part("database CPU", used / cores, BUSY, detail)


def beside(trial: Trial) -> Part | None:
    """Database and load generator, when they share their cores."""
    cores = trial.cores.get("database", ())
    if not cores or cores != trial.cores.get("generator"):
        return None
    used = trial.cores_used("database") + trial.cores_used("generator")
    detail = f"together they used {number(used)} of the {counted(len(cores), 'core')} they share"
    return Part("database and load generator", used / len(cores), BUSY, detail)


def flushes(trial: Trial) -> Part | None:
    """Disk flushes of the write-ahead log; one is under way at a time, and commits wait for it."""
    source = trial.counters.get("database")
    spent = source.during("wal_flush_ms", 0, trial.seconds) if source else None
    if source is None or not spent:
        return None
    count = source.during("wal_flushes", 0, trial.seconds) or 0
    share = spent / 1000 / trial.seconds
    detail = f"{number(count / trial.seconds)} a second, under way {percent(share)} of the time"
    return Part("disk flushes", share, FLUSHING, detail)


def pauses(trial: Trial) -> Part | None:
    """Times in which nothing was answered, whoever waited."""
    if not (found := stalls(trial)):
        return None
    return Part(STALLS, sum(found) / trial.seconds, STALLED, stalls_in_words(found))


def links(trial: Trial) -> Part | None:
    """Links that overlapping requests share: what nothing before explains is a wait for these."""
    share = link_wait(trial)
    if share is None or not trial.links:
        return None
    detail = f"requests wait {percent(share)} of their time for one of {trial.links}"
    return Part(LINKS, share, MOSTLY, f"{detail}: neither CPU nor the database explains that")


def _held(share: float, most: int) -> str:
    if share > ALWAYS:
        return "the only one is held" if most == 1 else f"all {most} are held"
    of = "the time the only one is" if most == 1 else f"{most} are"
    return f"{percent(share)} of {of} held"


def slots(trial: Trial) -> Part | None:
    """Worker slots: threads or pooled connections that requests hold while they wait."""
    if not trial.knows_slots:
        return None
    held = trial.slots
    inside = trial.in_use(held) / held
    detail = _held(inside, held)
    at_database = _at_database(trial)
    if at_database is None:
        return Part(SLOTS, inside, BUSY, detail)
    share = min(1.0, at_database * trial.throughput / (inside * held)) if inside else 0.0
    detail += f", {percent(share)} of the time by the database"
    return Part(WAITING if share > MOSTLY else SLOTS, inside, BUSY, detail)


def _at_database(trial: Trial) -> float | None:
    """Return the seconds of a request that round trips, flushes and the database's CPU explain."""
    known = explained(trial)
    busy = trial.cores_used("database") / trial.throughput
    return None if known is None else known + busy


# Causes before effects: whatever is full upstream also fills the slots.
PARTS: tuple[Callable[[Trial], Part | None], ...] = (
    others, generator, memory, application, database, beside, flushes, pauses, links, slots,
)  # fmt: skip
