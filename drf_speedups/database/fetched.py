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

from drf_speedups.eligibility.driver import CURSORS, oid

PLAIN = frozenset(map(oid, (
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar",
    "uuid", "jsonb", "inet", "cidr", "bytea",
)))  # fmt: skip
OF_TIME = frozenset(map(oid, ("date", "timestamp", "timestamptz", "time")))
KNOWN = PLAIN | OF_TIME
# PostgreSQL has days and hours that Python has not. These both have.
TIMES = re.compile(rb"(?:(?:[12]\d{3}-[^C\n]*|(?:[01]\d|2[0-3]):[^\n]*)?\n)*")
LIBRARIES = {"psycopg", "psycopg_c", "psycopg_binary", "django"}


def fetch(
    connection: Any, sql: str, parameters: Any, whole: bool = False
) -> tuple[list[str], Callable[[], list[Any]]]:
    """Run a query; return the texts in its last column, and what gives its rows.

    `whole` fetches them at once. Raises Django's database errors, all of them here.
    """
    with contextlib.ExitStack() as closing:
        cursor = closing.enter_context(connection.cursor())
        cursor.execute(sql, parameters)
        texts = None if whole else _texts(cursor)
        if texts is not None:
            closing.pop_all()  # a closed cursor has no rows
            return texts, functools.cache(cursor.fetchall)
        rows: list[Any] = cursor.fetchall()
    return [row[-1] for row in rows], lambda: rows


def _texts(cursor: Any) -> list[str] | None:
    """Return the last column of a result whose other columns are sure to be readable."""
    own: Any = getattr(cursor, "cursor", None)
    if type(own) not in CURSORS:
        return None
    result, told = own.pgresult, own.connection.pgconn.parameter_status
    kinds = [result.ftype(place) for place in range(result.nfields)]
    readable = told(b"client_encoding") == b"UTF8" and told(b"server_encoding") != b"SQL_ASCII"
    if not (readable and result.fformat(0) == 0 and KNOWN.issuperset(kinds)):
        return None
    if not all(_is_known(own.adapters.get_loader(kind, 0)) for kind in kinds):
        return None
    rows, value = range(result.ntuples), result.get_value
    for place, kind in enumerate(kinds):
        if kind in OF_TIME and not _are_times([value(row, place) or b"" for row in rows]):
            return None
    last = len(kinds) - 1
    return [value(row, last).decode() for row in rows]


def _are_times(values: list[bytes]) -> bool:
    return TIMES.fullmatch(b"\n".join([*values, b""])) is not None


@functools.lru_cache(64)  # some are made for each connection
def _is_known(loader: Any) -> bool:
    """Tell whether the driver's own code, or Django's, makes values of a type."""
    return loader.__module__.partition(".")[0] in LIBRARIES
