"""What stands in the place of methods that ask for one object: `get` and `first`.

Django makes several copies of a query set for it, puts conditions, an order and a limit into them,
and compiles the last. Where that is known from earlier, the values go straight into its SQL.
"""

import functools
from operator import attrgetter, is_
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections, router
from django.db.models import Q, QuerySet
from django.db.models.query import MAX_GET_RESULTS, ModelIterable

from drf_speedups.database.fetched import fetch_rows
from drf_speedups.eligibility.members import MOST_CLASSES, is_genuine
from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.queries import building
from drf_speedups.queries.compiling import Compiled, chosen, compiled, lent
from drf_speedups.queries.conditions import Shape, same_values
from drf_speedups.queries.shapes import compiles, recalled, remember, shape

# What Django runs to ask for one object, beside what runs as ever.
ASKING = (
    "__getattribute__", "__getitem__", "__init__", "__iter__", "__len__", "_chain",
    "_check_ordering_first_last_queryset_aggregation", "_clone", "_fetch_all", "_filter_or_exclude",
    "_filter_or_exclude_inplace", "_not_support_combined_queries", "db", "filter", "order_by",
    "ordered", "query",
)  # fmt: skip
_asking = attrgetter(*ASKING)
_looked_at: dict[type, tuple[tuple[Any, ...], bool]] = {}


def get(stock: Any) -> Any:
    """Return what asks for the only object that conditions are true of."""

    @functools.wraps(stock)
    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = _found(self, Q(*args, **kwargs)) if _is_plain(self) else None
        if found is None:
            return stock(self, *args, **kwargs)
        if len(found) == 1:
            return found[0]
        name = self.model._meta.object_name
        if not found:
            raise self.model.DoesNotExist(f"{name} matching query does not exist.")
        many = len(found) if len(found) < MAX_GET_RESULTS else f"more than {MAX_GET_RESULTS - 1}"
        raise self.model.MultipleObjectsReturned(
            f"get() returned more than one {name} -- it returned {many}!"
        )

    return get


def first(stock: Any) -> Any:
    """Return what asks for the first object."""

    @functools.wraps(stock)
    def first(self: Any) -> Any:
        plain = _is_plain(self) and self._result_cache is None
        found = _found(self, None) if plain else None
        if found is None:
            return stock(self)
        return found[0] if found else None

    return first


def _is_plain(query_set: Any) -> bool:
    """Tell whether a query set gives objects by Django's own code, and nothing with them.

    Where a router chooses the database, it is asked once, by Django.
    """
    own = vars(query_set)
    plain = own["_iterable_class"] is ModelIterable and not own["_prefetch_related_lookups"]
    chosen = own["_db"] or not router.routers
    stock = plain and chosen and own.keys().isdisjoint(ASKING) and _asks_as_ever(type(query_set))
    return bool(stock) and not query_set.query.is_sliced


def _asks_as_ever(kind: type) -> bool:
    """Tell whether query sets of a class run Django's own code, also at this moment."""
    run = _asking(kind)
    before, as_ever = _looked_at.get(kind, ((), False))
    if len(before) != len(run) or not all(map(is_, run, before)):
        reading, *code = run
        as_ever = reading is object.__getattribute__ and all(
            is_genuine(QuerySet, one) for one in code
        )
        if len(_looked_at) >= MOST_CLASSES:
            _looked_at.clear()
        _looked_at[kind] = run, as_ever
    return as_ever


class _Known(NamedTuple):
    """What is sent for one object, and what is known of the answer's columns."""

    sql: str
    compiled: Compiled


def _found(query_set: Any, condition: Q | None) -> list[Any] | None:
    """Return the objects that are asked for: the first, or those that a condition is true of.

    None if Django's own code has to ask.
    """
    using = query_set.db
    connection = connections[using]
    asked = _asked(query_set.query, condition, connection)
    if asked is None:
        return None
    key, values = (using, "one", *asked[0]), asked[1]
    known: _Known | None = recalled(key)
    if known is None or not known.compiled.tables.are_as_before():
        known = _compiled(_narrowed(query_set, condition), using, values)
        if known is None:
            return None
        remember(key, known, connection)
    return _objects(query_set, connection, known, values)


def _asked(query: Any, condition: Q | None, connection: Any) -> tuple[Shape, Any] | None:
    """Return what the SQL follows from, and its values; None if that is not known."""
    found = shape(query, connection) if compiles(connection) else None
    if found is None or condition is None:
        return found
    try:
        added = building.added(query, condition, connection)
    except (StepAside, EmptyResultSet, FullResultSet):
        return None
    return added and ((*found[0], *added[0]), (*found[1], *added[1]))


def _narrowed(query_set: Any, condition: Q | None) -> Any:
    """Return a query set as Django makes it to ask for one object."""
    if condition is None:
        return (query_set if query_set.ordered else query_set.order_by("pk"))[:1]
    found = query_set.filter(condition).order_by()
    found.query.set_limits(high=MAX_GET_RESULTS)
    return found


def _compiled(query_set: Any, using: str, values: Any) -> _Known | None:
    found = compiled(query_set.query.get_compiler(using))
    if found is None or found[2] is None or not same_values(found[1], values):
        return None
    return _Known(found[0], found[2])


class _Asked:
    """A query whose SQL is there, as a query set, for Django's own code that makes objects."""

    def __init__(self, query_set: Any, compiler: Any) -> None:
        self.db, self.model, self.query = compiler.using, query_set.model, self
        self._known_related_objects = query_set._known_related_objects
        self._fetch_mode = getattr(query_set, "_fetch_mode", None)
        self._compiler = compiler

    def get_compiler(self, **_kwargs: Any) -> Any:
        """Return what knows the SQL."""
        return self._compiler


def _objects(query_set: Any, connection: Any, known: _Known, values: Any) -> list[Any]:
    compiler = query_set.query.get_compiler(connection.alias)
    vars(compiler).update(known.compiled.selected)
    asked: Any = _Asked(query_set, compiler)
    rows = fetch_rows(connection, known.sql, values)
    if rows is None:
        with lent(compiler, known.sql, values):
            return [*ModelIterable(asked)]
    vars(compiler)["execute_sql"] = lambda **_kwargs: chosen(compiler, rows)
    return [*ModelIterable(asked)]


forget = _looked_at.clear
