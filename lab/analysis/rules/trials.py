"""Rules against a trial: each yields a sentence for the defect it looks for, or nothing."""

import math
from collections.abc import Iterator

from lab.analysis.formatting import number, percent
from lab.records.operations import GONE, LOST, weights_of
from lab.records.trial import Trial

MAX_FAILURES = 0.001  # of all requests
NEAR_A_CORE = 0.9  # of one core: the generator is one process
MAX_LITTLE_RESIDUAL = 0.05
MAX_MIX_ERROR = 0.01
MAX_RATE_MISS = 0.05
SILENT = 0.9  # seconds without an answer
SILENT_RATE = 20  # requests/s from which on such a gap is no chance
SHORT = 2.0  # seconds by which a load may end early
UNWATCHED, UNWATCHED_SHARE = 5.0, 0.1  # seconds between two samples, of the window
MAX_CLOCK_STEP = 0.5  # seconds: a busy machine takes some between two looks at its clocks
CHANCE = 3.0  # standard deviations of a share that is drawn at random
FEW_REQUESTS = 1000


def failures(trial: Trial) -> Iterator[str]:
    """More than one request in a thousand failed: its speed is that of wrong answers."""
    total = trial.total
    if total.failures > MAX_FAILURES * total.requests:
        most = max(trial.errors.items(), key=lambda item: item[1], default=("", 0))
        often = f" (most often {most[0]})" if most[0] else ""
        yield f"{total.failures:,} of {total.requests:,} requests failed{often}"


def unanswered(trial: Trial) -> Iterator[str]:
    """Requests were sent and never answered: no latency and no failure speaks of them."""
    if trial.unanswered > MAX_FAILURES * trial.total.requests:
        yield f"{trial.unanswered:,} requests were never answered"


def lost_writes(trial: Trial) -> Iterator[str]:
    """What was acknowledged was not there when it was read: one is too many."""
    found = {text: count for text, count in trial.errors.items() if LOST in text}
    if found:
        most = max(found, key=lambda text: found[text]).partition(f"{LOST}: ")[2]
        times = "once" if (count := sum(found.values())) == 1 else f"{count:,} times"
        yield f"acknowledged writes were lost, or seen too late: {times} {most}"


def too_many_gone(trial: Trial) -> Iterator[str]:
    """More rows were not there than deletes explain: what was measured is how fast a 404 is."""
    seconds = trial.seconds_of_load
    gone = sum(s.requests for s in seconds if s.operation.endswith(GONE))
    deleted = sum(s.requests for s in seconds if s.operation.startswith("DELETE "))
    # Once a row is deleted, each process of the load may read it once; and it is read to make sure.
    processes = max(1, sum(1 for one in trial.processes if one.party == "generator"))
    if gone > (1 + processes) * deleted + trial.conditions.users:
        yield f"{gone:,} requests were answered 404, and {deleted:,} deletes do not explain that"


def wrong_server(trial: Trial) -> Iterator[str]:
    """Another server answered, or responses named none.

    What is not ours need not name itself, and may name its hosts: two that name themselves as ours
    do, `name/pid`, are two services.
    """
    names = {who: who.partition("/")[0] for who in trial.served_by}
    expected = {trial.target}
    if trial.is_foreign:
        named = [name for who, name in names.items() if who.partition("/")[2].isdecimal()]
        names = {who: name for who, name in names.items() if name in named}
        expected = set(named[:1])
    strange = [who for who, name in names.items() if name not in expected]
    count = sum(trial.served_by[who] for who in strange)
    if count > MAX_FAILURES * trial.total.requests:
        who = ", ".join(sorted({names[who] for who in strange})[:3]).strip(", ")
        yield f"{count:,} answers came from {who or 'an unnamed server'}, not from {trial.target}"


def restarts(trial: Trial) -> Iterator[str]:
    """A server process ended within the load: for a while there were fewer.

    A service of somebody's own may replace its processes, as gunicorn's --max-requests does.
    """
    answered = len(_workers(trial))
    if trial.restarts > (trial.replaced if trial.is_foreign else 0):
        yield f"{trial.restarts} server processes ended during the load"
    elif trial.knows_workers and answered > trial.conditions.workers:
        yield f"{answered} workers answered instead of {trial.conditions.workers}"


def silent_workers(trial: Trial) -> Iterator[str]:
    """Fewer workers answered than were asked for."""
    answered = len(_workers(trial))
    if 0 < answered < trial.conditions.workers:
        yield f"only {answered} of {trial.conditions.workers} workers answered"


def _workers(trial: Trial) -> list[str]:
    if trial.is_foreign:
        return []
    parts = (who.partition("/") for who in trial.served_by)
    return [pid for name, _, pid in parts if name == trial.target and pid]


def generator(trial: Trial) -> Iterator[str]:
    """The load generator had no room: the throughput may be its limit, not the server's."""
    host, used = max(trial.generators.items(), key=lambda one: one[1], default=("", 0.0))
    if used > NEAR_A_CORE:
        where = f" of host {host}" if host else ""
        yield f"the load generator used {percent(used)} of a core{where}"


def generator_warning(trial: Trial) -> Iterator[str]:
    """Locust itself says that it was short of CPU."""
    for warning in trial.warnings:
        if "cpu usage" in warning.lower():
            yield f"the load generator said: {warning}"
            return


