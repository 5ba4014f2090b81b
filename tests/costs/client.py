"""Keep-alive clients in one thread: as many requests at a time as there are connections."""

import random
import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.errors import LabError

PATIENCE = 60.0  # seconds for an answer; under valgrind all takes fifty times as long
ENOUGH = 32  # connections for each worker: where they are spread unevenly, the idlest gets one too
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
WORKER = re.compile(rb"\r\nx-served-by: [^/]*/(\d+)", re.IGNORECASE)
LAST = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An answer that is whole; `seconds` have gone by since its request was sent."""

    head: bytes
    body: bytes
    seconds: float

    @property
    def status(self) -> int:
        """Return the status code."""
        return int(self.head[9:12])


class Clients:
    """Connections to one server, which stay open between the requests."""

    def __init__(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        self.address = (str(parts.hostname), int(parts.port or 80))
        self._poller = select.poll()
        self._links: dict[int, socket.socket] = {}
        self._sent: dict[int, float] = {}  # when the request in hand was sent
        self._data: dict[int, bytes] = {}  # what has come of its answer
        for _ in range(connections):
            self._connect()

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_error: object) -> None:
        for link in self._links.values():
            link.close()

    def ask(self, requests: Iterable[bytes]) -> Iterator[Answer]:
        """Send each request as soon as a connection is free; yield each answer as it is whole.

        Raises `LabError` for an answer that reports an error, and for none.
        """
        upcoming = iter(requests)
        for fd in [*self._links]:
            self._send(fd, upcoming)
        while self._sent:
            ready = self._poller.poll(1000 * PATIENCE)
            if not ready:
                raise LabError(f"no answer within {PATIENCE:.0f} s")
            for fd, _event in ready:
                answer = self._receive(fd)
                if answer is not None:
                    again = self._reconnected(fd) if LAST.search(answer.head) else fd
                    yield answer
                    self._send(again, upcoming)

    def paced(self, requests: Iterable[bytes], rate: float, seed: int = 0) -> Iterator[Answer]:
        """Send at random times, `rate` a second, whatever is under way; latency counts from then.

        Raises `LabError` as `ask` does.
        """
        rng, upcoming, free = random.Random(seed), iter(requests), deque(self._links)
        due, request = time.perf_counter(), next(upcoming, None)
        while request is not None or self._sent:
            now = time.perf_counter()
            while request is not None and due <= now and free:
                fd = free.popleft()
                self._send(fd, iter([request]))
                self._sent[fd] = due
                due += rng.expovariate(rate)
                request = next(upcoming, None)
            wait = PATIENCE if request is None or not free else max(0.0, due - now)
            ready = self._poller.poll(1000 * wait)
            if not ready and wait == PATIENCE:
                raise LabError(f"no answer within {PATIENCE:.0f} s")
            for fd, _event in ready:
                answer = self._receive(fd)
                if answer is not None:
                    free.append(self._reconnected(fd) if LAST.search(answer.head) else fd)
                    yield answer

    def done(self, requests: Iterable[bytes]) -> list[Answer]:
        """Return all the answers."""
        return list(self.ask(requests))

    def _connect(self) -> int:
        try:
            link = socket.create_connection(self.address, timeout=PATIENCE)
        except OSError as error:
            raise LabError(f"the service refuses a connection: {error}") from error
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links[link.fileno()] = link
        self._poller.register(link, select.POLLIN)
        return link.fileno()

    def _reconnected(self, fd: int) -> int:
        self._poller.unregister(fd)
        self._links.pop(fd).close()
        return self._connect()

    def _send(self, fd: int, upcoming: Iterator[bytes]) -> None:
        request = next(upcoming, None)
        if request is not None:
            self._data[fd] = b""
            self._sent[fd] = time.perf_counter()
            self._links[fd].sendall(request)

    def _receive(self, fd: int) -> Answer | None:
        """Read what is there; return the answer once it is whole."""
        try:
            part = self._links[fd].recv(1 << 18)
        except OSError as error:
            raise LabError(f"the service broke a connection: {error}") from error
        if not part:
            raise LabError("the service closed a connection before its answer")
        self._data[fd] += part
        head, end, body = self._data[fd].partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return None
        answer = Answer(head, body, time.perf_counter() - self._sent.pop(fd))
        if answer.status >= 400:
            raise LabError(f"the service answered {head[:40]!r} {body[:200]!r}")
        return answer


def worker(answer: Answer) -> int:
    """Return the process id of the worker that gave an answer. Raises `LabError`."""
    found = WORKER.search(answer.head)
    if found is None:
        raise LabError("an answer does not say which worker gave it (X-Served-By)")
    return int(found[1])


def all_at_work(url: str, workers: int) -> None:
    """Wait until so many workers answer: the first one says nothing of the others."""
    asked = [b"GET /items/?limit=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"] * ENOUGH * workers
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with Clients(url, len(asked)) as clients:
            if len({worker(answer) for answer in clients.ask(asked)}) >= workers:
                return
    raise LabError(f"fewer than {workers} workers answered within {PATIENCE:.0f} s")
