"""Statements: SQL that is compiled once and then runs prepared, over Django's own connections.

A run is one call into libpq and one round trip. Where each run has a value of its own, a `Slot`
stands among the parameters that Django compiled; slots stand right beside a column, so PostgreSQL
takes their values as that column's, and so does a value that travels as text. All other parameters
are the same in each run, and written as psycopg writes them for Django's cursor.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connections
from django.db.models import QuerySet, Value

from drf_speedups.database.pooler import prepares
from drf_speedups.database.simple_query import free_link
from drf_speedups.eligibility.driver import (
    ExecStatus,
    PyFormat,
    Transformer,
    error_of,
    psycopg,
    sqlstate,
)
from drf_speedups.eligibility.reasons import unless

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

ANY_LIMIT = 917_482_365  # stands at the end of a query while Django compiles it
DONE = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
ALREADY_PREPARED = b"42P05"  # SQLSTATE; the name is made of the text, so it is the same statement
# SQLSTATEs of a statement that was not begun: a pooler changed the session, a migration the table.
GONE, OUTDATED = b"26000", b"0A000"
PREPARE_AGAIN = {GONE, OUTDATED}

Rows = list[tuple[bytes | None, ...]]


class Slot(Value):
    """An expression for the value that each run gives; found among parameters by its class."""

    def __init__(self, output_field: Any = None) -> None:
        super().__init__(None, output_field=output_field)

    def as_sql(self, *_args: Any, **_kwargs: Any) -> tuple[str, tuple[Any, ...]]:
        """Return itself as the parameter."""
        return "%s", (self,)


class Native(NamedTuple):
    """A statement as libpq takes it: `$1` and so on for the parameters."""

    name: bytes
    sql: bytes
    types: tuple[int, ...]  # OIDs; 0 for a slot, whose column says it
    fixed: tuple[bytes | None, ...]  # the parameters, with room for the values of a run
    slots: tuple[int, ...]  # where those go

    def parameters(self, values: Sequence[bytes | None]) -> Sequence[bytes | None]:
        """Return all parameters of a run."""
        if len(values) == len(self.fixed):
            return values
        filled = [*self.fixed]
        for place, value in zip(self.slots, values, strict=True):
            filled[place] = value
        return filled


def compiled(rows: QuerySet[Any]) -> tuple[str, list[Any]]:
    """Return the SQL of a query and its parameters, slots among them.

    A query that is sliced has `ANY_LIMIT` for its length, and gets a slot for it.
    """
    sql, parameters = rows.query.get_compiler(rows.db).as_sql()
    if not rows.query.is_sliced:
        return sql, [*parameters]
    begin, found, rest = sql.rpartition(f" LIMIT {ANY_LIMIT}")
    unless(found and not rest, "the query ends in an unknown way")
    return f"{begin} LIMIT %s", [*parameters, Slot()]


class Statement:
    """One SQL text in Django's form, `%s` for each parameter, some of which are slots.

    `rows` and `count` take a value for each slot and raise Django's database errors.
    """

    def __init__(self, sql: str, parameters: Sequence[Any], using: str) -> None:
        self.sql = sql
        self.fixed = parameters
        self.using = using
        self._native: Native | None = None

    def rows(self, values: Sequence[Any]) -> Rows:
        """Return all rows of a query or of a RETURNING clause, their values as text."""
        result = self._result(values)
        if result is None:
            return self._rows_by_cursor(values)
        return rows_of(result)

    def count(self, values: Sequence[Any]) -> int:
        """Return how many rows a change has met."""
        result = self._result(values)
        if result is not None:
            return result.command_tuples or 0
        with connections[self.using].cursor() as cursor:
            cursor.execute(self.sql, self._filled(values))
            return int(cursor.rowcount)

    def native(self, link: Any) -> Native:
        """Return it as libpq takes it; `link` is any psycopg connection to the database."""
        if self._native is None:
            self._native = _native(self.sql, self.fixed, link)
        return self._native

    def _filled(self, values: Sequence[Any]) -> list[Any]:
        given = iter(values)
        return [next(given) if isinstance(one, Slot) else one for one in self.fixed]

    def _rows_by_cursor(self, values: Sequence[Any]) -> Rows:
        with connections[self.using].cursor() as cursor:
            cursor.execute(self.sql, self._filled(values))
            return [
                tuple(None if value is None else str(value).encode() for value in row)
                for row in cursor.fetchall()
            ]

    def _result(self, values: Sequence[Any]) -> PGresult | None:
        """Run; None where Django's own cursor has to: somebody counts, or a rollback may be due."""
        connection = connections[self.using]
        link = free_link(connection)
        if link is None:
            return None
        texts = [text_of(value, link) for value in values]
        if NotImplemented in texts:
            return None
        result = self.execute(link, texts)
        if result.status in DONE:
            return result
        with connection.wrap_database_errors:
            raise error_of(result, link)

    def execute(self, link: Any, texts: Sequence[bytes | None]) -> PGresult:
        """Ask the database and wait for it; who times or traces statements wraps this method."""
        native = self._native or self.native(link)
        parameters = native.parameters(texts)
        if not prepares():
            return link.pgconn.exec_params(native.sql, parameters, native.types)  # type: ignore[no-any-return]
        pgconn: PGconn = link.pgconn
        known = _known(link)
        if native.name not in known:
            failure = _prepare(pgconn, native)
            if failure is not None:
                return failure
            known.add(native.name)
        result = pgconn.exec_prepared(native.name, parameters)  # type: ignore[arg-type]
        if result.status in DONE or sqlstate(result) not in PREPARE_AGAIN:
            return result
        if sqlstate(result) == OUTDATED:  # and its name is taken, for good behind a pooler
            if pgconn.exec_(b"DEALLOCATE " + native.name).status in DONE:
                known.discard(native.name)
        else:
            known.clear()
        return pgconn.exec_params(native.sql, parameters, native.types)


