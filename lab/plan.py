"""What is to be measured, in which order, and how long that will take."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import LabError
from lab.targets import named

SECONDS_TO_PREPARE = 10.0  # once: start PostgreSQL, create and migrate the database
SECONDS_AROUND_A_TRIAL = 10.0  # seed, vacuum, start server and load, drain, read the log


@dataclass(frozen=True)
class Conditions:
    """What every trial of a comparison has in common. Raises `LabError` at birth."""

    workers: int = 2
    threads: int = 4  # per worker; also its database connections
    users: int = 100
    think_time: float = 0.0  # seconds between an answer and the same user's next request
    warm_up: float = 10.0  # seconds of load before the window
    seconds: float = 50.0  # of the measured window
    rows: int = 100_000
    seed: int = 1
    cpus: float | None = None  # cores the server may use; None: as many as it is pinned to
    memory: int | None = None  # bytes the server may use

    def __post_init__(self) -> None:
        for name in ("workers", "threads", "users", "rows", "seconds", "cpus", "memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise LabError(f"{name} is {value}: give a number above 0")
        if self.warm_up < 0 or self.think_time < 0:
            raise LabError("warm-up and think time are seconds and cannot be negative")


@dataclass(frozen=True)
class Step:
    """One trial to come: `label` tells the same target measured against itself apart."""

    number: int  # from 1, in the order of measuring
    pair: int  # from 1; the steps of a pair are neighbours in time and are compared
    target: str
    label: str


def interleaved(names: Sequence[str], repeats: int) -> tuple[Step, ...]:
    """Return the steps A B A B …, so that a drifting machine meets all alike.

    Raises `LabError` for an unknown target or no repeats.
    """
    if repeats < 1:
        raise LabError(f"repeats is {repeats}: give a number above 0")
    labels = [_label(names, index) for index in range(len(names))]
    round_of = [(named(name).name, label) for name, label in zip(names, labels, strict=True)]
    return tuple(
        Step(number=index + 1, pair=index // len(names) + 1, target=name, label=label)
        for index, (name, label) in enumerate(round_of * repeats)
    )


def _label(names: Sequence[str], index: int) -> str:
    before = names[:index].count(names[index])
    return names[index] + (f" #{before + 1}" if before else "")


def expected_seconds(steps: int, conditions: Conditions) -> float:
    """Return how long the whole will take."""
    trial = SECONDS_AROUND_A_TRIAL + conditions.warm_up + conditions.seconds
    return SECONDS_TO_PREPARE + steps * trial
