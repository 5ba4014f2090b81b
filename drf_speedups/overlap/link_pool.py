"""A worker's links: which of them takes a statement, and how lost ones come back.

Nobody waits behind somebody else's lock: reads go down the first link, one after the other; changes
share the others, and nothing goes behind one that may wait for a lock until that is done. A link
whose oldest statement is late takes no new ones. What finds no link waits for the next turn.
"""

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from drf_speedups.eligibility.driver import psycopg
from drf_speedups.overlap.link import Call, Link

LATE, TIMES = 0.01, 4  # seconds, and times the fastest answer, after which a statement is late
DEEPEST = 8  # changes under way on one link: the others then commit at the same time
SOONEST, LATEST = 0.05, 0.5  # seconds between attempts to connect
READ = select.EPOLLIN if hasattr(select, "epoll") else 0
WRITE = select.EPOLLOUT if hasattr(select, "epoll") else 0


class LinkPool:
    """At most `most` links, each made by `connect`, which may block: a thread calls it."""

    def __init__(self, most: int, connect: Callable[[], Link], poller: "select.epoll") -> None:
        self.most = most
        self.by_fd: dict[int, Link] = {}
        self._connect = connect
        self._poller = poller
        self._all: list[Link] = []  # reads prefer the first, changes the others
        self._wanted: SimpleQueue[bool] = SimpleQueue()  # a link, or the end
        self._made: SimpleQueue[Link] = SimpleQueue()
        self._told, self._tell = os.pipe()
        os.set_blocking(self._told, False)
        poller.register(self._told, READ)
        self._put: set[Link] = set()  # links that have something to send
        self._lost: deque[Call] = deque()
        self._is_closed = False
        for _ in range(most):
            self._wanted.put(True)
        threading.Thread(target=self._make, daemon=True).start()

    @property
    def connection(self) -> Any:
        """The psycopg connection of one of the links, None while there is none."""
        return self._all[0].connection if self._all else None

    def send(self, call: Call, *, changes: bool, alone: bool = False) -> bool:
        """Put a statement on a link that may take it now, if there is one.

        With `alone` it shares its Sync with no other.
        """
        now = time.perf_counter()
        link = self._for_a_change(now) if changes else self._for_a_read(now)
        if link is None:
            return False
        try:
            link.put(call, now, syncs=changes or alone)
        except Exception:  # noqa: BLE001  (whatever it is: results would reach others than theirs)
            self._lose(link)  # whatever of it was sent: its result will never be known
        else:
            self._put.add(link)
        return True

    def flush(self) -> None:
        """Send what was put, all at once."""
        while self._put:
            link = self._put.pop()
            try:
                self._flush(link)
            except psycopg.OperationalError:
                self._lose(link)

    def _flush(self, link: Link) -> None:
        """Send what the kernel takes now; while it has not taken all, the poller says when."""
        watched = link.is_writing
        link.flush()
        if link.is_writing != watched:
            self._poller.modify(link.fd, READ | WRITE if link.is_writing else READ)

    def receive(self, fd: int) -> Iterator[Call]:
        """Yield the statements that are done on the link with this descriptor."""
        if fd == self._told:
            self._welcome()
            return
        link = self.by_fd[fd]
        try:
            if link.is_writing:
                self._flush(link)
            yield from link.receive()
            if link.is_retired and not link.depth:
                self._drop(link)
        except psycopg.OperationalError:
            self._lose(link)

    def is_ours(self, fd: int) -> bool:
        """Tell whether a descriptor is one of ours."""
        return fd in self.by_fd or fd == self._told

    def lost(self) -> Iterator[Call]:
        """Yield the statements whose results nobody will know; their `result` is None."""
        while self._lost:
            yield self._lost.popleft()

    def renew(self) -> None:
        """Replace all links, each as soon as nothing is under way on it."""
        for link in [*self._all]:
            self._retire(link)

    def replace_old(self, now: float) -> None:
        """Replace a link that is too old; one at a time, so that others are there meanwhile."""
        old = (link for link in self._all if link.ends_at is not None and link.ends_at <= now)
        if len(self._all) == self.most and (oldest := next(old, None)):
            self._retire(oldest)

    def close(self) -> None:
        """End all links."""
        self._is_closed = True
        self._wanted.put(False)
        for link in [*self._all]:
            self._drop(link)
        for fd in (self._told, self._tell):
            os.close(fd)

    # Which link

    def _for_a_read(self, now: float) -> Link | None:
        return next((link for link in self._all if self._takes_more(link, now)), None)

    def _for_a_change(self, now: float) -> Link | None:
        able = (link for link in self._all[1:] or self._all if self._takes_more(link, now))
        least = min(able, key=_depth, default=None)
        if least is None or (least.depth >= DEEPEST and len(self._all) > 1):
            return None
        return least

    @staticmethod
    def _takes_more(link: Link, now: float) -> bool:
        oldest, newest = link.oldest(), link.newest()
        if oldest is None or link.is_retired:
            return not link.is_retired
        is_last = newest is not None and newest.may_wait
        return not is_last and now - oldest.sent < LATE + TIMES * link.fastest

    # Made and lost

    def _make(self) -> None:
        """Connect for each link that is wanted: in a thread, since that may take long."""
        pause = SOONEST
        while self._wanted.get():
            try:
                link = self._connect()
            except Exception:  # noqa: BLE001  (whoever needs the database says why it is not there)
                self._wanted.put(not self._is_closed)
                time.sleep(pause)
                pause = min(2 * pause, LATEST)
                continue
            pause = SOONEST
            self._made.put(link)
            with contextlib.suppress(OSError):  # closed meanwhile
                os.write(self._tell, b"!")

    def _welcome(self) -> None:
        os.read(self._told, 64)
        while True:
            try:
                link = self._made.get_nowait()
            except Empty:
                return
            self._all.append(link)
            self.by_fd[link.fd] = link
            self._poller.register(link.fd, READ)

    def _lose(self, link: Link) -> None:
        """Let go of a link, and of its neighbours: what befell it may have befallen them."""
        self._drop(link)
        self.renew()

    def _retire(self, link: Link) -> None:
        link.is_retired = True
        if not link.depth:
            self._drop(link)

    def _drop(self, link: Link) -> None:
        if self.by_fd.get(link.fd) is not link:  # it is dropped already; a new one may have its fd
            return
        del self.by_fd[link.fd]
        self._put.discard(link)
        self._poller.unregister(link.fd)
        self._all.remove(link)
        self._lost += link.close()
        self._wanted.put(not self._is_closed)


def _depth(link: Link) -> int:
    return link.depth
