"""From what one request costs to what so many users need: instances, database, connections, money.

Operational laws and the closed network of `lab/analysis/models/queueing.py`. Times are in seconds,
memory in bytes.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from lab.analysis.models.queueing import knee
from lab.analysis.statistics import TAIL, Estimate, Interval
from lab.errors import CannotTellError
from lab.sizing.costs import Costs, Measured
from lab.sizing.instances import Instance, instance, instances, share
from lab.sizing.requirements import Requirements

LOST = TAIL / 100  # of the draws: with more than these unanswered the interval has no end


@dataclass(frozen=True)
class Needs:
    """What a number of users needs; each is a plain number, so that draws can be compared."""

    throughput: float  # requests/s
    instances: int
    workers: float  # of all instances
    vcpus: float
    memory: float
    used: float  # share of the application's CPU
    latency: float
    p95: float
    knee: float  # requests/s of all instances, all their CPU in use or all their slots held
    knee_users: float
    connections: float  # to the database, without a pooler
    pool: float  # server connections, with one
    database_vcpus: float
    writing_vcpus: float  # of these, what no replica takes off the primary
    flushing: float  # share of the time, if no two commits shared a flush
    cost: float  # an hour


def needs(
    costs: Costs,
    measured: Measured,
    required: Requirements,
    users: int,
    one: Instance,
    bought: int | None = None,
) -> Needs:
    """Return what so many users need of an instance's kind. Raises `CannotTellError`.

    The knee is that of the instances `bought`, or of those needed.
    """
    count = instances(one, required, users)
    bought = bought or count
    here = share(users, count)
    found = one.performance(here, required.think_time)
    throughput = min(count * found.throughput, users * found.throughput / here)
    (station,) = one.network.stations
    database = max(1, math.ceil(throughput * costs.database / required.utilisation))
    return Needs(
        throughput=throughput,
        instances=count,
        workers=count * one.workers,
        vcpus=count * required.vcpus,
        memory=count * required.memory,
        used=station.utilisation(throughput / count),
        latency=found.latency,
        p95=one.p95(here, required.think_time),
        knee=bought * one.network.capacity,
        knee_users=bought * knee(one.network, required.think_time + one.outside),
        connections=count * one.connections,
        pool=math.ceil(throughput * one.held / required.utilisation),
        database_vcpus=database,
        writing_vcpus=throughput * costs.database * (1 - measured.reads) / required.utilisation,
        flushing=throughput * costs.flush,
        cost=required.prices.an_hour(count * required.vcpus, count * required.memory, database),
    )


@dataclass(frozen=True)
class Size:
    """What `users` need: by the middles of what was measured, and the interval of each figure."""

    users: int
    one: Instance
    needs: Needs
    low: Needs
    high: Needs
    draws: int

    def estimate(self, name: str, unit: float = 1.0) -> Estimate:
        """Return a figure of `Needs`, in units of `unit`, with its interval."""
        low, middle, high = (getattr(one, name) / unit for one in (self.low, self.needs, self.high))
        return Estimate(middle, Interval(low, high), self.draws)


def sized(measured: Measured, required: Requirements, users: int) -> Size:
    """Return what so many users need. Raises `CannotTellError`, also when too many draws cannot.

    The workers of an instance are decided once: the intervals are of what then is needed.
    """
    one = instance(measured.costs, measured, required, users)
    middle = needs(measured.costs, measured, required, users, one)
    found: list[Needs] = []
    why: CannotTellError | None = None
    for costs in measured.draws:
        try:
            of_draw = instance(costs, measured, required, users, one.workers)
            found.append(needs(costs, measured, required, users, of_draw, middle.instances))
        except CannotTellError as error:
            why = error
    if why and len(found) < (1 - LOST) * len(measured.draws):
        raise CannotTellError(f"the repeats do not settle it: {why}")
    rows = np.array([astuple(one) for one in found] + [astuple(middle)])
    low, high = np.percentile(rows, (TAIL, 100 - TAIL), axis=0)
    low, high = np.minimum(low, rows[-1]), np.maximum(high, rows[-1])
    return Size(users, one, middle, Needs(*low.tolist()), Needs(*high.tolist()), len(found))


@dataclass(frozen=True)
class Plan:
    """What one implementation needs for each number of users, or why that cannot be told."""

    measured: Measured
    required: Requirements
    sizes: tuple[Size, ...]
    unknown: tuple[tuple[int, CannotTellError], ...]


def planned(measured: Measured, required: Requirements, users: Sequence[int]) -> Plan:
    """Return the plan for each number of users."""
    sizes, unknown = [], []
    for count in users:
        try:
            sizes.append(sized(measured, required, count))
        except CannotTellError as why:
            unknown.append((count, why))
    return Plan(measured, required, tuple(sizes), tuple(unknown))
