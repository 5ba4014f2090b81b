"""Drive the load with Locust, as a program of its own, and read what each request met."""

import contextlib
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError
from lab.plan import Conditions
from lab.processes import Placement, Program, program
from lab.records import ALL, Operation, Second
from lab.servers import Server
from lab.statistics import Floats, percentiles

LOG_FORMAT = "#request-log 1"  # locust/request_log.py says what its columns mean
SPARE_SECONDS = 1  # Locust's run time begins before its first request
Words = NDArray[np.object_]


@contextlib.contextmanager
def driving(
    server: Server, conditions: Conditions, requests: Path, log: Path, placement: Placement
) -> Iterator[Program]:
    """Send the load to a server; the program ends by itself after warm-up and window."""
    run_time = conditions.warm_up + conditions.seconds + SPARE_SECONDS
    options = {
        "--host": server.url,
        "--users": conditions.users,
        "--spawn-rate": conditions.users,
        "--run-time": f"{run_time:.0f}s",
        "--think-time": conditions.think_time,
        "--seeded-rows": conditions.rows,
        "--seed": conditions.seed,
        "--request-log": requests,
        "--loglevel": "WARNING",
        "--exit-code-on-error": 0,  # failures are counted here
    }
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, "-m", "locust", "--headless", *words, *server.target.load]
    with program(command, log=log, env={}, placement=placement) as started:
        yield started


@dataclass(frozen=True)
class Requests:
    """Requests, one array per column; `start` is in epoch seconds."""

    start: Floats
    latency_ms: Floats
    operation: Words
    served_by: Words
    error: Words

    @property
    def end(self) -> Floats:
        """When each answer was complete, in epoch seconds."""
        ended: Floats = self.start + self.latency_ms / 1000
        return ended

    def ending(self, begin: float, end: float) -> "Requests":
        """Return the requests that ended between two moments: those the server completed then."""
        return self._where((self.end >= begin) & (self.end < end))

    def _where(self, chosen: NDArray[np.bool_]) -> "Requests":
        return Requests(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def operations(self) -> tuple[Operation, ...]:
        """Return the total and then each operation by name. There must be a request."""
        names = sorted(set(self.operation))
        parts = ((name, self._where(self.operation == name)) for name in names)
        return (self._operation(ALL), *(part._operation(name) for name, part in parts))

    def _operation(self, name: str) -> Operation:
        p50, p95, p99 = percentiles(self.latency_ms)
        return Operation(
            name=name,
            requests=len(self.start),
            failures=int(np.count_nonzero(self.error)),
            mean_ms=float(self.latency_ms.mean()),
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            max_ms=float(self.latency_ms.max()),
        )

    def by_second(self, begin: float) -> tuple[Second, ...]:
        """Return each second since `begin`, earlier ones negative; empty ones are left out."""
        seconds = np.floor(self.end - begin).astype(int)
        parts = ((int(second), self._where(seconds == second)) for second in np.unique(seconds))
        return tuple(
            Second(at, len(part.start), int(np.count_nonzero(part.error)), part.mean_ms)
            for at, part in parts
        )

    @property
    def mean_ms(self) -> float:
        """The mean latency in milliseconds."""
        return float(self.latency_ms.mean())

    def errors(self) -> dict[str, int]:
        """Return how often each error occurred."""
        pairs = zip(self.operation[self.error != ""], self.error[self.error != ""], strict=True)
        return dict(Counter(f"{operation}: {error}" for operation, error in pairs).most_common())

    def answered_by(self) -> dict[str, int]:
        """Return how many requests each X-Served-By answered."""
        return dict(Counter(self.served_by).most_common())


def read_requests(path: Path) -> Requests:
    """Read a whole request log. Raises `LabError` when it is missing or of another format."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            if (first := file.readline().strip()) != LOG_FORMAT:
                raise LabError(f"{path.name} begins with {first!r}, not with {LOG_FORMAT!r}")
            return _columns(csv.DictReader(file))
    except OSError as error:
        raise LabError(f"cannot read the load's {path.name}: {error.strerror}") from error


def _columns(rows: "csv.DictReader[str]") -> Requests:
    columns: dict[str, list[Any]] = {name: [] for name in Requests.__dataclass_fields__}
    known: dict[str, str] = {}  # one object per distinct word, not one per request
    for row in rows:
        columns["start"].append(float(row["start"]))
        columns["latency_ms"].append(float(row["latency_ms"]))
        for name in ("operation", "served_by", "error"):
            columns[name].append(known.setdefault(row[name], row[name]))
    numbers = {name: np.array(columns[name], float) for name in ("start", "latency_ms")}
    words = {name: np.array(columns[name], object) for name in ("operation", "served_by", "error")}
    return Requests(**numbers, **words)


class Tail:
    """Follows a request log that still grows, for the live line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.requests = self.failures = 0  # of all so far

    def news(self) -> list[float]:
        """Return the latencies (ms) of the requests since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                block = file.read()
        except OSError:
            return []
        whole = block[: block.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = whole.decode(errors="replace").splitlines()
        rows = [row for row in csv.reader(lines) if row and row[0][:1].isdigit()]
        self.requests += len(rows)
        self.failures += sum(1 for row in rows if row[-1])
        return [float(row[3]) for row in rows]
