"""What stands in the place of methods of Django's that run a SELECT.

Whoever asks, a session, a permission, a method of a serializer: a query that differs from an
earlier one in its values only goes by the SQL that was compiled then, and past Django's cursor
where nobody watches. Objects are made by Django's own code.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models import QuerySet
from django.db.models.sql import Query, compiler
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI

from drf_speedups.database.fetched import fetch_rows
from drf_speedups.eligibility import looked_at
from drf_speedups.queries import building, shapes, times
from drf_speedups.queries.aggregates import aggregate, get_count, has_results
from drf_speedups.queries.conditions import same_values
from drf_speedups.queries.shapes import Tables, compiles, lasts, limits, recalled, remember, shape
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
        remember(key, (sql, selected, Tables(query, before)), connection)
    return sql + end, parameters


@contextlib.contextmanager
def _lent(compiler: Any, compiled: tuple[str, Any]) -> Iterator[None]:
    """Let Django's own code run what need not be compiled."""
    vars(compiler)["as_sql"] = lambda: compiled
    try:
        yield
    finally:
        del vars(compiler)["as_sql"]


STANDING_IN: tuple[StandIn, ...] = (
    (compiler.SQLCompiler, "execute_sql", execute_sql),
    (Query, "get_count", get_count),
    (Query, "has_results", has_results),
    (QuerySet, "aggregate", aggregate),
    (Query, "add_q", building.add_q),
)


def _forget() -> None:
    looked_at.forget()
    shapes.forget()
    building.forget()
    times.forget()


QUERIES = StandIns("queries", lambda: (*STANDING_IN, *times.standing_in()), _forget)
