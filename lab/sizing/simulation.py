"""The closed network played event by event, where the formulas are to be believed or not.

What costs time is a request, not a user, so a million users are simulated in seconds:

- Instances behind a balancer share nothing but the database. Of many instances one is simulated,
  with its share of the users; the database's part of a request is in the network's wait.
- Users who think do nothing but come back. With exponential thoughts they are interchangeable, so
  all of them together are one source of rate (users - inside) / think time. It is made of a source
  of rate users / think time by thinning (Lewis & Shedler 1979): an arrival is real with
  probability (users - inside) / users. That is exact, for one user as for a million.
- It begins with as many requests queued as a full service leaves over, and forgets the beginning.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

from lab.analysis.models.queueing import Network, Station, mva
from lab.analysis.statistics import Estimate, mean_estimate, percentiles

REQUESTS = 20_000
FORGOTTEN = 0.25  # of the requests, at the beginning
BATCHES = 10
Events = Generator[simpy.Event, Any, None]
Draw = Callable[[np.random.Generator], float]
# Times around a mean of 1, by what they are: the squared coefficient of variation is 1, 0, 4.
SERVICES: Mapping[str, Draw] = {
    "exponential": lambda rng: float(rng.exponential()),
    "constant": lambda _: 1.0,
    "heavy-tailed": lambda rng: float(rng.lognormal(-np.log(5) / 2, np.sqrt(np.log(5)))),
}


@dataclass(frozen=True)
class Simulated:
    """Requests/s, and latency in seconds: the mean and the 95th percentile.

    Intervals are of batch means: neighbouring requests share a queue, batches hardly do.
    """

    throughput: Estimate
    latency: Estimate
    p95: Estimate


@dataclass
class _Service:
    """A network at work; `done` are (when answered, latency) in the order of answers."""

    network: Network
    users: int
    think_time: float
    draw: Draw
    rng: np.random.Generator
    world: simpy.Environment = field(default_factory=simpy.Environment)
    inside: int = 0  # requests under way, those before the slots included
    done: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slots = simpy.Resource(self.world, self.network.slots)
        self.places = [simpy.Resource(self.world, _cores(one)) for one in self.network.stations]

    def begin(self) -> None:
        """Set users going: those the service leaves waiting, and the source of all others."""
        full = mva(self.network.stations, self.network.wait, self.network.slots)[-1]
        for _ in range(max(0, int(self.users - full * self.think_time))):
            self.world.process(self.request())
        if self.think_time:
            self.world.process(self.source())

    def source(self) -> Events:
        """Let users come back from thinking."""
        while True:
            yield self.world.timeout(self.rng.exponential(self.think_time / self.users))
            if self.rng.random() * self.users < self.users - self.inside:
                self.world.process(self.request())

    def request(self) -> Events:
        """Take a slot, the stations in their order and the wait; then, unthinking, begin again."""
        self.inside += 1
        came = self.world.now
        with self.slots.request() as slot:
            yield slot
            for station, place in zip(self.network.stations, self.places, strict=True):
                with place.request() as core:
                    yield core
                    yield self.world.timeout(_service(station) * self.draw(self.rng))
            yield self.world.timeout(self.network.wait)
        self.inside -= 1
        self.done.append((self.world.now, self.world.now - came))
        if not self.think_time:
            self.world.process(self.request())


def _cores(station: Station) -> int:
    return int(np.ceil(station.servers))


def _service(station: Station) -> float:
    return station.demand * _cores(station) / station.servers  # of a slower whole core


def simulate(
    network: Network,
    users: int,
    think_time: float,
    *,
    service: str = "exponential",
    requests: int = REQUESTS,
    seed: int = 1,
) -> Simulated:
    """Return what so many users who think that long (s) find, over so many requests.

    `service` is how service times spread: a name of `SERVICES`.
    """
    rng = np.random.default_rng(seed)
    played = _Service(network, users, think_time, SERVICES[service], rng)
    played.begin()
    while len(played.done) < requests:
        played.world.step()
    kept = np.array(played.done[int(FORGOTTEN * requests) :])
    batches = np.array_split(kept, BATCHES)
    return Simulated(
        mean_estimate([len(one) / (one[-1, 0] - one[0, 0]) for one in batches]),
        mean_estimate([float(one[:, 1].mean()) for one in batches]),
        mean_estimate([percentiles(one[:, 1], (95,))[0] for one in batches]),
    )
