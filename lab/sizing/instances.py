"""One instance of a service as a network of its own, and how many of them so many users need."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from lab.analysis.models.network import SERVER
from lab.analysis.models.queueing import Network, Performance, Station, erlang_c, predict
from lab.errors import CannotTellError
from lab.sizing.costs import Costs, Measured
from lab.sizing.latencies import percentile
from lab.sizing.requirements import Requirements

MEMORY_ROOM = 0.8  # of an instance's memory that workers may fill: the rest is peaks
MOST_WORKERS = 256  # of one instance
NEARLY = 0.999


@dataclass(frozen=True)
class Instance:
    """One instance of a plan: how many workers it runs, and what it is as a network.

    `connections` to the database are those of all its workers,
    `held` is how long a request holds a database connection, `outside` how long it is on its way.
    """

    workers: int
    connections: int
    network: Network
    held: float
    outside: float

    def fills(self, vcpus: float) -> bool:
        """Whether its workers can use so much CPU before their slots are all held."""
        (station,) = self.network.stations
        return self.workers >= vcpus and self.network.capacity >= NEARLY * station.capacity

    def performance(self, users: int, think_time: float) -> Performance:
        """Return what so many users of this instance find."""
        found = predict(self.network, users, think_time + self.outside)
        return Performance(found.throughput, found.latency + self.outside)

    def p95(self, users: int, think_time: float) -> float:
        """Return the 95th percentile of their latencies."""
        return self.outside + percentile(self.network, users, think_time + self.outside)


def waiting(costs: Costs, measured: Measured, required: Requirements) -> float:
    """Return what a request waits for round trips, flushes and the rest, at the wanted distance."""
    if required.round_trip is None:
        return costs.wait
    return max(0.0, costs.wait + costs.round_trips * (required.round_trip - measured.round_trip))


def instance(
    costs: Costs, measured: Measured, required: Requirements, users: int, workers: int | None = None
) -> Instance:
    """Return the instance with the fewest workers whose slots do not hold its CPU up.

    Or with as many as fit into its memory, or with `workers`. The database's part of a request
    is a wait there: its CPU time and, by Erlang's formula, its queue at the wanted utilisation.
    """
    fitting = int(MEMORY_ROOM * required.memory / costs.worker)
    if not fitting:
        raise CannotTellError(
            f"no worker of {costs.worker / 2**20:.0f} MB fits into {100 * MEMORY_ROOM:.0f} % of "
            f"{required.memory / 2**20:.0f} MB: give --memory more"
        )
    wait = waiting(costs, measured, required)
    asked = users / (required.think_time + costs.application + costs.database + wait)
    database = _at_database(costs.database, asked, required.utilisation)
    trip = measured.round_trip if required.round_trip is None else required.round_trip
    held = database + costs.round_trips * trip + costs.flush
    tried = []
    for count in [workers] if workers else range(1, min(fitting, MOST_WORKERS) + 1):
        station = Station(SERVER, costs.application, min(required.vcpus, float(count)))
        network = Network((station,), wait + database, count * measured.at_once)
        connections = count * measured.connections
        tried.append(Instance(count, connections, network, held, costs.outside))
    return next((one for one in tried if one.fills(required.vcpus)), tried[-1])


def _at_database(demand: float, asked: float, utilisation: float) -> float:
    """Return the time in the database's CPU: M/M/m, as many cores as keep the utilisation."""
    cores = max(1, math.ceil(asked * demand / utilisation))
    load = min(asked * demand, utilisation * cores)
    return demand * (1 + erlang_c(load, cores) / (cores - load))


def instances(one: Instance, required: Requirements, users: int) -> int:
    """Return the fewest instances that keep utilisation and p95.

    Raises `CannotTellError` when not even one instance for each user would.
    """
    alone = one.p95(1, required.think_time)
    if alone > required.objective:
        raise CannotTellError(
            f"a request alone takes {1000 * alone:.3g} ms at p95 and more instances shorten none: "
            f"no number of them meets {1000 * required.objective:g} ms"
        )
    cycle = required.think_time + one.outside + one.network.demand
    most = users / cycle  # requests/s, by the asymptotic bound
    guess = max(1, math.ceil(most / (required.utilisation * one.network.capacity)))
    return _smallest(lambda count: _holds(one, required, share(users, count)), guess)


def _smallest(holds: Callable[[int], bool], guess: int) -> int:
    """Return the smallest number that holds; all larger ones do, too."""
    low, high, step = 0, guess, 1
    while not holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle, step = max((low + high) // 2, high - step), 2 * step
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def share(users: int, count: int) -> int:
    """Return the users of the fullest of so many instances."""
    return math.ceil(users / count)


def _holds(one: Instance, required: Requirements, users: int) -> bool:
    if users == 1:
        return True
    throughput = one.performance(users, required.think_time).throughput
    if throughput > required.utilisation * one.network.capacity:
        return False
    return one.p95(users, required.think_time) <= required.objective
