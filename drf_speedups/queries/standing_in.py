"""What stands in the place of three methods of Django's that run a SELECT.

Whoever asks, a session, a permission, a method of a serializer: a query that differs from an
earlier one in its values only goes by the SQL that was compiled then, and past Django's cursor
where nobody watches. Objects are made by Django's own code.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.sql import Query, compiler
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI

from drf_speedups.database.fetched import fetch_number, fetch_rows
from drf_speedups.eligibility import changes
from drf_speedups.queries import shapes
from drf_speedups.queries.conditions import same_values
from drf_speedups.queries.shapes import (
    Tables,
    compiles,
    follows_from_names,
    lasts,
    limits,
    recalled,
    remember,
    shape,
)
from drf_speedups.stand_ins import StandIn, StandIns

# What a compiler knows of the columns that it selects, for who makes objects of rows.
SELECTED = "select", "klass_info", "annotation_col_map", "col_count", "has_extra_select"


def execute_sql(stock: Any) -> Any:
    """Return what runs a query of objects."""

    @functools.wraps(stock)
    def execute_sql(
        self: Any,
        result_type: str = MULTI,
        chunked_fetch: bool = False,
        chunk_size: int = GET_ITERATOR_CHUNK_SIZE,
    ) -> Any:
        whole = type(self) is SQLCompiler and result_type == MULTI and not chunked_fetch
        compiled = _compiled(self) if whole else None
        if compiled is None:
            return stock(self, result_type, chunked_fetch, chunk_size)
        rows = fetch_rows(self.connection, *compiled)
        if rows is None:
            with _lent(self, compiled):
                return stock(self, result_type, chunked_fetch, chunk_size)
        if self.has_extra_select:
            rows = [row[: self.col_count] for row in rows]
        return [rows] if rows else []

    return execute_sql


def _compiled(compiler: Any) -> tuple[str, Any] | None:
    """Return the SQL of a query and its values, None if more than that may be in it.

    The compiler knows afterwards what it knows when it has compiled.
    """
    query, connection = compiler.query, compiler.connection
    found = shape(query, connection) if compiles(connection) else None
    if found is None:
        return None
    key, values = (connection.alias, "rows", *found[0]), found[1]
    end = limits(query, connection)
    known = recalled(key)
    if known is not None and known[2].are_as_before():
        vars(compiler).update(known[1])
        known[2].join(query)
        return known[0] + end, values
    before = len(query.alias_map)
    try:
        sql, parameters = compiler.as_sql(with_limits=False)
    except EmptyResultSet:  # an order or a join says so
        return None
    if same_values(parameters, values) and lasts(compiler):
        selected = {name: getattr(compiler, name) for name in SELECTED}
        remember(key, (sql, selected, Tables(query, before)))
    return sql + end, parameters


@contextlib.contextmanager
def _lent(compiler: Any, compiled: tuple[str, Any]) -> Iterator[None]:
    """Let Django's own code run what need not be compiled."""
    vars(compiler)["as_sql"] = lambda: compiled
    try:
        yield
    finally:
        del vars(compiler)["as_sql"]


def get_count(stock: Any) -> Any:
    """Return what counts the rows of a query."""

    @functools.wraps(stock)
    def get_count(self: Any, using: str) -> Any:
        return _number("count", self, using, 0, stock)

    return get_count


def has_results(stock: Any) -> Any:
    """Return what tells whether a query has rows."""

    @functools.wraps(stock)
    def has_results(self: Any, using: str) -> bool:
        return bool(_number("exists", self, using, 1, stock))  # Django selects a 1

    return has_results


def _number(kind: str, query: Any, using: str, selected: int, ask: Callable[..., Any]) -> Any:
    """Return a number that a statement about a query gives, with `selected` values of its own."""
    connection = connections[using]
    plain = not query.is_sliced and compiles(connection)
    found = shape(query, connection) if plain else None
    if found is None:
        return ask(query, using)
    key, values = (using, kind, *found[0]), found[1]
    known = recalled(key)
    if known is not None:
        return fetch_number(connection, known[0], (*known[1], *values))
    with _noted(connection) as seen:
        answer = ask(query, using)
    same = len(seen) == 1 and same_values(seen[0][1][selected:], values)
    if same and follows_from_names(query):
        remember(key, (seen[0][0], seen[0][1][:selected]))
    return answer


@contextlib.contextmanager
def _noted(connection: Any) -> Iterator[list[Any]]:
    """Note the statements that Django runs, before others see or change them."""
    seen: list[Any] = []
    note = functools.partial(_note, seen)
    connection.execute_wrappers.insert(0, note)
    try:
        yield seen
    finally:
        connection.execute_wrappers.remove(note)


def _note(seen: list[Any], execute: Any, sql: str, parameters: Any, *others: Any) -> Any:
    """Note the SQL that Django runs, and its values."""
    seen.append((sql, parameters))
    return execute(sql, parameters, *others)


STANDING_IN: tuple[StandIn, ...] = (
    (compiler.SQLCompiler, "execute_sql", execute_sql),
    (Query, "get_count", get_count),
    (Query, "has_results", has_results),
)


def _forget() -> None:
    changes.forget()
    shapes.forget()


QUERIES = StandIns("queries", lambda: STANDING_IN, _forget)
