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
IDLE = 0.8  # busier than this, and queueing hides what is waiting


@dataclass(frozen=True)
class Demands:
    """What one request of an implementation costs, in seconds; medians over valid trials.

    `wait` queues for nothing: round trips, flushes, and whatever else is no CPU. It was found at
    the setting `calibrated`, whose prediction is therefore none, and `is_sure` if CPU idled there.
    """

    label: str
    cpu: Mapping[str, float]  # by party
    wait: float
    calibrated: Cell
    is_sure: bool


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


def network(trial: Trial, cpu: Mapping[str, float], wait: float) -> Network:
    """Return the closed network of a trial's setting; `cpu` are seconds per request by party.

    Parties that share the same cores are one station.
    """
    stations = [Station(SERVER, cpu.get("server", 0.0), usable_cores(trial))]
    places: dict[tuple[int, ...], list[str]] = {}
    for party in NAMES:
        if party in cpu:
            places.setdefault(trial.cores.get(party, ()), []).append(party)
    for cores, parties in places.items():
        name = " and ".join(NAMES[party] for party in parties)
        servers = float(len(cores) or trial.machine["cores"])
        if parties == ["generator"]:
            servers = 1.0  # it is one process
        stations.append(Station(name, sum(cpu[party] for party in parties), servers))
    return Network(tuple(stations), wait, trial.slots)


def demands(cells: Sequence[Cell]) -> Demands:
    """Return the service demands of one implementation, from its closed and valid trials.

    CPU: the service demand law D = U T / C, busy time over completed requests (Denning & Buzen).
    The wait is what explains the latency of the setting with the most idle CPU, where it shows
    clearest. Raises `CannotTellError` when nothing valid was measured.
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
    idlest = min(usable, key=lambda cell: _busiest(cell, cpu))
    c, found = idlest.conditions, _measured(idlest)
    wait = wait_that_explains(
        network(idlest.trials[0], cpu, 0.0), c.users, c.think_time, found.latency
    )
    return Demands(idlest.label, cpu, wait, idlest, _busiest(idlest, cpu) < IDLE)


def _busiest(cell: Cell, cpu: Mapping[str, float]) -> float:
    stations = network(cell.trials[0], cpu, 0.0).stations
    return max(station.utilisation(_measured(cell).throughput) for station in stations)


def _measured(cell: Cell) -> Performance:
    throughputs = [trial.throughput for trial in cell.trials]
    latencies = [trial.total.mean_ms / 1000 for trial in cell.trials]
    return Performance(median(throughputs), median(latencies))


def predictions(cells: Sequence[Cell], found: Demands) -> list[Prediction]:
    """Return prediction and measurement of each closed and valid setting of one implementation."""
    return [
        Prediction(
            cell,
            predict(
                network(cell.trials[0], found.cpu, found.wait),
                cell.conditions.users,
                cell.conditions.think_time,
            ),
            _measured(cell),
            cell is found.calibrated,
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
