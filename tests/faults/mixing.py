"""Does every answer reach the request that it belongs to? A load that knows, while all goes wrong.

Each answer carries something only its request knew: the id that the client gave the request, the id
of the row in the path, the name or number in the body. Clients send several requests at once, leave
before they have read their answers and come back; meanwhile backends are terminated, rows are
locked and statements fail, all at random.
"""

import contextlib
import json
import random
import re
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.contract.raw import HOST, JSON, head
from tests.faults.cluster import Cluster

CONNECTIONS = 24
MOST_AT_ONCE = 4  # requests sent before the first answer
LEAVES = 0.01  # of all turns
ROWS = 200  # which are only read, changed and locked
ANSWER = re.compile(rb"HTTP/1\.1 (\d+) .*?\r\n\r\n", re.DOTALL)
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
IDENTITY = re.compile(rb"\r\nX-Request-ID: (\S+)", re.IGNORECASE)
PATIENCE = 20.0  # seconds without any answer
TROUBLE = {404, 409, 500, 503, 504}  # what a request may be told while things go wrong


@dataclass
class Sent:
    """A request as its client remembers it."""

    identity: bytes  # "" where it gave none
    holds: Callable[[int, dict[str, object]], bool]  # whether an answer can be to this request


@dataclass
class Seen:
    """What came of it."""

    answers: Counter[int] = field(default_factory=Counter)  # by status
    mixed_up: list[str] = field(default_factory=list)
    cut_off: int = 0  # connections that the service closed with answers still to come
    left: int = 0  # connections that their client closed with answers still to come
    created: set[str] = field(default_factory=set)  # names that were acknowledged


class Client:
    """One connection, and after it the next one."""

    def __init__(self, address: tuple[str, int], rng: random.Random, seen: Seen) -> None:
        self._address, self._rng, self._seen = address, rng, seen
        self._number = 0
        self.connect()

    def connect(self) -> None:
        """Begin anew."""
        self.socket = socket.create_connection(self._address, timeout=30)
        self.buffer = b""
        self.waiting: deque[Sent] = deque()

    def send(self) -> None:
        """Send some requests at once, or leave."""
        for _ in range(self._rng.randint(1, MOST_AT_ONCE)):
            data, sent = self._request()
            self.waiting.append(sent)
            with contextlib.suppress(ConnectionError):  # `receive` will see the end
                self.socket.sendall(data)
        if self._rng.random() < LEAVES:
            self._seen.left += 1
            self.socket.close()
            self.connect()
            self.send()

    def receive(self) -> None:
        """Read answers and compare them with what was asked, in order."""
        data = b""
        with contextlib.suppress(ConnectionError):
            data = self.socket.recv(1 << 20)
        if not data:
            self._seen.cut_off += bool(self.waiting)
            self.socket.close()
            self.connect()
            return
        self.buffer += data
        while answer := self._whole():
            self._compare(*answer)

    def _whole(self) -> tuple[int, bytes, bytes] | None:
        found = ANSWER.match(self.buffer)
        if not found:
            return None
        length = LENGTH.search(found[0])
        end = found.end() + (int(length[1]) if length else 0)
        if len(self.buffer) < end:
            return None
        body, self.buffer = self.buffer[found.end() : end], self.buffer[end:]
        return int(found[1]), found[0], body

    def _compare(self, status: int, lines: bytes, body: bytes) -> None:
        self._seen.answers[status] += 1
        if not self.waiting:
            self._seen.mixed_up.append(f"nobody asked for {lines!r}")
            return
        sent = self.waiting.popleft()
        identity = IDENTITY.search(lines)
        own = not sent.identity or (identity is not None and identity[1] == sent.identity)
        told = json.loads(body) if body else {}
        if status == 201:
            self._seen.created.add(str(told.get("name")))
        if not own or not (sent.holds(status, told) or status in TROUBLE):
            self._seen.mixed_up.append(f"{sent.identity!r} got {status} {lines!r} {body!r}")

    def _request(self) -> tuple[bytes, Sent]:
        self._number += 1
        name = f"{id(self):x}-{self._number}"
        key, quantity = self._rng.randint(1, ROWS), self._rng.randint(0, 2**31 - 1)
        headers = [HOST]
        identity = b""
        if self._rng.random() < 0.3:  # who gives none has headers that the worker remembers
            identity = name.encode()
            headers.append(f"X-Request-ID: {name}")
        kind = self._rng.random()
        if kind < 0.5:
            return head(f"GET /items/{key}/ HTTP/1.1", *headers), Sent(
                identity, lambda status, told: status == 200 and told["id"] == key
            )
        if kind < 0.6:
            limit = self._rng.randint(1, 20)
            return head(f"GET /items/?limit={limit} HTTP/1.1", *headers), Sent(
                identity, lambda status, told: status == 200 and _is_page(told, limit)
            )
        if kind < 0.65:  # Django's own way
            return head(f"GET /items/{key}/?format=json&a={name} HTTP/1.1", *headers,
                        "If-None-Match: none"), Sent(
                identity, lambda status, told: status == 200 and told["id"] == key
            )  # fmt: skip
        if kind < 0.85:
            return _with_body("POST /items/", headers, {"name": name, "price": "1.00"}), Sent(
                identity, lambda status, told: status == 201 and told["name"] == name
            )
        if kind < 0.97:
            return _with_body(f"PATCH /items/{key}/", headers, {"quantity": quantity}), Sent(
                identity,
                lambda status, told: (
                    (status, told.get("id"), told.get("quantity")) == (200, key, quantity)
                ),
            )
        return _with_body("POST /items/", headers, {"name": name, "price": name}), Sent(
            identity, lambda status, told: status == 400
        )


