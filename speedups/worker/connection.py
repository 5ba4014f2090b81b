"""One client: its socket, what it has sent, what it is being sent."""

import enum
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from speedups.worker.reply import Reply
from speedups.worker.request import Parser, Request

READ_AT_ONCE = 65_536  # bytes
MOST_WAITING = 262_144  # bytes of further requests that a client may send ahead


class ClientGoneError(ConnectionError):
    """The client has closed or reset its connection: nobody waits for the answer."""


class State(enum.Enum):
    """What a connection waits for."""

    READING = 1  # the rest of a request, or the next one
    QUEUED = 2  # its turn: a whole request is there
    REPLYING = 3  # the client: it takes the answer more slowly than it is made
    CLOSING = 4  # the client's end of file, so that no reset cuts off the last answer


class Connection:
    """A client's connection and how far its request has come."""

    __slots__ = (
        "answer", "arrived", "blocks", "deadline", "environ", "incomplete", "out", "parser", "peer",
        "reply", "request", "sock", "started", "state", "watched",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, peer: Any, parser: Parser) -> None:
        self.sock = sock
        self.peer = peer
        self.parser = parser
        self.state = State.READING
        self.request: Request | None = None  # the one in hand
        self.reply: Reply | None = None  # to it, once the application has got it
        self.answer: Any = None  # what the application returned
        self.blocks: Iterator[bytes] = iter(())
        self.environ: dict[str, Any] = {}
        self.out = bytearray()  # what the kernel would not take yet
        self.arrived = 0.0  # when the request in hand was whole, monotonic seconds
        self.started = 0.0  # when the application got it, monotonic seconds
        self.deadline = 0.0  # when the client has kept us waiting too long, monotonic seconds
        self.incomplete = False  # the begin of a request is there, the end not
        self.watched = 0  # the events the poller watches for

    def receive(self) -> bool:
        """Read what is there; return False at the client's end of file or after its reset."""
        try:
            data = self.sock.recv(READ_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        if data and self.state is not State.CLOSING:
            self.parser.feed(data)
        return bool(data)

    def receive_ahead(self) -> bool:
        """Take in pipelined requests; return False at a limit: then the client has to wait."""
        return len(self.parser.buffer) <= MOST_WAITING and self.receive()

    def held(self) -> int:
        """Return the bytes that wait for the client, to send more or to read."""
        return self.parser.held() + len(self.out)

    def is_idle(self) -> bool:
        """Tell whether the client has sent nothing that is not answered."""
        return self.state is State.READING and self.parser.is_empty()

    def send(self, data: bytes) -> None:
        """Send as much as the kernel takes, keep the rest for `flush`. Raises `ClientGoneError`."""
        if self.out:
            self.out += data
            return
        sent = self._push(data)
        if sent < len(data):
            self.out += memoryview(data)[sent:]

    def flush(self) -> bool:
        """Send what was kept; tell whether all of it is gone. Raises `ClientGoneError`."""
        if self.out:
            del self.out[: self._push(self.out)]
        return not self.out

    def _push(self, data: bytes | bytearray) -> int:
        try:
            return self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise ClientGoneError(*error.args) from error

    def half_close(self, patience: float) -> None:
        """Say that nothing more comes, and wait `patience` seconds for the client to agree."""
        self.state = State.CLOSING
        self.deadline = time.monotonic() + patience
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.deadline = 0.0


def too_greedy(connections: Iterable[Connection], most: int) -> Connection | None:
    """Return the connection for which most is held, if for all together it is over `most` bytes."""
    waiting = [one for one in connections if one.state is not State.QUEUED]
    if sum(map(Connection.held, waiting)) <= most:
        return None
    return max(waiting, key=Connection.held)