def rows_of(result: PGresult) -> Rows:
    """Return the rows of a result, their values as text."""
    value = result.get_value
    if result.nfields == 1:
        return [(value(row, 0),) for row in range(result.ntuples)]
    if result.nfields == 2:  # a key and finished JSON: what is asked for most
        return [(value(row, 0), value(row, 1)) for row in range(result.ntuples)]
    columns = range(result.nfields)
    return [tuple([value(row, column) for column in columns]) for row in range(result.ntuples)]


def text_of(value: Any, link: Any) -> Any:
    """Return a value as PostgreSQL reads it; NotImplemented for what Django's cursor refuses."""
    kind = type(value)
    try:
        if kind is str:
            text: bytes = value.encode()
            return NotImplemented if b"\0" in text else text  # libpq would take it for the end
        if kind is int:
            return b"%d" % value
        if kind is Decimal or kind is datetime:
            return str(value).encode()
        return (
            None if value is None else Transformer(link).dump_sequence([value], [PyFormat.TEXT])[0]
        )
    except (psycopg.Error, UnicodeError):
        return NotImplemented


def _native(sql: str, parameters: Sequence[Any], link: Any) -> Native:
    """Write slots as `$1`, and all else as Django's cursor over this connection does."""
    inline = issubclass(link.cursor_factory, psycopg.ClientCursor)
    given, types, fixed, slots = iter(parameters), list[int](), list[Any](), list[int]()

    def place(at: re.Match[str]) -> str:
        value = next(given) if at[0] == "%s" else None
        if at[0] == "%%":
            return "%"
        transformer = Transformer(link)
        if isinstance(value, Slot):
            slots.append(len(fixed))
            types.append(0)
            fixed.append(None)
        elif inline:
            return "NULL" if value is None else bytes(transformer.as_literal(value)).decode()
        else:
            fixed.append(transformer.dump_sequence([value], [PyFormat.TEXT])[0])
            types.append((transformer.types or (0,))[0])
        return f"${len(fixed)}"

    text = re.sub("%s|%%", place, sql).encode()
    digest = hashlib.sha256(text + repr(types).encode()).hexdigest()[:24]
    return Native(f"speedups_{digest}".encode(), text, tuple(types), tuple(fixed), tuple(slots))


def _prepare(pgconn: PGconn, native: Native) -> PGresult | None:
    """Prepare; return the result if it failed."""
    result = pgconn.prepare(native.name, native.sql, native.types)
    done = result.status in DONE or sqlstate(result) == ALREADY_PREPARED
    return None if done else result


def _known(link: Any) -> set[bytes]:
    """Return the names that are prepared on a psycopg connection, which carries them itself."""
    try:
        return link.__dict__["speedups_prepared"]  # type: ignore[no-any-return]
    except KeyError:
        known: set[bytes] = set()
        link.__dict__["speedups_prepared"] = known
        return known
