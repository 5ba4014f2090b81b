"""What a reader should know about all trials together; single ones have their verdicts."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lab.analysis.formatting import and_others, number, percent
from lab.analysis.statistics import FEWEST, repeat_difference
from lab.records.conditions import Conditions
from lab.records.trial import Trial
from lab.records.usage import Process

NEAR_A_CORE = 0.9
MAX_OTHERS = 0.1  # cores
BUSY_PROCESS, IDLE_PROCESS = 0.7, 0.05  # of a core
MAX_IMBALANCE = 1.3  # busiest worker's requests over the idlest's
MAX_REPEAT_DIFFERENCE = 0.1
KEPT, NEARLY_ALL = 0.05, 0.95  # connections opened per request
SAMPLED = 2.0  # seconds: a process that lived to the end was seen as late as that
SHORT_WINDOW = 30.0  # seconds
MORE_MEMORY, MUCH_MEMORY = 0.1, 8 * 2**20  # of what it was; bytes
DIP = 0.2  # of the growth, by which what grows may fall meanwhile: garbage is collected
MIB = 2**20
STATE = ("commit", "cpu", "cores", "quota", "memory", "kernel", "python")  # facts of a machine
HASH = re.compile("[0-9a-f]{40}")
KNOWN = re.compile("cpu usage|spawn rate", re.IGNORECASE)
STALL = 1.5  # times the latency: an open load at less than the capacity should have a smaller one

Trials = Sequence[Trial]
Charge = tuple[float, Trial, str]  # how grave it is, against which trial, in words


def doubts(trials: Trials) -> list[str]:
    """Return all doubts, the heaviest first."""
    return [sentence for rule in RULES for sentence in rule(trials)]


def imbalance(trials: Trials) -> Iterator[str]:
    """Workers got unequal shares."""
    found: list[Charge] = []
    for trial in trials:
        shares = [count for who, count in trial.served_by.items() if who.partition("/")[2]]
        if len(shares) > 1 and max(shares) > MAX_IMBALANCE * min(shares):
            times = max(shares) / min(shares)
            said = (
                f"the busiest worker answered {times:.1f} times as many requests as the idlest one"
            )
            found.append((times, trial, said))
    yield from _gravest(found)


def idle_workers(trials: Trials) -> Iterator[str]:
    """One worker process is full and another does nothing: connections stuck to one, say."""
    found: list[Charge] = []
    for trial in trials:
        at_work = sorted(
            process.during("cpu_seconds", 0, trial.seconds) / trial.seconds
            for process in (_workers(trial) if trial.is_foreign else trial.servers)
            if process.at[0] <= 0 and process.at[-1] > trial.seconds - SAMPLED
        )
        if trial.knows_workers:  # the one that does least may be the parent of the others
            at_work = at_work[-trial.workers :]
        if len(at_work) > 1 and at_work[-1] > BUSY_PROCESS and at_work[0] < IDLE_PROCESS:
            said = (
                f"one server process used {at_work[-1]:.2f} of a core and another "
                f"{at_work[0]:.2f}: the load does not reach all of them"
            )
            found.append((at_work[-1], trial, said))
    yield from _gravest(found)


def _workers(trial: Trial) -> list[Process]:
    """Return the processes of a service that may be its workers: not its parent, nor its helpers.

    A helper, such as Python's resource tracker, is known by its memory.
    """
    sizes = [(one, max(filter(None, one.pss), default=0)) for one in trial.servers[1:]]
    largest = max((size for _, size in sizes), default=0)
    return [one for one, size in sizes if 2 * size > largest]


def replaced(trials: Trials) -> Iterator[str]:
    """A service of somebody's own ends processes and starts others: that is part of what it is."""
    found: list[Charge] = []
    for trial in trials:
        if trial.is_foreign and 0 < trial.restarts <= trial.replaced:
            said = f"server processes ended and others took their place ({trial.restarts} times)"
            found.append((trial.restarts, trial, said))
    yield from _gravest(found)


