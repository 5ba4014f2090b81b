"""The requests of one kind: in one second of the load, and over its window."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.records.histogram import Histogram

ALL = "all"  # the operation that is all of them together
ROLES = ("retrieve", "list", "create", "update", "delete")  # in the order of the mix's weights
# Words of the load (locust/item_user.py): they begin an error, are one, and end an operation.
LOST, UNANSWERED, GONE = "lost write", "no answer until the end of the load", " (gone)"
MOST_WEIGHT = 10_000  # of a mix, as in locust/options.py
METHODS = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}


@dataclass(frozen=True)
class Second:
    """Requests of one kind that ended in one second. Latencies are in milliseconds.

    They run from sending, and under an open load from the moment the request was due.
    """

    at: int  # seconds from the start of the window; the warm-up is negative
    operation: str  # method and route, such as `GET /items/[id]`; ` (gone)` marks expected 404s
    failures: int
    mean_ms: float
    max_ms: float
    bytes: int  # of all answers' bodies together
    latencies: Histogram  # of all, failures included

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests or not self.requests:
            raise ValueError(f"{self.operation}: {self.failures} failures of {self.requests}")
        if not 0 <= self.mean_ms <= self.max_ms * 1.001:
            raise ValueError(f"{self.operation}: a mean above the maximum")

    @property
    def requests(self) -> int:
        """How many."""
        return self.latencies.total


@dataclass(frozen=True)
class Operation:
    """Requests of one kind that ended in the window. Latencies are in milliseconds."""

    name: str
    requests: int
    failures: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    latencies: Histogram = field(default_factory=lambda: Histogram.merged(()), repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests or not self.requests:
            raise ValueError(f"{self.name}: {self.failures} failures of {self.requests} requests")
        if not 0 <= self.p50_ms <= self.p95_ms <= self.p99_ms <= self.max_ms:
            raise ValueError(f"{self.name}: percentiles that do not rise")

    def percentile(self, wanted: float) -> float:
        """Return a percentile (ms) beyond those that are kept, at most the maximum."""
        return min(self.latencies.percentiles((wanted,))[0], self.max_ms)

    @property
    def role(self) -> str:
        """Which of `ROLES` it is."""
        method, _, route = self.name.partition(" ")
        if method == "GET":
            return "retrieve" if "[id]" in route else "list"
        return METHODS[method]


def weights_of(mix: str) -> dict[str, float]:
    """Return the weight of each of `ROLES` in a mix such as 75/5/5/15/0; four leave out updates.

    They are whole numbers, as the load deals them out, in rounds of as many requests.
    Raises ValueError for a mix that is none.
    """
    weights = [float(int(weight)) for weight in mix.split("/")]
    if len(weights) == len(ROLES) - 1:
        weights.insert(ROLES.index("update"), 0.0)
    if min(weights) < 0 or not 0 < sum(weights) <= MOST_WEIGHT:
        raise ValueError(f"weights must not be negative, and together 1 to {MOST_WEIGHT}")
    return dict(zip(ROLES, weights, strict=True))


def merged(name: str, seconds: Sequence[Second]) -> Second:
    """Return several records as one that bears the first one's moment; there must be one."""
    latencies = Histogram.merged(second.latencies for second in seconds)
    return Second(
        at=seconds[0].at,
        operation=name,
        failures=sum(second.failures for second in seconds),
        mean_ms=sum(s.mean_ms * s.requests for s in seconds) / latencies.total,
        max_ms=max(second.max_ms for second in seconds),
        bytes=sum(second.bytes for second in seconds),
        latencies=latencies,
    )


def total_of(name: str, seconds: Sequence[Second]) -> Operation:
    """Return the requests of some seconds together; there must be one."""
    whole = merged(name, seconds)
    # A bucket's middle may lie above the largest latency in it, which is known exactly.
    p50, p95, p99 = (min(value, whole.max_ms) for value in whole.latencies.percentiles())
    return Operation(
        name=name,
        requests=whole.requests,
        failures=whole.failures,
        mean_ms=whole.mean_ms,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=whole.max_ms,
        latencies=whole.latencies,
    )