def _with_body(line: str, headers: list[str], sent: dict[str, object]) -> bytes:
    body = json.dumps(sent).encode()
    return head(f"{line} HTTP/1.1", *headers, JSON, f"Content-Length: {len(body)}", body=body)


def _is_page(told: dict[str, object], limit: int) -> bool:
    results = told.get("results")
    return isinstance(results, list) and len(results) == limit


def mix(url: str, answers: int, seed: int) -> Seen:
    """Load a service until it has given so many answers."""
    parts = urlsplit(url)
    rng, seen = random.Random(seed), Seen()
    clients = [Client((str(parts.hostname), int(parts.port or 80)), rng, seen)
               for _ in range(CONNECTIONS)]  # fmt: skip
    latest = time.monotonic()
    while sum(seen.answers.values()) < answers and not seen.mixed_up:
        for client in clients:
            if not client.waiting:
                client.send()
        ready = select.select([client.socket for client in clients], [], [], 1.0)[0]
        for client in clients:
            if client.socket in ready:
                client.receive()
                latest = time.monotonic()
        assert time.monotonic() - latest < PATIENCE, "nobody is answered any more"
    for client in clients:
        client.socket.close()
    return seen


class Havoc(threading.Thread):
    """Terminates backends, locks rows and lets statements fail, until told to stop."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        super().__init__(daemon=True)
        self._cluster, self._rng = cluster, random.Random(seed)
        self._ends = threading.Event()
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        """Do one thing after the other."""
        while not self._ends.wait(self._rng.uniform(0.02, 0.3)):
            what = self._rng.choice([self.terminate, self.lock, self.cancel])
            what()
            self.done[what.__name__] += 1

    def stop(self) -> None:
        """End."""
        self._ends.set()
        self.join(20)

    def terminate(self) -> None:
        """End one session of the service."""
        self._signal("pg_terminate_backend", "true")

    def cancel(self) -> None:
        """Let the statement that runs just now fail."""
        self._signal("pg_cancel_backend", "state = 'active'")

    def lock(self) -> None:
        """Hold a row for a moment: some wait longer than lock_timeout allows."""
        key, seconds = self._rng.randint(1, ROWS), self._rng.uniform(0.01, 0.3)
        self._cluster.admin(
            f"BEGIN; SELECT 1 FROM crud_item WHERE id = {key} FOR UPDATE; "
            f"SELECT pg_sleep({seconds}); COMMIT"
        )

    def _signal(self, function: str, condition: str) -> None:
        self._cluster.admin(
            f"SELECT {function}(pid) FROM pg_stat_activity WHERE usename = 'service' "
            f"AND {condition} ORDER BY random() LIMIT 1"
        )


def wrong_rows(cluster: Cluster, seen: Seen) -> list[str]:
    """Return the names that are not as often in the table as they were acknowledged."""
    found = Counter(
        name for (name,) in cluster.admin(f"SELECT name FROM crud_item WHERE id > {ROWS}")
    )
    twice = [f"{name} is there {count} times" for name, count in found.items() if count > 1]
    return twice + [f"{name} is lost" for name in seen.created - set(found)]


def wreak(cluster: Cluster, url: str, answers: int, seed: int) -> tuple[Seen, Counter[str]]:
    """Mix while all goes wrong; return what was seen and what was done."""
    cluster.admin(
        "TRUNCATE crud_item RESTART IDENTITY",
        "INSERT INTO crud_item (name, description, price, quantity, created_at, updated_at) "
        f"SELECT 'row', '', 1, 0, now(), now() FROM generate_series(1, {ROWS})",
    )
    havoc = Havoc(cluster, seed)
    havoc.start()
    try:
        return mix(url, answers, seed), havoc.done
    finally:
        havoc.stop()
