"""From records to service demands, and from those to what the laws predict for each setting."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.cells import Cell, alike
from lab.errors import CannotTellError
from lab.queueing import Network, Performance, Station, predict, wait_that_explains
from lab.records import Trial
from lab.statistics import median

SERVER = "application CPU"
NAMES = {"database": "database CPU", "generator": "load generator", "relay": "relay"}
MISS = 0.15  # larger ones are flagged
LEAST = 0.01  # of a core, however busy its neighbours are
IDLE = 0.8  # busier than this, and queueing hides what is waiting


@dataclass(frozen=True)
class Demands:
    """What one request of an implementation costs, in seconds; medians over valid trials.

    `wait` queues for nothing but holds its worker's slot: round trips, flushes, and whatever else
    is no CPU. `outside` comes before and after: what the load generator and the machine take
    until the request is there. They were found at the settings `calibrated`, whose predictions
    are therefore none, and `is_sure` if CPU idled there.
    """

    label: str
    cpu: Mapping[str, float]  # by party
    wait: float
    outside: float
    calibrated: tuple[Cell, ...]
    is_sure: bool

    @property
    def held(self) -> float:
        """Return how long a request alone holds its slot."""
        return self.wait + sum(spent for party, spent in self.cpu.items() if party != "generator")


@dataclass(frozen=True)
class Prediction:
    """What the laws say beside what was measured."""

    cell: Cell
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
        """Whether the laws, and so whoever trusts them, missed this setting."""
        return max(abs(self.miss), abs(self.latency_miss)) > MISS


def server_cores(trial: Trial) -> float:
    """Return how many cores the server may use: those it is pinned to, or fewer by its cap."""
    pinned = len(trial.cores.get("server", ())) or trial.machine["cores"]
    return float(min(pinned, trial.conditions.cpus or math.inf))


def usable_cores(trial: Trial) -> float:
    """Return how many cores the server can use: a Python worker fills one at most."""
    return min(server_cores(trial), float(trial.conditions.workers))


def network(
    trial: Trial, cpu: Mapping[str, float], wait: float, throughput: float = 0.0
) -> Network:
    """Return the closed network of a trial's setting; `cpu` are seconds per request by party.

    Parties that share the same cores are one station. The load generator is none: no slot is held
    for it. Where it shares cores, it leaves the others what it does not use at `throughput`.
    """
    stations = [Station(SERVER, cpu.get("server", 0.0), usable_cores(trial))]
    for cores, parties in _places(trial, cpu).items():
        name = " and ".join(NAMES[party] for party in parties)
        demand = sum(cpu[party] for party in parties)
        servers = float(len(cores) or trial.machine["cores"])
        taken = throughput * cpu.get("generator", 0.0) if _beside(trial, cores) else 0.0
        stations.append(Station(name, demand, max(servers - taken, LEAST * servers)))
    return Network(tuple(stations), wait, trial.slots)


def _places(trial: Trial, cpu: Mapping[str, float]) -> dict[tuple[int, ...], list[str]]:
    """Return who works for the server where."""
    places: dict[tuple[int, ...], list[str]] = {}
    for party in NAMES:
        if party in cpu and party != "generator":
            places.setdefault(trial.cores.get(party, ()), []).append(party)
    return places


def _beside(trial: Trial, cores: tuple[int, ...]) -> bool:
    return cores == trial.cores.get("generator", ())


def sending(trial: Trial, cpu: Mapping[str, float], throughput: float) -> float:
    """Return the time (s) that a request takes in the load generator: one process, one core.

    As in an open queue, M/M/1, together with who works on the same core.
    """
    demand = cpu.get("generator", 0.0)
    used = throughput * demand / max(1, len(trial.generators))
    for cores, parties in _places(trial, cpu).items():
        if _beside(trial, cores):
            used += throughput * sum(cpu[party] for party in parties)
            used /= float(len(cores) or trial.machine["cores"])
    return demand / max(LEAST, 1 - used)


@dataclass(frozen=True)
class Laws:
    """The network of a setting and the delay (s) around it, at the throughput they predict."""

    network: Network
    delay: float
    performance: Performance


def laws(cell: Cell, found: Demands) -> Laws:
    """Return what the laws say of a setting, at the throughput that agrees with itself.

    The load generator slows what it shares cores with, the faster the more it sends: the answer is
    where the throughput that it is slowed by is the one that follows. Found by bisection.
    """
    trial, c = cell.trials[0], cell.conditions

    def following(throughput: float) -> Laws:
        inside = network(trial, found.cpu, found.wait, throughput)
        delay = found.outside + sending(trial, found.cpu, throughput)
        one = predict(inside, c.users, c.think_time + delay)
        return Laws(inside, delay, Performance(one.throughput, one.latency + delay))

    low, high = 0.0, following(0.0).performance.throughput
    for _ in range(20):
        middle = (low + high) / 2
        over = following(middle).performance.throughput < middle
        low, high = (low, middle) if over else (middle, high)
    return following(high)


def demands(cells: Sequence[Cell]) -> Demands:
    """Return the service demands of one implementation, from its closed and valid trials.

    CPU: the service demand law D = U T / C, busy time over completed requests (Denning & Buzen).
    The wait that explains the latency of a setting is at least the wait that holds a slot; so of
    all settings with idle CPU the smallest is taken for that. What more it takes to explain the
    setting with the most idle CPU among those where nothing queued for a slot lies outside.
    Raises `CannotTellError` when nothing valid was measured.
    """
    usable = [cell for cell in cells if cell.trials and not cell.conditions.arrival_rate]
    trials = [trial for cell in usable for trial in cell.trials if "server" in trial.usage]
    if not trials:
        raise CannotTellError("no valid trial measured the server's CPU under a closed load")
    cpu = {
        party: median([t.usage[party].cpu_seconds / t.total.requests for t in trials])
        for party in ("server", *NAMES)
        if all(party in trial.usage for trial in trials)
    }
    found = {id(cell): median(waits(cell, cpu)) for cell in usable}
    candidates = idle(usable, cpu)
    lowest = min(candidates, key=lambda cell: found[id(cell)])
    unqueued = [cell for cell in candidates if not _queues(cell)] or [lowest]
    idlest = min(unqueued, key=lambda cell: _busiest(cell, cpu))
    wait, more = found[id(lowest)], found[id(idlest)] - found[id(lowest)]
    is_sure = _busiest(candidates[0], cpu) < IDLE
    return Demands(lowest.label, cpu, wait, more, (lowest, idlest), is_sure)


def idle(cells: Sequence[Cell], cpu: Mapping[str, float]) -> list[Cell]:
    """Return the settings that left CPU idle, or the idlest alone."""
    found = [cell for cell in cells if _busiest(cell, cpu) < IDLE]
    return found or [min(cells, key=lambda cell: _busiest(cell, cpu))]


def _queues(cell: Cell) -> bool:
    """Whether more requests were under way than there are slots, by Little's law."""
    found = _measured(cell)
    return found.throughput * found.latency > cell.slots


