"""What a query gave: the texts in its last column now, its rows when somebody looks.

To make Python's values of a page of rows costs more than to ask for it. With psycopg 3 a result
stays what the server has sent, and how it is read is settled when it comes: nothing that happens to
the connection afterwards changes that. So it can wait, wherever it is sure to succeed.
"""

import contextlib
import functools
import re
from collections.abc import Callable
from typing import Any

from drf_speedups.database.simple_query import link_for_queries, sent
from drf_speedups.eligibility.adapters import (
    KNOWN,
    are_genuine,
    cast_as_ever,
    counts_as_ever,
    loaders_of,
    read_as_ever,
)
from drf_speedups.eligibility.driver import CURSORS, Transformer, oid

OF_TIME = frozenset(map(oid, ("date", "timestamp", "timestamptz", "time")))
# PostgreSQL has days and hours that Python has not. These both have.
TIMES = re.compile(rb"(?:(?:[12]\d{3}-[^C\n]*|(?:[01]\d|2[0-3]):[^\n]*)?\n)*")
Rows = Callable[[], list[Any]]


class Once:
    """What gives rows that are made once, when somebody asks; `functools.cache` costs more."""

    __slots__ = ("_make", "_rows")

    def __init__(self, make: Rows) -> None:
        self._make: Rows | None = make
        self._rows: list[Any] = []

    def __call__(self) -> list[Any]:
        make = self._make
        if make is not None:
            self._rows, self._make = make(), None
        return self._rows


def fetch(
    connection: Any, sql: str, parameters: Any, whole: bool = False
) -> tuple[list[str] | None, Rows]:
    """Run a query; return the texts in its last column, and what gives its rows.

    There are no texts where the project makes values of what the server sends in its own way.
    `whole` fetches the rows at once. Raises Django's database errors, all of them here.
    """
    link, result = _asked(connection, sql, parameters)
    if result is None:
        return _fetch_by_cursor(connection, sql, parameters, whole)
    texts = None if whole else _texts(result, link)
    with connection.wrap_database_errors:
        make = _maker(result, link)
        if texts is not None:
            return texts, Once(make)
        rows = make()
    return [row[-1] for row in rows], lambda: rows


def fetch_rows(connection: Any, sql: str, parameters: Any) -> list[Any] | None:
    """Run a query and return its rows; nothing is run, for None, where a cursor has to send it.

    Raises Django's database errors.
    """
    link, result = _asked(connection, sql, parameters)
    if result is None:
        return None
    with connection.wrap_database_errors:
        return _maker(result, link)()


def _asked(connection: Any, sql: str, parameters: Any) -> tuple[Any, Any]:
    """Run a query over a psycopg connection that reads values as Django's cursor does.

    Returns that connection and the result, which is None where a cursor has to send the query.
    """
    link = link_for_queries(connection)
    as_ever = link is not None and _reads_so(loaders_of(link.adapters), connection.timezone)
    return link, sent(connection, link, sql, parameters) if as_ever else None


def _maker(result: Any, link: Any) -> Rows:
    """Return what makes the rows of a result; from now on nothing changes how they are read."""
    values = Transformer(link)
    values.set_pgresult(result)
    return functools.partial(values.load_rows, 0, result.ntuples, tuple)


def fetch_number(connection: Any, sql: str, parameters: Any) -> int:
    """Run a query that gives a whole number, or no row, for 0. Raises Django's database errors."""
    link = link_for_queries(connection)
    as_ever = link is not None and counts_as_ever(link.adapters)
    result = sent(connection, link, sql, parameters) if as_ever else None
    if result is not None:
        # What is asked for a row that is not there tells the connection's listeners to notices.
        return int(result.get_value(0, 0) or 0) if result.ntuples else 0
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return row[0] if row else 0


@functools.lru_cache(64)  # some loaders are made for each connection
def _reads_so(loaders: Any, zone: Any) -> bool:
    """Tell whether Django's cursors read values as a psycopg connection does, by genuine code."""
    zones = [one.timezone for one in loaders if hasattr(one, "timezone")]
    return are_genuine(loaders) and zones == [zone]


def _fetch_by_cursor(
    connection: Any, sql: str, parameters: Any, whole: bool
) -> tuple[list[str] | None, Rows]:
    with contextlib.ExitStack() as closing:
        cursor = closing.enter_context(connection.cursor())
        cursor.execute(sql, parameters)
        own: Any = getattr(cursor, "cursor", None)
        as_ever = _reads_as_ever(own)
        there = as_ever and not whole and type(own) in CURSORS and own.pgresult is not None
        texts = _texts(own.pgresult, own.connection) if there else None
        if texts is not None:
            closing.pop_all()  # a closed cursor has no rows
            return texts, Once(cursor.fetchall)
        rows: list[Any] = cursor.fetchall()
    return [row[-1] for row in rows] if as_ever else None, lambda: rows


def _reads_as_ever(cursor: Any) -> bool:
    """Tell whether the driver's own code, or Django's, makes values of all types that are known."""
    adapters = getattr(cursor, "adapters", None)  # psycopg 3 has them
    return cast_as_ever(cursor) if adapters is None else read_as_ever(adapters)


def _texts(result: Any, link: Any) -> list[str] | None:
    """Return the last column of a result whose other columns are sure to be readable."""
    told = link.pgconn.parameter_status
    kinds = [result.ftype(place) for place in range(result.nfields)]
    readable = told(b"client_encoding") == b"UTF8" and told(b"server_encoding") != b"SQL_ASCII"
    if not (readable and result.fformat(0) == 0 and KNOWN.keys() >= {*kinds}):
        return None
    rows, value = range(result.ntuples), result.get_value
    for place, kind in enumerate(kinds):
        if kind in OF_TIME and not _are_times([value(row, place) or b"" for row in rows]):
            return None
    last = len(kinds) - 1
    return [value(row, last).decode() for row in rows]


def _are_times(values: list[bytes]) -> bool:
    return TIMES.fullmatch(b"\n".join([*values, b""])) is not None
