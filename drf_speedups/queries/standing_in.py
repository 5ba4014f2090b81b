"""What stands in the place of methods of Django's that run a SELECT.

Whoever asks, a session, a permission, a method of a serializer: a query that differs from an
earlier one in its values only goes by the SQL that was compiled then, and past Django's cursor
where nobody watches. Objects are made by Django's own code.
"""

import functools
from typing import Any

from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models import QuerySet
from django.db.models.sql import Query, compiler
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI

from drf_speedups.database.fetched import fetch_rows
from drf_speedups.eligibility import looked_at
from drf_speedups.queries import building, getting, shapes, times
from drf_speedups.queries.aggregates import aggregate, get_count, has_results
from drf_speedups.queries.compiling import chosen, compiled, lent, lent_to
from drf_speedups.stand_ins import StandIn, StandIns


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
        known = (lent_to(self) or compiled(self)) if whole else None
        if known is None:
            return stock(self, result_type, chunked_fetch, chunk_size)
        sql, values = known[:2]
        rows = fetch_rows(self.connection, sql, values)
        if rows is None:
            with lent(self, sql, values):
                return stock(self, result_type, chunked_fetch, chunk_size)
        return chosen(self, rows)

    return execute_sql


STANDING_IN: tuple[StandIn, ...] = (
    (compiler.SQLCompiler, "execute_sql", execute_sql),
    (Query, "get_count", get_count),
    (Query, "has_results", has_results),
    (QuerySet, "aggregate", aggregate),
    (QuerySet, "get", getting.get),
    (QuerySet, "first", getting.first),
    (Query, "add_q", building.add_q),
)


def _forget() -> None:
    looked_at.forget()
    shapes.forget()
    building.forget()
    getting.forget()


QUERIES = StandIns("queries", lambda: (*STANDING_IN, *times.standing_in()), _forget)
