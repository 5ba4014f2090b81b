"""What happens to one request, from its turn in the queue to the end of the answer."""

import time
from datetime import timedelta
from functools import partial
from typing import Any

from gunicorn.http import wsgi

from drf_speedups.worker.client_socket import ClientSocket
from drf_speedups.worker.connection import Connection, State
from drf_speedups.worker.hooks import Hooks
from drf_speedups.worker.http.reply import Reply
from drf_speedups.worker.outbox import ClientGoneError
from drf_speedups.worker.receiving import Receiving
from drf_speedups.worker.sending import SLICE, WRITE

MOST_NAMED = 100  # paths that the log names for having held the worker


class Answering(Receiving):
    """Lets the application answer; the loop in `BufferedWorker` says when."""

    LARGEST_BODY = 16 * 2**20  # bytes of one request's body; more is answered with 413
    LONGEST_WAIT = 0.0  # seconds a request may wait for its turn before it gets 503; 0: any
    LONG_ANSWER = 10.0  # seconds after which the log says which path held the worker; 0: never
    # The whole answer to a request that has waited too long.
    BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

    alive: bool
    hooks: Hooks

    def __init__(self, *args: Any) -> None:  # in the master, before the fork
        super().__init__(*args)
        self.refused = 0  # requests that had waited too long
        self._named: set[str] = set()  # paths

    def serve(self, connection: Connection) -> None:
        """Answer the request in hand, with 503 if it has waited too long."""
        self._guarded(connection, self._shed if self.is_late(connection) else self.begin)

    def is_late(self, connection: Connection) -> bool:
        """Tell whether its request has waited too long to be begun."""
        if not self.LONGEST_WAIT or time.monotonic() - connection.arrived <= self.LONGEST_WAIT:
            return False
        # What a lane has done of it, an error in the database most often, is to be explained.
        return not connection.left and connection.request.path not in self.NEVER_REFUSED

    def begin(self, connection: Connection) -> None:
        """Begin with the request in hand."""
        self._answer(connection)

    def _shed(self, connection: Connection) -> None:
        """Answer 503 as cheaply as it can be done: a new connection would cost more than that."""
        self.refused += 1
        request = connection.request
        keeps = self.keepalive and self.alive and request.version == (1, 1)
        if not keeps or request.should_close() or request.method == "HEAD":
            self.refuse(connection, 503, "Service Unavailable", "All workers are busy.")
            return
        self.end_request(connection)
        connection.out.send(self.BUSY)
        if connection.out:
            raise ClientGoneError("it has not read its last answers either")
        self._await_next(connection)

    def _answer(self, connection: Connection) -> None:
        """Let the application answer to the end: until then no other application code runs.

        The request is whole and what the client does not take is kept, so nobody waits for it.
        """
        connection.started = time.monotonic()
        self.breath_at = connection.started + SLICE
        environ = self._environ(connection)
        reply: Any = connection.reply
        flush = partial(self.flush, connection)
        environ["gunicorn.socket"] = sock = ClientSocket(connection.sock, flush)
        self._count_request()
        reply.must_close |= not (self.alive and self.keepalive)
        answer: Any = None
        try:
            answer = self.wsgi(environ, reply.start_response)
            for block in answer:
                reply.write(block)
            reply.finish()
        finally:
            self._close_answer(answer)
            if sock.used:
                self._take_back(connection, sock)
        connection.closes |= reply.should_close()
        self.end_request(connection)
        self._start_sending(connection)

    def _environ(self, connection: Connection) -> dict[str, Any]:
        """Return the environment of the request in hand, after the hooks have seen it."""
        request = connection.request
        shown = request.for_hooks(request.parsed) if request.parsed else request
        connection.request = shown
        connection.reply = reply = Reply(shown, partial(self.send, connection))
        self.hooks.before(self, shown)
        if shown is request:
            environ = self.plain_environ(connection)
        else:  # they may have changed anything
            parser = connection.parser
            environ = wsgi.create(shown, None, parser.peer, parser.server, self.cfg)[1]
        environ["drf_speedups.waited"] = connection.started - connection.arrived  # seconds
        if connection.left is not None:
            environ.update(connection.left)
            connection.left = None
        environ["wsgi.early_hints"] = reply.early_hints
        connection.environ = environ
        return environ

    @staticmethod
    def plain_environ(connection: Connection) -> dict[str, Any]:
        """Return what a request says, and where it comes from."""
        environ: dict[str, Any] = connection.request.environ()
        if isinstance(connection.peer, tuple):
            environ["REMOTE_PORT"] = str(connection.peer[1])
        return environ

    def _count_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def _close_answer(self, answer: Any) -> None:
        try:
            if hasattr(answer, "close"):
                answer.close()
        except BaseException:  # the answer is made, and the worker goes on after any
            self.log.exception("Error after the answer")

    @staticmethod
    def _take_back(connection: Connection, sock: ClientSocket) -> None:
        sock.release()
        connection.sock.setblocking(False)
        connection.closes = True  # nobody knows what was said on it

    def _start_sending(self, connection: Connection) -> None:
        """The answer is made: go on with the client's next request, or first let it take this."""
        if not connection.out:
            self._finish(connection)
            return
        connection.state = State.REPLYING
        self.begin_waiting(connection)
        self.watch(connection, 0)
        self.writers.register(connection.fd, WRITE)

    def _go_on(self, connection: Connection) -> None:
        """Send what is left of an answer."""
        if connection.out.flush():
            self.writers.unregister(connection.fd)
            self._finish(connection)

    def _finish(self, connection: Connection) -> None:
        if connection.closes:
            self.half_close(connection)
        else:
            self._await_next(connection)

    def end_request(self, connection: Connection, *, logged: bool = False) -> None:
        """Log the request in hand, call the hook, let go of it: once, and in any case."""
        request, connection.request = connection.request, None
        reply, connection.reply = connection.reply, None
        environ, connection.environ = connection.environ, {}
        if request is None:
            return
        if request.spool is not None:
            request.spool.close()
        if reply is None:  # no application has seen it
            return
        spent = time.monotonic() - connection.started
        if self.LONG_ANSWER and spent > self.LONG_ANSWER:
            self._name(request.path, spent)
        try:
            if reply.status and not logged:
                self.log.access(reply, request, environ, timedelta(seconds=spent))
            self.hooks.after(self, request, environ, reply)
        except BaseException:  # the loop goes on after any
            self.log.exception("Exception in post_request hook")

    def note_long(self, connection: Connection) -> None:
        """Say, once for a path, what has held the worker for long and holds it still."""
        spent = time.monotonic() - connection.started
        if self.LONG_ANSWER and spent > self.LONG_ANSWER:
            self._name(connection.request.path, spent)

    def _name(self, path: str, spent: float) -> None:
        if path in self._named or len(self._named) >= MOST_NAMED:
            return
        self._named.add(path)
        self.log.warning(
            "%.200r held the worker for %.1f s, in which it answered nobody else: "
            "streams that wait belong into worker_class gthread", path, spent,
        )  # fmt: skip

    # The end of a connection

    def _fail(self, connection: Connection, error: BaseException) -> None:
        reply = connection.reply
        if reply is not None and reply.headers_sent:
            self.log.exception("Error handling request")
            self.end_request(connection)
            connection.closes = True  # in the middle, so that the client sees it cut off
            self._start_sending(connection)
            return
        request = connection.request if reply is not None else None
        peer = connection.peer if isinstance(connection.peer, tuple) else None  # no UNIX path
        self.handle_error(request, connection.sock, peer, error)
        self.end_request(connection, logged=True)
        self.half_close(connection)
