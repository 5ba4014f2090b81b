"""What the requests of this process took, in plain Python: counting costs less than telling.

`project.metrics` takes what has come together, some times a second.
"""

import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from threading import get_ident
from time import perf_counter

# Seconds. Our answers take one to some milliseconds, the limits of waiting are 1 and 5 s.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


class Spread:
    """How many durations were within each of `BOUNDS` and not the one before, and their sum."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)  # the last one: longer than all bounds
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


@dataclass
class Taken:
    """What has come together since the last time."""

    answers: dict[tuple[str, str, int], Spread] = field(  # by method, route and status
        default_factory=lambda: defaultdict(Spread)
    )
    waiting: Spread = field(default_factory=Spread)  # until the application got the request
    database: Spread = field(default_factory=Spread)  # in the database, per request


class Tally:
    """Counts the requests of one process; safe among threads."""

    def __init__(self) -> None:
        self.now = Taken()
        self.in_hand: dict[int, float] = {}  # since when, by thread
        self._done = 0.0  # seconds of all requests that are answered
        self._lock = threading.Lock()

    def begin(self) -> float:
        """Take up a request; return when."""
        started = self.in_hand[get_ident()] = perf_counter()
        return started

    def end(
        self, method: str, route: str, status: int, started: float,
        waited: float | None, in_database: float,
    ) -> float:  # fmt: skip
        """Count the request of this thread, all times in seconds; return for how long it took."""
        took = perf_counter() - started
        with self._lock:
            now = self.now
            now.answers[method if method in METHODS else "other", route, status].add(took)
            now.database.add(in_database)
            if waited is not None:
                now.waiting.add(waited)
            self._done += took
            self.in_hand.pop(get_ident(), None)
        return took

    def take(self) -> Taken:
        """Return what has come together, and begin anew."""
        with self._lock:
            taken, self.now = self.now, Taken()
        return taken

    def busy_seconds(self) -> float:
        """Return the time for which requests have been in hand until now, added up."""
        with self._lock:
            now = perf_counter()
            return self._done + sum(now - since for since in list(self.in_hand.values()))


tally = Tally()
