"""What stands in the place of methods that ask for one object: `get` and `first`.

Django makes several copies of a query set for it, puts conditions, an order and a limit into them,
and compiles the last. Where that is known from earlier, the values go straight into its SQL.
"""

import functools
from operator import attrgetter, is_
from typing import Any, NamedTuple

from django.db import connections, router
from django.db.models import Q, QuerySet
from django.db.models.query import MAX_GET_RESULTS, ModelIterable
from django.db.utils import ConnectionRouter

from drf_speedups.eligibility.members import MOST_CLASSES, is_genuine
from drf_speedups.queries import building, conditions
from drf_speedups.queries.compiling import Compiled, compiled, lent
from drf_speedups.queries.conditions import Shape, identity, same_values
from drf_speedups.queries.shapes import NOT_KNOWN, compiles, recalled, remember, shape

# What Django runs to ask for one object, beside what runs as ever.
ASKING = (
    "__getattribute__", "__getitem__", "__init__", "__iter__", "__len__", "_chain",
    "_check_ordering_first_last_queryset_aggregation", "_clone", "_fetch_all", "_filter_or_exclude",
    "_filter_or_exclude_inplace", "_not_support_combined_queries", "db", "filter", "order_by",
    "ordered", "query",
)  # fmt: skip
_asking = attrgetter(*ASKING)
ROUTING = [ConnectionRouter.db_for_read, ConnectionRouter.db_for_write]
_looked_at: dict[type, tuple[tuple[Any, ...], bool]] = {}


def get(stock: Any) -> Any:
    """Return what asks for the only object that conditions are true of."""

    @functools.wraps(stock)
    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        added = _added(self.query, args, kwargs) if _is_plain(self) else None
        found = None if added is None else _found(self, added)
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
        plain = _is_plain(self) and self._result_cache is None and _is_sorted(self.query)
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
    objects = own.get("_iterable_class") is ModelIterable
    plain = objects and not own.get("_prefetch_related_lookups", True)
    if not (plain and own.keys().isdisjoint(ASKING) and _asks_as_ever(type(query_set))):
        return False
    query = query_set.query
    more = query.is_sliced or query.combinator or query.distinct_fields or query.select_for_update
    return not more and bool(own.get("_db") or _chooses_nothing())


def _is_sorted(query: Any) -> bool:
    """Tell whether every Django sorts rows to find the first: by the key, if by nothing else."""
    return bool(query.default_ordering or query.order_by)


def _chooses_nothing() -> bool:
    """Tell whether Django's own code finds a query's database, without a router."""
    asked = router.db_for_read, router.db_for_write
    return not router.routers and [getattr(one, "__func__", None) for one in asked] == ROUTING


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


def _added(query: Any, args: Any, kwargs: Any) -> Any:
    """Return what conditions add to a query, if that is known; None otherwise.

    Each is made once, by the project's values: Django warns of some.
    """
    # All names are those of columns, also those by which one might choose how they are joined.
    return building.looked_up(query, Q(*args, *sorted(kwargs.items())))


def _found(query_set: Any, added: Any) -> list[Any] | None:
    """Return the objects that are asked for: the first, or those that added conditions allow.

    None, for the first, if Django's own code has to ask.
    """
    connection = connections[query_set.db]
    asked = _asked(query_set.query, added, connection)
    if asked is None:
        return None if added is None else [*_narrowed(query_set, added)]
    key, values = (connection.alias, "one", *asked[0]), asked[1]
    known: _Known | None = recalled(key)
    if known is not None and known.compiled.tables.are_as_before():
        compiler = query_set.query.get_compiler(connection.alias)
        vars(compiler).update(known.compiled.selected)
        return _objects(query_set, compiler, known.sql, values)
    narrowed = _narrowed(query_set, added)
    compiler = narrowed.query.get_compiler(connection.alias)
    found = compiled(compiler)
    if found is None:
        return [*narrowed]
    sql, parameters, kept = found
    if kept is not None and same_values(parameters, values):
        remember(key, _Known(sql, kept), connection)
    return _objects(narrowed, compiler, sql, parameters)


def _asked(query: Any, added: Any, connection: Any) -> tuple[Shape, Any] | None:
    """Return what the SQL follows from, and its values; None if that is not known."""
    found = shape(query, connection) if compiles(connection) else None
    if found is None or added is None:
        return found and found[:2]
    known, made = added
    try:
        parts, values = conditions.added(made, connection)
    except NOT_KNOWN:
        return None
    return (*found[0], identity(known), *parts), (*found[1], *values)


def _narrowed(query_set: Any, added: Any) -> Any:
    """Return a query set as Django makes it to ask for one object."""
    if added is None:
        return (query_set if query_set.ordered else query_set.order_by("pk"))[:1]
    found = query_set._chain()
    building.build(found.query, *added)
    found = found.order_by()
    found.query.set_limits(high=MAX_GET_RESULTS)
    return found


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


def _objects(query_set: Any, compiler: Any, sql: str, values: Any) -> list[Any]:
    asked: Any = _Asked(query_set, compiler)
    with lent(compiler, sql, values):
        return [*ModelIterable(asked)]


forget = _looked_at.clear
