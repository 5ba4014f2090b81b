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
from django.db.models.sql import Query

from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.representation import conditions
from drf_speedups.representation.conditions import Shape
from drf_speedups.representation.plain_rows import own_code

MOST_SHAPES = 1024  # clients choose filters, and the order
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
def counting(rows: Any) -> Iterator[None]:
    """Let a query set's rows be counted by remembered SQL while a paginator looks at it."""
    if not _countable(rows):
        yield
        return
    rows.count = types.MethodType(_count, rows)  # always the same function: Django reads it once
    try:
        yield
    finally:
        del rows.count


def _countable(rows: Any) -> bool:
    """Tell whether Django's own code counts the rows of a query set."""
    kind: Any = type(rows)
    if not isinstance(rows, models.QuerySet) or "count" in vars(rows):
        return False
    return "count" not in own_code(kind, models.QuerySet)


def _count(rows: Any) -> int:
    connection = connections[rows.db]
    there = rows._result_cache is not None or rows.query.is_sliced
    found = None if there else shape(rows.query, connection)
    if found is None:
        return models.QuerySet.count(rows)
    key, values = (rows.db, "count", *found[0]), found[1]
    sql = recalled(key)
    if sql is None:
        seen: list[Any] = []
        with connection.execute_wrapper(functools.partial(_note, seen)):
            number: int = models.QuerySet.count(rows)
        if len(seen) == 1 and conditions.same_values(seen[0][1], values):
            remember(key, seen[0][0])
        return number
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def _note(seen: list[Any], execute: Any, sql: str, parameters: Any, *others: Any) -> Any:
    """Note the SQL that Django runs, and its values."""
    seen.append((sql, parameters))
    return execute(sql, parameters, *others)


def forget() -> None:
    """Let all shapes be compiled anew."""
    _known.clear()
