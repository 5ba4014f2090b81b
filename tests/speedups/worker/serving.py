"""Ways to serve an application in a test: a real gunicorn, or the worker alone in a thread."""

import contextlib
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from drf_speedups.worker import BufferedWorker
from drf_speedups.worker.connection import Connection
from lab.running.processes import Program
from tests.forks import program

BUFFERED = "drf_speedups.worker.BufferedWorker"
Address = tuple[str, int]


def eventually(true: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until it is true; return what it then is."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.01)
    return found


@contextlib.contextmanager
def gunicorn(
    folder: Path,
    application: str = "simple",
    *,
    worker_class: str = BUFFERED,
    also: Sequence[str] = (),
    **settings: Any,
) -> Iterator[tuple[Address, Program]]:
    """Serve one of `applications` by a real gunicorn until the block ends.

    It listens at a free port, which is yielded, and at the addresses in `also`.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    log = folder / f"{len(list(folder.iterdir()))}.log"
    binds = [f"{address[0]}:{address[1]}", *also]
    given = {"bind": binds, "worker_class": worker_class, **settings}
    # Not `-m gunicorn`: started anew by SIGUSR2, its `http` would hide Python's.
    script = str(Path(sys.executable).with_name("gunicorn"))
    module = "" if ":" in application else "applications:"
    command = (sys.executable, script, "-c", "python:tests.speedups.worker.configuration",
               f"tests.speedups.worker.{module}{application}")  # fmt: skip
    with program(command, log=log, env={"SETTINGS": json.dumps(given)}) as started:
        eventually(lambda: answers(address) or started.exit_code() is not None)
        yield address, started


def answers(address: Address) -> bool:
    """Tell whether somebody listens and answers."""
    try:
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(b"GET /pid HTTP/1.0\r\n\r\n")
            return connection.recv(1) == b"H"
    except OSError:
        return False


class Inside:
    """A worker in a thread of the test, without master and signals."""

    def __init__(self, application: Callable[..., Any], **settings: Any) -> None:
        cfg = Config()
        for name, value in {"keepalive": 20, **settings}.items():
            cfg.set(name, value)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self.listener.getsockname()
        log: Any = Logger(cfg)
        logging.getLogger("gunicorn.error").propagate = True  # so that pytest sees it
        self.worker = BufferedWorker(
            1, os.getppid(), [self.listener], None, cfg.timeout / 2, cfg, log
        )
        self.worker.wsgi = application
        self.worker.PIPE = os.pipe()
        self.worker.open()
        self.stop = False

    def connections(self) -> list[Connection]:
        """Return the connections of this moment."""
        return list(self.worker.connections.values())

    def serve(self) -> None:
        """Turn until told to stop."""
        while not self.stop:
            self.worker.turn(0.01)

    def end(self) -> None:
        """Give back what the worker holds."""
        for sock, *_ in self.worker.acceptor.close():
            sock.close()
        for connection in list(self.worker.connections.values()):
            self.worker.close(connection)
        self.worker.poller.close()
        self.worker.tmp.close()
        for fd in self.worker.PIPE:
            os.close(fd)


@contextlib.contextmanager
def inside(application: Callable[..., Any], **settings: Any) -> Iterator[Inside]:
    """Serve an application by a worker in a thread until the block ends."""
    served = Inside(application, **settings)
    thread = threading.Thread(target=served.serve, daemon=True)
    thread.start()
    try:
        yield served
        assert thread.is_alive(), "the worker broke"
    finally:
        served.stop = True
        thread.join(20)
        served.end()


def talk(address: Address, request: bytes, *, end: bool = True) -> bytes:
    """Send bytes, with `end` and an end of file; return all that comes until the server closes."""
    with socket.create_connection(address, timeout=30) as connection:
        with contextlib.suppress(OSError):  # refused before it was read to its end
            connection.sendall(request)
            if end:
                connection.shutdown(socket.SHUT_WR)
        return receive_all(connection)


def receive_all(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes or resets."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)


def body(answer: bytes) -> bytes:
    """Return what follows the head of an answer."""
    return answer.partition(b"\r\n\r\n")[2]
