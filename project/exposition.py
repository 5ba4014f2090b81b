"""The metrics as Prometheus reads them: one file per worker, added up at each scrape.

Importing this makes the folder of those files: gunicorn's master does it, before it forks.
"""

import shutil
import tempfile
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from project import environment
from project.database_trouble import Trouble
from project.tally import BOUNDS, Spread, Taken

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (no disk is to be written twice a second)
FOLDER = Path(
    tempfile.mkdtemp(prefix="metrics-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
)
environment.tell("PROMETHEUS_MULTIPROC_DIR", str(FOLDER))  # has to be there at the import

from prometheus_client import (  # noqa: E402
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    start_http_server,
)
from prometheus_client.mmap_dict import MmapedDict  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

ADDED_UP = ("counter", "histogram")  # kinds of files that outlive their worker
THE_DEAD = 0  # no worker has this process id

REQUESTS = Counter(
    "http_requests", "Requests that the application answered.", ["method", "route", "status"]
)
DURATION = Histogram(
    "http_request_duration_seconds", "From being taken up to being answered.",
    ["method", "route"], buckets=BOUNDS,
)  # fmt: skip
QUEUE = Histogram(
    "http_request_queue_seconds", "From being read whole to being taken up.", buckets=BOUNDS
)
DATABASE = Histogram(
    "http_request_database_seconds", "Time in the database, per request.", buckets=BOUNDS
)
TROUBLE = Counter("database_errors", "Errors of the database.", ["sqlstate", "status"])
SHED = Counter("http_requests_shed", "Requests answered 503 because they had waited too long.")
REFUSED = Counter("http_requests_refused", "What the server itself refused to read.", ["status"])
SLOTS = Gauge(
    "worker_slots", "Requests that the workers can have in hand.", multiprocess_mode="livesum"
)
BUSY = Gauge(
    "worker_slots_busy", "Requests that the workers had in hand, mean of the last half second.",
    multiprocess_mode="livesum",
)  # fmt: skip


def add(taken: Taken) -> None:
    """Write what one worker has tallied."""
    for (method, route, status), spread in taken.answers.items():
        REQUESTS.labels(method, route, status).inc(sum(spread.counts))
        _add(DURATION.labels(method, route), spread)
    _add(QUEUE, taken.waiting)
    _add(DATABASE, taken.database)


def _add(histogram: Histogram, spread: Spread) -> None:
    """Do what `histogram.observe` does, for many durations at once."""
    for bucket, count in zip(histogram._buckets, spread.counts, strict=True):
        if count:
            bucket.inc(count)
    histogram._sum.inc(spread.seconds)


def add_trouble(trouble: Trouble) -> None:
    """Write what the database has refused."""
    for (sqlstate, status), count in trouble.items():
        TROUBLE.labels(sqlstate, status).inc(count)


# In the master


class _Files(MultiProcessCollector):
    """Reads no file twice that is just added to those of the dead."""

    lock = threading.Lock()

    def collect(self) -> list[Metric]:
        with self.lock:
            return list(super().collect())  # type: ignore[no-untyped-call]


def serve(host: str, port: int) -> WSGIServer:
    """Answer scrapes in a thread of this process. Raises `OSError` for a port that is taken."""
    registry = CollectorRegistry()
    _Files(registry)  # type: ignore[no-untyped-call]
    server, _ = start_http_server(port, host, registry)
    return server


def bury(pid: int) -> None:
    """Keep what a dead worker has counted, in one file for all of them; forget its gauges."""
    with _Files.lock:
        mark_process_dead(pid)
        for kind in ADDED_UP:
            left = FOLDER / f"{kind}_{pid}.db"
            if left.exists():
                _move(left, FOLDER / f"{kind}_{THE_DEAD}.db")


def _move(source: Path, target: Path) -> None:
    kept = MmapedDict(str(target))
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(source)):
        kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
    kept.close()
    source.unlink()


def clear() -> None:
    """Remove the files."""
    shutil.rmtree(FOLDER, ignore_errors=True)
