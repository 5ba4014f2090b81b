"""A trial's setting as a closed network: who works where, and what waits."""

import math
from collections.abc import Mapping

from lab.analysis.models.queueing import Network, Station
from lab.records.trial import Trial

SERVER = "application CPU"
NAMES = {"database": "database CPU", "generator": "load generator", "relay": "relay"}
LEAST = 0.01  # of a core, however busy its neighbours are
IDLE, A_CORE, MORE_THAN_A_CORE = 0.05, 0.9, 1.05  # of one, used by a process


def server_cores(trial: Trial) -> float:
    """Return how many cores the server may use: those it is pinned to, or fewer by its cap.

    A container around the lab may leave fewer still.
    """
    pinned = len(trial.cores.get("server", ())) or trial.machine_cores
    caps = trial.conditions.cpus, trial.machine.get("quota")
    return float(min(pinned, *(cap or math.inf for cap in caps)))


def usable_cores(trial: Trial) -> float:
    """Return how many cores the server can use: a Python worker fills one at most.

    Of others it is seen: who used more than one core each can use all, and where nobody said how
    many workers there are, processes that each fill a core are as many.
    """
    can = trial.workers if trial.knows_workers else full_processes(trial)
    is_more = trial.cores_used("server") > can * MORE_THAN_A_CORE
    return server_cores(trial) if is_more or not can else min(server_cores(trial), float(can))


def full_processes(trial: Trial) -> int:
    """Return how many processes of the server work, if each of them fills a core; else 0."""
    used = [
        process.during("cpu_seconds", 0, trial.seconds) / trial.seconds
        for process in trial.processes
        if process.party == "server"
    ]
    at_work = [share for share in used if share > IDLE]
    is_full = at_work and min(at_work) > A_CORE and max(at_work) < MORE_THAN_A_CORE
    return len(at_work) if is_full else 0


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
        servers = float(len(cores) or trial.machine_cores)
        taken = throughput * cpu.get("generator", 0.0) if _beside(trial, cores) else 0.0
        stations.append(Station(name, demand, max(servers - taken, LEAST * servers)))
    slots = trial.slots if trial.knows_slots else max(trial.slots, trial.conditions.users)
    return Network(tuple(stations), wait, slots)


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
            used /= float(len(cores) or trial.machine_cores)
    return demand / max(LEAST, 1 - used)


def explained(trial: Trial) -> float | None:
    """Return the seconds of a request that round trips and flushes explain; None: not measured.

    A transaction is one round trip at least, and most of this service's are just one.
    """
    source, trip = trial.counters.get("database"), trial.round_trip
    commits = source.during("commits", 0, trial.seconds) if source else None
    if source is None or trip is None or commits is None:
        return None
    flushing = source.during("wal_flush_ms", 0, trial.seconds) or 0.0
    requests = trial.total.requests
    trips = max(commits, requests) if trial.links else commits  # on links reads share transactions
    return (trips * trip.service_ms + flushing) / 1000 / requests


def link_wait(trial: Trial) -> float | None:
    """Return the share of a request's time in which it waits for a link; None: not known.

    What is under way on a link is not seen: it is the time that neither round trips and flushes
    nor any CPU and the queue for it (M/M/1) explain, where more are inside than there are links.
    """
    known = explained(trial)
    if not trial.links or known is None or trial.under_way <= trial.links:
        return None
    cpu = {party: used.cpu_seconds / trial.total.requests for party, used in trial.usage.items()}
    busy = [
        station.demand / max(LEAST, 1 - station.utilisation(trial.throughput))
        for station in network(trial, cpu, 0.0, trial.throughput).stations
    ]
    explains = known + sum(busy) + sending(trial, cpu, trial.throughput)
    return max(0.0, 1 - explains / (trial.total.mean_ms / 1000))
