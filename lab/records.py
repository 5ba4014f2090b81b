"""What one trial found: immutable values, checked at birth, one versioned JSON line each.

The file of records is the seam between measuring and reporting: a report needs nothing else.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.plan import Conditions

VERSION = 1
ALL = "all"  # the operation that is all of them together
FILE = "records.jsonl"


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

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests or not self.requests:
            raise ValueError(f"{self.name}: {self.failures} failures of {self.requests} requests")
        if not 0 <= self.p50_ms <= self.p95_ms <= self.p99_ms <= self.max_ms:
            raise ValueError(f"{self.name}: percentiles that do not rise")


@dataclass(frozen=True)
class Usage:
    """What one party (server, database, generator, others) took of the machine in the window."""

    cpu_seconds: float
    cores: tuple[int, ...] = ()  # it was pinned to; empty: it could run anywhere
    peak_pss: int | None = None  # bytes; None: not measured

    def __post_init__(self) -> None:
        if self.cpu_seconds < 0 or (self.peak_pss or 0) < 0:
            raise ValueError(f"negative usage: {self}")


@dataclass(frozen=True)
class Second:
    """One second of the load, counted from the start of the window (the warm-up is negative)."""

    at: int
    requests: int
    failures: int
    mean_ms: float


@dataclass(frozen=True)
class Trial:
    """One implementation, once, under load. `operations[0]` is `ALL`."""

    number: int
    pair: int
    target: str
    label: str
    started: str  # ISO 8601, UTC
    seconds: float  # length of the window
    conditions: Conditions
    operations: tuple[Operation, ...]
    errors: Mapping[str, int]  # message: how often in the window
    served_by: Mapping[str, int]  # X-Served-By: requests in the window
    usage: Mapping[str, Usage]
    seconds_of_load: tuple[Second, ...]
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]  # command, environment and versions of the implementation
    caps: tuple[str, ...]  # what was enforced, in words
    warnings: tuple[str, ...]  # of the load generator

    def __post_init__(self) -> None:
        if not self.seconds > 0 or not self.operations or self.operations[0].name != ALL:
            raise ValueError(f"trial {self.number} has no window or no total")

    @property
    def total(self) -> Operation:
        """All operations together."""
        return self.operations[0]

    @property
    def throughput(self) -> float:
        """Requests per second."""
        return self.total.requests / self.seconds

    @property
    def server_ms_per_request(self) -> float:
        """CPU milliseconds the server took per request: its service demand."""
        return 1000 * self.usage["server"].cpu_seconds / self.total.requests

    def cores_used(self, party: str) -> float:
        """CPU seconds per second of the window; 0 for a party that was not measured."""
        used = self.usage.get(party)
        return used.cpu_seconds / self.seconds if used else 0.0


def to_line(trial: Trial) -> str:
    """Return the JSON line of a trial."""
    return json.dumps({"version": VERSION, **asdict(trial)}, ensure_ascii=False) + "\n"


def from_line(line: str) -> Trial:
    """Return the trial of a JSON line. Raises `LabError` for a later version or a broken line."""
    try:
        found = json.loads(line)
        version = found.pop("version")
        if version > VERSION:
            raise LabError(f"written by a later lab (format {version}, known is {VERSION}): update")
        return _trial(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabError(f"is no record of a trial ({error})") from error


def _trial(found: dict[str, Any]) -> Trial:
    found = {field.name: found[field.name] for field in fields(Trial)}
    found["conditions"] = Conditions(**found["conditions"])
    found["operations"] = tuple(Operation(**operation) for operation in found["operations"])
    found["seconds_of_load"] = tuple(Second(**second) for second in found["seconds_of_load"])
    found["usage"] = {
        party: Usage(**{**usage, "cores": tuple(usage["cores"])})
        for party, usage in found["usage"].items()
    }
    found["caps"], found["warnings"] = tuple(found["caps"]), tuple(found["warnings"])
    return Trial(**found)


def append(path: Path, trial: Trial) -> None:
    """Add a trial to the file, wholly or (on a full disk, say) not at all. Raises OSError."""
    with path.open("ab") as file:
        before = file.tell()
        try:
            file.write(to_line(trial).encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, before)
            raise


def read(path: Path) -> list[Trial]:
    """Return the trials of a file. Raises `LabError` naming the file and the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"cannot read {path}: {error}") from error
    return list(_trials(path, lines))


def _trials(path: Path, lines: Iterable[str]) -> Iterable[Trial]:
    for number, line in enumerate(lines, start=1):
        try:
            yield from_line(line)
        except LabError as error:
            raise LabError(f"{path} line {number} {error}") from error
