"""An open load: requests come at a rate, whether the service keeps up or not.

`python -m tests.faults.open_load PORT RATE SECONDS` sends GETs at RATE per second over as many
connections as that takes and prints one line for each, `due ended status`, in monotonic seconds;
status 0 means that no answer came. Latency counts from when a request was due, so a generator that
is late, or has no free connection, does not flatter the service (coordinated omission).
"""

import contextlib
import select
import socket
import sys
import time
from collections import deque

MOST_CONNECTIONS = 1500
PATIENCE = 5.0  # seconds for a request that was sent
PATH = "/items/1/"


class Generator:
    """Sends the requests of one run."""

    def __init__(self, port: int, rate: float, seconds: float) -> None:
        self.address = ("127.0.0.1", port)
        self.interval, self.count = 1 / rate, int(rate * seconds)
        self.request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.poller = select.epoll()
        self.idle: deque[socket.socket] = deque()
        self.due_of: dict[int, float] = {}  # by descriptor: when the request on it was due
        self.sockets: dict[int, socket.socket] = {}
        self.parts: dict[int, bytes] = {}
        self.answers: list[tuple[float, float, int]] = []

    def run(self) -> None:
        """Send all requests and wait for the answers."""
        start = time.monotonic()
        late: deque[float] = deque()
        sent = 0
        while sent < self.count or late or self.due_of:
            now = time.monotonic()
            while sent < self.count and start + sent * self.interval <= now:
                late.append(start + sent * self.interval)
                sent += 1
            while late and self._send(late[0]):
                late.popleft()
            if sent == self.count and now > start + self.count * self.interval + PATIENCE:
                break
            for fd, _ in self.poller.poll(0.001):
                self._receive(fd)
        for due in [*late, *self.due_of.values()]:
            self.answers.append((due, time.monotonic(), 0))

    def _send(self, due: float) -> bool:
        if not self.idle and len(self.sockets) >= MOST_CONNECTIONS:
            return False
        link = self.idle.popleft() if self.idle else self._connect()
        self.due_of[link.fileno()] = due
        try:
            link.send(self.request)
        except OSError:
            self._drop(link.fileno())
        return True

    def _connect(self) -> socket.socket:
        link = socket.create_connection(self.address, timeout=PATIENCE)
        link.setblocking(False)
        self.sockets[link.fileno()] = link
        self.poller.register(link.fileno(), select.EPOLLIN)
        return link

    def _receive(self, fd: int) -> None:
        link = self.sockets[fd]
        try:
            data = link.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self._drop(fd)
            return
        data = self.parts.pop(fd, b"") + data
        head, found, body = data.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not found or len(body) < int(length or 0):
            self.parts[fd] = data
            return
        if fd in self.due_of:
            self.answers.append((self.due_of.pop(fd), time.monotonic(), int(head[9:12])))
        if b"connection: close" in head.lower():
            self._drop(fd)
        else:
            self.idle.append(link)

    def _drop(self, fd: int) -> None:
        """Forget a connection that has ended."""
        link = self.sockets.pop(fd)
        if fd in self.due_of:
            self.answers.append((self.due_of.pop(fd), time.monotonic(), 0))
        self.parts.pop(fd, None)
        self.poller.unregister(fd)
        with contextlib.suppress(ValueError):
            self.idle.remove(link)
        link.close()


def main(port: str, rate: str, seconds: str) -> None:
    """Run and print."""
    generator = Generator(int(port), float(rate), float(seconds))
    generator.run()
    for due, ended, status in generator.answers:
        sys.stdout.write(f"{due:.4f} {ended:.4f} {status}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
