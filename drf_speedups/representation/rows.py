"""A query that is run once, its rows both finished JSON and ordinary objects.

The query is the project's own, whole and in its order; around it stands a SELECT that adds a column
with the JSON of each row. What was fetched becomes objects, by Django's own code, only if somebody
looks at the rows.
"""

import functools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.query import ModelIterable
from django.db.models.sql import Query
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.eligibility.changes import silence
from drf_speedups.eligibility.members import own_members
from drf_speedups.eligibility.models import READ
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation import columns
from drf_speedups.representation.columns import HOLE, ODD
from drf_speedups.representation.lazy import LazyList
from drf_speedups.representation.members import MOST_CLASSES, members

# What makes rows of a query set or objects of rows.
OF_ITERATION = frozenset({
    "__init__", "__iter__", "__len__", "__bool__", "__getitem__", "__getattribute__", "_fetch_all",
    "_iterator", "iterator", "_prefetch_related_objects", "db", "query",
})  # fmt: skip
OF_OBJECTS = frozenset({"__init__", "__new__", "__getattribute__", "__getattr__", "__setattr__",
                        "from_db"})  # fmt: skip
_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Hole(NamedTuple):
    """A value that Python writes."""

    place: int  # in the row
    expression: Any
    show: Callable[[Any], Any]


class Plan(NamedTuple):
    """How the rows of one query become JSON."""

    sql: str  # of the column that is added
    holes: tuple[Hole, ...]


def finished(rows: models.QuerySet[Any], kind: Any) -> list[str] | None:
    """Run a query and return the JSON of each row for serializers of a class.

    Whoever looks at the query set then gets the same rows as objects. Returns None where the
    framework has to write them; the query may have been run. Raises Django's database errors.
    """
    try:
        check(rows, kind)
        compiler = rows.query.get_compiler(rows.db)
        unless(type(compiler) is SQLCompiler, "the query is compiled in its own way")
        sql, parameters = compiler.as_sql(with_col_aliases=True)
        plan = _plan_of(compiler, kind)
    except (StepAside, EmptyResultSet):
        return None
    fetched = _fetched(compiler, f'SELECT q.*, {plan.sql} FROM ({sql}) "q"', parameters)  # noqa: S608
    rows._result_cache = LazyList(functools.partial(_objects, rows, compiler, fetched))
    return _texts(compiler, plan, fetched)


def check(rows: models.QuerySet[Any], kind: Any) -> None:
    """Raise `StepAside` unless a query set's rows may be finished in the database."""
    set_class: Any = type(rows)
    _check_class(set_class)
    query: Any = rows.query
    unless(type(query) is Query, "the query is of another kind")
    unless(rows._result_cache is None, "the rows are there")
    unless(rows._iterable_class is ModelIterable, "the query set gives no objects")
    odd = query.combinator or query.select_for_update or query.extra or query.distinct_fields
    unless(not odd, "the query combines, locks or has extra parts")
    unless(connections[rows.db].vendor == "postgresql", "only PostgreSQL writes JSON so")
    model: Any = rows.model
    _check_model(model)
    unless(silence(model, READ), "something listens to the model's signals")
    unless(_columns_only(kind, model), "the serializer shows more than columns")


@functools.lru_cache(MOST_CLASSES)
def _check_class_once(kind: Any) -> str:
    own = {name for _, name, _ in own_members(kind, frozenset(models.QuerySet.__mro__))}
    return ", ".join(sorted(own & OF_ITERATION))


def _check_class(kind: Any) -> None:
    own = _check_class_once(kind)
    unless(not own, f"the query set has its own {own}")


@functools.lru_cache(MOST_CLASSES)
def _columns_only(kind: Any, model: Any) -> bool:
    found = members(kind, model)
    return found is not None and all(one.column is not None for one in found)


