"""What happens to one connection, from the bytes it sends to the end of its answer."""

import select
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.base import Worker

from speedups.worker.acceptor import Acceptor
from speedups.worker.body import TooLargeError
from speedups.worker.connection import READ_AT_ONCE, ClientGoneError, Connection, State, too_greedy
from speedups.worker.reply import Reply

READ = select.EPOLLIN | select.EPOLLRDHUP if hasattr(select, "epoll") else 0
SLICE = 0.005  # seconds of answering before the others get their turn
LINGER = 2.0  # seconds for a client to close, or to send one more request while we stop
NO_MORE = object()  # what no application yields


class Answering(Worker):  # type: ignore[misc]
    """Takes each connection from state to state; the loop in `BufferedWorker` says when."""

    LARGEST_BODY = 16 * 2**20  # bytes buffered for one request; more is answered with 413
    MOST_HELD = 64 * 2**20  # bytes of half-sent requests and unread answers, of all clients
    LONGEST_WAIT = 0.0  # seconds a request may wait for its turn before it gets 503; 0: any
    NEVER_REFUSED: frozenset[str] = frozenset()  # paths that are answered after any wait
    # The whole answer to a request that has waited too long.
    BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

    alive: bool
    poller: "select.epoll"
    acceptor: Acceptor
    quiet: float  # seconds a client may let us wait in the middle of a message
    keepalive: float  # seconds an idle connection is kept

    def __init__(self, *args: Any) -> None:  # in the master, before the fork
        super().__init__(*args)
        self.connections: dict[int, Connection] = {}
        self.queue: deque[Connection] = deque()  # those whose whole request is there
        self.urgent: deque[Connection] = deque()  # those who ask whether we live: before the others
        self.is_urgent_turn = False
        self.refused = 0  # requests that had waited too long

    def attend(self, connection: Connection) -> None:
        """Do what a socket is ready for."""
        if connection.state is State.REPLYING:
            self._guarded(connection, self._go_on)
        elif connection.state is State.QUEUED:
            if not connection.receive_ahead():
                self._watch(connection, 0)
        elif not connection.receive():
            self._end_of_file(connection)
        elif connection.state is State.READING:
            self._guarded(connection, self._look_for_request)

    def _guarded(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Take a step with a connection; whatever it raises ends that connection only."""
        try:
            step(connection)
        except (ClientGoneError, NoMoreData):
            self.close(connection)
        except TooLargeError:
            self._refuse(connection, 413, "Content Too Large", "The body is too long.")
        except BaseException as error:  # noqa: BLE001  (the application may raise any)
            self._fail(connection, error)

    # One request

    def _look_for_request(self, connection: Connection) -> None:
        """Queue the connection if a whole request is there."""
        parser = connection.parser
        waited_for_head = parser.request is None
        connection.request = parser.next()
        if connection.request is not None:
            connection.state = State.QUEUED
            connection.incomplete = False
            connection.arrived = time.monotonic()
            urgent = connection.request.path in self.NEVER_REFUSED
            (self.urgent if urgent else self.queue).append(connection)
            return
        if not connection.incomplete and not parser.is_empty():
            connection.incomplete = True
            connection.deadline = time.monotonic() + self.quiet
        if waited_for_head and parser.request and parser.request.head.expects:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if parser.held() >= READ_AT_ONCE:
            self._spare_memory()

    def _spare_memory(self) -> None:
        if greediest := too_greedy(self.connections.values(), self.MOST_HELD):
            self.log.warning("A client had to go: %d bytes were held for it", greediest.held())
            self.close(greediest)

    def serve(self, connection: Connection) -> None:
        """Answer the request in hand, with 503 if it has waited too long."""
        request: Any = connection.request
        late = self.LONGEST_WAIT and time.monotonic() - connection.arrived > self.LONGEST_WAIT
        refused = late and request.path not in self.NEVER_REFUSED
        self._guarded(connection, self._shed if refused else self._answer)

    def _shed(self, connection: Connection) -> None:
        """Answer 503 as cheaply as it can be done: a new connection would cost more than that."""
        self.refused += 1
        request: Any = connection.request
        keeps = self.keepalive and self.alive and request.version == (1, 1)
        if not keeps or request.should_close() or request.method == "HEAD":
            self._refuse(connection, 503, "Service Unavailable", "All workers are busy.")
            return
        connection.request = None
        connection.send(self.BUSY)
        if connection.out:
            raise ClientGoneError("it has not read its last answers either")
        self._await_next(connection)

    def _answer(self, connection: Connection) -> None:
        """Call the application; the request is whole, so it never waits for the client."""
        request: Any = connection.request
        connection.started = time.monotonic()
        connection.reply = reply = Reply(request, connection.send)
        connection.environ = environ = request.environ()
        environ["gunicorn.socket"] = connection.sock
        environ["speedups.waited"] = connection.started - connection.arrived  # seconds
        environ["wsgi.early_hints"] = reply.early_hints
        if isinstance(connection.peer, tuple):
            environ["REMOTE_PORT"] = str(connection.peer[1])
        self.cfg.pre_request(self, request)
        self._count_request()
        reply.must_close = not (self.alive and self.keepalive)
        connection.answer = self.wsgi(environ, reply.start_response)
        connection.blocks = iter(connection.answer)
        self._go_on(connection)

    def _count_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def _go_on(self, connection: Connection) -> None:
        """Send block after block until all is sent, the client takes no more or time is up."""
        reply: Any = connection.reply
        end = time.monotonic() + SLICE
        while connection.flush():
            if reply.finished:
                self._finish(connection)
                return
            block = next(connection.blocks, NO_MORE)
            if block is NO_MORE:
                reply.finish()
            else:
                reply.write(block)
                if time.monotonic() > end:
                    break
        connection.state = State.REPLYING
        connection.deadline = time.monotonic() + self.quiet
        self._watch(connection, select.EPOLLOUT)
        if len(connection.out) >= READ_AT_ONCE:
            self._spare_memory()

    def _finish(self, connection: Connection) -> None:
        """Let the application clean up, and go on with the client's next request if it may."""
        reply: Any = connection.reply
        self._clean_up(connection)
        connection.reply = None
        if reply.should_close():
            self._half_close(connection)
            return
        self._await_next(connection)

    def _await_next(self, connection: Connection) -> None:
        connection.state = State.READING
        connection.deadline = time.monotonic() + (self.keepalive if self.alive else LINGER)
        self._watch(connection, READ)
        if connection.parser.buffer:
            self._guarded(connection, self._look_for_request)

    def _clean_up(self, connection: Connection, *, logged: bool = False) -> None:
        """Close what the application returned, log and call the hook, once and in any case."""
        request, connection.request = connection.request, None
        answer, connection.answer = connection.answer, None
        reply: Any = connection.reply
        if request is None or reply is None:
            return
        try:
            if hasattr(answer, "close"):
                answer.close()
        except Exception:
            self.log.exception("Error after the answer")
        try:
            if not logged:
                spent = timedelta(seconds=time.monotonic() - connection.started)
                self.log.access(reply, request, connection.environ, spent)
            self.cfg.post_request(self, request, connection.environ, reply)
        except Exception:
            self.log.exception("Exception in post_request hook")
        # A connection that stays idle for long must not keep what its last request was.
        connection.environ, connection.blocks = {}, iter(())

    # The end of a connection

    def _fail(self, connection: Connection, error: BaseException) -> None:
        if connection.reply is not None and connection.reply.headers_sent:
            self.log.exception("Error handling request")
            self.close(connection)  # in the middle, so that the client sees it cut off
            return
        request = connection.request if connection.reply is not None else None
        peer = connection.peer if isinstance(connection.peer, tuple) else None  # no UNIX path
        self.handle_error(request, connection.sock, peer, error)
        self._clean_up(connection, logged=True)
        self._half_close(connection)

    def _refuse(self, connection: Connection, status: int, reason: str, message: str) -> None:
        try:
            util.write_error(connection.sock, status, reason, message)
        except OSError:
            self.log.debug("Failed to send error message.")
        self._half_close(connection)

    def _end_of_file(self, connection: Connection) -> None:
        """The client sends no more; if that cuts off a body, it may still read why we refuse it."""
        if connection.state is State.READING and connection.parser.request:
            self._refuse(connection, 400, "Bad Request", "The body is shorter than announced.")
        else:
            self.close(connection)

    def give_up(self, connection: Connection) -> None:
        """Part with a client that has kept us waiting too long, or has to go because we do."""
        if connection.state is State.QUEUED:
            self._refuse(connection, 503, "Service Unavailable", "Shutting down.")
        elif connection.state is State.READING and connection.incomplete:
            self._refuse(connection, 408, "Request Timeout", "The request did not arrive in time.")
        else:
            self.close(connection)

    def _half_close(self, connection: Connection) -> None:
        connection.half_close(LINGER)
        self._watch(connection, READ)

    def close(self, connection: Connection) -> None:
        """Forget the connection, at once."""
        self._clean_up(connection)
        if self.connections.pop(connection.sock.fileno(), None):
            self.poller.unregister(connection.sock.fileno())
            connection.sock.close()
            self.acceptor.hold(-1)

    def _watch(self, connection: Connection, events: int) -> None:
        if connection.watched != events:
            connection.watched = events
            self.poller.modify(connection.sock.fileno(), events)
