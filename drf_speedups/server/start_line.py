"""The line with which a service starts: processes, connections, versions, and what does not fit."""

import functools
import platform
import threading
from importlib.metadata import version
from typing import Any

from django.db import Error, connection

from drf_speedups.database import pooler

PATIENCE = 1.0  # seconds
TIME_LIMITS = ("statement_timeout", "lock_timeout")
PACKAGES = ("Django", "djangorestframework", "gunicorn", "psycopg")

_thread: threading.Thread | None = None
_reason = ""  # why the database could not be asked


def log_in_background(worker: Any) -> None:
    """Say in the log how the service runs, from a thread: a database may be long in answering."""
    global _thread
    lane = getattr(worker.wsgi, "overlap", None) if hasattr(worker, "lane") else None
    known = worker.cfg, worker.log, getattr(lane, "most_links", 0)
    _thread = threading.Thread(target=_log, args=known, daemon=True)
    _thread.start()


def finish() -> None:
    """Wait until that is done, for a moment: called when the worker ends."""
    if _thread is not None:
        _thread.join(PATIENCE)


def _log(cfg: Any, log: Any, links: int) -> None:
    log.info(describe(cfg.workers, cfg.threads, links) + time_limits())
    for warning in connection_warnings(cfg.workers, cfg.threads, links):
        log.warning(warning)


def describe(workers: int, threads: int, links: int = 0) -> str:
    """Return how the service runs: processes, database connections, versions.

    `links`: connections of each worker besides one for each of its threads.
    """
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    over = f" and {links} links" if links else ""
    return (
        f"{workers} workers x {threads} threads{over}, {workers * (threads + links)} "
        f"database connections"
        f"{_where()}; {versions}, Python {platform.python_version()}"
    )


def _where() -> str:
    most = max_connections()
    if pooler.way().pooled:
        how = "on" if pooler.prepares() else "off"
        return f" to a pooler, prepared statements {how}"
    return f" of {most}" if most else f", database not reachable yet{_reason}"


def time_limits() -> str:
    """Return those that hold in a session, wherever they were set, to follow the start line."""
    limits = [f"{name} {value}" for name in TIME_LIMITS if (value := _shown(name))]
    return f"; {', '.join(limits)}" if limits else ""


def connection_warnings(workers: int, threads: int, links: int = 0) -> tuple[str, ...]:
    """Return what to mend on the way to the database, a line each."""
    if pooler.way().pooled:
        return pooler.way().faults
    most, needed = max_connections(), workers * (threads + links)
    if not most or needed <= most - (kept := reserved_connections()):
        return ()
    beside = f", {kept} of them reserved" if kept else ""
    return (
        f"{needed} database connections are needed but max_connections is {most}{beside}: "
        "lower WEB_CONCURRENCY, GUNICORN_THREADS or OVERLAP_LINKS, or put PgBouncer in between",
    )


def max_connections() -> int | None:
    """Return PostgreSQL's `max_connections`, None while it cannot be asked."""
    most = _shown("max_connections")
    return None if most is None else int(most)


def reserved_connections() -> int:
    """Return how many of them PostgreSQL keeps for superusers."""
    return int(_shown("superuser_reserved_connections") or 0)


@functools.cache
def _shown(setting: str) -> str | None:
    global _reason
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {setting}")
            return str(cursor.fetchone()[0])
    except Error as error:
        _reason = f": {' '.join(str(error).split())}"
        return None
    finally:
        connection.close()  # one more than the workers need