@functools.lru_cache(MOST_CLASSES)
def _own_code(model: Any) -> str:
    own = {name for _, name, _ in own_members(model, frozenset(models.Model.__mro__))}
    return ", ".join(sorted(own & OF_OBJECTS))


def _check_model(model: Any) -> None:
    own = _own_code(model)
    unless(not own, f"{model.__name__} has its own {own}")


def _plan_of(compiler: Any, kind: Any) -> Plan:
    """Return the plan for what a compiled query selects. Raises `StepAside`."""
    info = compiler.klass_info
    places = {
        compiler.select[place][0].target: (place, compiler.select[place][2])
        for place in info["select_fields"]
    }
    found = _plan_or_reason(kind, info["model"], tuple(places.items()), columns.writes_utc())
    if isinstance(found, StepAside):
        raise found.with_traceback(None)
    return found


@functools.lru_cache(MOST_CLASSES)
def _plan_or_reason(kind: Any, model: Any, key: Any, _utc: bool) -> Plan | StepAside:
    try:
        return _plan(kind, model, dict(key))
    except StepAside as reason:
        return reason


def _plan(kind: Any, model: Any, places: dict[Any, Any]) -> Plan:
    holes: list[Hole] = []
    texts = []
    for member in members(kind, model) or ():
        unless(member.column in places, f"{member.name} is no column of the query")
        place, alias = places[member.column]
        ref = '"q"."{}"'.format(alias.replace('"', '""'))
        try:
            text = f"coalesce({columns.written(member, ref)}, 'null')"
        except StepAside:
            holes.append(Hole(place, member.column.cached_col, columns.raw(member)))
            text = f"'{HOLE}'"
        texts.append(_literal(json.dumps(member.name, ensure_ascii=False) + ":") + f" || {text}")
    unless(len(holes) < len(texts), "there is nothing that the database could write")
    inside = " || ',' || ".join(texts)
    return Plan(f"'{{' || {inside} || '}}'".replace("%", "%%"), tuple(holes))


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


def _fetched(compiler: Any, sql: str, parameters: Any) -> list[Any]:
    with compiler.connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()  # type: ignore[no-any-return]


def _objects(rows: models.QuerySet[Any], compiler: Any, fetched: list[Any]) -> Any:
    """Return the objects that Django makes of what was fetched."""
    again: Any = rows._chain()  # type: ignore[attr-defined]
    again._db = rows.db
    again.query.get_compiler = lambda *_args, **_kwargs: compiler
    compiler.execute_sql = lambda *_args, **_kwargs: [fetched]
    return ModelIterable(again)


def _texts(compiler: Any, plan: Plan, fetched: list[Any]) -> list[str] | None:
    """Return the finished JSON of each row; None if one is not foreseen."""
    texts = [row[-1] for row in fetched]
    if any(ODD in text for text in texts):
        return None
    if not plan.holes:
        return texts
    shows = [(hole.place, _converted(compiler, hole), hole.show) for hole in plan.holes]
    try:
        return [
            _filled(text.split(HOLE), [_encode(show(convert(row[place])))
                                       for place, convert, show in shows])
            for text, row in zip(texts, fetched, strict=True)
        ]  # fmt: skip
    except (ValueError, TypeError):  # the renderer says what is wrong with it, if it is
        return None


def _converted(compiler: Any, hole: Hole) -> Callable[[Any], Any]:
    """Return what makes a value of what the driver gives."""
    expression, connection = hole.expression, compiler.connection
    converters = compiler.get_converters([expression]).get(0, ((), None))[0]

    def convert(value: Any) -> Any:
        for one in converters:
            value = one(value, expression, connection)
        return value

    return convert


def _filled(parts: list[str], values: list[str]) -> str:
    filled = parts[0]
    for value, part in zip(values, parts[1:], strict=True):
        filled += value + part
    return filled


def forget() -> None:
    """Let everything be looked at anew."""
    for known in (_check_class_once, _own_code, _plan_or_reason, _columns_only):
        known.cache_clear()
