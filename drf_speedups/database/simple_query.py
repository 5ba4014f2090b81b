"""Queries of Django's that go to the server as its cursor sends them, without a cursor.

In PostgreSQL's simple query protocol one text has all values in it: so does Django's cursor over
psycopg 3 send a query. That cursor, the driver's below it and what both keep of a result cost more
than to send it and to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.utils.asyncio import async_unsafe

from drf_speedups.eligibility.database import is_djangos, is_watched, needs_cursor
from drf_speedups.eligibility.driver import (
    CLIENT_BINDING,
    ExecStatus,
    TransactionStatus,
    Transformer,
    error_from_result,
    execute,
)

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult


@async_unsafe
def free_link(connection: Any) -> Any:
    """Return the psycopg connection of one of Django's, opened, for statements without a cursor.

    None where Django's own cursor has to send them: somebody watches, or a rollback may be due.
    Raises Django's database errors.
    """
    if is_watched(connection) or connection.queries_logged or connection.in_atomic_block:
        return None
    link = _opened(connection)
    return None if not connection.autocommit or needs_cursor(link) else link


@async_unsafe
def link_for_queries(connection: Any) -> Any:
    """Return the same for queries, where a cursor would write the values into the text.

    Within a transaction that has begun, too; what only waits for changes need not see queries.
    Raises Django's database errors.
    """
    watched = is_watched(connection, reading=True) or connection.queries_logged
    if watched or connection.needs_rollback or not is_djangos(type(connection)):
        return None
    link = _opened(connection)
    if needs_cursor(link) or link.closed or link.cursor_factory not in CLIENT_BINDING:
        return None
    pgconn = link.pgconn
    begun = link.autocommit or pgconn.transaction_status == TransactionStatus.INTRANS
    usual = pgconn.parameter_status(b"client_encoding") == b"UTF8" and not pgconn.pipeline_status
    return link if begun and usual else None


def _opened(connection: Any) -> Any:
    """Return the psycopg connection, opened as a cursor opens it."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()  # always: a backend may look whether it was lost while idle
    connection.validate_thread_sharing()
    return connection.connection


def sent(connection: Any, link: Any, sql: str, parameters: Sequence[Any]) -> PGresult | None:
    """Run a query that gives rows, and wait as the driver does. Raises Django's database errors.

    Nothing is run, for None, where a percent sign stands in a name: the driver complains of it.
    """
    with connection.wrap_database_errors:
        literal = Transformer(link).as_literal
        values = tuple([b"NULL" if one is None else literal(one) for one in parameters])
        try:
            text = sql.encode() % values
        except (TypeError, ValueError):
            return None
        with link.lock:
            link.pgconn.send_query(text)
            result: PGresult = link.wait(execute(link.pgconn))[-1]
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result)
    return result
