"""From records to service demands, and from those to what the laws predict for each setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.models.network import NAMES, explained, link_wait, network, sending
from lab.analysis.models.queueing import Network, Performance, predict, wait_that_explains
from lab.analysis.settings import Setting, closed, conditions_except, valid
from lab.analysis.statistics import median
from lab.errors import CannotTellError
from lab.records.trial import Trial

MISS = 0.15  # larger ones are flagged
MOSTLY = 0.5  # of its time
IDLE = 0.8  # busier than this, and queueing hides what is waiting


@dataclass(frozen=True)
class Demands:
    """What one request of an implementation costs, in seconds; medians over valid trials.

    `wait` queues for nothing but holds its worker's slot: round trips, flushes, and whatever else
    is no CPU. `outside` comes before and after: what the machine takes until the request is there.
    The settings to whose latencies they were fitted are `fitted` and `idlest`: predictions of
    these are none. `is_sure` if CPU idled there.
    """

    label: str
    cpu: Mapping[str, float]  # by party
    wait: float
    outside: float
    fitted: Setting | None  # None: the wait is what round trips and flushes take
    idlest: Setting
    is_sure: bool

    @property
    def held(self) -> float:
        """Return how long a request alone holds its slot."""
        return self.wait + sum(spent for party, spent in self.cpu.items() if party != "generator")


@dataclass(frozen=True)
class Prediction:
    """What the laws say beside what was measured."""

    setting: Setting
    predicted: Performance
    measured: Performance
    is_calibration: bool

    @property
    def miss(self) -> float:
        """By which share the predicted throughput is off."""
        return self.predicted.throughput / self.measured.throughput - 1

    @property
    def latency_miss(self) -> float:
        """By which share the predicted mean latency is off."""
        return self.predicted.latency / self.measured.latency - 1

    @property
    def is_flagged(self) -> bool:
        """Whether the laws missed this setting."""
        return max(abs(self.miss), abs(self.latency_miss)) > MISS


@dataclass(frozen=True)
class Laws:
    """The network of a setting and what is around it (s), at the throughput they predict."""

    network: Network
    think_time: float
    delay: float
    performance: Performance


def laws(setting: Setting, found: Demands) -> Laws:
    """Return what the laws say of a setting, at the throughput that agrees with itself.

    The load generator slows what it shares cores with, the faster the more it sends: the answer is
    where the throughput that it is slowed by is the one that follows. Found by bisection.
    An open load is taken for one of as many users as it has, who think as its rate demands.
    """
    trial, c = setting.trials[0], setting.conditions
    think_time = c.users / c.arrival_rate if c.arrival_rate else c.think_time

    def following(throughput: float) -> Laws:
        inside = network(trial, found.cpu, found.wait, throughput)
        delay = found.outside + sending(trial, found.cpu, throughput)
        one = predict(inside, c.users, think_time + delay)
        performance = Performance(one.throughput, one.latency + delay)
        return Laws(inside, think_time, delay, performance)

    low, high = 0.0, following(0.0).performance.throughput
    for _ in range(20):
        middle = (low + high) / 2
        over = following(middle).performance.throughput < middle
        low, high = (low, middle) if over else (middle, high)
    return following(high)


def demands(settings: Sequence[Setting]) -> Demands:
    """Return the service demands of one implementation, from its closed and valid trials.

    CPU: the service demand law D = U T / C, busy time over completed requests (Denning & Buzen).
    The wait is what round trips and flushes take. Only where requests queue for slots while CPU
    idles does a latency show that more holds them: then it is the smallest wait that explains a
    setting with idle CPU; also when nothing is known of the database. What more explains the
    idlest setting in which nothing queued lies outside. Raises `CannotTellError` when nothing
    valid was measured.
    """
    usable = valid(closed(settings))
    if not usable:
        raise CannotTellError("no trial under a closed load is valid")
    trials = [trial for setting in usable for trial in setting.trials if "server" in trial.usage]
    if not trials:
        raise CannotTellError("no valid trial measured the server's CPU under a closed load")
    cpu = {
        party: median([t.usage[party].cpu_seconds / t.total.requests for t in trials])
        for party in ("server", *NAMES)
        if all(party in trial.usage for trial in trials)
    }
    # How long requests wait for links says nothing of how long the database makes them wait.
    free = [setting for setting in usable if not any(map(_waits_for_links, setting.trials))]
    candidates = idle(free or usable, cpu)
    is_sure = bool(free) and _busiest(candidates[0], cpu) < IDLE
    fits = {id(setting): median(waits(setting, cpu)) for setting in candidates}
    lowest = min(candidates, key=lambda setting: fits[id(setting)])
    known = median([explained(trial) or 0.0 for trial in trials])
    queued = is_sure and any(_queues(setting) for setting in candidates)
    fitted = lowest if not known or (queued and fits[id(lowest)] > known) else None
    wait = fits[id(lowest)] if fitted else known
    alone = [setting for setting in candidates if not _queues(setting)] or [lowest]
    idlest = min(alone, key=lambda setting: _busiest(setting, cpu))
    # Where nobody knows how many it takes at once, what is longer may be its queue.
    alone_there = is_sure and idlest.all[0].knows_slots and not _queues(idlest)
    outside = max(0.0, fits[id(idlest)] - wait) if alone_there else 0.0
    return Demands(lowest.label, cpu, wait, outside, fitted, idlest, is_sure)


def idle(settings: Sequence[Setting], cpu: Mapping[str, float]) -> list[Setting]:
    """Return the settings that left CPU idle, or the idlest alone."""
    found = [setting for setting in settings if _busiest(setting, cpu) < IDLE]
    return found or [min(settings, key=lambda setting: _busiest(setting, cpu))]


def _waits_for_links(trial: Trial) -> bool:
    return (link_wait(trial) or 0.0) > MOSTLY


def _queues(setting: Setting) -> bool:
    """Whether more requests were under way than there are slots, by Little's law."""
    found = _measured(setting)
    known = setting.all[0].knows_slots
    return known and found.throughput * found.latency > setting.slots


