"""Queues whose truth is known, many at once: seconds of stationary and of growing services.

`python -m tests.lab.queues` measures how often growth is seen where it is and where it is not.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.growth import Course, growth, windows
from lab.analysis.rules.parts import BUSY

SECONDS = 25
GROWN = 0.2  # the service time's growth over the window
SERIES = 200  # of each kind


@dataclass(frozen=True)
class Queue:
    """Slots that hold each request for `hold` seconds; `spread` is the standard deviation's share.

    `spread` 1 means exponential times. `users` pause for exponential times; with `rate` requests
    come at random instead. `warm_up` is long enough to forget the empty start.
    """

    slots: int
    hold: float
    users: int = 1
    pause: float = 0.0
    rate: float = 0.0
    spread: float = 0.5
    warm_up: float = 3.0
    growth: float = 0.0

    def held(self, begin, rng):
        """Return how long requests are held that get their slot at `begin`."""
        age = np.clip((begin - self.warm_up) / SECONDS, 0, 1)
        if self.spread == 1:
            luck = rng.exponential(size=len(begin))
        else:
            luck = rng.normal(1, self.spread, len(begin)).clip(0.1)
        return self.hold * luck * (1 + self.growth * age)

    def seconds(self, series, rng):
        """Return requests, their latencies together (ms) and slots in use, by series and second."""
        requests, total_ms, held = np.zeros((3, series, SECONDS))
        free, rows = np.zeros((series, self.slots)), np.arange(series)
        ready = rng.exponential(self.pause or 1e-3, (series, 1 if self.rate else self.users))
        while ready.min(axis=1).min() < self.warm_up + SECONDS:
            user = ready.argmin(axis=1)
            due = ready[rows, user]
            slot = free.argmin(axis=1)
            begin = np.maximum(due, free[rows, slot])
            free[rows, slot] = end = begin + self.held(begin, rng)
            at = np.floor(end - self.warm_up).astype(int)
            seen = (at >= 0) & (at < SECONDS)
            requests[rows[seen], at[seen]] += 1
            total_ms[rows[seen], at[seen]] += 1000 * (end - due)[seen]
            held[rows[seen], at[seen]] += (end - begin)[seen]
            pause = 1 / self.rate if self.rate else self.pause
            ready[rows, user] = (due if self.rate else end) + rng.exponential(pause, series)
        return requests, total_ms, held


LIGHT = Queue(8, 0.01, users=60, pause=0.2)
FULL = Queue(4, 0.01, users=40)
KNEE = Queue(4, 0.02, users=60, pause=0.3, spread=1, warm_up=5)
QUEUES: Mapping[str, Queue] = {
    "light: 60 users, 8 slots": LIGHT,
    "full: 40 users, 4 slots": FULL,
    "the same, exponential times": replace(FULL, spread=1),
    "light, open: 120/s, 4 slots": Queue(4, 0.01, rate=120),
    "at the knee: 60 users, 4 slots": KNEE,
    "open, 80 % of one slot": Queue(1, 0.005, rate=160, spread=1, warm_up=20),
    "open, 90 % of one slot": Queue(1, 0.005, rate=180, spread=1, warm_up=60),
    "open, 95 % of one slot": Queue(1, 0.005, rate=190, spread=1, warm_up=150),
}


def courses(queue, series=SERIES, seed=1):
    """Return what is said of each of several series of a queue."""
    columns = queue.seconds(series, np.random.default_rng(seed))[:2]
    return [growth(windows(*one), 0.0) for one in zip(*columns, strict=True)]


def wandering(forgets, series=SERIES, seed=1):
    """Return what is said of latencies that wander by 10 % and grow nowhere (an AR(1))."""
    rng = np.random.default_rng(seed)
    found = [rng.normal(0, 0.1, series)]
    for _ in range(SECONDS - 1):
        found.append(forgets * found[-1] + rng.normal(0, 0.1 * np.sqrt(1 - forgets**2), series))
    return [growth(windows(np.full(SECONDS, 500.0), 5e4 * np.exp(one)), 0.0)
            for one in np.array(found).T]  # fmt: skip


def full(slots, utilisation, series=SERIES, seed=3):
    """Return the share of series of an open queue whose slots are called full."""
    queue = Queue(slots, 0.002, rate=utilisation * slots / 0.002, spread=1, warm_up=10)
    _, _, held = queue.seconds(series, np.random.default_rng(seed))
    return float((held.mean(axis=1) / slots > BUSY).mean())


def share(found, *wanted):
    """Return the share of series of which one of `wanted` is said."""
    return sum(one.course in wanted for one in found) / len(found)


GROWS = (Course.QUEUE, Course.TABLE, Course.SERVICE)


def row(name, still, grows):
    """Return a line of the table: half the interval's width, and the rates in per cent."""
    ends = [one.latency.rise.interval for one in still]
    width = np.median([(end.high - end.low) / 2 for end in ends])
    rates = [share(still, *GROWS), share(still, Course.CONVERGED)]
    rates += [share(grows, *GROWS), share(grows, Course.CONVERGED)] if grows else []
    cells = [f"{100 * rate:.1f}" for rate in rates] + ["–"] * (4 - len(rates))
    return f"| {name} | {100 * width:.0f} % | {' | '.join(cells)} |"


def main():
    """Print both rates of "growing" and of "converged" for all queues."""
    for name, queue in QUEUES.items():
        grown = courses(replace(queue, growth=GROWN), seed=2)
        print(row(name, courses(queue), grown), flush=True)  # noqa: T201
    for forgets in (0.5, 0.8, 0.95):
        line = row(f"wandering by 10 %, autocorrelation {forgets}", wandering(forgets), None)
        print(line)  # noqa: T201
    for slots in (1, 4):
        for utilisation in (0.8, 0.85, 0.92, 0.95):
            found = 100 * full(slots, utilisation)
            print(f"| {slots} | {100 * utilisation:.0f} % | {found:.1f} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
