"""Why a reader should hesitate: each rule looks at all trials and speaks, or keeps silent."""

from collections.abc import Callable, Iterator, Sequence

from lab.records import Trial
from lab.statistics import repeat_difference

MAX_FAILURES = 0.001  # of all requests
NEAR_A_CORE = 0.9  # of one core: the generator is one process
MAX_LITTLE_RESIDUAL = 0.05
MAX_OTHERS = 0.1  # cores
MAX_IMBALANCE = 1.3  # busiest worker's requests over the idlest's
MAX_REPEAT_DIFFERENCE = 0.1
FEW_REQUESTS = 1000
FEW_PAIRS = 3
SHORT_WINDOW = 30.0  # seconds

Trials = Sequence[Trial]


def doubts(trials: Trials) -> list[str]:
    """Return all doubts, the heaviest first."""
    return [sentence for rule in RULES for sentence in rule(trials)]


def little_residual(trial: Trial) -> float:
    """Return |N - X (R + Z)| / N by Little's law: users that are not where they should be.

    N users, X requests/s, R mean latency and Z think time in seconds. What is missing was spent
    inside the load generator, so its latencies flatter.
    """
    users, think_time = trial.conditions.users, trial.conditions.think_time
    accounted = trial.throughput * (trial.total.mean_ms / 1000 + think_time)
    return abs(users - accounted) / users


def failures(trials: Trials) -> Iterator[str]:
    """More than one request in a thousand failed."""
    for trial in trials:
        if trial.total.failures > MAX_FAILURES * trial.total.requests:
            most = max(trial.errors.items(), key=lambda item: item[1], default=("", 0))
            yield (
                f"{_name(trial)}: {trial.total.failures} of {trial.total.requests} requests failed"
                f" (most often {most[0]}): its speed is that of wrong answers"
            )


def wrong_server(trials: Trials) -> Iterator[str]:
    """Somebody else answered, or nobody said who did."""
    for trial in trials:
        strange = [who for who in trial.served_by if who.partition("/")[0] != trial.target]
        count = sum(trial.served_by[who] for who in strange)
        if count > MAX_FAILURES * trial.total.requests:
            who = ", ".join(sorted(set(strange))[:3]).strip(", ") or "nobody named"
            yield f"{_name(trial)}: {count} answers came from {who}, not from {trial.target}"


def workers(trials: Trials) -> Iterator[str]:
    """Workers that idled, were replaced, or got unequal shares."""
    for trial in trials:
        shares = [
            count
            for who, count in trial.served_by.items()
            if who.partition("/")[0] == trial.target and who.partition("/")[2]
        ]
        expected = trial.conditions.workers
        if shares and len(shares) != expected:
            yield f"{_name(trial)}: {len(shares)} workers answered instead of {expected}"
        elif shares and max(shares) > MAX_IMBALANCE * min(shares):
            yield (
                f"{_name(trial)}: the busiest worker answered {max(shares) / min(shares):.1f} times"
                " as many requests as the idlest"
            )


def generator(trials: Trials) -> Iterator[str]:
    """The load generator had no room."""
    worst = max(trials, key=lambda trial: trial.cores_used("generator"))
    if (used := worst.cores_used("generator")) > NEAR_A_CORE:
        yield (
            f"the load generator used {used:.0%} of a core ({_name(worst)}): the throughput may be"
            " its limit, not the server's"
        )
    for trial in trials:
        for warning in trial.warnings[:3]:
            yield f"{_name(trial)}: the load generator said: {warning}"


def little(trials: Trials) -> Iterator[str]:
    """Users were neither waiting nor thinking."""
    worst = max(trials, key=little_residual)
    if (residual := little_residual(worst)) > MAX_LITTLE_RESIDUAL:
        yield (
            f"Little's law misses {residual:.0%} of the users ({_name(worst)}): they waited inside"
            " the load generator, so real latencies are higher"
        )


def shared_core(trials: Trials) -> Iterator[str]:
    """Database and load generator compete for one core."""
    for trial in trials:
        parties = [trial.usage[name] for name in ("database", "generator") if name in trial.usage]
        cores = {core for party in parties for core in party.cores}
        used = sum(party.cpu_seconds for party in parties) / trial.seconds
        if cores and parties[0].cores == parties[-1].cores and used > NEAR_A_CORE * len(cores):
            yield (
                f"{_name(trial)}: database and load generator together used {used:.2f} of the "
                f"{len(cores)} core they share: they, not the server, set the pace"
            )


def others(trials: Trials) -> Iterator[str]:
    """Somebody else was on the machine."""
    worst = max(trials, key=lambda trial: trial.cores_used("others"))
    if (used := worst.cores_used("others")) > MAX_OTHERS:
        yield f"other programs used {used:.2f} cores meanwhile ({_name(worst)})"
    worst = max(trials, key=lambda trial: trial.cores_used("steal"))
    if (stolen := worst.cores_used("steal")) > MAX_OTHERS:
        yield f"the hypervisor took {stolen:.2f} cores away meanwhile ({_name(worst)})"


def caps(trials: Trials) -> Iterator[str]:
    """A cap that was asked for does not hold."""
    yield from sorted(
        {said for trial in trials for said in trial.cap.sentences if "NOT enforced" in said}
    )


def repeats(trials: Trials) -> Iterator[str]:
    """Few pairs, or repeats that disagree."""
    pairs = max(trial.pair for trial in trials)
    if pairs < FEW_PAIRS:
        few = "one trial" if pairs == 1 else f"{pairs} trials"
        yield (
            f"only {few} of each: a range over so few promises nothing about the next "
            "(--repeats 5 does)"
        )
    difference = noise(trials)
    if difference is not None and difference > MAX_REPEAT_DIFFERENCE:
        yield f"repeats of the same implementation differ by up to {difference:.0%} in throughput"


def size(trials: Trials) -> Iterator[str]:
    """Too little was seen."""
    least = min(trials, key=lambda trial: trial.total.requests)
    if least.total.requests < FEW_REQUESTS:
        yield f"only {least.total.requests} requests in the window of {_name(least)}"
    if (seconds := min(trial.seconds for trial in trials)) < SHORT_WINDOW:
        yield f"windows of {seconds:g} s are for a first look, not for decisions"


def code(trials: Trials) -> Iterator[str]:
    """The commit does not say what was measured."""
    changed = max(trial.machine.get("changed_files", 0) for trial in trials)
    if changed:
        yield f"{changed} files differed from the commit that is named below"


def noise(trials: Trials) -> float | None:
    """Return the largest share by which repeats differ in throughput; None without repeats."""
    labels = {trial.label for trial in trials}
    groups = [[trial.throughput for trial in trials if trial.label == label] for label in labels]
    return repeat_difference(groups)


def _name(trial: Trial) -> str:
    return f"trial {trial.number}, {trial.label}"


RULES: tuple[Callable[[Trials], Iterator[str]], ...] = (
    failures, wrong_server, generator, shared_core, little, workers, caps, others, repeats, size,
    code,
)  # fmt: skip
