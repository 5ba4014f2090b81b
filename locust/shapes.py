"""Load over time: steps to find the knee, a spike to see the recovery.

`--shape steps` or `--shape spike`, or the field of the web form. The users (-u) are the peak, the
run time (-t) is the whole, 5 minutes if none. None is active unless chosen.
"""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from abc import abstractmethod
from math import ceil

from locust import LoadTestShape
from locust.env import Environment

STEPS = 5
CALM = 0.2  # share of the users before and after a spike
DEFAULT_RUN_TIME = 300.0  # seconds


class PeakShape(LoadTestShape):
    """A share of the users as a function of the share of the time that has passed."""

    abstract = True
    use_common_options = True  # the form keeps its fields: users, spawn rate, run time

    @abstractmethod
    def load(self, elapsed: float) -> float:
        """Share of the users, above 0 to 1, when `elapsed` (0 to 1) of the time has passed."""

    def tick(self) -> tuple[int, float] | None:
        if not self.runner or not (options := self.runner.environment.parsed_options):
            return None
        elapsed = self.get_run_time() / (options.run_time or DEFAULT_RUN_TIME)
        if elapsed >= 1:
            return None
        return ceil((options.num_users or 1) * self.load(elapsed)), options.spawn_rate or 1.0


class Steps(PeakShape):
    """A fifth of the users, two fifths, up to all, each for the same time."""

    def load(self, elapsed: float) -> float:
        return (int(elapsed * STEPS) + 1) / STEPS


class Spike(PeakShape):
    """A fifth of the users, all of them in the middle third, a fifth again."""

    def load(self, elapsed: float) -> float:
        return 1.0 if 1 / 3 <= elapsed < 2 / 3 else CALM


SHAPES: dict[str, type[PeakShape]] = {"steps": Steps, "spike": Spike}


def choose_shape(environment: Environment, name: str) -> None:
    """Make a shape, or none, that of the next run.

    Locust's own --class-picker disables the fields for users and run time as soon as a shape is
    chosen; and a shape in the locustfile's namespace would be active by itself.
    """
    environment.shape_class = SHAPES[name]() if name in SHAPES else None
    if environment.shape_class:
        environment.shape_class.runner = environment.runner