def waits(setting: Setting, cpu: Mapping[str, float]) -> list[float]:
    """Return the wait (s) that explains the latency of each trial of a setting."""
    return [_wait(trial, cpu) for trial in setting.trials]


def _wait(trial: Trial, cpu: Mapping[str, float]) -> float:
    c, known = trial.conditions, sending(trial, cpu, trial.throughput)
    alone = network(trial, cpu, 0.0, trial.throughput)
    latency = max(0.0, trial.total.mean_ms / 1000 - known)
    return wait_that_explains(alone, c.users, c.think_time + known, latency)


def _busiest(setting: Setting, cpu: Mapping[str, float]) -> float:
    """Return the utilisation of the fullest part, the load generator among them."""
    trial, throughput = setting.trials[0], _measured(setting).throughput
    stations = network(trial, cpu, 0.0, throughput).stations
    parts = [station.utilisation(throughput) for station in stations]
    return max(*parts, throughput * cpu.get("generator", 0.0) / max(1, len(trial.generators)))


def _measured(setting: Setting) -> Performance:
    throughputs = [trial.throughput for trial in setting.trials]
    latencies = [trial.total.mean_ms / 1000 for trial in setting.trials]
    return Performance(median(throughputs), median(latencies))


def predictions(settings: Sequence[Setting], found: Demands) -> list[Prediction]:
    """Return prediction and measurement of each closed and valid setting of one implementation."""
    return [prediction(setting, found) for setting in valid(closed(settings))]


def prediction(setting: Setting, found: Demands) -> Prediction:
    """Return prediction and measurement of a setting that has valid trials."""
    is_fitted = setting is found.fitted or (setting is found.idlest and found.outside > 0)
    return Prediction(setting, laws(setting, found).performance, _measured(setting), is_fitted)


def by_implementation(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Return settings in groups that share demands: same label, data, caps and round trip."""
    free = ("workers", "threads", "users", "think_time", "arrival_rate")
    groups: dict[object, list[Setting]] = {}
    for setting in settings:
        groups.setdefault((setting.label, conditions_except(setting, *free)), []).append(setting)
    return list(groups.values())
