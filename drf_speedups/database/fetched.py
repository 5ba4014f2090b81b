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

from drf_speedups.eligibility.adapters import KNOWN, cast_as_ever, read_as_ever
from drf_speedups.eligibility.driver import CURSORS, oid

OF_TIME = frozenset(map(oid, ("date", "timestamp", "timestamptz", "time")))
# PostgreSQL has days and hours that Python has not. These both have.
TIMES = re.compile(rb"(?:(?:[12]\d{3}-[^C\n]*|(?:[01]\d|2[0-3]):[^\n]*)?\n)*")


def fetch(
    connection: Any, sql: str, parameters: Any, whole: bool = False
) -> tuple[list[str] | None, Callable[[], list[Any]]]:
    """Run a query; return the texts in its last column, and what gives its rows.

    There are no texts where the project makes values of what the server sends in its own way.
    `whole` fetches the rows at once. Raises Django's database errors, all of them here.
    """
    with contextlib.ExitStack() as closing:
        cursor = closing.enter_context(connection.cursor())
        cursor.execute(sql, parameters)
        as_ever = _reads_as_ever(cursor)
        texts = None if whole or not as_ever else _texts(cursor)
        if texts is not None:
            closing.pop_all()  # a closed cursor has no rows
            return texts, functools.cache(cursor.fetchall)
        rows: list[Any] = cursor.fetchall()
    return [row[-1] for row in rows] if as_ever else None, lambda: rows


def _reads_as_ever(cursor: Any) -> bool:
    """Tell whether the driver's own code, or Django's, makes values of all types that are known."""
    own = getattr(cursor, "cursor", None)
    adapters = getattr(own, "adapters", None)  # psycopg 3 has them
    return cast_as_ever(own) if adapters is None else read_as_ever(adapters)


def _texts(cursor: Any) -> list[str] | None:
    """Return the last column of a result whose other columns are sure to be readable."""
    own: Any = getattr(cursor, "cursor", None)
    if type(own) not in CURSORS or own.pgresult is None:  # in a pipeline it is still to come
        return None
    result, told = own.pgresult, own.connection.pgconn.parameter_status
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
