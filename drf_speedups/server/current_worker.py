"""What the application may know of the gunicorn worker that serves it."""

import errno
import functools
import ipaddress
import signal
import socket
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, Protocol

STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
LONGEST_ADDRESS = 64  # characters


class _Worker(Protocol):
    alive: bool


_worker: _Worker | None = None


def serve_with(worker: _Worker) -> None:
    """Remember the worker of this process; called from gunicorn's `post_worker_init` hook."""
    global _worker
    _worker = worker


def stop_if_told_early(worker: _Worker, early: "SimpleQueue[int]") -> None:
    """Stop a worker if that was asked of it before it listened to signals.

    From the fork until then the handlers are the master's, which queue each signal for a loop that
    no worker runs: it would serve until it is killed.
    """
    while not early.empty():
        worker.alive &= early.get() not in STOPS


def draining() -> bool:
    """Tell whether the worker has been asked to stop and only finishes what it accepted."""
    return _worker is not None and not _worker.alive


def has_links() -> bool:
    """Tell whether this process has connections over which requests overlap."""
    links = getattr(getattr(_worker, "lane", None), "links", None)
    return links is not None and links.connection is not None


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


def why_not(host: str, port: int) -> str:
    """Return why this process cannot listen at an address; nothing if it can, or if others say."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        said = f"BIND_ADDRESS is {host!r}"
        reasons = {
            errno.EADDRINUSE: f"port {port} is in use: stop what listens there, or set PORT",
            errno.EADDRNOTAVAIL: f"{said}, which is no address of this machine",
            errno.EAFNOSUPPORT: f"{said}, but this machine has no IPv6",
            errno.EACCES: f"PORT is {port}, which this user may not listen at: "
            "take one from 1024 on",
        }
        return reasons.get(error.errno or 0, "")
    return ""
