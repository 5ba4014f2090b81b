"""What is to be measured, in which order, and how long that will take."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.errors import LabError
from lab.targets import named

SECONDS_TO_PREPARE = 10.0  # once: start PostgreSQL, create and migrate the database
SECONDS_AROUND_A_TRIAL = 10.0  # seed, vacuum, start server and load, drain, read the log
COUNTS = ("workers", "threads", "users", "rows")


@dataclass(frozen=True)
class Conditions:
    """Under which conditions a trial is measured. Raises `LabError` at birth."""

    workers: int = 2
    threads: int = 4  # per worker; also its database connections
    users: int = 100
    think_time: float = 0.0  # seconds between an answer and the same user's next request
    arrival_rate: float | None = None  # requests/s of all users on a schedule; None: closed load
    mix: str = "60/15/20/5"  # weights of retrieve/list/create/delete
    warm_up: float = 10.0  # seconds of load before the window
    seconds: float = 50.0  # of the measured window
    rows: int = 100_000
    seed: int = 1
    cpus: float | None = None  # cores the server may use; None: as many as it is pinned to
    memory: int | None = None  # bytes the server may use
    db_rtt: float = 0.0  # seconds added to every round trip between server and database

    def __post_init__(self) -> None:
        for name in (*COUNTS, "seconds", "cpus", "memory", "arrival_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise LabError(f"{name} is {value}: give a number above 0")
        if min(self.warm_up, self.think_time, self.db_rtt) < 0:
            raise LabError("warm-up, think time and round trip are seconds: none can be negative")
        if self.think_time and self.arrival_rate:
            raise LabError("think time and arrival rate exclude each other: leave one out")


@dataclass(frozen=True)
class Step:
    """One trial to come: `label` tells the same target measured against itself apart."""

    number: int  # from 1, in the order of measuring
    pair: int  # the repeat, from 1: its steps are neighbours in time and are compared
    kind: str  # what is run: run, article, compare, sweep, ladder, open
    target: str  # a name of the registry, or the URL of what runs already
    label: str
    conditions: Conditions
    title: str = ""
    env: Mapping[str, str] = field(default_factory=dict)  # overrides the target's

    @property
    def name(self) -> str:
        """What its files begin with."""
        return f"{self.number:02}-{re.sub('[^a-z0-9+]+', '-', self.label.lower()).strip('-')}"


def interleaved(
    names: Sequence[str], repeats: int, conditions: Conditions | None = None
) -> tuple[Step, ...]:
    """Return the steps A B A B …, so that a drifting machine meets all alike.

    Raises `LabError` for an unknown target or no repeats.
    """
    if repeats < 1:
        raise LabError(f"repeats is {repeats}: give a number above 0")
    labels = [_label(names, index) for index in range(len(names))]
    round_of = [(named(name).name, label) for name, label in zip(names, labels, strict=True)]
    return tuple(
        Step(
            number=index + 1,
            pair=index // len(names) + 1,
            kind="compare",
            target=name,
            label=label,
            conditions=conditions or Conditions(),
        )
        for index, (name, label) in enumerate(round_of * repeats)
    )


def _label(names: Sequence[str], index: int) -> str:
    before = names[:index].count(names[index])
    return names[index] + (f" #{before + 1}" if before else "")


def expected_seconds(steps: Iterable[Step]) -> float:
    """Return how long the whole will take."""
    return SECONDS_TO_PREPARE + sum(
        SECONDS_AROUND_A_TRIAL + step.conditions.warm_up + step.conditions.seconds for step in steps
    )
