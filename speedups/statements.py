"""Statements: SQL that is compiled once and then runs prepared, over Django's own connections.

A run is one call into libpq and one round trip. Values travel as text both ways: PostgreSQL knows
the types of the parameters from the statement, and JSON that it has finished needs no decoding.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connections
from django.db.models import QuerySet
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from speedups.pooler import prepares

ANY_NUMBER = 1_748_302_951_264_907_318  # stands for a parameter while Django compiles
ANY_LIMIT = 917_482_365
DONE = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
ALREADY_PREPARED = b"42P05"  # SQLSTATE; the name is made of the text, so it is the same statement
# SQLSTATEs of a statement that was not begun: a pooler changed the session, a migration the table.
PREPARE_AGAIN = {b"26000", b"0A000"}

Rows = list[tuple[bytes, ...]]


def compiled(rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL of a query and its parameters, `ANY_NUMBER` and `ANY_LIMIT` among them."""
    sql, parameters = rows.query.sql_with_params()
    return sql.replace(f"LIMIT {ANY_LIMIT}", "LIMIT %s"), parameters


class Statement:
    """One SQL text in Django's form: `%s` stands where each run has its parameter.

    Both methods raise Django's database errors.
    """

    def __init__(self, sql: str, using: str) -> None:
        self.sql = sql
        self.using = using
        numbers = iter(range(1, sql.count("%s") + 1))
        places = re.sub("%s|%%", lambda at: f"${next(numbers)}" if at[0] == "%s" else "%", sql)
        self._native = places.encode()
        self._name = b"speedups_" + hashlib.sha256(self._native).hexdigest()[:24].encode()

    def rows(self, parameters: Sequence[Any]) -> Rows:
        """Return all rows of a query or of a RETURNING clause, their values as text."""
        result = self._result(parameters)
        if result is None:
            return self._rows_by_cursor(parameters)
        # NULL comes as None; the statements here select keys and finished JSON, which never are.
        value = result.get_value
        if result.nfields == 1:
            return [(value(row, 0) or b"",) for row in range(result.ntuples)]
        columns = range(result.nfields)
        return [
            tuple([value(row, column) or b"" for column in columns])
            for row in range(result.ntuples)
        ]

    def count(self, parameters: Sequence[Any]) -> int:
        """Return how many rows a change has met."""
        result = self._result(parameters)
        if result is not None:
            return result.command_tuples or 0
        with connections[self.using].cursor() as cursor:
            cursor.execute(self.sql, parameters)
            return int(cursor.rowcount)

    def _rows_by_cursor(self, parameters: Sequence[Any]) -> Rows:
        with connections[self.using].cursor() as cursor:
            cursor.execute(self.sql, parameters)
            return [tuple(str(value).encode() for value in row) for row in cursor.fetchall()]

    def _result(self, parameters: Sequence[Any]) -> PGresult | None:
        """Run; None where Django's own cursor has to: somebody counts, or a rollback may be due."""
        connection = connections[self.using]
        values = [_text(parameter) for parameter in parameters]
        watched = connection.execute_wrappers or connection.queries_logged
        if watched or connection.in_atomic_block or NotImplemented in values:
            return None
        connection.ensure_connection()  # always: a backend may look whether it was lost while idle
        native: Any = connection.connection
        result = self.execute(native, values)
        if result.status in DONE:
            return result
        with connection.wrap_database_errors:
            # libpq may say so by the status only later, by a result of its own at once
            if native.pgconn.status != ConnStatus.OK or _sqlstate(result) is None:
                raise psycopg.OperationalError("the connection is lost")
            raise error_from_result(result)

    def execute(self, native: Any, values: list[Any]) -> PGresult:
        """Ask the database and wait for it; who times or traces statements wraps this method."""
        if not prepares():
            return native.pgconn.exec_params(self._native, values)  # type: ignore[no-any-return]
        pgconn: PGconn = native.pgconn
        known = _known(native)
        if self._name not in known:
            failure = self._prepare(pgconn)
            if failure is not None:
                return failure
            known.add(self._name)
        result = pgconn.exec_prepared(self._name, values)
        if result.status in DONE or _sqlstate(result) not in PREPARE_AGAIN:
            return result
        known.clear()
        return pgconn.exec_params(self._native, values)

    def _prepare(self, pgconn: PGconn) -> PGresult | None:
        """Prepare; return the result if it failed."""
        result = pgconn.prepare(self._name, self._native)
        done = result.status in DONE or _sqlstate(result) == ALREADY_PREPARED
        return None if done else result


def _known(native: Any) -> set[bytes]:
    """Return the names that are prepared on a psycopg connection, which carries them itself."""
    try:
        return native.__dict__["speedups_prepared"]  # type: ignore[no-any-return]
    except KeyError:
        known: set[bytes] = set()
        native.__dict__["speedups_prepared"] = known
        return known


def _sqlstate(result: PGresult) -> bytes | None:
    return result.error_field(DiagnosticField.SQLSTATE)


def _text(value: Any) -> Any:
    """Return a parameter as PostgreSQL reads it; NotImplemented for what only psycopg can write."""
    kind = type(value)
    if kind is str:
        text: bytes = value.encode("utf-8", "surrogatepass")
        return NotImplemented if b"\0" in text else text  # libpq would take it for the end
    if isinstance(value, int):  # Django marks the size of integers by subclasses
        return b"%d" % value
    if kind in {Decimal, datetime}:
        return str(value).encode()
    return None if value is None else NotImplemented
