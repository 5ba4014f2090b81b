"""Operational laws and the closed network: what measured service demands say must follow.

Denning & Buzen, The Operational Analysis of Queueing Network Models (1978); Lazowska, Zahorjan,
Graham & Sevcik, Quantitative System Performance (1984). Times are in seconds, throughputs in
requests/s; a demand is the time one request needs at a station, all its visits together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from lab.analysis.statistics import Floats


@dataclass(frozen=True)
class Station:
    """Something requests queue for. `servers` work side by side: cores, or a share of one."""

    name: str
    demand: float
    servers: float = 1.0

    def __post_init__(self) -> None:
        if not (self.demand >= 0 and self.servers > 0):
            raise ValueError(f"{self.name}: a demand of {self.demand} s at {self.servers} servers")

    @property
    def capacity(self) -> float:
        """The throughput at which it is full: the utilisation law U = X D / servers, at U = 1."""
        return self.servers / self.demand if self.demand else math.inf

    def utilisation(self, throughput: float) -> float:
        """Return the share of its time that it works."""
        return throughput * self.demand / self.servers


@dataclass(frozen=True)
class Network:
    """A service: stations, a wait that queues for nothing, and slots that hold a request inside.

    `wait` is what a request spends on round trips and flushes while it holds its slot. `slots`
    are workers × threads (or × the requests that overlap in one): as many are inside at once, the
    others queue before them.
    """

    stations: tuple[Station, ...]
    wait: float
    slots: int

    @property
    def demand(self) -> float:
        """The time one request takes when it is alone."""
        return self.wait + sum(station.demand for station in self.stations)

    @property
    def capacity(self) -> float:
        """The highest throughput that any load can reach: the bottleneck's."""
        return min([self.slots / self.demand, *(station.capacity for station in self.stations)])


@dataclass(frozen=True)
class Performance:
    """What a closed load finds: requests/s and the mean latency in seconds."""

    throughput: float
    latency: float


def bounds(network: Network, users: int, think_time: float) -> Performance:
    """Return the best any network with these demands can do: X ≤ min(N / (D + Z), capacity).

    The asymptotic bounds of Denning & Buzen (1978).
    """
    throughput = min(users / (network.demand + think_time), network.capacity)
    return Performance(throughput, max(network.demand, users / throughput - think_time))


def knee(network: Network, think_time: float) -> float:
    """Return the users N* = capacity x (D + Z) at which the two bounds meet: more only queue."""
    return network.capacity * (network.demand + think_time)


def mva(stations: Sequence[Station], delay: float, customers: int) -> Floats:
    """Return the throughput with 1, 2, … customers, by exact mean value analysis.

    Reiser & Lavenberg (1980). A station of m servers is, after Seidmann, Schweitzer &
    Shalev-Oren (1987), one server m times as fast and a delay of D (m - 1) / m.
    """
    return met(stations, delay, customers)[0]


def met(stations: Sequence[Station], delay: float, customers: int) -> tuple[Floats, Floats]:
    """Return the throughputs of `mva`, and how many others a customer meets at each station.

    The second is customers × stations: by the arrival theorem the queues with one customer less.
    """
    parts = [seidmann(station) for station in stations]
    delay += sum(pure for _, pure in parts)
    throughputs: list[float] = []
    queues = [[0.0] * len(parts)]
    for number in range(1, customers + 1):  # by plain numbers: stations are few
        residence = [
            queueing * (1 + others) for (queueing, _), others in zip(parts, queues[-1], strict=True)
        ]
        throughputs.append(number / (delay + sum(residence)))
        queues.append([throughputs[-1] * seconds for seconds in residence])
    return np.array(throughputs), np.array(queues[:-1]).reshape(customers, len(parts))


def seidmann(station: Station) -> tuple[float, float]:
    """Return the demand that queues and the one that does not."""
    whole = math.ceil(station.servers)
    demand = station.demand * whole / station.servers  # two servers at 0.75 speed are 1.5
    return demand / whole, demand * (whole - 1) / whole


def predict(network: Network, users: int, think_time: float) -> Performance:
    """Return what a closed load of users with think time will find.

    Slots are a passive resource: what lies inside is replaced by one server whose speed depends on
    how many are inside, taken from `mva` (Chandy, Herzog & Woo, Parametric Analysis of Queuing
    Networks, 1975), and users and that server are then a birth-death process, solved exactly.
    Service times are taken as exponential, which a queue's mean hardly notices when it is full.
    """
    inside = mva(network.stations, network.wait, min(users, network.slots))
    shares = population(inside, users, think_time)
    # Not by BLAS, whose threads wait for one another longer than so short a sum takes.
    throughput = float((shares[1:] * _speeds(inside, users)).sum())
    return Performance(throughput, users / throughput - think_time)


def population(inside: Floats, users: int, think_time: float) -> Floats:
    """Return the share of time with 0, 1, … users in the service; the others think.

    `inside` is the throughput with 1, 2, … requests inside the slots, from `mva`.
    """
    if not think_time or not users:
        return np.append(np.zeros(users), 1.0)
    arriving = np.arange(users, 0, -1) / think_time
    growth = np.cumsum(np.log(arriving) - np.log(_speeds(inside, users)))
    logs = np.concatenate([[0.0], growth])
    weights = np.exp(logs - logs.max())
    shares: Floats = weights / weights.sum()
    return shares


def _speeds(inside: Floats, users: int) -> Floats:
    speeds: Floats = inside[np.minimum(np.arange(users), len(inside) - 1)]
    return speeds


def erlang_c(load: float, servers: int) -> float:
    """Return the share of arrivals that must wait for one of so many servers.

    `load` is arrivals x service time, below `servers`; Erlang (1917). His loss formula is Poisson's
    chance of `servers` over that of as many or fewer, here by their logarithms.
    """
    exactly = scipy.special.xlogy(servers, load) - load - scipy.special.gammaln(servers + 1)
    blocked = math.exp(exactly) / float(scipy.special.pdtr(servers, load))
    return blocked / (1 - load / servers * (1 - blocked))


def wait_that_explains(network: Network, users: int, think_time: float, latency: float) -> float:
    """Return the wait (s) with which `predict` gives a measured latency; 0 when none is needed.

    From latency, not from throughput: that of users who think hardly depends on the wait.
    """

    def gap(wait: float) -> float:
        waiting = Network(network.stations, wait, network.slots)
        return predict(waiting, users, think_time).latency - latency

    low, high = 0.0, latency
    if gap(low) >= 0:
        return 0.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if gap(middle) < 0 else (low, middle)
    return high