def memory_grows(trials: Trials) -> Iterator[str]:
    """What it took in the window is not what it will take."""
    found: list[Charge] = []
    for trial in trials:
        sizes = trial.memory_over_time
        if len(sizes) < FEWEST:
            continue
        grown = sizes[-1] - sizes[0]
        peaks = itertools.accumulate(sizes, max)
        fell = max(peak - size for peak, size in zip(peaks, sizes, strict=True))
        if fell <= DIP * grown and grown > max(MORE_MEMORY * sizes[0], MUCH_MEMORY):
            said = (
                f"the server's memory grew from {sizes[0] / MIB:.0f} to {sizes[-1] / MIB:.0f} MiB "
                "in the window: a longer one would find more"
            )
            found.append((grown / sizes[0], trial, said))
    yield from _gravest(found)


def unequal_cores(trials: Trials) -> Iterator[str]:
    """One implementation was kept to some cores, and the other could use all."""
    pinned = [trial for trial in trials if trial.cores.get("server")]
    free = [trial for trial in trials if not trial.cores.get("server")]
    if pinned and free and {one.label for one in pinned} != {one.label for one in free}:
        cores = len(pinned[0].cores["server"])
        yield (
            f"{pinned[0].label} was kept to {cores} core{'s' * (cores > 1)} and {free[0].label} "
            "could use the whole machine: they were not measured alike"
        )


def other_states(trials: Trials) -> Iterator[str]:
    """What was measured changed within the run, as when one goes on after an update."""
    found: list[Charge] = []
    first = trials[0]
    made = {trial.label: trial.settings.get("versions") for trial in reversed(trials)}
    for trial in trials[1:]:
        for name in (name for name in STATE if name in first.machine and name in trial.machine):
            was, now = first.machine[name], trial.machine[name]
            if was != now:
                said = f"{name} was {_short(was)} in trial {first.number} and {_short(now)} here"
                found.append((0.0, trial, f"{said}: they did not measure the same"))
                break
        else:
            if trial.settings.get("versions") != made[trial.label]:
                said = f"it is made of other versions than in the first trial of {trial.label}"
                found.append((0.0, trial, f"{said}: they did not measure the same"))
    yield from _gravest(found)


def _short(value: object) -> str:
    return str(value)[:12] if isinstance(value, str) and HASH.fullmatch(value) else str(value)


def complaints(trials: Trials) -> Iterator[str]:
    """What else the load generator said; that it lacks CPU is a verdict, the ramp is the lab's."""
    found: dict[str, list[Charge]] = {}
    for trial in trials:
        others = [said for said in trial.warnings if not KNOWN.search(said)]
        for warning in others[:3]:
            said = f"the load generator said: {warning}"
            found.setdefault(warning, []).append((0.0, trial, said))
    for charges in found.values():
        yield from _gravest(charges)


def nameless(trials: Trials) -> Iterator[str]:
    """Responses name no server: anything can answer at an address."""
    said = "no response names its server (header X-Served-By)"
    unnamed = [trial for trial in trials if trial.is_external and set(trial.served_by) == {""}]
    yield from _gravest([(0.0, trial, said) for trial in unnamed])


def closing(trials: Trials) -> Iterator[str]:
    """The service closes connections: to open another costs both sides, and a round trip more."""
    found: list[Charge] = []
    for trial in trials:
        # One of each user may be its first.
        share = ((trial.opened or 0) - trial.conditions.users) / trial.total.requests
        if share > KEPT:
            which = "each of them" if share > NEARLY_ALL else "some of them"
            said = (
                f"{trial.opened:,} connections were opened for {trial.total.requests:,} requests: "
                f"the service closes {which}, and to open them is part of what was measured"
            )
            found.append((share, trial, said))
    yield from _gravest(found)


def hidden_stalls(trials: Trials) -> Iterator[str]:
    """An open load met latencies that the closed load, which waits for answers, never showed."""
    found: list[Charge] = []
    for one in (trial for trial in trials if trial.is_open):
        closed = [
            trial.total.p99_ms
            for trial in trials
            if not trial.is_open
            and _service(trial) == _service(one)
            and trial.throughput >= one.throughput
        ]
        if closed and one.total.p99_ms > STALL * max(closed):
            why = (
                "it waits when the server stalls (coordinated omission)"
                if one.silences
                else "its users send nothing while they wait, and a schedule goes on"
            )
            said = (
                f"at {number(one.throughput)} requests/s on a schedule p99 is "
                f"{number(one.total.p99_ms)} ms; the closed load showed {number(max(closed))} ms, "
                f"because {why}"
            )
            found.append((one.total.p99_ms / max(closed), one, said))
    yield from _gravest(found)


