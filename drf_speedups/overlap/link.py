"""One connection to PostgreSQL that keeps many statements under way: libpq's pipeline mode.

A change has a Sync of its own, so it is a transaction of its own and its error is its own. Reads of
one turn share a Sync: what an error of one of them aborts was not begun, and may be sent again.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from drf_speedups.database.statements import ALREADY_PREPARED, DONE, Native
from drf_speedups.eligibility.driver import ConnStatus, ExecStatus, psycopg, sqlstate

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

SYNC, ABORTED = ExecStatus.PIPELINE_SYNC, ExecStatus.PIPELINE_ABORTED


class Call:
    """A statement that is to be executed once; `owner` is whoever waits for its result."""

    __slots__ = (
        "ends", "may_wait", "native", "owner", "result", "seconds", "sent", "syncs", "texts",
    )  # fmt: skip

    def __init__(
        self, native: Native, texts: Sequence[bytes | None], owner: Any, *, may_wait: bool = False
    ) -> None:
        self.native = native
        self.texts = texts
        self.owner = owner
        self.may_wait = may_wait  # it may wait for a lock: nothing may wait behind it
        self.result: PGresult | None = None  # None while it is under way, or when its link is lost
        self.sent = 0.0  # perf_counter() seconds
        self.seconds = 0.0  # between sending it and reading its result
        self.syncs = False  # a Sync of its own follows: it is committed only when that is through
        self.ends = 1  # of results that are to come before it is done: one, two if it is prepared


class Link:
    """A psycopg connection in pipeline mode. Its methods raise `psycopg.OperationalError`."""

    def __init__(self, connection: Any, *, prepares: bool, ends_at: float | None = None) -> None:
        self.connection = connection
        self.ends_at = ends_at  # monotonic seconds, None for never: then it is to be replaced
        self.depth = 0  # statements under way
        self.is_writing = False  # the kernel has not taken all yet
        self.is_retired = False  # it is closed when nothing is under way any more
        self.fastest = 1.0  # seconds: the shortest time in which a result came, slowly forgotten
        self._expected: deque[Call | None] = deque()  # in this order; None is a Sync of reads
        self._pgconn = connection.pgconn
        # libpq does not tell psycopg whether GSSAPI encrypts or has only said who asks.
        self._is_encrypted = self._pgconn.ssl_in_use or self._pgconn.used_gssapi
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._prepares = prepares
        self._prepared: dict[bytes, bool] = {}  # by name; False while that is under way
        self._needs_sync = False
        # To be watched: libpq closes its own as soon as it meets an error, and somebody else gets
        # that number.
        self.fd = os.dup(self._pgconn.socket)

    def oldest(self) -> Call | None:
        """Return the statement that has been under way for longest."""
        return (self._expected[0] or self._expected[1]) if self.depth else None

    def newest(self) -> Call | None:
        """Return the statement that nothing was put behind, None if that is a Sync of reads."""
        return self._expected[-1] if self._expected else None

    def put(self, call: Call, now: float, *, syncs: bool) -> None:
        """Put a statement behind those that are under way; it goes out with the next `flush`.

        A change `syncs`: it is a transaction of its own. Reads share the Sync of a `flush`; what an
        error of one of them aborts was not done and may be sent again. `now`: perf_counter().
        """
        native, pgconn = call.native, self._pgconn
        ends_reads = syncs and self._needs_sync
        call.sent, call.syncs = now, syncs
        if ends_reads:
            self._expected.append(None)
        self._expected.append(call)  # first: when this fails it is lost with the others
        self.depth += 1
        if ends_reads:  # an error of theirs is not to abort it
            pgconn.pipeline_sync()
        is_prepared = self._prepared.get(native.name)
        if is_prepared:
            pgconn.send_query_prepared(native.name, native.parameters(call.texts))
        elif is_prepared is None and self._prepares:
            pgconn.send_prepare(native.name, native.sql, native.types)
            pgconn.send_query_prepared(native.name, native.parameters(call.texts))
            call.ends = 2
            self._prepared[native.name] = False
        else:  # also until that is done: if it fails, it is not for this one, too
            pgconn.send_query_params(native.sql, native.parameters(call.texts), native.types)
        if syncs:
            pgconn.pipeline_sync()
        self._needs_sync = not syncs

    def flush(self) -> None:
        """Send what was put; `is_writing` if the kernel has not taken all of it."""
        if self._needs_sync:
            self._pgconn.pipeline_sync()
            self._expected.append(None)
            self._needs_sync = False
        self.is_writing = bool(self._pgconn.flush())

    def receive(self) -> Iterator[Call]:
        """Read what has come; yield each statement that is done, with its result."""
        yield from self._read()
        # Of a long encrypted record older libpq takes a part, and no poller tells of the rest:
        # there is none once it has read where the socket was empty before.
        may_hide = self._is_encrypted
        while may_hide:
            may_hide = _is_readable(self.fd)
            yield from self._read()

    def _read(self) -> Iterator[Call]:
        pgconn, expected = self._pgconn, self._expected
        pgconn.consume_input()
        while expected and not pgconn.is_busy():
            call = self._ended_by(pgconn.get_result())
            if call is not None:
                self.depth -= 1
                call.seconds = perf_counter() - call.sent
                self.fastest = min(1.01 * self.fastest, call.seconds)
                yield call
        if pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")

    def _ended_by(self, result: PGresult | None) -> Call | None:
        """Take the pipeline's next result, None for the end of one; return what is done with it."""
        head = self._expected[0]
        is_sync = result is not None and result.status == SYNC
        is_sync_due = head is None or (head.syncs and not head.ends)
        if (is_sync and not is_sync_due) or (head is None and not is_sync):
            raise psycopg.OperationalError("the connection is out of step")
        if head is not None and not is_sync:
            if result is not None:
                self._note(head, result)
                return None
            head.ends = max(0, head.ends - 1)
            if head.ends or head.syncs:
                return None
        return self._expected.popleft()

    def _note(self, call: Call, result: PGresult) -> None:
        """Keep the result of a statement, or the first error: of its preparation or its commit."""
        if call.result is not None and call.result.status not in DONE:
            return  # what follows an error is only ABORTED
        call.result = result
        name = call.native.name
        if call.ends == 2 and name in self._prepared:  # and not forgotten meanwhile
            if result.status in DONE:
                self._prepared[name] = True
            else:
                del self._prepared[name]

    def forget(self) -> None:
        """Prepare nothing any more: a pooler changed the session, or a migration the table."""
        self._prepared.clear()
        self._prepares = False

    def close(self) -> list[Call]:
        """Close the connection; return what was under way, whose results nobody knows."""
        lost = [call for call in self._expected if call is not None]
        self._expected.clear()
        self.depth = 0
        for call in lost:
            call.result = None
        os.close(self.fd)
        self.connection.close()
        return lost


def _is_readable(fd: int) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(0))


def was_aborted(result: PGresult) -> bool:
    """Tell whether a statement was not begun because one before it, under the same Sync, failed."""
    return result.status == ABORTED


def is_prepared_already(result: PGresult) -> bool:
    """Tell whether preparing failed only because the name is taken: by the same statement."""
    return sqlstate(result) == ALREADY_PREPARED
