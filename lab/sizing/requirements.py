"""What a plan is to hold, and what it may be built of. Times in seconds, memory in bytes."""

from dataclasses import astuple, dataclass

from lab.errors import LabError

GIB = 2**30
RESERVED = 3  # connections that PostgreSQL keeps for superusers
ROLLOUT = 2  # while a new revision takes over, the old one still holds its connections


@dataclass(frozen=True)
class Prices:
    """In one currency, whichever; 0: not given."""

    vcpu_hour: float = 0.0
    gib_hour: float = 0.0
    database_vcpu_hour: float = 0.0

    @property
    def given(self) -> bool:
        """Whether there is a cost to speak of."""
        return any(astuple(self))

    def an_hour(self, vcpus: float, memory: float, database_vcpus: float) -> float:
        """Return what all costs in an hour; memory in bytes."""
        return (
            vcpus * self.vcpu_hour
            + memory / GIB * self.gib_hour
            + database_vcpus * self.database_vcpu_hour
        )


@dataclass(frozen=True)
class Requirements:
    """What is to be held, and out of what. Raises `LabError` at birth."""

    think_time: float
    objective: float  # what p95 must stay below
    utilisation: float = 0.7  # of CPU and pooled connections, at most
    vcpus: float = 1.0  # of one instance
    memory: float = 512 * 2**20  # of one instance
    round_trip: float | None = None  # to the database; None: as it was measured
    max_connections: int = 100
    database_vcpus: int = 16  # of the largest database that may be had
    prices: Prices = Prices()

    def __post_init__(self) -> None:
        if not 0 < self.utilisation < 1:
            raise LabError(f"--utilisation is {100 * self.utilisation:g}: give 1 to 99 (per cent)")
        for name in ("objective", "vcpus", "memory", "database_vcpus"):
            if not getattr(self, name) > 0:
                raise LabError(f"{name} is {getattr(self, name)}: give a number above 0")
        if self.think_time < 0 or (self.round_trip or 0) < 0:
            raise LabError("think time and round trip are times: none can be negative")
        if self.max_connections <= RESERVED:
            raise LabError(f"--max-connections: {RESERVED} are reserved, so give more than these")
