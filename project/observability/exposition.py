"""The metrics as Prometheus reads them: one file per worker, added up at each scrape.

Importing this makes the folder of those files: gunicorn's master does it, before it forks.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path

from project import environment
from project.database.errors import Trouble
from project.observability.metrics_server import Scrapes
from project.observability.tally import BOUNDS, Spread, Taken

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (no disk is to be written twice a second)
# Bytes of each kind of file. A place in memory that turns out not to be there when it is written to
# would end the process, so all that these metrics can need is taken at once.
ROOM = {"counter": 128 * 1024, "histogram": 256 * 1024, "gauge_livesum": 64 * 1024}


def _sweep(place: Path) -> None:
    """Remove the folders of masters that were killed: a living one holds the lock in its own."""
    for lock in place.glob("metrics-*/lock"):
        with contextlib.suppress(OSError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)


def _own(place: Path) -> tuple[Path, int]:
    """Return a new folder, which others see when it is locked, and the lock."""
    made = Path(tempfile.mkdtemp(prefix=".metrics-", dir=place))
    lock = os.open(made / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(place / made.name.removeprefix(".")), lock


def take_room(pid: int) -> None:
    """Make the files of a process, with all their space. Raises `OSError` if there is none."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)  # somebody may have tidied up
    for kind, size in ROOM.items():
        file = FOLDER / f"{kind}_{pid}.db"
        if not file.exists():
            _fill(file, size)


def _fill(file: Path, size: int) -> None:
    """Make a file that others see when it is whole: half a one would end each scrape."""
    unfinished = file.with_suffix(".unfinished")
    try:
        unfinished.write_bytes(bytes(size))
        unfinished.rename(file)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


PLACE = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
_sweep(PLACE)
FOLDER, LOCK = _own(PLACE)
THE_DEAD = 0  # no worker has this process id
try:
    take_room(THE_DEAD)
    take_room(os.getpid())
except OSError:
    shutil.rmtree(FOLDER)
    raise
environment.tell("PROMETHEUS_MULTIPROC_DIR", str(FOLDER))  # has to be there at the import

from prometheus_client import (  # noqa: E402
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    make_wsgi_app,
)
from prometheus_client.mmap_dict import MmapedDict  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

ADDED_UP = ("counter", "histogram")  # kinds of files that outlive their worker

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


def serve(host: str, port: int) -> Scrapes:
    """Answer scrapes in a thread of this process. Raises `OSError` for a port that is taken."""
    registry = CollectorRegistry()
    _Files(registry)  # type: ignore[no-untyped-call]
    return Scrapes(make_wsgi_app(registry), host, port)


def bury(pid: int) -> None:
    """Keep what a dead worker has counted, in one file for all of them; forget its gauges."""
    with _Files.lock:
        take_room(THE_DEAD)
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