def waits(cell: Cell, cpu: Mapping[str, float]) -> list[float]:
    """Return the wait (s) that explains the latency of each trial of a setting."""
    return [_wait(trial, cpu) for trial in cell.trials]


def _wait(trial: Trial, cpu: Mapping[str, float]) -> float:
    c, known = trial.conditions, sending(trial, cpu, trial.throughput)
    alone = network(trial, cpu, 0.0, trial.throughput)
    latency = max(0.0, trial.total.mean_ms / 1000 - known)
    return wait_that_explains(alone, c.users, c.think_time + known, latency)


def _busiest(cell: Cell, cpu: Mapping[str, float]) -> float:
    """Return the utilisation of the fullest part, the load generator among them."""
    trial, throughput = cell.trials[0], _measured(cell).throughput
    stations = network(trial, cpu, 0.0, throughput).stations
    parts = [station.utilisation(throughput) for station in stations]
    return max(*parts, throughput * cpu.get("generator", 0.0) / max(1, len(trial.generators)))


def _measured(cell: Cell) -> Performance:
    throughputs = [trial.throughput for trial in cell.trials]
    latencies = [trial.total.mean_ms / 1000 for trial in cell.trials]
    return Performance(median(throughputs), median(latencies))


def predictions(cells: Sequence[Cell], found: Demands) -> list[Prediction]:
    """Return prediction and measurement of each closed and valid setting of one implementation."""
    return [
        Prediction(
            cell,
            laws(cell, found).performance,
            _measured(cell),
            any(cell is one for one in found.calibrated),
        )
        for cell in cells
        if cell.trials and not cell.conditions.arrival_rate
    ]


def families(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return cells in groups that share demands: same label, data, caps and round trip."""
    free = ("workers", "threads", "users", "think_time", "arrival_rate")
    groups: dict[object, list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.label, alike(cell, *free)), []).append(cell)
    return list(groups.values())