def _service(trial: Trial) -> tuple[str, Conditions]:
    """Return what trials have in common that differ in nothing but their load."""
    conditions = replace(trial.conditions, users=1, think_time=0.0, arrival_rate=None)
    return trial.label, replace(conditions, seconds=1.0, warm_up=0.0)


def shared_core(trials: Trials) -> Iterator[str]:
    """Database and load generator compete for one core."""
    found: list[Charge] = []
    for trial in trials:
        parties = [trial.usage[name] for name in ("database", "generator") if name in trial.usage]
        cores = {core for party in parties for core in party.cores}
        used = sum(party.cpu_seconds for party in parties) / trial.seconds
        if cores and parties[0].cores == parties[-1].cores and used > NEAR_A_CORE * len(cores):
            said = (
                f"database and load generator together used {used:.2f} of the "
                f"{len(cores)} core they share: they, not the server, set the pace"
            )
            found.append((used, trial, said))
    yield from _gravest(found)


def others(trials: Trials) -> Iterator[str]:
    """Other programs used the machine."""
    worst = max(trials, key=lambda trial: trial.cores_used("others"))
    if (used := worst.cores_used("others")) > MAX_OTHERS:
        yield f"other programs{_among(worst)} used {used:.2f} cores meanwhile ({_name(worst)})"
    worst = max(trials, key=lambda trial: trial.cores_used("steal"))
    if (stolen := worst.cores_used("steal")) > MAX_OTHERS:
        yield f"the hypervisor took {stolen:.2f} cores away meanwhile ({_name(worst)})"


def _among(trial: Trial) -> str:
    """Say what of the service itself may be counted as other programs."""
    if trial.is_foreign and "server" not in trial.cores:
        return f", the service itself among them if it is here{' (--pid)' * trial.is_external},"
    return ", a database of the service among them if it is here," * trial.hides_its_database


def repeats(trials: Trials) -> Iterator[str]:
    """Few pairs, or repeats that disagree."""
    pairs = max(trial.pair for trial in trials)
    if pairs < FEWEST:
        few = "one trial" if pairs == 1 else f"{pairs} trials"
        yield (f"only {few} of each: so few say little about the next one (use --repeats 5)")
    difference = noise(trials)
    if difference is not None and difference > MAX_REPEAT_DIFFERENCE:
        most = percent(difference)
        yield f"repeats of the same implementation differ by up to {most} in throughput"


def size(trials: Trials) -> Iterator[str]:
    """Too little was seen."""
    if (seconds := min(trial.seconds for trial in trials)) < SHORT_WINDOW:
        yield f"windows of {seconds:g} s are for a first look, not for decisions"


def code(trials: Trials) -> Iterator[str]:
    """The commit does not say what was measured."""
    changed = max(trial.machine.get("changed_files", 0) for trial in trials)
    if changed:
        yield f"{changed} files differed from the commit that is named below"


def noise(trials: Trials) -> float | None:
    """Return the largest share by which repeats differ in throughput; None without repeats."""
    groups: dict[object, list[float]] = {}
    for trial in trials:
        groups.setdefault(trial.group_key, []).append(trial.throughput)
    return repeat_difference(list(groups.values()))


def _gravest(charges: Sequence[Charge]) -> Iterator[str]:
    """Say the gravest charge of a rule, and against which other trials there is one like it."""
    if charges:
        (_, trial, said), *others = sorted(charges, key=lambda charge: -charge[0])
        numbers = sorted(other.number for _, other, _ in others)
        yield f"{_name(trial)}: {said}{and_others(numbers)}"


def _name(trial: Trial) -> str:
    return f"trial {trial.number}, {trial.label}"


RULES: tuple[Callable[[Trials], Iterator[str]], ...] = (
    hidden_stalls, nameless, closing, complaints, shared_core, imbalance, idle_workers, replaced,
    memory_grows, unequal_cores, other_states, others, repeats, size, code,
)  # fmt: skip
