"""The worker's life: an event loop around one application that answers one request at a time."""

import os
import select
import signal
import sys
import tempfile
import time
import weakref
from collections.abc import Iterable
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config

from drf_speedups.worker import options
from drf_speedups.worker.acceptor import NEVER, Accepted, Acceptor, loads
from drf_speedups.worker.connection import Connection, State
from drf_speedups.worker.hooks import Hooks
from drf_speedups.worker.http.parser import Parser
from drf_speedups.worker.http.request import Head
from drf_speedups.worker.overlapping import Overlapping
from drf_speedups.worker.sending import EPOLL, EVENTS_AT_ONCE, LINGER, READ, SLICE
from drf_speedups.worker.spool import Room

# What a worker that is only just forked may be told, and what is for it alone.
HEARD_LATE = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1}


class BufferedWorker(Overlapping):
    """See `drf_speedups.worker`. Attributes in capitals are settings: subclass to change them."""

    def __init__(self, *args: Any) -> None:  # in the master, before the fork
        super().__init__(*args)
        for name, value in options.from_environment().items():
            setattr(self, name, value)
        self.slot = loads.take_slot(self)
        self.heads: dict[Any, Head] = {}
        self.hurried = False  # told to stop at once
        self.told_at: float | None = None  # to stop, monotonic seconds
        self.beat = min(1.0, self.timeout / 2 or 1.0)  # seconds; the master looks every 4 or more
        self._housekeeping_at = 0.0
        self._told = 0  # of the refused requests, in the log

    @classmethod
    def check_config(cls, cfg: Config, log: Any) -> None:
        """Called by the master before the first fork: end it where we cannot serve."""
        if why := cls._why_not(cfg):
            log.error("%s", why)
            sys.exit(2)

    @classmethod
    def _why_not(cls, cfg: Config) -> str:
        if wanted := cls._cannot_serve(cfg):
            return f"{cls.__name__} cannot serve {wanted}: use worker_class gthread"
        if not cfg.worker_connections:
            return "worker_connections is 0, allowed are numbers from 1: it would accept nobody"
        try:
            most = options.from_environment().get("LARGEST_BODY", cls.LARGEST_BODY)
        except ValueError as error:
            return str(error)
        if most <= cls.MOST_HELD or _can_write(cfg.tmp_upload_dir):
            return ""
        return (
            f"bodies of {most} bytes need a folder for temporary files that can be written: "
            f"set TMPDIR, or allow at most {cls.MOST_HELD} bytes"
        )

    @staticmethod
    def _cannot_serve(cfg: Config) -> str:
        wanted = {
            "TLS (certfile, keyfile)": cfg.is_ssl,
            "proxy_protocol": cfg.proxy_protocol != "off",
            "protocol uwsgi": cfg.protocol != "http",
            "http_protocols h2": "h2" in cfg.http_protocols,
            "http2_cleartext": cfg.http2_cleartext != "off",
            "http_parser fast": cfg.http_parser == "fast",
            f"{cfg.threads} threads (it is one)": cfg.threads > 1,
            "on a system without epoll": not READ,
        }
        return ", ".join(what for what in wanted if wanted[what])

    # Life

    def run(self) -> None:
        """Serve until told to stop, then finish what was accepted."""
        if self._cannot_serve(self.cfg):  # since a reload: the master must not try again and again
            sys.exit(Arbiter.APP_LOAD_ERROR)
        self.open()
        try:
            while self.alive:
                self.turn(self.beat)
            if not self.hurried:
                self._drain()
        finally:
            for connection in list(self.connections.values()):
                self.close(connection)
            if self.lane is not None:
                self.lane.close()

    def open(self) -> None:
        """Begin to accept connections."""
        self.quiet = self.cfg.timeout or NEVER
        self.keepalive = self.cfg.keepalive
        self.hooks = Hooks(self.cfg)
        self.room = Room(self.MOST_HELD, self.MOST_SPOOLED, self.cfg.tmp_upload_dir)
        self.poller, self.writers = EPOLL(), EPOLL()
        self.poller.register(self.PIPE[0], select.EPOLLIN)
        self.poller.register(self.writers.fileno(), select.EPOLLIN)
        _let_children_go(self)
        self.open_lane()
        self.acceptor = Acceptor(
            self.slot, self.cfg.worker_connections, self.poller, self.log,
            shares=not self.cfg.reuse_port,
        )  # fmt: skip
        self.acceptor.open(self.sockets)

    def init_signals(self) -> None:
        """Listen to signals, also to those that came since the fork.

        Until now the master's handlers have queued them, for a loop that no worker runs; and the
        master tells each worker once.
        """
        master = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        super().init_signals()
        early = getattr(master, "SIG_QUEUE", None)
        while early is not None and not early.empty():
            number = early.get()
            handler = signal.getsignal(number) if number in HEARD_LATE else None
            if callable(handler):
                handler(number, None)

    def handle_usr1(self, sig: int, frame: Any) -> None:
        """SIGUSR1: open log files anew, also those that remembered environments write to."""
        super().handle_usr1(sig, frame)
        self.heads.clear()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: answer what has come, and stop."""
        self.told_at = self.told_at or time.monotonic()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: stop without draining."""
        self.hurried = True
        super().handle_quit(sig, frame)

    def _drain(self) -> None:
        """Answer what has come, and what comes on open connections within `LINGER` seconds."""
        self._welcome(self.acceptor.close())
        self.beat, self._housekeeping_at = 0.1, 0.0
        now = time.monotonic()
        # Then the master kills what is left. One answer may have taken some of that time already.
        end = (self.told_at or now) + 0.9 * self.cfg.graceful_timeout
        for connection in self.connections.values():
            if connection.is_idle():
                connection.deadline = now + LINGER
        while self.connections and time.monotonic() < end and not self.hurried:
            self.turn(self.beat)
        for connection in list(self.connections.values()):
            self.give_up(connection)

    def _keep_house(self, now: float) -> None:
        """At each beat: show a sign of life, miss the master, give up silent clients."""
        self._housekeeping_at = now + self.beat
        self.notify()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.SIGNALS)  # an application may block them
        if self.ppid != os.getppid() and self.alive:
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False
        if refused := self.refused - self._told:
            self.log.warning(
                "%d requests got 503: they had waited longer than %.1f s",
                refused, self.LONGEST_WAIT,
            )  # fmt: skip
            self._told += refused
        for connection in list(self.connections.values()):
            if connection.state is State.REPLYING:
                self.look_after(connection, now)
            if connection.deadline < now and not self._may_stay(connection):
                self.give_up(connection)
        if self.acceptor.nobody_has_room():
            self._make_room(now)

    @staticmethod
    def _may_stay(connection: Connection) -> bool:
        """Tell whether it is we who are late: it may have spoken while others were answered."""
        if connection.state is State.READING:
            return connection.has_spoken()
        return connection.state is State.QUEUED or connection.state is State.UNDER_WAY

    def _make_room(self, now: float) -> None:
        """Part with those who have been idle longest: newcomers may have something to say.

        Who has never asked anything goes first, but not when it has only just come.
        """
        idle = [one for one in self.connections.values() if one.is_idle()]
        idle.sort(key=lambda one: (one.arrived, one.deadline))
        for connection in idle[: 1 + len(idle) // 8]:
            has_just_come = not connection.arrived and now - connection.began < self.beat
            if not (has_just_come or connection.has_spoken()):
                self.close(connection)

    # The loop

    def turn(self, patience: float) -> None:
        """Look at all sockets once, waiting up to `patience` seconds, and answer for a `SLICE`."""
        patience = 0 if self._has_work() else self.acceptor.patience(patience)
        if self.lane is not None:
            patience = self.lane.patience(patience)
        for fd, _event in self.poller.poll(patience, EVENTS_AT_ONCE):
            connection = self.connections.get(fd)
            if connection is not None:
                self.attend(connection)
            elif fd in self.acceptor.listeners:
                self._welcome(self.acceptor.accept(fd))
            elif fd == self.writers.fileno():
                self.send_to_writers(0)
            elif fd == self.PIPE[0]:  # a signal woke us
                os.read(fd, 4096)
            elif self.lane is not None:
                self.lane.receive(fd)
        now = time.monotonic()
        if now >= self._housekeeping_at:
            self._keep_house(now)
        self._welcome(self.acceptor.accept_after_courtesy(now))
        while self._has_work():
            if self.ahead:
                self.look_ahead()
            else:
                self.serve(self._next())
            if time.monotonic() - now > SLICE:
                break
        if self.lane is not None:
            self.take_done()

    def _has_work(self) -> bool:
        if self.urgent or self.ahead:
            return True
        # Also while the lane takes no more, nobody waits too long to be told so.
        full = self.lane is not None and self.lane.is_full()
        return bool(self.queue) and (not full or self.is_late(self.queue[0]))

    def _next(self) -> Connection:
        """Return whose turn it is: urgent ones and the others alternate, an urgent one begins."""
        self.is_urgent_turn = not self.queue or (bool(self.urgent) and not self.is_urgent_turn)
        return (self.urgent if self.is_urgent_turn else self.queue).popleft()

    def _welcome(self, accepted: Iterable[Accepted]) -> None:
        for sock, peer, server in accepted:
            sock.setblocking(False)
            heads = None if self.hooks.want_all else self.heads
            parser = Parser(self.cfg, peer, server, heads, self.LARGEST_BODY, self.room)
            connection = Connection(sock, peer, parser, self.room)
            connection.began = time.monotonic()
            connection.deadline = connection.began + self.quiet
            connection.watched = READ
            self.connections[connection.fd] = connection
            self.poller.register(connection.fd, READ)
            self.acceptor.hold(+1)

    def leave_to_parent(self) -> None:
        """In a process that an application has forked: the clients are the parent's alone."""
        self.is_forked, self.alive, self.hurried = True, False, True
        for connection in self.connections.values():
            connection.sock.close()
        for listener in self.acceptor.listeners.values():
            listener.close()


def _can_write(folder: str | None) -> bool:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _let_children_go(worker: BufferedWorker) -> None:
    known = weakref.ref(worker)

    def leave() -> None:
        if (worker := known()) is not None:
            worker.leave_to_parent()

    os.register_at_fork(after_in_child=leave)