def little_residual(trial: Trial) -> float:
    """Return |N - L - X Z| / N by Little's law: users that are not where they should be.

    N users, L of them waiting for an answer, X requests/s, Z seconds of think time; of a closed
    load. L is counted: X R of the requests that ended is off by what began before the window, or
    ended after it, which matters where answers take seconds.
    """
    users = trial.conditions.users
    accounted = trial.under_way + trial.throughput * trial.conditions.think_time
    return abs(users - accounted) / users


def little(trial: Trial) -> Iterator[str]:
    """Users neither waited nor thought: they waited inside the generator, so latencies flatter."""
    chance = CHANCE / math.sqrt(trial.total.requests) if trial.conditions.think_time else 0.0
    allowed = max(MAX_LITTLE_RESIDUAL, chance)  # pauses are drawn at random
    if not trial.is_open and (residual := little_residual(trial)) > allowed:
        yield f"Little's law misses {percent(residual)} of the users: |N - L - X Z| / N"


def stalls(trial: Trial) -> tuple[float, ...]:
    """Return how long (s) nothing was answered, each time; () where answers come in bursts."""
    found = tuple(lasted for _, lasted in trial.silences if lasted >= SILENT)
    in_bursts = len(found) > 3 and sum(found) > trial.seconds / 2
    return () if in_bursts or trial.throughput < SILENT_RATE else found


def silence(trial: Trial) -> Iterator[str]:
    """Nothing was answered for a while: users who wait send nothing, so no percentile shows it."""
    if found := stalls(trial):
        yield stalls_in_words(found)


def stalls_in_words(found: tuple[float, ...]) -> str:
    """Return how long nothing was answered, and how often."""
    often = "once" if len(found) == 1 else f"{len(found)} times"
    return f"no answer came for {max(found):.1f} s ({often} for {SILENT:g} s or longer)"


def rate(trial: Trial) -> Iterator[str]:
    """Fewer requests came out of an open load than were to go in."""
    wanted = trial.conditions.arrival_rate
    if wanted is None:
        return
    chance = CHANCE / math.sqrt(wanted * trial.seconds)
    if trial.throughput < wanted * (1 - max(MAX_RATE_MISS, chance)):
        yield (
            f"{number(trial.throughput)} of {number(wanted)} requests/s were answered: the arrival "
            "rate was not reached"
        )


def cut_short(trial: Trial) -> Iterator[str]:
    """The load ended before the window did: its process was ended, say."""
    last = max(second.at for second in trial.seconds_of_load) + 1
    left = trial.seconds - last
    waited = trial.unanswered or any(trial.inside[last:])  # the load went on, the answers did not
    if left > max(SHORT, SILENT_RATE / trial.throughput) and not waited:
        yield f"the load ended {left:.0f} s before its window did"


def mix(trial: Trial) -> Iterator[str]:
    """Other work was done than said, and by more than the chance of drawing each request."""
    weights = weights_of(trial.conditions.mix)
    for role, weight in weights.items():
        wanted, found = weight / sum(weights.values()), trial.mix[role]
        chance = math.sqrt(wanted * (1 - wanted) / trial.total.requests)
        if abs(found - wanted) > max(MAX_MIX_ERROR, CHANCE * chance):
            yield f"{percent(found, 1)} of the requests were {role}, not {percent(wanted, 1)}"


def table(trial: Trial) -> Iterator[str]:
    """Rows appeared or disappeared that no response accounts for, nor what was under way."""
    rows = trial.table.unexplained_rows if trial.table else 0
    if trial.table and abs(rows) > trial.table.unsure:
        verb = "appeared" if rows > 0 else "disappeared"
        yield (
            f"{abs(rows):,} rows {verb} that no response accounts for: something else writes to "
            "the table, or responses are false"
        )


def cpu_cap(trial: Trial) -> Iterator[str]:
    """The CPU cap does not hold, and the cores are more than it allows."""
    cores, cap = trial.cores.get("server", ()), trial.conditions.cpus
    if trial.cap.cpu is False and not (cap and cores and len(cores) <= cap):
        yield _said("CPU", trial)


def memory_cap(trial: Trial) -> Iterator[str]:
    """The memory cap does not hold."""
    if trial.cap.memory is False:
        yield _said("memory", trial)


def _said(what: str, trial: Trial) -> str:
    said = (s for s in trial.cap.sentences if "NOT enforced" in s and what.lower() in s.lower())
    return next(said, f"cap on {what} NOT enforced")


def unwatched(trial: Trial) -> Iterator[str]:
    """The lab did not look where the window begins or ends: what was used in it is guessed."""
    seen = trial.counters["machine"].at
    gaps = [
        min((at for at in seen if at >= moment), default=moment)
        - max((at for at in seen if at <= moment), default=moment)
        for moment in (0, trial.seconds)
    ]
    if (longest := max(gaps)) > max(UNWATCHED, UNWATCHED_SHARE * trial.seconds):
        yield (
            f"the lab did not look for {longest:.0f} s where the window begins or ends (it was "
            "stopped, or the machine too busy): who used how much CPU is not known"
        )


def clock(trial: Trial) -> Iterator[str]:
    """Somebody set the clock, or the machine slept: what came before and after is out of place."""
    ahead = trial.counters["clock"].totals["ahead_seconds"] if "clock" in trial.counters else (0.0,)
    if (by := max(ahead) - min(ahead)) > MAX_CLOCK_STEP:
        yield f"the machine's clock was set by {by:.1f} s during the load, or it slept"


def few_requests(trial: Trial) -> Iterator[str]:
    """Too little was seen for a percentile."""
    if (seen := trial.total.requests) < FEW_REQUESTS:
        yield f"only {seen:,} requests in the window: fewer than {FEW_REQUESTS:,}"
