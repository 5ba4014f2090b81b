"""`python -m lab.running.database.relay --to ADDRESS --delay SECONDS`.

Puts a database further away: listens on a free port of loopback, prints it, and passes all bytes
on after `--delay` seconds in each direction, in order; whatever is under way does not hold up what
comes behind it. ADDRESS is host:port, or the path of a UNIX socket. It ends with SIGTERM.
"""

import argparse
import collections
import contextlib
import ctypes
import select
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

MOST = 1 << 18  # bytes read at once
PR_SET_TIMERSLACK = 29  # linux/prctl.h


@dataclass
class Side:
    """One end of a pair: its socket, what is due to be written to it, and the other end."""

    socket: socket.socket
    unsent: bytearray = field(default_factory=bytearray)
    other: "Side | None" = None
    ended: bool = False  # the other end will send no more: close when all is written


class Relay:
    """Serves until `stop`. Nothing in it blocks but the wait for the next byte or due time."""

    def __init__(self, to: str, delay: float) -> None:
        self._to = to
        self._delay = delay
        # All delays are equal, so what comes first is due first. Empty bytes: the end.
        self._due: collections.deque[tuple[float, Side, bytes]] = collections.deque()
        self._ready = selectors.EpollSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self._ready.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve for ever."""
        while True:
            # epoll and poll wait in whole milliseconds; select on epoll's own descriptor does not.
            select.select([self._ready], [], [], self._seconds_to_wait())
            for key, events in self._ready.select(0):
                if key.data is None:
                    self._accept()
                else:
                    self._serve(key.data, events)
            self._deliver()

    def _serve(self, side: Side, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write(side)
        if events & selectors.EVENT_READ and side.socket.fileno() >= 0:  # not closed just now
            self._read(side)

    def _seconds_to_wait(self) -> float | None:
        return max(0.0, self._due[0][0] - time.monotonic()) if self._due else None

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it is gone again
            return
        try:
            database = _connected(self._to)
        except OSError:  # the client sees what it would see without us: no database
            client.close()
            return
        near, far = Side(client), Side(database)
        near.other, far.other = far, near
        for side in (near, far):
            side.socket.setblocking(False)
            with contextlib.suppress(OSError):  # a UNIX socket never waits anyway
                side.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ready.register(side.socket, selectors.EVENT_READ, side)

    def _read(self, side: Side) -> None:
        try:
            block = side.socket.recv(MOST)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if side.other:
            self._due.append((time.monotonic() + self._delay, side.other, block))
        if not block:
            self._listen_to(side, 0)

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, side, block = self._due.popleft()
            side.unsent += block
            side.ended = side.ended or not block
            self._write(side)

    def _write(self, side: Side) -> None:
        try:
            while side.unsent:
                del side.unsent[: side.socket.send(side.unsent)]
        except BlockingIOError:
            self._listen_to(side, selectors.EVENT_READ | selectors.EVENT_WRITE)
            return
        except OSError:
            side.unsent.clear()
            side.ended = True
        if side.ended:
            self._close(side)
        else:
            self._listen_to(side, selectors.EVENT_READ)

    def _close(self, side: Side) -> None:
        """Nothing more arrives from this side: database and client then close both ways."""
        for one in (side, side.other):
            if one and one.socket.fileno() >= 0:
                self._listen_to(one, 0)
                one.socket.close()

    def _listen_to(self, side: Side, events: int) -> None:
        known = self._ready.get_map().get(side.socket)
        if known and events:
            if known.events != events:
                self._ready.modify(side.socket, events, side)
        elif known:
            self._ready.unregister(side.socket)


def _connected(to: str) -> socket.socket:
    if to.startswith("/"):
        found = socket.socket(socket.AF_UNIX)
        found.connect(to)
        return found
    host, _, port = to.rpartition(":")
    return socket.create_connection((host, int(port)))


def _wake_in_time() -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux only: by default it lets every wait last 50 us longer
        prctl(PR_SET_TIMERSLACK, 1)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="lab.running.database.relay", description=__doc__)
    parser.add_argument("--to", required=True)
    parser.add_argument("--delay", type=float, required=True, help="seconds in each direction")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    _wake_in_time()
    relay = Relay(options.to, options.delay)
    print(f"port {relay.port}", flush=True)  # noqa: T201
    relay.run()


if __name__ == "__main__":
    main()
