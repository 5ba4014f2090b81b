"""Drive the load with Locust, as a program of its own, and read what each request met."""

import contextlib
import csv
import math
import os
import site
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.records.histogram import Floats, Histogram
from lab.records.operations import GONE, UNANSWERED, Second
from lab.running.processes import Placement, Program, program
from lab.running.servers import Server

LOG_FORMAT = "#request-log 2"  # locust/request_log.py says what its columns mean
FAST_SPAWN = 100  # users per second, beyond which Locust warns
MOST_SLOTS = 1024  # whose use is known
SILENCE = 0.5  # seconds without an answer from which on it is noted
SPARE_SECONDS = 1  # Locust's run time begins before its first request
KEYS = ("LOCUST_API_KEY", "LOCUST_API_KEY_FILE")  # secrets: they appear nowhere
WORDS = ("operation", "served_by", "error")
Words = NDArray[np.object_]


@contextlib.contextmanager
def driving(
    server: Server, conditions: Conditions, requests: Path, log: Path, placement: Placement
) -> Iterator[Program]:
    """Send the load to a server; the program ends by itself after warm-up and window."""
    words = locust_options(server.url, conditions, seeded=server.target.is_ours)
    words += ["--request-log", str(requests), "--headless", *server.target.load]
    command = [sys.executable, "-m", "locust", *words]
    env = environment() | {"PYTHONUSERBASE": site.getuserbase()}  # Locust may be installed there
    with program(command, log=log, env=env, placement=placement) as started:
        yield started


def environment() -> dict[str, str]:
    """Return the service's key, or the file that holds it, and a home without ~/.locust.conf.

    Locust would take from there what the lab does not say, and the records would not tell.
    """
    return {name: os.environ[name] for name in KEYS if name in os.environ} | {"HOME": os.devnull}


def locust_options(url: str, conditions: Conditions, *, seeded: bool) -> list[str]:
    """Return Locust's options for a load; without `seeded` it learns the ids from the list."""
    run_time = conditions.warm_up + conditions.seconds + SPARE_SECONDS
    options = {
        "--host": url,
        "--users": conditions.users,
        "--spawn-rate": _spawn_rate(conditions),
        "--run-time": f"{run_time:.0f}s",
        "--think-time": conditions.think_time,
        "--arrival-rate": conditions.arrival_rate or 0,
        "--pace": conditions.pace,
        "--mix": conditions.mix,
        "--seeded-rows": conditions.rows if seeded else 0,
        "--seed": conditions.seed,
        "--loglevel": "WARNING",
        "--exit-code-on-error": 0,  # failures are counted here
    }
    return [str(word) for option in options.items() for word in option]


def _spawn_rate(conditions: Conditions) -> int:
    """Return users per second: all at once as far as Locust advises, all by half of the warm-up."""
    users, ramp = conditions.users, conditions.warm_up / 2
    return users if not ramp else min(users, max(FAST_SPAWN, math.ceil(users / ramp)))


