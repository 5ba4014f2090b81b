"""The worker: an event loop around one application that answers one request at a time."""

import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.base import Worker

from speedups.worker.acceptor import NEVER, Accepted, Acceptor, loads
from speedups.worker.connection import ClientGoneError, Connection, State
from speedups.worker.reply import Reply
from speedups.worker.request import Head, Parser, TooLargeError

READ = select.EPOLLIN | select.EPOLLRDHUP if hasattr(select, "epoll") else 0
SLICE = 0.005  # seconds of answering before the sockets are looked at again
LINGER = 2.0  # seconds for a client to close, or to send one more request while we stop


class BufferedWorker(Worker):  # type: ignore[misc]
    """See `speedups.worker`. The attributes in capitals are settings: subclass to change them."""

    LARGEST_BODY = 16 * 2**20  # bytes buffered for one request; more is answered with 413
    LONGEST_WAIT = 0.0  # seconds a request may wait for its turn before it gets 503; 0: any

    poller: select.epoll
    acceptor: Acceptor
    quiet: float  # seconds a client may let us wait in the middle of a message

    def __init__(self, *args: Any) -> None:  # in the master, before the fork
        super().__init__(*args)
        self.slot = loads.take_slot(self)
        self.connections: dict[int, Connection] = {}
        self.queue: deque[Connection] = deque()  # those whose whole request is there
        self.heads: dict[Any, Head] = {}
        self.hurried = False  # told to stop at once
        self._housekeeping_at = 0.0

    # Life

    def run(self) -> None:
        """Serve until told to stop, then finish what was accepted."""
        self._refuse_what_needs_another_worker()
        self.quiet = self.cfg.timeout or NEVER
        self.keepalive = self.cfg.keepalive
        self.poller = select.epoll()
        self.poller.register(self.PIPE[0], select.EPOLLIN)
        self.acceptor = Acceptor(self.slot, self.cfg.worker_connections, self.poller, self.log)
        self.acceptor.open(self.sockets)
        while self.alive:
            self._turn(min(1.0, self.timeout or 1.0))
        if not self.hurried:
            self._drain()

    def _refuse_what_needs_another_worker(self) -> None:
        wanted = {
            "TLS (certfile, keyfile)": self.cfg.is_ssl,
            "proxy_protocol": self.cfg.proxy_protocol != "off",
            "http_protocols other than h1": "h2" in self.cfg.http_protocols,
            "a system without epoll": not READ,
        }
        for what in filter(wanted.get, wanted):
            self.log.error("BufferedWorker cannot serve %s: use worker_class gthread", what)
            sys.exit(4)  # gunicorn's APP_LOAD_ERROR: the master stops instead of trying again

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: stop without draining."""
        self.hurried = True
        super().handle_quit(sig, frame)

    def handle_abort(self, sig: int, frame: Any) -> None:
        """SIGABRT, which the master sends to a worker that shows no sign of life."""
        self.hurried = True
        super().handle_abort(sig, frame)

    def _drain(self) -> None:
        """Answer what has come, and what comes on open connections within `LINGER` seconds."""
        self._welcome(self.acceptor.accept_waiting())
        self.acceptor.close()
        now = time.monotonic()
        end = now + self.cfg.graceful_timeout
        for connection in self.connections.values():
            if connection.is_idle():
                connection.deadline = now + LINGER
        while self.connections and time.monotonic() < end and not self.hurried:
            self._turn(0.1)

    def _keep_house(self, now: float) -> None:
        """Once a second: show a sign of life, miss the master, give up silent clients."""
        self._housekeeping_at = now + 1
        self.notify()
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False
        for connection in list(self.connections.values()):
            if connection.deadline < now and connection.state is not State.QUEUED:
                self._give_up(connection)

    # The loop

    def _turn(self, patience: float) -> None:
        """Look at all sockets once, waiting up to `patience` seconds, and answer for a `SLICE`."""
        patience = 0 if self.queue else self.acceptor.patience(patience)
        for fd, _event in self.poller.poll(patience):
            connection = self.connections.get(fd)
            if connection is not None:
                self._attend(connection)
            elif fd in self.acceptor.listeners:
                self._welcome(self.acceptor.accept(fd))
            else:
                os.read(self.PIPE[0], 4096)
        now = time.monotonic()
        if now >= self._housekeeping_at:
            self._keep_house(now)
        self._welcome(self.acceptor.accept_after_courtesy(now))
        while self.queue:
            self._serve(self.queue.popleft())
            if time.monotonic() - now > SLICE:
                break

    def _welcome(self, accepted: Iterable[Accepted]) -> None:
        for sock, peer, server in accepted:
            sock.setblocking(False)
            parser = Parser(self.cfg, peer, server, self.heads, self.LARGEST_BODY)
            connection = Connection(sock, peer, parser)
            connection.deadline = time.monotonic() + self.quiet
            connection.watched = READ
            self.connections[sock.fileno()] = connection
            self.poller.register(sock.fileno(), READ)
            self.acceptor.hold(+1)

    def _attend(self, connection: Connection) -> None:
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
            self._close(connection)
        except TooLargeError:
            self._refuse(connection, 413, "Content Too Large", "The body is too long.")
        except (Exception, SystemExit) as error:  # noqa: BLE001  (the application may raise any)
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
            self.queue.append(connection)
            return
        if not connection.incomplete:
            connection.incomplete = True
            connection.deadline = time.monotonic() + self.quiet
        if waited_for_head and parser.request and parser.request.head.expects:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, connection: Connection) -> None:
        if self.LONGEST_WAIT and time.monotonic() - connection.arrived > self.LONGEST_WAIT:
            self._refuse(connection, 503, "Service Unavailable", "All workers are busy.")
        else:
            self._guarded(connection, self._answer)

    def _answer(self, connection: Connection) -> None:
        """Call the application; the request is whole, so it never waits for the client."""
        request: Any = connection.request
        connection.reply = reply = Reply(request, connection.send)
        connection.environ = environ = request.environ()
        environ["gunicorn.socket"] = connection.sock
        environ["wsgi.early_hints"] = reply.early_hints
        if isinstance(connection.peer, tuple):
            environ["REMOTE_PORT"] = str(connection.peer[1])
        self.cfg.pre_request(self, request)
        self._count_request()
        reply.must_close = not (self.alive and self.keepalive)
        connection.started = time.monotonic()
        connection.answer = self.wsgi(environ, reply.start_response)
        connection.blocks = iter(connection.answer)
        self._go_on(connection)

    def _count_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def _go_on(self, connection: Connection) -> None:
        """Send block after block until all is sent or the client takes no more for now."""
        reply: Any = connection.reply
        while connection.flush():
            if reply.finished:
                self._finish(connection)
                return
            block = next(connection.blocks, None)
            if block is None:
                reply.finish()
            else:
                reply.write(block)
        connection.state = State.REPLYING
        connection.deadline = time.monotonic() + self.quiet
        self._watch(connection, select.EPOLLOUT)

    def _finish(self, connection: Connection) -> None:
        """Let the application clean up, and go on with the client's next request if it may."""
        reply: Any = connection.reply
        self._clean_up(connection)
        if reply.should_close():
            self._half_close(connection)
            return
        connection.state = State.READING
        connection.deadline = time.monotonic() + (self.keepalive if self.alive else LINGER)
        self._watch(connection, READ)
        if connection.parser.buffer:
            self._guarded(connection, self._look_for_request)

    def _clean_up(self, connection: Connection) -> None:
        """Close what the application returned, log and call the hook, whatever came before."""
        answer, connection.answer = connection.answer, None
        reply, connection.reply = connection.reply, None
        if reply is None:
            return
        request: Any = connection.request
        try:
            if hasattr(answer, "close"):
                answer.close()
            spent = timedelta(seconds=time.monotonic() - connection.started)
            self.log.access(reply, request, connection.environ, spent)
            self.cfg.post_request(self, request, connection.environ, reply)
        except Exception:
            self.log.exception("Error after the answer")

    # The end of a connection

    def _fail(self, connection: Connection, error: BaseException) -> None:
        if connection.reply is not None and connection.reply.headers_sent:
            self.log.exception("Error handling request")
            self._close(connection)  # in the middle, so that the client sees it cut off
            return
        request: Any = connection.request if connection.reply is not None else None
        self.handle_error(request, connection.sock, connection.peer or None, error)
        self._clean_up(connection)
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
            self._close(connection)

    def _give_up(self, connection: Connection) -> None:
        if connection.state is State.READING and connection.incomplete:
            self._refuse(connection, 408, "Request Timeout", "The request did not arrive in time.")
        else:
            self._close(connection)

    def _half_close(self, connection: Connection) -> None:
        connection.half_close(LINGER)
        self._watch(connection, READ)

    def _close(self, connection: Connection) -> None:
        self._clean_up(connection)
        if self.connections.pop(connection.sock.fileno(), None):
            self.poller.unregister(connection.sock.fileno())
            connection.sock.close()
            self.acceptor.hold(-1)

    def _watch(self, connection: Connection, events: int) -> None:
        if connection.watched != events:
            connection.watched = events
            self.poller.modify(connection.sock.fileno(), events)
