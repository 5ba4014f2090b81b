"""How the service is served: `gunicorn project.wsgi` reads this file by itself."""

import gc
import ipaddress
import json
import logging
import os
import re
import select
import socket
import sys
import tempfile
from http import HTTPStatus
from typing import Any, NoReturn

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from drf_speedups.server import container, current_worker, start_line
from drf_speedups.server.lifecycle import lifecycle_hooks
from drf_speedups.worker import BufferedWorker

BUFFERED = "drf_speedups.worker.BufferedWorker"
CLASSES = f"{BUFFERED}, gthread, sync and classes that are derived from them"
MEGABYTE = 1_048_576
KEPT = ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")  # by gunicorn.pth from gunicorn


def _refuse(name: str, value: str, allowed: str) -> NoReturn:
    print(f"{name} is {value!r}, allowed are {allowed}", file=sys.stderr)  # noqa: T201
    raise SystemExit(2)


def _said(name: str) -> str:
    """Return a variable's value, without blanks around it as in the settings."""
    file = f"{name}_FILE"  # which the settings alone would read
    if os.environ.get(file):
        _refuse(file, os.environ[file], f"none: gunicorn reads {name}")
    kept = os.environ.get(f"GUNICORN_{name}") if name in KEPT else None
    return (kept or os.environ.get(name) or "").strip()


def _number(name: str, default: int, *, least: int = 1, most: int) -> int:
    value = _said(name) or str(default)
    if not (re.fullmatch("[0-9]{1,15}", value) and least <= int(value) <= most):
        _refuse(name, value, f"whole numbers from {least} to {most}")
    return int(value)


def _workers() -> int:
    if _said("WEB_CONCURRENCY").lower() in {"", "auto"}:
        return container.default_workers()
    return _number("WEB_CONCURRENCY", 1, most=1024)


def _trusted() -> str:
    """Return the addresses of proxies that are believed what they say of their clients."""
    value = _said("FORWARDED_ALLOW_IPS") or "127.0.0.1,::1"
    listed = [one.strip() for one in value.split(",")]
    try:
        networks = [ipaddress.ip_network(one) for one in listed if one != "*"]
    except ValueError:
        _refuse("FORWARDED_ALLOW_IPS", value, "addresses and networks with commas, or *")
    # As who listens at `::` sees them.
    return ",".join([*listed, *(
        f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in networks if one.version == 4
    )])  # fmt: skip


