"""Queries whose SQL is the same but for values: it is compiled once.

Django compiles a query anew each time it runs, and the COUNT of its pages. Where each condition is
known, and nothing else may carry a value, the SQL follows from the model, the joins, the order and
the kinds of the conditions.
"""

import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections, models
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models import query as querying
from django.db.models.query import ModelIterable
from django.db.models.sql import Query

from drf_speedups.database.fetched import fetch_number
from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.representation.sql import conditions
from drf_speedups.representation.sql.conditions import Shape, same_values
from drf_speedups.representation.sql.plain_rows import (
    OF_ITERATION,
    compiles,
    evaluates,
    own_code,
    plain_copy,
)

MOST_SHAPES = 1024  # clients choose filters, and the order
# Keeps PostgreSQL from choosing rows that have no order otherwise for what stands around them.
ALL = " LIMIT 9223372036854775807"
# What a compiler knows of the columns that it selects, for who makes objects of rows.
SELECTED = "select", "klass_info", "annotation_col_map", "col_count", "has_extra_select"
STOCK = {name: vars(models.QuerySet)[name] for name in ("count", "get")}
_known: dict[Shape, Any] = {}


def shape(query: Any, connection: Any) -> tuple[Shape, tuple[Any, ...]] | None:
    """Return all that the SQL of a query follows from, but for its limits, and its values.

    None if there is more in it.
    """
    more = (
        query.annotations or query.extra or query.extra_tables or query.distinct_fields
        or query.combinator or query.group_by is not None or query.select or query.subquery
        or query.select_for_update or query.extra_order_by
        or query.explain_info or query._filtered_relations
    )  # fmt: skip
    plain = type(query) is Query and query.default_cols and not more
    if not plain or any(type(name) is not str for name in query.order_by):
        return None
    chosen: Shape = ()
    values: tuple[Any, ...] = ()
    if query.where.children or query.alias_map:
        try:
            chosen, values = conditions.compared(query, connection)
        except (StepAside, EmptyResultSet, FullResultSet):
            return None
    named, deferred = query.deferred_loading
    meta = query.model._meta
    usual = [one if type(one) is str else id(one) for one in meta.ordering]
    return (
        query.model, meta.db_table, *usual, query.order_by, query.default_ordering,
        query.standard_ordering, frozenset(named), deferred, query.max_depth, query.distinct,
        _joined(query.select_related), chosen,
    ), values  # fmt: skip


def limits(query: Any, connection: Any) -> str:
    """Return the end of a query's SQL, that says which rows of all."""
    if not query.is_sliced:
        return ""
    return f" {connection.ops.limit_offset_sql(query.low_mark, query.high_mark)}"


def _joined(related: Any) -> Any:
    """Return what `select_related` joins, as a key."""
    if isinstance(related, dict):
        return tuple((name, _joined(further)) for name, further in related.items())
    return related


def remember(key: Shape, value: Any) -> None:
    """Keep what belongs to a shape."""
    if len(_known) >= MOST_SHAPES:
        _known.clear()
    _known[key] = value


def recalled(key: Shape) -> Any:
    """Return what was kept, or None."""
    return _known.get(key)


@contextmanager
def lent(rows: Any, name: str, method: Any) -> Iterator[None]:
    """Let a query set do something by remembered SQL for a while, if Django's own code does it."""
    kind: Any = type(rows)
    query_set = isinstance(rows, models.QuerySet)
    stock = query_set and getattr(getattr(rows, name), "__func__", None) is STOCK[name]
    if not stock or name in own_code(kind, models.QuerySet):
        yield
        return
    # Always the same function: Django reads its parameters once.
    setattr(rows, name, types.MethodType(method, rows))
    try:
        yield
    finally:
        vars(rows).pop(name, None)  # a query set that all requests share may be lent twice


def counting(rows: Any) -> Any:
    """Let a query set's rows be counted by remembered SQL while a paginator looks at it."""
    return lent(rows, "count", _count)


def getting(rows: Any) -> Any:
    """Let one of a query set's rows be fetched by remembered SQL."""
    return lent(rows, "get", _get)


def _count(rows: Any) -> int:
    if rows._result_cache is not None:
        return len(rows._result_cache)
    using = rows.db  # a router is asked once
    connection, query = connections[using], rows.query
    plain = not query.is_sliced and compiles(connection)
    found = shape(query, connection) if plain else None
    if found is None:
        return query.get_count(using=using)  # type: ignore[no-any-return]
    key, values = (using, "count", *found[0]), found[1]
    sql = recalled(key)
    if sql is None:
        with _noted(connection) as seen:
            number: int = query.get_count(using=using)
        if len(seen) == 1 and same_values(seen[0][1], values):
            remember(key, seen[0][0])
        return number
    return fetch_number(connection, sql, values)


@contextmanager
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


def fetched(rows: Any) -> Any:
    """Let a query set have its objects, by remembered SQL where it can be; return the query set.

    Raises what Django raises.
    """
    kind: Any = type(rows)
    there = rows._result_cache is not None or rows._iterable_class is not ModelIterable
    if there or not evaluates(rows) or own_code(kind, models.QuerySet) & OF_ITERATION:
        return rows
    using = rows.db  # a router is asked once
    connection = connections[using]
    found = shape(rows.query, connection) if compiles(connection) else None
    if found is None:
        return rows
    again = plain_copy(rows, using)
    compiler: Any = again.query.get_compiler(using)
    if type(compiler) is SQLCompiler:
        key = (using, "rows", *found[0])
        vars(compiler)["as_sql"] = functools.partial(_as_sql, compiler, key, found[1])
        vars(again.query)["get_compiler"] = lambda *_args, **_kwargs: compiler
        rows._result_cache = [*ModelIterable(again)]
    return rows


def _as_sql(compiler: Any, key: Shape, values: tuple[Any, ...]) -> tuple[str, Any]:
    """Return what a compiler's method returns, and let it know what that lets it know."""
    end = limits(compiler.query, compiler.connection)
    known = recalled(key)
    if known is not None:
        vars(compiler).update(known[1])
        return known[0] + end, values
    sql, parameters = type(compiler).as_sql(compiler, with_limits=False)
    if same_values(parameters, values):
        remember(key, (sql, {name: getattr(compiler, name) for name in SELECTED}))
    return sql + end, parameters


def _length(rows: Any) -> int:
    return len(fetched(rows) if isinstance(rows, models.QuerySet) else rows)


_get = types.FunctionType(  # what asks for the length has the rows fetched
    models.QuerySet.get.__code__, {**vars(querying), "len": _length}, "get"
)


def forget() -> None:
    """Let all shapes be compiled anew."""
    _known.clear()
