"""What a query gave: the texts in its last column now, its rows when somebody looks.

To make Python's values of a page of rows costs more than to ask for it. With psycopg 3 a result
stays what the server has sent, and how it is read is settled when it comes: nothing that happens to
the connection afterwards changes that. So it can wait, wherever it is sure to succeed.
"""

import contextlib
import functools
import re
import threading
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
from drf_speedups.eligibility.driver import CURSORS, AdaptersMap, Format, Transformer, oid

OF_TIME = frozenset(map(oid, ("date", "timestamp", "timestamptz", "time")))
# PostgreSQL has days and hours that Python has not. These both have.
TIMES = re.compile(rb"(?:(?:[12]\d{3}-[^C\n]*|(?:[01]\d|2[0-3]):[^\n]*)?\n)*")
TOLD = b"TimeZone", b"DateStyle", b"client_encoding"  # by a session: what texts mean
KEPT = "speedups_reader"  # where a psycopg connection has it
Rows = Callable[[], list[Any]]


def fetch(
    connection: Any, sql: str, parameters: Any, whole: bool = False
) -> tuple[list[str] | None, Rows]:
    """Run a query; return the texts in its last column, and what gives its rows.

    There are no texts where the project makes values of what the server sends in its own way.
    `whole` fetches the rows at once. Raises Django's database errors, all of them here.
    """
    link = link_for_queries(connection)
    reader = None if link is None else _reader(connection, link)
    if reader is None:
        return _fetch_by_cursor(connection, sql, parameters, whole)
    result = sent(connection, link, sql, parameters)
    texts = None if whole else _texts(result, link)
    if texts is not None:
        return texts, functools.cache(functools.partial(reader.rows, result))
    with connection.wrap_database_errors:
        rows = _read(result, Transformer(link))  # what reads other types may be another one now
    return [row[-1] for row in rows], lambda: rows


def fetch_number(connection: Any, sql: str, parameters: Any) -> int:
    """Run a query that gives one whole number. Raises Django's database errors."""
    link = link_for_queries(connection)
    if link is not None and counts_as_ever(link.adapters):
        return int(sent(connection, link, sql, parameters).get_value(0, 0) or 0)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


class Reader:
    """What makes Python's values of known types as a session's cursors do now."""

    connection: Any

    def __init__(self, key: tuple[Any, ...], link: Any) -> None:
        self.key = key  # what that follows from
        self.adapters, self.connection = AdaptersMap(link.adapters), link
        self._values = Transformer(self)
        for kind in KNOWN:
            self._values.get_loader(kind, Format.TEXT)  # some ask the session when they are made
        self._lock = threading.Lock()

    def rows(self, result: Any) -> list[Any]:
        """Return all rows. Raises the driver's errors for values that Python has not."""
        with self._lock:
            try:
                return _read(result, self._values)
            finally:
                self._values.set_pgresult(None)  # a page need not last as long as a connection


def _read(result: Any, values: Any) -> list[Any]:
    values.set_pgresult(result)
    return values.load_rows(0, result.ntuples, tuple)  # type: ignore[no-any-return]


def _reader(connection: Any, link: Any) -> Reader | None:
    """Return what reads a session's results; None where a cursor reads them in another way."""
    loaders, told = loaders_of(link.adapters), link.pgconn.parameter_status
    key = loaders, connection.timezone, *map(told, TOLD)
    reader: Reader | None = vars(link).get(KEPT)
    if reader is None or reader.key != key:
        reader = vars(link)[KEPT] = Reader(key, link) if _reads_so(connection, loaders) else None
    return reader


def _reads_so(connection: Any, loaders: Any) -> bool:
    """Tell whether Django's cursors read values as a psycopg connection does, by genuine code."""
    zones = [one.timezone for one in loaders if hasattr(one, "timezone")]
    return are_genuine(loaders) and zones == [connection.timezone]


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
            return texts, functools.cache(cursor.fetchall)
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
