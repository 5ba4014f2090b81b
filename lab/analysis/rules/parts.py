"""The parts of a system, and how full each of them was."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.analysis.formatting import counted, number, percent
from lab.analysis.models.network import (
    NAMES,
    SERVER,
    explained,
    full_processes,
    link_wait,
    server_cores,
    usable_cores,
)
from lab.analysis.rules.trials import stalls, stalls_in_words
from lab.records.trial import Trial

BUSY = 0.9  # of what a part could have done
DISTURBED = 0.1  # of the machine's cores, by programs of others
FLUSHING = 0.7  # of the time the one flush at a time is under way: the next waits
FULL_MEMORY = 0.95
ALWAYS = 0.995  # of the time
MOSTLY = 0.5  # of the time that a slot is held
STALLED = 0.02  # of the time
LITTLE = 0.05  # cores: not worth a word
SLOTS = "worker slots"
WAITING = "worker slots waiting on the database"
LINKS = "links to the database"
STALLS = "stalls"
MACHINE = "the machine's CPU"
CONTAINER = "the CPU that the lab's container is allowed"
OTHERS, HYPERVISOR = "other programs", "the hypervisor"
STRANGERS = "programs that the lab does not know"
PARTIES = ("server", *NAMES, "lab", "others")
CALLED = {"server": "the server", "generator": "the load generator", "database": "the database",
          "others": "other programs", "lab": "the lab's sampling", "relay": "the relay",
          "steal": "the hypervisor"}  # fmt: skip


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


def others(trial: Trial) -> Part | None:
    """What is not ours on this machine, when it took enough to leave too little."""
    cores = float(trial.machine["cores"])
    used, stolen = trial.cores_used("others"), trial.cores_used("steal")
    if used + stolen < DISTURBED * cores:
        return None
    parties = sum(trial.cores_used(party) for party in PARTIES if party != "others")
    whole = percent((used + stolen + parties) / cores)
    took = f"took {number(stolen)} of {number(cores)} cores"
    name = STRANGERS if trial.hides_its_database else OTHERS
    detail = f"they used {number(used)} of {number(cores)} cores"
    if stolen > used:
        name, detail = HYPERVISOR, f"it {took}, and {name} used {number(used)}"
    else:
        detail += f", the hypervisor {took}" if stolen >= LITTLE else ""
    if trial.hides_its_database:
        detail += " (the service's database, if it is here, is one of them)"
    return Part(name, (used + stolen + parties) / cores, BUSY, f"{detail}, and {whole} was in use")


def machine(trial: Trial) -> Part | None:
    """All cores of the machine, where nothing keeps the server to some of them."""
    if trial.cores.get("server") or "hosts" in trial.machine:
        return None
    cores = float(trial.machine["cores"])
    used = {party: trial.cores_used(party) for party in (*PARTIES, "steal")}
    whole = sum(used.values())
    most = sorted(used, key=lambda party: -used[party])[:2]
    said = ", ".join(f"{CALLED.get(party, party)} {number(used[party])}" for party in most)
    detail = f"all together used {number(whole)} of {counted(int(cores), 'core')}: {said}"
    return Part(MACHINE, whole / cores, BUSY, detail)


def container(trial: Trial) -> Part | None:
    """What a control group around the lab leaves to service, database and load together."""
    most = trial.machine.get("quota")
    if not most or most >= trial.machine["cores"] or "hosts" in trial.machine:
        return None
    used = sum(map(trial.cores_used, trial.cores))
    detail = f"all together used {number(used)} of {number(most)} cores"
    source = trial.counters.get("quota")
    stopped = source.during("throttled_seconds", 0, trial.seconds) if source else None
    if stopped:
        detail += f", and were stopped for {number(stopped)} CPU seconds"
    return Part(CONTAINER, used / most, BUSY, detail)


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
        detail += f", and {counted(trial.workers, 'worker')} can use {number(can)}"
    elif can < may:
        # counted() would make "processs" of it
        full = full_processes(trial)
        which = "its busy process fills one" if full == 1 else f"{full} processes fill one each"
        detail += f": {which}, and can use no more if it runs on one at a time"
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
    container, others, generator, memory, application, database, beside, machine, flushes, pauses,
    links, slots,
)  # fmt: skip
