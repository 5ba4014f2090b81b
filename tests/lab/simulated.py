"""A service whose answers are known: slots that hold each request for a known time.

Simulated event by event, so that a minute of load takes a tenth of a second.
"""

import heapq

import numpy as np

from lab.load import Requests
from lab.plan import Conditions
from tests.lab.examples import MACHINE, MIX, counters, processes, trial

SECONDS = 50  # what tests.lab.examples samples processes for
WARM_UP = 5


def requests(slots, users, think_time, hold, seed, growth=0.0):
    """Return (due, answered) of every request: users think, queue in order, are held, answer.

    The hold is in seconds, with a spread of 10 %; `growth` is its growth per second, as a share.
    """
    rng = np.random.default_rng(seed)
    waiting = [(rng.exponential(think_time), index) for index in range(users)]
    heapq.heapify(waiting)
    free = [0.0] * slots  # when each slot is free again
    found = []
    while waiting[0][0] < WARM_UP + SECONDS:
        due, user = heapq.heappop(waiting)
        begin = max(due, heapq.heappop(free))
        end = begin + hold * (1 + growth * begin) * max(0.1, rng.normal(1, 0.1))
        heapq.heappush(free, end)
        found.append((due, end))
        think = rng.exponential(think_time) if think_time else 0.0
        heapq.heappush(waiting, (end + think, user))
    return np.array(found)


def simulated(workers, users, pair=1, *, hold=0.02, cpu=0.002, think_time=0.0, number=1, **more):
    """A trial of that service with one slot per worker; `cpu` is a request's, in seconds."""
    seed = 100 * pair + workers
    times = requests(workers, users, think_time, hold, seed, more.pop("growth", 0.0))
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
    )
    window = log.ending(0, WARM_UP + SECONDS)
    count = int(((log.end >= WARM_UP) & (log.end < WARM_UP + SECONDS)).sum())
    values = {
        "label": "stub",
        "conditions": Conditions(workers, 1, users, think_time, warm_up=WARM_UP, seconds=SECONDS),
        "seconds_of_load": window.by_second(WARM_UP),
        "in_flight": log.in_flight(WARM_UP, SECONDS),
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
