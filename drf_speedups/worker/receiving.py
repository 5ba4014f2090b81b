"""From the bytes that clients send to whole requests in a queue."""

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from gunicorn.http.errors import NoMoreData

from drf_speedups.worker.connection import Connection, State
from drf_speedups.worker.http.body import TooLargeError
from drf_speedups.worker.outbox import ClientGoneError
from drf_speedups.worker.sending import LINGER, NOTHING, READ, Sending
from drf_speedups.worker.spool import NoRoomError


class Receiving(Sending):
    """Queues each connection whose request is there; what goes wrong ends that connection only."""

    NEVER_REFUSED: frozenset[str] = frozenset()  # paths that are answered after any wait

    def __init__(self, *args: Any) -> None:  # in the master, before the fork
        super().__init__(*args)
        self.queue: deque[Connection] = deque()  # those whose whole request is there
        self.urgent: deque[Connection] = deque()  # those who ask whether we live: before the others
        self.ahead: deque[Connection] = deque()  # those who may have sent the next one already
        self.is_urgent_turn = False
        self.is_forked = False  # an application has forked, and this is the child

    def attend(self, connection: Connection) -> None:
        """Do what a socket is ready for."""
        if connection.state is State.REPLYING:
            self._guarded(connection, self._go_on)
        elif connection.state is State.QUEUED or connection.state is State.UNDER_WAY:
            if not connection.receive_ahead():
                self.watch(connection, NOTHING)
        elif not connection.receive():
            self._end_of_file(connection)
        elif connection.state is State.READING:
            self._guarded(connection, self._look_for_request)

    def _guarded(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Take a step with a connection; whatever it raises ends that connection only."""
        try:
            step(connection)
        except BaseException as error:  # noqa: BLE001  (the application may raise any)
            if not self.is_forked:
                self._end_badly(connection, error)
        if self.is_forked:  # it came back from the application: all clients are its parent's
            os._exit(1)

    def _end_badly(self, connection: Connection, error: BaseException) -> None:
        match error:
            case ClientGoneError() | NoMoreData() | StopIteration():  # the last: already answered
                self.close(connection)
            case TooLargeError():
                self.refuse(connection, 413, "Content Too Large", "The body is too long.")
            case NoRoomError():
                self.log.warning("A request got 503: %s", error)
                self.refuse(connection, 503, "Service Unavailable", "No room for the body.")
            case _:
                self._fail(connection, error)

    def look_ahead(self) -> None:
        """Look for requests that came before the last ones were answered."""
        while self.ahead:
            connection = self.ahead.popleft()
            if self.connections.get(connection.fd) is connection:
                self._read_on(connection)
                self._guarded(connection, self._look_for_request)

    def _look_for_request(self, connection: Connection) -> None:
        """Queue the connection if a whole request is there."""
        parser = connection.parser
        waited_for_head = parser.request is None
        connection.request = parser.next()
        if connection.request is not None:
            connection.state = State.QUEUED
            connection.incomplete, connection.left = False, None
            connection.arrived = time.monotonic()
            urgent = connection.request.path in self.NEVER_REFUSED
            (self.urgent if urgent else self.queue).append(connection)
            return
        if parser.has_begun():
            self._await_rest(connection)
        if waited_for_head and parser.request and parser.request.head.expects:
            connection.out.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _await_rest(self, connection: Connection) -> None:
        now = time.monotonic()
        if not connection.incomplete:
            connection.incomplete = True
            connection.began = now
        connection.wait_for(connection.parser.received, now, self.quiet, self.LEAST_RATE)

    def _await_next(self, connection: Connection) -> None:
        connection.deadline = time.monotonic() + (self.keepalive if self.alive else LINGER)
        if connection.parser.buffer:
            connection.state = State.QUEUED
            self.ahead.append(connection)
        else:
            self._read_on(connection)

    def _read_on(self, connection: Connection) -> None:
        connection.state = State.READING
        self.watch(connection, READ)

    def _end_of_file(self, connection: Connection) -> None:
        """The client sends no more; if that cuts off a body, it may still read why we refuse it."""
        if connection.state is State.READING and connection.parser.request:
            self.refuse(connection, 400, "Bad Request", "The body is shorter than announced.")
        else:
            self.close(connection)

    # What is done by `Answering`

    def _go_on(self, connection: Connection) -> None:
        """Send what is left of an answer."""
        raise NotImplementedError

    def _fail(self, connection: Connection, error: BaseException) -> None:
        """Say that the application has failed."""
        raise NotImplementedError