@dataclass(frozen=True)
class Requests:
    """Requests, one array per column; `intended` and `end` are in epoch seconds.

    A latency runs from the moment the request was due to its answer. Under a closed load it is due
    when it is sent; under an open one a wait in the generator counts (coordinated omission).
    """

    intended: Floats
    end: Floats
    operation: Words
    served_by: Words
    error: Words
    bytes: Floats
    opened: Floats  # connections, for this request: 0 or 1

    @property
    def latency_ms(self) -> Floats:
        """From due to answered, in milliseconds."""
        waited: Floats = (self.end - self.intended) * 1000
        return waited

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which were answered wrongly or not at all."""
        wrong: NDArray[np.bool_] = self.error != ""
        return wrong

    def ending(self, begin: float, end: float) -> "Requests":
        """Return the requests that ended between two moments: those the server completed then."""
        return self._where((self.end >= begin) & (self.end < end))

    def _where(self, chosen: NDArray[np.bool_]) -> "Requests":
        return Requests(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def by_second(self, begin: float) -> tuple[Second, ...]:
        """Return each second since `begin` and operation; earlier seconds are negative."""
        return tuple(
            part._second(at, str(name))
            for name in sorted(set(self.operation))
            for at, part in self._where(self.operation == name)._split(begin)
        )

    def _split(self, begin: float) -> Iterator[tuple[int, "Requests"]]:
        seconds = np.floor(self.end - begin).astype(int)
        for at in np.unique(seconds):
            yield int(at), self._where(seconds == at)

    def _second(self, at: int, operation: str) -> Second:
        latency_ms = self.latency_ms
        return Second(
            at=at,
            operation=operation,
            failures=int(np.count_nonzero(self.failed)),
            mean_ms=round(float(latency_ms.mean()), 4),
            max_ms=round(float(latency_ms.max()), 4),
            bytes=int(self.bytes.sum()),
            latencies=Histogram.of(latency_ms),
        )

    def inside(self, begin: float, seconds: float) -> tuple[float, ...]:
        """Return how many were due and not answered: the mean of each second since `begin`.

        Not a look at whole seconds: pauses may march in step with those.
        """
        moments = np.arange(int(seconds) + 1, dtype=float)
        spent = _age(self.intended - begin, moments) - _age(self.end - begin, moments)
        return tuple(round(float(mean), 4) for mean in np.diff(spent))

    def at_least(self, begin: float, seconds: float) -> tuple[float, ...]:
        """Return the share of a window in which at least 1, 2, … were due and not answered."""
        moments = np.concatenate((self.intended, self.end, (begin, begin + seconds)))
        steps = np.repeat((1, -1, 0), (len(self.end), len(self.end), 2))
        order = np.argsort(moments, kind="stable")
        lasted = np.diff(moments[order].clip(begin, begin + seconds), append=begin + seconds)
        time_at = np.bincount(steps[order].cumsum().clip(0), lasted, MOST_SLOTS + 1)
        shares = time_at[::-1].cumsum()[::-1][1 : MOST_SLOTS + 1] / seconds
        return tuple(round(float(share), 4) for share in shares[shares >= 0.00005])

    def silences(self, begin: float, seconds: float) -> tuple[tuple[float, float], ...]:
        """Return when, since `begin`, and for how long requests were due and none was answered."""
        ends = np.sort(self.end.clip(begin, begin + seconds))
        ends = np.concatenate(([begin], ends, [begin + seconds]))
        found = []
        for before in np.flatnonzero(np.diff(ends) >= SILENCE):
            last, following = ends[before], ends[before + 1]
            waiting = self.intended[(self.end >= following) & (self.intended < following)]
            since = max(last, waiting.min(initial=following))
            if following - since >= SILENCE:
                found.append((round(float(since - begin), 3), round(float(following - since), 3)))
        return tuple(found)

    def errors(self) -> dict[str, int]:
        """Return how often each error occurred."""
        pairs = zip(self.operation[self.failed], self.error[self.failed], strict=True)
        return dict(Counter(f"{operation}: {error}" for operation, error in pairs).most_common())

    def answered_by(self) -> dict[str, int]:
        """Return how many requests each X-Served-By answered."""
        return dict(Counter(self.served_by).most_common())

    def unanswered(self, until: float) -> int:
        """Return how many requests that were due before a moment were never answered.

        The load waits for some seconds at its end, and no longer: those of a slow service that had
        waited no longer than others until their answer are not known to be among them.
        """
        waited: Floats = self.latency_ms
        cut = self.error == UNANSWERED
        longest = waited[~self.failed].max(initial=0.0)
        return int(np.count_nonzero(cut & (self.intended < until) & (waited > longest)))

    def unsure_writes(self) -> int:
        """Return how many writes were not answered as they should: each may have happened."""
        writes = [name for name in set(self.operation) if not name.startswith("GET ")]
        return int(np.count_nonzero(np.isin(self.operation.astype(str), writes) & self.failed))

    def succeeded(self, method: str) -> int:
        """Return how many requests of a method did what they asked for."""
        names = [name for name in set(self.operation) if name.startswith(f"{method} ")]
        own = np.isin(self.operation.astype(str), [n for n in names if not n.endswith(GONE)])
        return int(np.count_nonzero(own & ~self.failed))


def _age(starts: Floats, moments: Floats) -> Floats:
    """Return how long ago the starts before each moment were, all together."""
    ordered = np.sort(starts)
    before = np.searchsorted(ordered, moments)
    found: Floats = before * moments - np.concatenate(([0.0], np.cumsum(ordered)))[before]
    return found


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
        columns["intended"].append(float(row["intended"]))
        columns["end"].append(float(row["start"]) + float(row["latency_ms"]) / 1000)
        columns["bytes"].append(float(row["bytes"] or 0))
        columns["opened"].append(float(row["opened"]))
        for name in WORDS:
            columns[name].append(known.setdefault(row[name], row[name]))
    return Requests(
        **{name: np.array(column, object if name in WORDS else float)
           for name, column in columns.items()}
    )  # fmt: skip


def merged(parts: Sequence[Requests]) -> Requests:
    """Return what several load generators sent, as one."""
    return Requests(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Requests.__dataclass_fields__
        )
    )


class Ended(NamedTuple):
    """A request of a log that still grows: when it ended (epoch seconds), and how."""

    at: float
    latency_ms: float
    failed: bool


class Tail:
    """Follows a request log that still grows, for those who watch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def news(self) -> list[Ended]:
        """Return the requests since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                block = file.read()
        except OSError:
            return []
        whole = block[: block.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = whole.decode(errors="replace").split("\n")  # what else ends a line may be in a name
        return [_ended(row) for row in csv.reader(lines) if row and row[0][:1].isdigit()]


def _ended(row: Sequence[str]) -> Ended:
    sent, latency_ms = float(row[0]), float(row[3])
    return Ended(sent + latency_ms / 1000, latency_ms, bool(row[-1]))
