"""A query that is run once, its rows both finished JSON and ordinary objects.

The query is the project's own, whole and in its order; around it stands a SELECT that adds a column
with the JSON of each row. What was fetched becomes objects, by Django's own code, only if somebody
looks at the rows.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models.query import ModelIterable
from django.db.models.sql import Query
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.database.fetched import fetch
from drf_speedups.eligibility.looked_at import once, silence, unchanged
from drf_speedups.eligibility.members import MOST_CLASSES
from drf_speedups.eligibility.models import READ
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.queries import shapes
from drf_speedups.queries.conditions import same_values
from drf_speedups.queries.shapes import Tables, compiles
from drf_speedups.representation.lazy import LazyList
from drf_speedups.representation.sql import (
    assembling,
    links,
    prefetched,
    selection,
)
from drf_speedups.representation.sql.plain_rows import (
    COLUMN,
    check_classes,
    choosing,
    evaluates,
)
from drf_speedups.representation.sql.scopes import Scope
from drf_speedups.representation.sql.texts import Texts
from drf_speedups.representation.surroundings import Surroundings
from drf_speedups.representation.templates import known


class Objects(LazyList):
    """The objects of a query's rows."""

    def __init__(self, make: Callable[[], Any], plan: Texts, here: Surroundings) -> None:
        super().__init__(make)
        self.here = here  # where they were fetched
        self.lock = threading.RLock()  # some projects' requests share a query set
        self.plan = plan  # what was written of them


def finished(rows: Any, serializer: Any) -> list[str] | None:
    """Run a query and return the JSON of each row, as a serializer of one row shows it.

    Whoever looks at the query set then gets the same rows as objects. Returns None where the
    framework has to write them; the query may have been run. Raises Django's database errors.
    """
    kind: Any = type(serializer)
    try:
        using = rows.db  # a router is asked once
        connection = connections[using]
        names = _check(rows, kind, connection)
        here = Surroundings.of_now()
        sql, parameters, plan = _prepared(rows, kind, names, connection, here)
        _check_related(rows, plan)
        urls = assembling.around(plan, serializer, here)
    except (StepAside, EmptyResultSet):
        return None
    whole = bool(plan.holes or plan.levels)
    texts, all_rows = fetch(connection, sql, parameters, whole=whole)
    beside = prefetched.fetched(plan, all_rows)
    objects = functools.partial(prefetched.objects, rows, using, all_rows, names, beside)
    rows._result_cache = Objects(objects, plan, here)
    rows._prefetch_done |= bool(beside)
    if texts is None:
        return None
    return assembling.assembled(rows, plan, texts, all_rows, beside, urls)


def _prepared(
    rows: Any, kind: Any, names: tuple[str, ...], connection: Any, here: Surroundings
) -> tuple[str, Any, Texts]:
    """Return the SQL of a query with a column more, and what that column is. Raises `StepAside`."""
    using = connection.alias
    shape, values, _ = shapes.shape(rows.query, connection) or (None, (), 0)
    key = shape and (using, kind, names, here.are_utc(), *shape)
    found: tuple[str, Texts, Tables] | None = shapes.recalled(key) if key else None
    if found is not None and found[2].are_as_before():
        found[2].join(rows.query)
    else:
        before = len(rows.query.alias_map)
        compiler, sql, parameters = selection.compiled(rows.query, using)
        plan = selection.plan_of(compiler, kind, names, using, here)
        written = plan.sql.replace("%", "%%")
        tables = Tables(compiler.query, before)
        found = f"SELECT q.*, {written} FROM ({sql}", plan, tables  # noqa: S608
        if key and same_values(parameters, values) and shapes.lasts(compiler):
            shapes.remember(key, found, connection)
        values = parameters
    limits = shapes.limits(rows.query, connection) or ("" if rows.ordered else shapes.ALL)
    return f'{found[0]}{limits}) "q"', values, found[1]


def _check(rows: Any, kind: Any, connection: Any) -> tuple[str, ...]:
    """Return the relations whose rows a query set is to fetch beside its own.

    Raises `StepAside` unless its rows may be finished in the database.
    """
    once(check_classes, type(rows), JSONEncoder)
    unless(evaluates(rows), "the query set is not to be evaluated")
    query: Any = rows.query
    unless(type(query) is Query, "the query is of another kind")
    unless(rows._result_cache is None, "the rows are there")
    unless(rows._iterable_class is ModelIterable, "the query set gives no objects")
    odd = query.combinator or query.select_for_update or query.extra or query.distinct_fields
    unless(not odd, "the query combines, locks or has extra parts")
    filtered = query.select_related and query._filtered_relations
    unless(not filtered, "the query joins some of the rows that a relation leads to")
    same = any(map(COLUMN.fullmatch, query.annotations))
    unless(not same, "the query computes what is called as a column is in SQL")
    unless(connection.vendor == "postgresql", "only PostgreSQL writes JSON so")
    unless(compiles(connection), "queries are compiled or run in a way of their own")
    model: Any = rows.model
    added = frozenset(query.annotation_select)
    if fewer_queries(rows) and not why_not(kind, model, added, joins=False):
        return ()
    names = prefetched.paths(rows)
    unless(not why_not(kind, model, added, names), "the serializer shows what only Python knows")
    return names


def fewer_queries(rows: Any) -> bool:
    """Tell whether rows that are prefetched may come with the query itself."""
    wanted = getattr(settings, "SPEEDUPS_FEWER_QUERIES", False)
    return bool(wanted) and all(type(one) is str for one in rows._prefetch_related_lookups)


def _check_related(rows: Any, plan: Texts) -> None:
    for kind in plan.kinds:
        unless(known(kind), f"the fields of {kind.__name__} have changed")
    for model in plan.models:
        unless(silence(model, READ), "something listens to the model's signals")
        unless(unchanged(*choosing(model)), f"{model.__name__} or a manager of it has changed")
    plan.check_files()
    raises = getattr(rows, "_fetch_mode", None) is prefetched.FETCH_RAISE
    own = rows._known_related_objects or router.routers or raises
    unless(not (plan.follows and own), "related rows are known, refused, or chosen by a router")


@functools.lru_cache(MOST_CLASSES)
def why_not(
    kind: Any,
    model: Any,
    added: frozenset[str] = frozenset(),
    names: tuple[str, ...] = (),
    joins: bool = True,
) -> str:
    """Return why no query's rows can be written for serializers of a class; else nothing.

    `added` are the names of what the query computes, `names` the relations that it fetches beside;
    `joins`: it may join what is shown.
    """
    scope = _supposed(model, joins)
    scope.annotations = {name: (models.IntegerField(), '"q"."col"') for name in added}
    try:
        prefetched.planned(kind, scope, names, models.QuerySet(model).db)
    except StepAside as reason:
        return "" if added else str(reason)
    return ""


class Joining(dict[tuple[Any, bool], Scope]):
    """All rows that a query may join."""

    def get(self, relation: Any, _default: Any = None) -> Scope:
        """Return the row that a relation leads to."""
        field, is_reversed = relation
        return _supposed(field.model if is_reversed else field.remote_field.model, True)


def _supposed(model: Any, joins: bool) -> Scope:
    """Return a row of a query that selects all columns, and maybe joins all rows."""
    refs = dict.fromkeys(model._meta.concrete_fields, '"q"."col"')
    scope = Scope(model, refs)
    scope.places = dict.fromkeys(refs, 0)
    scope.joined = Joining() if joins else {}
    return scope


def forget() -> None:
    """Let everything be looked at anew."""
    shapes.forget()
    links.forget()
    selection.forget()
    why_not.cache_clear()
