"""Accepting connections so that the workers of one master hold about equally many."""

import contextlib
import errno
import logging
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

from speedups.worker.balance import NOT_ACCEPTING, Loads

AT_ONCE = 8  # connections accepted before those that are there get their turn
COURTESY = 0.005  # seconds for which a worker leaves a new connection to an idler one
NEVER = float("inf")
OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}

Accepted = tuple[socket.socket, Any, Any]  # the connection, its peer's and its own address

loads = Loads()  # made when the master imports this, and so shared by all its workers


class Acceptor:
    """The listening sockets as one worker sees them, and whether it wants more connections."""

    def __init__(self, slot: int, most: int, poller: "select.epoll", log: logging.Logger) -> None:
        self.slot = slot
        self.most = most  # connections at a time
        self.poller = poller
        self.log = log
        self.held = 0  # connections
        self.listeners: dict[int, socket.socket] = {}
        self._again_at = 0.0  # monotonic seconds
        self._listening = False

    def open(self, listeners: list[socket.socket]) -> None:
        """Begin to accept."""
        for listener in listeners:
            listener.setblocking(False)
            self.listeners[listener.fileno()] = listener
        self._listen()
        self.hold(0)

    def close(self) -> list[Accepted]:
        """Accept no more; return what the kernel has accepted for us before.

        Who comes after the last look, but before no process listens any more, gets a reset instead
        of a refusal. So nothing may stand between that look and the close.
        """
        self._pause(until=NEVER)
        loads.set(self.slot, NOT_ACCEPTING)
        waiting: list[Accepted] = []
        for listener in self.listeners.values():
            here = listener.getsockname()
            with contextlib.suppress(OSError):
                while True:
                    waiting.append((*listener.accept(), here))
            listener.close()
        self.listeners.clear()
        return waiting

    def hold(self, change: int) -> None:
        """Note that the worker holds so many connections more, or fewer."""
        self.held += change
        loads.set(self.slot, self.held if self.listeners else NOT_ACCEPTING)
        if self.held >= self.most:
            self._pause(until=NEVER)
        elif self._again_at == NEVER:
            self._again_at = 0.0

    def patience(self, seconds: float) -> float:
        """Return for how long the poller may wait, at most `seconds`."""
        paused = not self._listening and self._again_at < NEVER and self.listeners
        return COURTESY if paused else seconds

    def accept(self, fd: int) -> Iterator[Accepted]:
        """Accept a few connections, unless a worker that holds fewer may still take them."""
        for _ in range(AT_ONCE):
            if loads.another_is_idler(self.held):
                self._pause(until=time.monotonic() + COURTESY)
            new = list(self._accept(self.listeners[fd])) if self._listening else []
            if not new:
                return
            yield from new

    def accept_after_courtesy(self, now: float) -> Iterator[Accepted]:
        """Listen again if it is time, and accept what nobody else took meanwhile."""
        if not self._listening and now >= self._again_at:
            self._listen()
            # A few: where requests are slow, a crowd would wait for us longer than for answers.
            for listener in self.listeners.values():
                for _ in range(1 + self.held // 16):
                    yield from self._accept(listener)

    def _listen(self) -> None:
        self._listening = True
        for fd in self.listeners:
            self.poller.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _pause(self, until: float) -> None:
        self._again_at = until
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
