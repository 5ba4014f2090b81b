"""A service whose answers are known: slots that hold each request for a known time.

Simulated event by event, so that a minute of load takes a tenth of a second.
"""

import heapq
from dataclasses import dataclass

import numpy as np

from lab.records.conditions import Conditions
from lab.running.load import Requests
from tests.lab.examples import MACHINE, MIX, counters, processes, trial

SECONDS = 50  # what tests.lab.examples samples processes for
WARM_UP = 5


@dataclass(frozen=True)
class Service:
    """Slots that hold a request for `hold` seconds, with a spread of 10 %.

    `growth` is the hold's per second, as a share; `stall` is when all slots stop for a second.
    """

    slots: int
    hold: float = 0.02
    growth: float = 0.0
    stall: float | None = None

    def answers(self, due, free, rng):
        """Return when a request is answered whose slot was free at `free`."""
        begin = max(due, free)
        end = begin + self.hold * (1 + self.growth * begin) * max(0.1, rng.normal(1, 0.1))
        stalled = self.stall is not None and begin < self.stall + 1 and end > self.stall
        return end + 1 if stalled else end


def closed(service, users, think_time, seed):
    """Return (due, answered) of every request: users think, queue in order, are answered."""
    rng = np.random.default_rng(seed)
    waiting = [(rng.exponential(think_time), index) for index in range(users)]
    heapq.heapify(waiting)
    free = [0.0] * service.slots  # when each slot is free again
    found = []
    while waiting[0][0] < WARM_UP + SECONDS:
        due, user = heapq.heappop(waiting)
        end = service.answers(due, heapq.heappop(free), rng)
        heapq.heappush(free, end)
        found.append((due, end))
        think = rng.exponential(think_time) if think_time else 0.0
        heapq.heappush(waiting, (end + think, user))
    return np.array(found)


def opened(service, rate, seed):
    """Return (due, answered) of every request of a schedule: `rate` a second, whatever happens."""
    rng = np.random.default_rng(seed)
    free, found = [0.0] * service.slots, []
    for due in np.arange(0, WARM_UP + SECONDS, 1 / rate):
        end = service.answers(due, heapq.heappop(free), rng)
        heapq.heappush(free, end)
        found.append((due, end))
    return np.array(found)


def simulated(
    workers, users, pair=1, *, service=None, cpu=0.002, think_time=0.0, rate=None, number=1, **more
):
    """A trial of a service with one slot per worker; `cpu` is a request's, in seconds."""
    seed, service = 100 * pair + workers, service or Service(workers)
    times = opened(service, rate, seed) if rate else closed(service, users, think_time, seed)
    names = list(MIX)
    drawn = np.random.default_rng(seed).choice(
        len(names), size=len(times), p=np.array(list(MIX.values())) / 100
    )
    log = Requests(
        intended=times[:, 0],
        end=times[:, 1],
        operation=np.array(names, object)[drawn],
        served_by=np.full(len(times), "stub/1", object),
        error=np.full(len(times), "", object),
        bytes=np.full(len(times), 500.0),
        opened=np.zeros(len(times)),
    )
    window = log.ending(0, WARM_UP + SECONDS)
    count = int(((log.end >= WARM_UP) & (log.end < WARM_UP + SECONDS)).sum())
    values = {
        "label": "stub",
        "conditions": Conditions(
            workers, 1, users, think_time, rate, warm_up=WARM_UP, seconds=SECONDS
        ),
        "seconds_of_load": window.by_second(WARM_UP),
        "inside": log.inside(WARM_UP, SECONDS),
        "at_least": log.at_least(WARM_UP, SECONDS),
        "silences": log.silences(WARM_UP, SECONDS),
        "served_by": {f"stub/{pid}": count // workers for pid in range(workers)},
        "processes": processes(server=cpu * count, database=0.5, generator=5.0),
        "cores": {"server": (0, 1, 2, 3, 4, 5, 6, 7), "database": (8,), "generator": (9,)},
        "counters": counters(busy=cpu * count + 6),
        "table": None,
        "round_trip": None,
        "machine": MACHINE | {"cores": 10, "postgresql": {"max_connections": "100"}},
    }
    return trial(number, pair=pair, **(values | more))


def swept(workers, users=40, repeats=3, **more):
    """A sweep over worker counts, repeated."""
    steps = [(pair, count) for pair in range(1, repeats + 1) for count in workers]
    return [
        simulated(count, users, pair, number=number, **more)
        for number, (pair, count) in enumerate(steps, start=1)
    ]
