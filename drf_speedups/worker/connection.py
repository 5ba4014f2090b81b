"""One client: its socket, what it has sent, what it is being sent."""

import enum
import socket
import time
from typing import Any

from drf_speedups.worker.http.parser import Parser
from drf_speedups.worker.http.reply import Reply
from drf_speedups.worker.outbox import Outbox
from drf_speedups.worker.spool import Room

READ_AT_ONCE = 65_536  # bytes
MOST_WAITING = 65_536  # bytes of further requests that a client may send ahead


class State(enum.Enum):
    """What a connection waits for."""

    READING = 1  # the rest of a request, or the next one
    QUEUED = 2  # its turn: a request is there
    UNDER_WAY = 3  # the lane that has its request
    REPLYING = 4  # the client: it takes the answer more slowly than it was made
    CLOSING = 5  # the client's end of file, so that no reset cuts off the last answer


class Connection:
    """A client's connection and how far its request has come."""

    __slots__ = (
        "arrived", "began", "closes", "deadline", "environ", "fd", "incomplete", "left", "out",
        "parser", "peer", "reply", "request", "sock", "started", "state", "watched",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, peer: Any, parser: Parser, room: Room) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.peer = peer
        self.parser = parser
        self.out = Outbox(sock, room)
        self.state = State.READING
        self.request: Any = None  # the one in hand: ours, or gunicorn's where hooks want to see it
        self.reply: Reply | None = None  # to it, once the application has got it
        self.environ: dict[str, Any] = {}
        self.left: dict[str, Any] | None = None  # what a lane that has left the request says of it
        self.closes = False  # with the answer that is being sent
        self.arrived = 0.0  # when the request in hand was whole, monotonic seconds
        self.started = 0.0  # when the application got it, monotonic seconds
        self.began = 0.0  # when we began to wait for what the client sends or takes now
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

    def has_spoken(self) -> bool:
        """Tell whether something is there that was not read yet, if only the end of file."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except OSError as error:
            return not isinstance(error, BlockingIOError)
        return True

    def wait_for(self, moved: int, now: float, quiet: float, rate: float) -> None:
        """Set the deadline after a client has sent or taken something, `moved` bytes in all.

        It may be silent for `quiet` seconds, and on the whole no slower than `rate` bytes/s.
        """
        self.deadline = min(now, self.began + moved / rate) + quiet

    def is_idle(self) -> bool:
        """Tell whether the client has sent nothing that is not answered."""
        return self.state is State.READING and not self.parser.has_begun()

    def half_close(self, patience: float) -> None:
        """Say that nothing more comes, and wait `patience` seconds for the client to agree."""
        self.state = State.CLOSING
        self.deadline = time.monotonic() + patience
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.deadline = 0.0
