"""What the application may know of the gunicorn worker that serves it."""

import errno
import functools
import platform
import signal
import socket
from importlib.metadata import version
from queue import SimpleQueue
from typing import Protocol

from django.db import Error, connection

from speedups import pooler

STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
PACKAGES = ("Django", "djangorestframework", "gunicorn", "psycopg")


class _Worker(Protocol):
    alive: bool


_worker: _Worker | None = None


def serve_with(worker: _Worker) -> None:
    """Remember the worker of this process; called from gunicorn's `post_worker_init` hook."""
    global _worker
    _worker = worker


def heed(worker: _Worker, early: "SimpleQueue[int]") -> None:
    """Stop a worker if that was asked of it before it listened to signals.

    From the fork until then the handlers are the master's, which queue each signal for a loop that
    no worker runs: it would serve until it is killed.
    """
    while not early.empty():
        worker.alive &= early.get() not in STOPS


def draining() -> bool:
    """Tell whether the worker has been asked to stop and only finishes what it accepted."""
    return _worker is not None and not _worker.alive


def is_taken(host: str, port: int) -> bool:
    """Tell whether somebody listens at an address that this process wants to listen at."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def start_line(workers: int, threads: int) -> str:
    """Return how the service runs: processes, database connections, versions."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"{workers} workers x {threads} threads, {workers * threads} database connections"
        f"{_where()}; {versions}, Python {platform.python_version()}"
    )


def _where() -> str:
    most = max_connections()
    if pooler.way().pooled:
        how = "on" if pooler.prepares() else "off"
        return f" to a pooler, prepared statements {how}"
    return f" of {most}" if most else ", database not reachable yet"


def connection_warnings(workers: int, threads: int) -> tuple[str, ...]:
    """Return what to mend on the way to the database, a line each."""
    if pooler.way().pooled:
        return pooler.way().faults
    most, needed = max_connections(), workers * threads
    if not most or needed <= most:
        return ()
    return (
        f"{needed} database connections are needed but max_connections is {most}: "
        "lower WEB_CONCURRENCY or GUNICORN_THREADS, or put PgBouncer in between",
    )


@functools.cache
def max_connections() -> int | None:
    """Return PostgreSQL's `max_connections`, None while it cannot be asked."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW max_connections")
            return int(cursor.fetchone()[0])
    except Error:
        return None
    finally:
        connection.close()  # no connection may be open when the workers are forked
