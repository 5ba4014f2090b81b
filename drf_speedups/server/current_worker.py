"""What the application may know of the gunicorn worker that serves it."""

import errno
import functools
import ipaddress
import platform
import signal
import socket
import threading
from collections.abc import Mapping
from importlib.metadata import version
from queue import SimpleQueue
from typing import Any, Protocol

from django.db import Error, connection

from drf_speedups.database import pooler

STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
PATIENCE = 1.0  # seconds
LONGEST_ADDRESS = 64  # characters
TIME_LIMITS = ("statement_timeout", "lock_timeout")
PACKAGES = ("Django", "djangorestframework", "gunicorn", "psycopg")


class _Worker(Protocol):
    alive: bool


_worker: _Worker | None = None
_introduction: threading.Thread | None = None
_reason = ""  # why the database could not be asked


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


def client_address(environ: Mapping[str, Any]) -> str:
    """Return who asks: behind a proxy that gunicorn believes, whom that one has seen."""
    peer = str(environ.get("REMOTE_ADDR", ""))
    told = environ.get("HTTP_X_FORWARDED_FOR")
    if told and _is_believed(peer):
        return str(told).rpartition(",")[2].strip()[:LONGEST_ADDRESS]
    return peer or "-"


@functools.lru_cache(256)
def _is_believed(peer: str) -> bool:
    cfg = getattr(_worker, "cfg", None)
    if cfg is None or not peer:  # a UNIX socket's peer has no address, and gunicorn believes it
        return cfg is not None
    inside = any(ipaddress.ip_address(peer) in one for one in cfg.forwarded_allow_networks())
    return inside or "*" in cfg.forwarded_allow_ips


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


def introduce(worker: Any) -> None:
    """Say in the log how the service runs, from a thread: a database may be long in answering."""
    global _introduction
    lane = getattr(worker.wsgi, "overlap", None) if hasattr(worker, "lane") else None
    known = worker.cfg, worker.log, getattr(lane, "most_links", 0)
    _introduction = threading.Thread(target=_introduce, args=known, daemon=True)
    _introduction.start()


def introduced() -> None:
    """Wait until that is done, for a moment: called when the worker ends."""
    if _introduction is not None:
        _introduction.join(PATIENCE)


def _introduce(cfg: Any, log: Any, links: int) -> None:
    log.info(start_line(cfg.workers, cfg.threads, links) + time_limits())
    for warning in connection_warnings(cfg.workers, cfg.threads, links):
        log.warning(warning)


def start_line(workers: int, threads: int, links: int = 0) -> str:
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
    if not most or needed <= most:
        return ()
    return (
        f"{needed} database connections are needed but max_connections is {most}: "
        "lower WEB_CONCURRENCY, GUNICORN_THREADS or OVERLAP_LINKS, or put PgBouncer in between",
    )


def max_connections() -> int | None:
    """Return PostgreSQL's `max_connections`, None while it cannot be asked."""
    most = _shown("max_connections")
    return None if most is None else int(most)


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
