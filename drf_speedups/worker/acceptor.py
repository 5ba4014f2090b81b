"""Accepting connections so that the workers of one master hold about equally many."""

import contextlib
import errno
import logging
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

from drf_speedups.worker.balance import NOT_ACCEPTING, Loads

AT_ONCE = 8  # connections accepted before those that are there get their turn
COURTESY = 0.005  # seconds for which a worker leaves a new connection to an idler one
LOOK = 0.001  # seconds after which it looks whether there still is one
NEVER = float("inf")
OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}

Accepted = tuple[socket.socket, Any, Any]  # the connection, its peer's and its own address

loads = Loads()  # made when the master imports this, and so shared by all its workers


class Acceptor:
    """The listening sockets as one worker sees them, and whether it wants more connections."""

    def __init__(
        self, slot: int, most: int, poller: "select.epoll", log: logging.Logger, *, shares: bool
    ) -> None:
        self.slot = slot
        self.most = most  # connections at a time
        self.poller = poller
        self.log = log
        self.shares = shares  # the sockets with other workers; if not, nobody takes its connections
        self.held = 0  # connections
        self.listeners: dict[int, socket.socket] = {}
        self._again_at = 0.0  # monotonic seconds
        self._listening = False
        self._is_courteous = False  # while it does not listen: to an idler worker

    def open(self, listeners: list[socket.socket]) -> None:
        """Begin to accept."""
        for listener in listeners:
            listener.setblocking(False)
            self.listeners[listener.fileno()] = listener
        self._listen()
        self.hold(0)

    def close(self) -> list[Accepted]:
        """Accept no more; return what the kernel has accepted before, if nobody else will take it.

        Who comes after the last look, but before no process listens any more, gets a reset instead
        of a refusal. So nothing may stand between that look and the close.
        """
        self._pause(until=NEVER)
        loads.set(self.slot, NOT_ACCEPTING)
        is_the_last = not (self.shares and loads.anybody_accepts())
        waiting: list[Accepted] = []
        for listener in self.listeners.values():
            here = listener.getsockname()
            with contextlib.suppress(OSError):
                while is_the_last:
                    waiting.append((*listener.accept(), here))
            listener.close()
        self.listeners.clear()
        return waiting

    def hold(self, change: int) -> None:
        """Note that the worker holds so many connections more, or fewer."""
        self.held += change
        if not self.listeners:
            return
        loads.set(self.slot, self.held)
        if self.is_full():
            self._pause(until=NEVER)
        elif self._again_at == NEVER:
            self._again_at = 0.0

    def is_full(self) -> bool:
        """Tell whether the worker holds as many connections as it may."""
        return self.held >= self.most

    def nobody_has_room(self) -> bool:
        """Tell whether somebody waits whom neither this worker nor another one can take."""
        if not self.is_full() or self._another_is_idler():
            return False
        waiting = select.poll()
        for fd in self.listeners:
            waiting.register(fd, select.POLLIN)
        return bool(waiting.poll(0))

    def patience(self, seconds: float) -> float:
        """Return for how long the poller may wait, at most `seconds`."""
        paused = not self._listening and self._again_at < NEVER and self.listeners
        return (LOOK if self._is_courteous else COURTESY) if paused else seconds

    def accept(self, fd: int) -> Iterator[Accepted]:
        """Accept a few connections, unless a worker that holds fewer may still take them."""
        for _ in range(AT_ONCE):
            if self._another_is_idler():
                self._pause(until=time.monotonic() + COURTESY)
                self._is_courteous = True
            new = list(self._accept(self.listeners[fd])) if self._listening else []
            if not new:
                return
            yield from new

    def accept_after_courtesy(self, now: float) -> Iterator[Accepted]:
        """Listen again if it is time, and accept what nobody else took meanwhile."""
        if self._listening or self._again_at == NEVER or not self.listeners:
            return
        if now >= self._again_at or (self._is_courteous and not self._another_is_idler()):
            self._listen()
            # A few: where requests are slow, a crowd would wait for us longer than for answers.
            for listener in self.listeners.values():
                for _ in range(1 + self.held // 16):
                    if self._takes_more():
                        yield from self._accept(listener)

    def _listen(self) -> None:
        self._listening = True
        for fd in self.listeners:
            self.poller.register(fd, select.EPOLLIN)

    def _takes_more(self) -> bool:
        return self._listening and not self.is_full()

    def _another_is_idler(self) -> bool:
        return self.shares and loads.another_is_idler(self.held)

    def _pause(self, until: float) -> None:
        self._again_at, self._is_courteous = until, False
        if self._listening:
            self._listening = False
            for fd in self.listeners:
                self.poller.unregister(fd)

    def _accept(self, listener: socket.socket) -> Iterator[Accepted]:
        try:
            yield *listener.accept(), listener.getsockname()
        except OSError as error:  # most often: another worker was faster
            if error.errno in OUT_OF_DESCRIPTORS:
                self.log.error("No file descriptor is left for a connection: raise `ulimit -n`")
                self._pause(until=time.monotonic() + 1)
