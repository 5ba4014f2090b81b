"""Queries that have no condition: their SQL is the same each time, and remembered.

Django compiles a query anew each time it runs, and the COUNT of its pages. Where there is neither a
condition nor anything else that may carry a value, the SQL follows from the model, the order and
the limits alone.
"""

import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, models
from django.db.models.sql import Query

from drf_speedups.representation.members import MOST_CLASSES
from drf_speedups.representation.plain_rows import own_code

Shape = tuple[Any, ...]
_known: dict[Shape, Any] = {}


def shape(query: Any) -> Shape | None:
    """Return all that the SQL of a query follows from; None if values are in it, or more."""
    more = (
        query.where.children or query.annotations or query.extra or query.extra_tables
        or query.distinct or query.combinator or query.group_by is not None or query.select
        or query.select_for_update or query.extra_order_by
        or query.explain_info or query._filtered_relations
    )  # fmt: skip
    plain = type(query) is Query and query.default_cols and not more
    if not plain or any(type(name) is not str for name in query.order_by):
        return None
    named, deferred = query.deferred_loading
    return (
        query.model, query.model._meta.db_table, query.order_by, query.default_ordering,
        query.standard_ordering, frozenset(named), deferred, query.max_depth,
        _joined(query.select_related), query.low_mark, query.high_mark,
    )  # fmt: skip


def _joined(related: Any) -> Any:
    """Return what `select_related` joins, as a key."""
    if isinstance(related, dict):
        return tuple((name, _joined(further)) for name, further in related.items())
    return related


def remember(key: Shape, value: Any) -> None:
    """Keep what belongs to a shape."""
    if len(_known) > MOST_CLASSES:
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
    key = None if rows.query.is_sliced else shape(rows.query)
    if rows._result_cache is not None or key is None:
        return models.QuerySet.count(rows)
    counted = (rows.db, "count", *key)
    connection = connections[rows.db]
    sql = recalled(counted)
    if sql is None:
        seen: list[str] = []
        with connection.execute_wrapper(functools.partial(_note, seen)):
            number: int = models.QuerySet.count(rows)
        if len(seen) == 1:
            remember(counted, seen[0])
        return number
    with connection.cursor() as cursor:
        cursor.execute(sql, ())
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def _note(seen: list[str], execute: Any, sql: str, parameters: Any, *others: Any) -> Any:
    """Note the SQL that Django runs; it has no parameters."""
    seen += [sql] if not parameters else [sql, sql]
    return execute(sql, parameters, *others)


def forget() -> None:
    """Let all shapes be compiled anew."""
    _known.clear()
