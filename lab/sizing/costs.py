"""What one request and one worker cost, as measured, and what the repeats leave open about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.models.demands import demands, waits
from lab.analysis.models.network import explained
from lab.analysis.settings import Setting, closed, valid
from lab.analysis.statistics import (
    FEWEST,
    TAIL,
    Estimate,
    Floats,
    Interval,
    median,
    small_sample_factor,
)
from lab.errors import CannotTellError
from lab.records.trial import Trial

DRAWS = 200  # plans to make: each takes milliseconds
LEAST = 0.05  # of the middle: what a widened draw may fall to; nothing costs less than nothing


@dataclass(frozen=True)
class Costs:
    """Of one request in seconds, unless another unit is named."""

    application: float  # CPU of the server
    database: float  # CPU of the database
    wait: float  # while it holds a slot: round trips, flushes, and whatever else is no CPU
    outside: float  # until it has one and after: the machine's way to the workers
    round_trips: float  # how many: transactions, as PostgreSQL counts them
    flush: float  # time during which its share of WAL flushes is under way
    worker: float  # bytes of memory of one worker


@dataclass(frozen=True)
class Measured:
    """The costs of one implementation; `draws` are the same from resampled trials."""

    label: str
    costs: Costs
    draws: tuple[Costs, ...]
    trials: tuple[Trial, ...]
    is_sure: bool  # of the wait: some setting left CPU idle

    def estimate(self, name: str, unit: float = 1.0) -> Estimate:
        """Return one of `Costs`, in units of `unit`, with its interval."""
        middle = getattr(self.costs, name) / unit
        drawn = np.array([getattr(draw, name) / unit for draw in self.draws])
        low, high = np.percentile(drawn, (TAIL, 100 - TAIL))
        ends = Interval(min(middle, float(low)), max(middle, float(high)))
        return Estimate(middle, ends, len(self.trials))

    @property
    def at_once(self) -> int:
        """Requests that one worker holds at once: threads, or pooled connections."""
        return max(trial.slots // trial.conditions.workers for trial in self.trials)

    @property
    def connections(self) -> int:
        """Connections to the database that one worker may hold."""
        return max(trial.connections // trial.conditions.workers for trial in self.trials)

    @property
    def round_trip(self) -> float:
        """Seconds of a round trip to the database, as it was when measured."""
        return median(
            [trial.round_trip.service_ms / 1000 for trial in self.trials if trial.round_trip]
        )

    @property
    def most_workers(self) -> int:
        """The largest worker count that was measured."""
        return max(trial.conditions.workers for trial in self.trials)

    @property
    def reads(self) -> float:
        """The share of requests that change nothing."""
        return median([trial.mix["retrieve"] + trial.mix["list"] for trial in self.trials])


def measured(settings: Sequence[Setting]) -> Measured:
    """Return the costs of one implementation from its valid trials under a closed load.

    CPU and waits are those of `demands`. Raises `CannotTellError` for fewer than `FEWEST` trials,
    or when something that a plan needs was not measured.
    """
    found = demands(settings)
    usable = valid(closed(settings))
    trials = [trial for setting in usable for trial in setting.trials]
    if len(trials) < FEWEST:
        raise CannotTellError(
            f"only {len(trials)} of its trials are valid: no interval follows from fewer than "
            f"{FEWEST}; measure with --repeats {FEWEST}"
        )
    groups = [np.array([_row(trial) for trial in setting.trials]) for setting in usable]
    costs: Floats = np.median(np.concatenate(groups), axis=0)
    costs[:2] = found.cpu["server"], found.cpu["database"]
    costs[2:4] = found.wait, found.outside
    rng = np.random.default_rng(0)
    drawn = costs * _factors(groups, rng)
    for column, setting in ((2, found.fitted), (3, found.idlest)):
        if setting:
            own = np.array(waits(setting, found.cpu))[:, None]
            drawn[:, column] = costs[column] * _factors([own], rng)[:, 0]
    draws = tuple(_costs(row) for row in drawn)
    return Measured(found.label, _costs(costs), draws, tuple(trials), found.is_sure)


def _costs(row: Floats) -> Costs:
    return Costs(*map(float, row))


def _row(trial: Trial) -> list[float]:
    """Return a trial's `Costs` as a row: a wait for round trips and flushes, nothing outside."""
    counters, trip = trial.counters.get("database"), trial.round_trip
    commits = counters.during("commits", 0, trial.seconds) if counters else None
    if "server" not in trial.usage:
        raise CannotTellError("the server's CPU was not measured in all of its trials")
    memory = trial.usage["server"].peak_pss
    if "database" not in trial.usage or counters is None or commits is None:
        raise CannotTellError("the database's CPU and transactions were not measured")
    if trip is None:
        raise CannotTellError(
            "the way to its database was not measured: plans are for services that run on the "
            "lab's own"
        )
    if memory is None:
        raise CannotTellError("the memory of its workers was not measured")
    requests = trial.total.requests
    flush = (counters.during("wal_flush_ms", 0, trial.seconds) or 0.0) / 1000 / requests
    trips, wait = commits / requests, explained(trial) or 0.0
    cpu = [trial.usage[party].cpu_seconds / requests for party in ("server", "database")]
    return [*cpu, wait, 0.0, trips, flush, memory / trial.conditions.workers]


def _factors(groups: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Return by what to multiply middles, from the means of resampled rows: draws × columns.

    `groups` are settings, with a row for each repeat. Settings are drawn, with all their repeats,
    because settings differ more than repeats do; when there are fewer than `FEWEST`, trials are.
    The factors are widened for few, as in `mean_estimate`.
    """
    units = groups if len(groups) >= FEWEST else [row[None] for group in groups for row in group]
    count, values = len(units), np.array([unit.mean(axis=0) for unit in units])
    if count < FEWEST:  # claims nothing
        return np.ones((DRAWS, values.shape[1]))
    means = values.mean(axis=0)
    drawn = values[rng.integers(count, size=(DRAWS, count))].mean(axis=1)
    ratios = np.divide(drawn, means, out=np.ones_like(drawn), where=means > 0)
    factors: Floats = np.maximum(LEAST, 1 + small_sample_factor(count) * (ratios - 1))
    return factors
