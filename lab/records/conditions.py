"""The conditions of a trial: what was asked for, before anything is measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lab.errors import LabError
from lab.records.operations import MOST_WEIGHT, ROLES, weights_of

RANDOM, CONSTANT = "random", "constant"
COUNTS = ("workers", "threads", "users", "rows")


@dataclass(frozen=True)
class Conditions:
    """Under which conditions a trial is measured. Raises `LabError` at birth."""

    workers: int = 2
    threads: int = 4  # per worker; also its database connections
    users: int = 100
    think_time: float = 0.0  # mean seconds between an answer and the same user's next request
    arrival_rate: float | None = None  # requests/s of all users on a schedule; None: closed load
    mix: str = "60/15/20/5"  # weights, as `weights_of` reads them
    warm_up: float = 10.0  # seconds of load before the window
    seconds: float = 50.0  # of the measured window
    rows: int = 100_000
    seed: int = 1
    cpus: float | None = None  # cores the server may use; None: as many as it is pinned to
    memory: int | None = None  # bytes the server may use
    db_rtt: float = 0.0  # seconds added to every round trip between server and database
    pace: str = RANDOM  # pauses, and arrivals: exponential around their mean, or constant

    def __post_init__(self) -> None:
        for name in (*COUNTS, "cpus", "memory", "arrival_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise LabError(f"{name} is {value}: give a number above 0")
        if not self.seconds >= 1:  # all is looked at second by second
            raise LabError(f"seconds is {self.seconds}: give 1 or more")
        if min(self.warm_up, self.think_time, self.db_rtt) < 0:
            raise LabError("warm-up, think time and round trip are seconds: none can be negative")
        if self.think_time and self.arrival_rate:
            raise LabError("think time and arrival rate exclude each other: leave one out")
        if self.pace not in (RANDOM, CONSTANT):
            raise LabError(f"pace {self.pace!r}: must be {RANDOM} or {CONSTANT}")
        try:
            weights_of(self.mix)
        except ValueError as error:
            raise LabError(
                f"mix {self.mix!r}: give weights of {'/'.join(ROLES)}, such as 75/5/5/15/0, "
                f"together {MOST_WEIGHT:,} at most"
            ) from error

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Return what was written; before the pace was a choice, it was constant."""
        return cls(**{"pace": CONSTANT, **found})

    @property
    def load(self) -> str:
        """The load in words."""
        if self.arrival_rate:
            return f"{self.arrival_rate:g} requests/s"
        return f"{self.users} user{'s' * (self.users != 1)}"