def _seconds(name: str, default: float) -> float:
    value = _said(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", value):
        _refuse(name, value, "seconds such as 1 or 0.5, and 0 for no limit")
    return float(value)


def _address(name: str, default: str) -> str:
    value = _said(name) or default
    try:
        ip = ipaddress.ip_address(value)
    except ValueError:
        _refuse(name, value, "addresses such as 127.0.0.1, ::1, 0.0.0.0 and ::")
    return f"[{ip}]" if ip.version == 6 else str(ip)


def _folder_of_heartbeats() -> str:
    if os.access("/dev/shm", os.W_OK):  # noqa: S108
        return "/dev/shm"  # noqa: S108
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        print("TMPDIR names no folder that can be written to, and neither can /dev/shm or /tmp: "  # noqa: T201
              "mount a tmpfs at /tmp", file=sys.stderr)  # fmt: skip
        raise SystemExit(2) from None


def _worker_class() -> str:
    fit = BUFFERED if hasattr(select, "epoll") else "gthread"  # macOS and BSD have no epoll
    name = _said("GUNICORN_WORKER_CLASS") or fit
    try:
        util.load_class(name, section="gunicorn.workers")
    except RuntimeError:
        _refuse("GUNICORN_WORKER_CLASS", name, CLASSES)
    return name


bind = f"{_address('BIND_ADDRESS', '0.0.0.0')}:{_number('PORT', 8000, most=65535)}"  # noqa: S104
workers = _workers()
worker_class = _worker_class()
threads = _number("GUNICORN_THREADS", 2, most=512)
if worker_class != "gthread":
    threads = 1  # one request at a time: a second worker, not a second thread, takes the next
worker_connections = 1000  # keep-alive connections that may wait in one worker
keepalive = 75  # seconds; longer than a client's idle time, or its next request meets a reset
timeout = 30  # seconds without a heartbeat; statement_timeout bounds the request itself
graceful_timeout = 8  # seconds to drain: Cloud Run kills after 10
preload_app = True  # workers share the memory of the loaded application
http_parser = "python"  # the C parser lets bare LF and folded headers through
control_socket_disable = True  # containers run on a read-only file system
worker_tmp_dir = _folder_of_heartbeats()
forwarded_allow_ips = _trusted()
# By default such a proxy may also say where the application is mounted, in a header that most of
# them hand on from the client: it would pass the proxy's own rules about paths.
forwarder_headers = ""
for _name in ("GUNICORN_PID", "LISTEN_FDS", "LISTEN_PID"):  # which gunicorn reads without a look
    _number(_name, 0, least=0, most=2**31)
if not re.fullmatch(r"([0-9]{1,9}(,[0-9]{1,9})*)?", _said("GUNICORN_FD")):
    _refuse("GUNICORN_FD", _said("GUNICORN_FD"), "numbers with commas")
BufferedWorker.LARGEST_BODY = _number("MAX_BODY_BYTES", MEGABYTE, most=2**40)
# In many containers temporary files are memory.
BufferedWorker.MOST_SPOOLED = min(2**30, container.memory() // (4 * workers))
# A client that has given up must not be served before those who still wait.
BufferedWorker.LONGEST_WAIT = _seconds("MAX_WAIT_SECONDS", 1.0)
BufferedWorker.NEVER_REFUSED = frozenset({"/livez", "/livez/", "/readyz", "/readyz/"})
DRAINED = 64 * 1024  # bytes of an unread body that gunicorn reads to keep a connection
accesslog = None  # the application writes the line of each request, with its id
loglevel = _said("LOG_LEVEL").lower() or "info"  # the settings refuse what is none


DETAILS = {
    408: "The request did not arrive in time.",
    413: f"The body is longer than {BufferedWorker.LARGEST_BODY} bytes.",
    503: "All workers are busy.",
}

# What the worker says in words of its own; gunicorn's repeat what a client has sent.
OURS = {"Shutting down.", "No room for the body.", "The body is shorter than announced."}


def _problem(status: int, message: str = "", *, closes: bool) -> bytes:
    """Return a whole answer for what never reached the application."""
    title = HTTPStatus(status).phrase  # the `reason` of a 501 is "Bad Request"
    general = DETAILS.get(status, "The server could not read this request.")
    body = json.dumps({
        "type": "about:blank", "title": title, "status": status,
        "detail": message if message in OURS else general,
        "instance": "", "request_id": "-",
        **({"errors": []} if status == HTTPStatus.BAD_REQUEST else {}),
    })  # fmt: skip
    head = (
        f"HTTP/1.1 {status} {title}\r\nConnection: {'close' if closes else 'keep-alive'}\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        f"X-Served-By: django/{os.getpid()}\r\n"
        + ("Retry-After: 1\r\n\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else "\r\n")
    )
    return (head + body).encode("latin1")


def _write_problem(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer with problem+json where gunicorn has HTML."""
    util.write_nonblock(client, _problem(status, message, closes=True))


util.write_error = _write_problem  # every worker class answers its parse errors through this

# Loading creates no garbage worth a pass, and a frozen heap is never walked nor copied on write.
gc.disable()


def _refuse_what_cannot_act(server: Any) -> None:
    if server.cfg.reload:
        _refuse("--reload", "on", "none: the master loads the code once for all its workers. "
                "While developing: python manage.py runserver")  # fmt: skip
    # Others know no WSGI, or change the threads and locks of what is loaded before the fork.
    if not issubclass(server.worker_class, (BufferedWorker, SyncWorker, ThreadWorker)):
        _refuse("the worker class", server.cfg.worker_class_str, CLASSES)


def on_starting(server: Any) -> None:
    """Refuse what it cannot listen at in one line; gunicorn would try again for five seconds."""
    _refuse_what_cannot_act(server)
    inherited = {"GUNICORN_FD", "LISTEN_FDS"} & os.environ.keys()
    for address in [] if inherited else server.cfg.address:
        if isinstance(address, tuple) and (why := current_worker.why_not(*address[:2])):
            print(why, file=sys.stderr)  # noqa: T201
            raise SystemExit(2)
    _tell("starting", server.log, server)


def _tell(turn: str, log: Any, *args: Any) -> None:
    """Tell the application; what goes wrong with a hook of it ends neither master nor worker."""
    for hooks in lifecycle_hooks:
        try:
            getattr(hooks, turn)(*args)
        except Exception:
            log.exception("%s failed when told of: %s", type(hooks).__name__, turn)


def when_ready(server: Any) -> None:
    """Freeze what preloading left."""
    gc.collect()
    gc.freeze()
    gc.enable()


def on_reload(server: Arbiter) -> None:
    """Mend what reading this file again has done: no collection, and gunicorn's handler is back."""
    gc.enable()
    log = logging.getLogger("gunicorn.error")
    log.handlers.clear()
    _tell("reloading", log)


def post_fork(server: Arbiter, worker: Any) -> None:
    """Keep the way by which the worker may be told to stop before it listens to signals."""
    worker.early_signals = server.SIG_QUEUE


def _close_if_much_is_unread(worker: Worker, request: Any) -> None:
    """Say that the connection closes when more of a body may stay unread than is drained."""
    if getattr(request.body.reader, "length", DRAINED + 1) > DRAINED:  # chunked: unknown
        request.force_close()


def post_worker_init(worker: Any) -> None:
    """Let /readyz know when this worker is told to stop."""
    if not isinstance(worker, BufferedWorker):  # which has read all of a body before it is asked
        worker.cfg.set("pre_request", _close_if_much_is_unread)
    current_worker.serve_with(worker)
    current_worker.stop_if_told_early(worker, worker.early_signals)
    worker.BUSY = _problem(503, closes=False)  # with this worker's pid
    _tell("worker_started", worker.log, worker)
    if worker.age == 1:  # the first: the master must not wait for a database
        start_line.log_in_background(worker)  # traces, if there are any, take the links away


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Let the application's hooks finish."""
    if worker.booted:
        start_line.finish()
        _tell("worker_stops", worker.log)


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Tell them which worker is no more."""
    _tell("worker_gone", server.log, worker.pid)


def on_exit(server: Arbiter) -> None:
    """And that all is over."""
    _tell("stopped", server.log)
