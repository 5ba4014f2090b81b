"""What the requests of this process took, in plain Python: counting costs less than telling.

`project.observability.metrics` takes what has come together, some times a second.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from threading import get_ident
from time import perf_counter

# Seconds. Our answers take one to some milliseconds, the limits of waiting are 1 and 5 s.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


# Of one answer: method, route, status; seconds until made, waited before, in the database, and
# for which it had a slot.
Line = tuple[str, str, int, float, float | None, float, float]


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
    """Remembers the requests of one process until they are taken; safe among threads.

    A request only leaves a line: adding up is done for many at once, which costs each of them less,
    and without a lock, since one call that changes a list or a dictionary is never interrupted.
    """

    def __init__(self) -> None:
        self.is_read = False  # whether somebody takes: else nothing is kept
        self.in_hand: dict[int, float] = {}  # since when, by thread
        self._lines: list[Line] = []
        self._done = 0.0  # seconds for which all requests that were taken had a slot

    def begin(self) -> float:
        """Take up a request; return when."""
        started = self.in_hand[get_ident()] = perf_counter()
        return started

    def end(
        self, method: str, route: str, status: int, started: float,
        waited: float | None, in_database: float, slot: float = 1.0,
    ) -> float:  # fmt: skip
        """Count the request of this thread, all times in seconds; return for how long it took.

        `slot` is the part of a slot that it had: one that overlaps with others leaves room.
        """
        took = perf_counter() - started
        if self.is_read:
            line = (method, route, status, took, waited, in_database, took * slot)
            self._lines.append(line)
        self.in_hand.pop(get_ident(), None)
        return took

    def take(self) -> Taken:
        """Add up what has come together, and forget it."""
        lines = self._lines[:]
        del self._lines[: len(lines)]  # and none that came meanwhile
        taken = Taken()
        for method, route, status, took, waited, in_database, held in lines:
            taken.answers[method if method in METHODS else "other", route, status].add(took)
            taken.database.add(in_database)
            if waited is not None:
                taken.waiting.add(waited)
            self._done += held
        return taken

    def busy_seconds(self) -> float:
        """Return the time for which requests have had slots until now, added up."""
        now = perf_counter()
        ended = self._done + sum(line[-1] for line in self._lines[:])
        return ended + sum(now - since for since in list(self.in_hand.values()))


tally = Tally()
