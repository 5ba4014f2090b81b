"""What stands between this process and PostgreSQL, found out by asking.

A pooler such as PgBouncer answers with an address of its own and, in transaction pooling, gives
each transaction another session: what one has prepared or set may be missing in the next.
"""

import functools
import os
import select
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error, connection

from drf_speedups.eligibility.driver import psycopg

PATIENCE = 1.0  # seconds in which a pooler that shares its sessions lends one
LOOKS = 20
SESSION = b"SELECT pg_backend_pid()"
PREPARED_HERE = b"SELECT count(*) FROM pg_prepared_statements WHERE name = '%s'"
SHARED = (
    "the pooler gives each transaction another session and leaves prepared statements behind: set "
    "PREPARED_STATEMENTS=0, or use PgBouncer 1.21 or later with max_prepared_statements above 0"
)
UNLIMITED = (
    "the pooler drops the statement_timeout that is asked for, so a statement may run for ever: "
    "ALTER ROLE … SET statement_timeout = '5s', or connect_query where it pools transactions"
)


@dataclass(frozen=True)
class Way:
    """How this process reaches PostgreSQL; `faults` are lines that say what to mend."""

    pooled: bool = False
    faults: tuple[str, ...] = ()


def prepares() -> bool:
    """Tell whether statements may be prepared: unless the setting PREPARED_STATEMENTS says no."""
    return bool(getattr(settings, "PREPARED_STATEMENTS", True))


@functools.cache
def way() -> Way:
    """Look once, over two connections of its own; a database that is away counts as direct."""
    first, second = connection.copy(), connection.copy()
    try:
        first.ensure_connection()
        one: Any = first.connection
        if not _between(one.pgconn):
            return Way()
        second.ensure_connection()
        other: Any = second.connection
        return Way(pooled=True, faults=tuple(_faults(one.pgconn, other.pgconn)))
    except (Error, psycopg.Error):
        return Way()
    finally:
        first.close()
        second.close()


def _between(pgconn: Any) -> bool:
    return bool(int(_value(pgconn, SESSION)) != pgconn.backend_pid)


def _faults(one: Any, other: Any) -> Iterator[str]:
    if _value(one, b"SHOW statement_timeout") == b"0":
        yield UNLIMITED
    # Last: `other` then holds a session, of which there may be one only.
    if prepares() and not _renames(one) and _shares(one, other):
        yield SHARED


def _renames(pgconn: Any) -> bool:
    """Tell whether the pooler gives prepared statements names of its own, and so knows them."""
    name = b"speedups_probe_%d" % os.getpid()
    pgconn.exec_(b"BEGIN")
    pgconn.prepare(name, b"SELECT 1")
    as_it_is = _value(pgconn, PREPARED_HERE % name) == b"1"
    if as_it_is:
        pgconn.exec_(b"DEALLOCATE " + name)
    pgconn.exec_(b"ROLLBACK")
    return not as_it_is


def _shares(one: Any, other: Any) -> bool:
    """Tell whether two connections meet in one session, or one connection sees two."""
    for _ in range(LOOKS):  # what others ask of the pooler meanwhile may hide it from a single look
        mine = _value(one, SESSION)
        other.send_query(b"BEGIN; " + SESSION)
        if not select.select([other.socket], [], [], PATIENCE)[0]:
            return False  # there is one session, and it is kept for the first connection
        results = iter(other.get_result, None)
        theirs = [result.get_value(0, 0) for result in results if result.ntuples]
        if mine in theirs or mine != _value(one, SESSION):
            return True
        other.exec_(b"ROLLBACK")
    return False


def _value(pgconn: Any, query: bytes) -> Any:
    """Return the only value of a query. Raises psycopg's `Error`."""
    result = pgconn.exec_(query)
    if not result.ntuples:
        raise psycopg.Error("no answer")
    return result.get_value(0, 0)
