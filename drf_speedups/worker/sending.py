"""Bytes to clients, each at its own pace, and the end of their connections."""

import html
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from gunicorn import util
from gunicorn.workers.base import Worker

from drf_speedups.worker.acceptor import Acceptor
from drf_speedups.worker.connection import Connection, State
from drf_speedups.worker.outbox import ClientGoneError
from drf_speedups.worker.spool import Data, Room

EPOLL: Any = getattr(select, "epoll", None)  # an application's gevent takes it away
READ = select.EPOLLIN | select.EPOLLRDHUP if EPOLL else 0
WRITE = select.EPOLLOUT if EPOLL else 0
# A reset is told even so, but only once: its request may be under way for long.
NOTHING = select.EPOLLET if EPOLL else 0
EVENTS_AT_ONCE = 64  # sockets looked at in one turn, so that many bytes of many do not stop it
SLICE = 0.005  # seconds of answering before the others get their turn
LINGER = 2.0  # seconds for a client to close, or to send one more request while we stop


class Sending(Worker):  # type: ignore[misc]
    """Sends what was answered while others are answered; nothing here runs an application."""

    MOST_HELD = 64 * 2**20  # bytes held in memory for all clients where no file can be written
    MOST_SPOOLED = 2**30  # bytes in temporary files, of all clients
    LEAST_RATE = 500  # bytes/s that a client sends or takes at least, after `timeout` seconds

    poller: "select.epoll"  # of all connections, for what they send
    writers: "select.epoll"  # of those that have not taken their answer yet
    acceptor: Acceptor
    room: Room
    quiet: float  # seconds a client may let us wait in the middle of a message
    keepalive: float  # seconds an idle connection is kept
    beat: float  # seconds between two signs of life
    breath_at = 0.0  # when the others are due while one is answered, monotonic seconds

    def send(self, connection: Connection, data: Data) -> None:
        """Send a part of the answer that is being made. Raises `ClientGoneError`."""
        connection.out.send(data)
        if time.monotonic() > self.breath_at:
            self._breathe(0)
            self.note_long(connection)
        if connection.out.is_full():
            self._wait_while(connection.out.is_full, connection)

    def flush(self, connection: Connection) -> None:
        """Let the client take all that was sent. Raises `ClientGoneError`."""
        if connection.out:
            self._wait_while(connection.out.__bool__, connection)

    def _breathe(self, patience: float) -> None:
        """Send what is left of others' answers and show a sign of life; serve nobody."""
        self.send_to_writers(patience)
        self.notify()
        self.breath_at = time.monotonic() + SLICE

    def send_to_writers(self, patience: float) -> None:
        """Go on with the answers that clients have not taken yet, once they take more."""
        for fd, _event in self.writers.poll(patience, EVENTS_AT_ONCE):
            if (one := self.connections.get(fd)) and one.state is State.REPLYING:
                self.attend(one)

    def _wait_while(self, waits: Callable[[], bool], connection: Connection) -> None:
        """Wait for a client to take what it is sent, as `sync` does."""
        self.begin_waiting(connection)
        self.writers.register(connection.fd, WRITE)
        try:
            while waits():
                self._breathe(self.beat)
                connection.out.flush()
                now = time.monotonic()
                self.look_after(connection, now)
                if connection.deadline < now:
                    connection.out.hang_up()
                    raise ClientGoneError("it has stopped reading its answer")
        finally:
            self.writers.unregister(connection.fd)

    def begin_waiting(self, connection: Connection) -> None:
        """From now on the client is to take what is there."""
        connection.began = time.monotonic()
        connection.deadline = connection.began + self._patience(connection)
        connection.out.begin()

    def look_after(self, connection: Connection, now: float) -> None:
        """Give a client more time if it has taken something."""
        if taken := connection.out.progress():
            connection.wait_for(taken, now, self._patience(connection), self.LEAST_RATE)

    def _patience(self, connection: Connection) -> float:
        """Return for how many seconds a client may seem to take nothing."""
        return max(self.quiet, connection.out.piece() / self.LEAST_RATE)

    # The end of a connection

    def refuse(self, connection: Connection, status: int, reason: str, message: str) -> None:
        """Answer in words and hang up."""
        try:
            util.write_error(connection.sock, status, reason, message)
        except OSError:
            self.log.debug("Failed to send error message.")
        self.half_close(connection)

    def give_up(self, connection: Connection) -> None:
        """Part with a client that has kept us waiting too long, or has to go because we do."""
        if connection.state is State.QUEUED:
            self.refuse(connection, 503, "Service Unavailable", "Shutting down.")
        elif connection.state is State.UNDER_WAY:  # a 503 would say that nothing was done
            self.log.warning("A client was cut off: the worker has to stop before it has an answer")
            self.close(connection)
        elif connection.state is State.READING and connection.incomplete:
            self.refuse(connection, 408, "Request Timeout", "The request did not arrive in time.")
        else:
            if connection.state is State.REPLYING:
                why = "it had stopped reading" if self.alive else "the worker has to stop"
                self.log.warning(
                    "A client was cut off: %s, %d bytes of its answer are left",
                    why, connection.out.waiting(),
                )  # fmt: skip
            self.close(connection)

    def half_close(self, connection: Connection) -> None:
        """Hang up so that the client can still read what it was sent."""
        connection.half_close(LINGER)
        self.watch(connection, READ)

    def close(self, connection: Connection) -> None:
        """Forget the connection, at once."""
        if self.connections.pop(connection.fd, None) is not connection:
            return
        self.end_request(connection)
        if connection.state is State.REPLYING:
            self.writers.unregister(connection.fd)
        self.poller.unregister(connection.fd)
        connection.out.drop()
        connection.parser.close()
        connection.sock.close()
        self.acceptor.hold(-1)

    def watch(self, connection: Connection, events: int) -> None:
        """Say what of the connection the poller is to tell."""
        if connection.watched != events:
            connection.watched = events
            self.poller.modify(connection.fd, events)

    # What is done by `Answering`

    def __init__(self, *args: object) -> None:  # in the master, before the fork
        super().__init__(*args)
        self.connections: dict[int, Connection] = {}

    def attend(self, connection: Connection) -> None:
        """Do what a socket is ready for."""
        raise NotImplementedError

    def end_request(self, connection: Connection, *, logged: bool = False) -> None:
        """Log the request in hand and let go of it."""
        raise NotImplementedError

    def note_long(self, connection: Connection) -> None:
        """Say who has held the worker for long."""
        raise NotImplementedError


def write_error(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer as gunicorn's does, whose head has no end since Python 3.14: `dedent` is stricter."""
    page = (
        f"<html>\n  <head>\n    <title>{reason}</title>\n  </head>\n  <body>\n"
        f"    <h1><p>{reason}</p></h1>\n    {html.escape(message)}\n  </body>\n</html>\n"
    )
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(page)}\r\n\r\n"
    )
    util.write_nonblock(client, (head + page).encode("latin1"))


if util.write_error.__module__ == util.__name__:  # a project may have put its own there
    util.write_error = write_error
