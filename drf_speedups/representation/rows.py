"""A query that is run once, its rows both finished JSON and ordinary objects.

The query is the project's own, whole and in its order; around it stands a SELECT that adds a column
with the JSON of each row. What was fetched becomes objects, by Django's own code, only if somebody
looks at the rows.
"""

import contextlib
import functools
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet, FieldError
from django.db import connections, models, router
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.query import ModelIterable
from django.db.models.sql import Query
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.database.fetched import fetch
from drf_speedups.eligibility.changes import silence
from drf_speedups.eligibility.models import READ
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation import columns, links, shapes
from drf_speedups.representation.columns import HOLE, ODD, SKIP
from drf_speedups.representation.lazy import LazyList
from drf_speedups.representation.members import MOST_CLASSES, members
from drf_speedups.representation.plain_rows import check_objects, check_query_set, own_code
from drf_speedups.representation.texts import Hole, Scope, Texts

KEY = r'"(?:[^"\\]|\\.)*":' + SKIP
SKIPPED = re.compile(rf",{KEY}|(?<=\{{){KEY},?")
_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_plans: dict[Any, "Texts | StepAside"] = {}


def finished(rows: Any, serializer: Any) -> list[str] | None:
    """Run a query and return the JSON of each row, as a serializer of one row shows it.

    Whoever looks at the query set then gets the same rows as objects. Returns None where the
    framework has to write them; the query may have been run. Raises Django's database errors.
    """
    kind: Any = type(serializer)
    try:
        _check(rows, kind)
        sql, parameters, plan = _prepared(rows, kind)
        _check_related(rows, plan)
        around = [(link.marks, link.around(serializer)) for link in plan.links]
    except (StepAside, EmptyResultSet):
        return None
    texts, all_rows = fetch(connections[rows.db], sql, parameters, whole=bool(plan.holes))
    rows._result_cache = LazyList(functools.partial(_objects, rows, all_rows))
    filled = _filled_in(rows, plan, texts, all_rows)
    return None if filled is None else [_linked(text, around) for text in filled]


def _prepared(rows: Any, kind: Any) -> tuple[str, Any, Texts]:
    """Return the SQL of a query with a column more, and what that column is. Raises `StepAside`."""
    shape = shapes.shape(rows.query)
    key = shape and (rows.db, kind, columns.writes_utc(), *shape)
    found: tuple[str, Any, Texts] | None = shapes.recalled(key) if key else None
    if found is None:
        compiler = rows.query.get_compiler(rows.db)
        unless(type(compiler) is SQLCompiler, "the query is compiled in its own way")
        sql, parameters = compiler.as_sql(with_col_aliases=True)
        unless(compiler.qualify is None, "a window chooses the rows")
        plan = _plan(compiler, kind, rows.db)
        written = plan.sql.replace("%", "%%")
        found = f'SELECT q.*, {written} FROM ({sql}) "q"', parameters, plan  # noqa: S608
        if key:
            shapes.remember(key, found)
    return found


def _check(rows: Any, kind: Any) -> None:
    """Raise `StepAside` unless a query set's rows may be finished in the database."""
    check_query_set(type(rows))
    query: Any = rows.query
    unless(type(query) is Query, "the query is of another kind")
    unless(rows._result_cache is None, "the rows are there")
    unless(rows._iterable_class is ModelIterable, "the query set gives no objects")
    odd = query.combinator or query.select_for_update or query.extra or query.distinct_fields
    unless(not odd, "the query combines, locks or has extra parts")
    beside = rows._prefetch_related_lookups
    plain = all(type(lookup) is str for lookup in beside) and fewer_queries()
    unless(plain or not beside, "other rows are fetched beside")
    unless(connections[rows.db].vendor == "postgresql", "only PostgreSQL writes JSON so")
    model: Any = rows.model
    check_objects(model)
    unless(members(kind, model), "the serializer's fields are not known")
    added = frozenset(query.annotation_select)
    unless(not why_not(kind, model, added), "the serializer shows what only Python knows")


def fewer_queries() -> bool:
    """Tell whether rows that are prefetched may come with the query itself."""
    return bool(getattr(settings, "SPEEDUPS_FEWER_QUERIES", False))


def _check_related(rows: Any, plan: Texts) -> None:
    for kind, model in plan.kinds:
        unless(members(kind, model), f"the fields of {kind.__name__} have changed")
    for model in plan.models:
        unless(silence(model, READ), "something listens to the model's signals")
    own = rows._known_related_objects or router.routers
    unless(not (plan.follows and own), "related rows are known, or chosen by a router")


@functools.lru_cache(MOST_CLASSES)
def why_not(kind: Any, model: Any, added: frozenset[str] = frozenset()) -> str:
    """Return why no query's rows can be written for serializers of a class; else nothing.

    `added` are the names of what the query computes.
    """
    refs = dict.fromkeys(model._meta.concrete_fields, '"q"."col"')
    scope = Scope(model, refs)
    scope.places = dict.fromkeys(refs, 0)
    scope.annotations = {name: (models.IntegerField(), '"q"."col"') for name in added}
    try:
        Texts(kind, scope, models.QuerySet(model).db)
    except StepAside as reason:
        return "" if added else str(reason)
    return ""


def _plan(compiler: Any, kind: Any, using: str) -> Texts:
    """Return what is written for what a compiled query selects. Raises `StepAside`."""
    info = compiler.klass_info
    added = _annotations(compiler)
    named = tuple((name, ref, type(output)) for name, (output, ref) in added.items())
    key = (kind, using, columns.writes_utc(), named, *_key(compiler, info))
    if key not in _plans:
        if len(_plans) > MOST_CLASSES:
            _plans.clear()
        try:
            root = _scope(compiler, info)
            root.annotations = added
            _plans[key] = Texts(kind, root, using)
        except StepAside as reason:
            _plans[key] = reason
    found = _plans[key]
    if isinstance(found, StepAside):
        raise found.with_traceback(None)
    return found


def _annotations(compiler: Any) -> dict[str, tuple[Any, str]]:
    """Return what the query computes beside columns, and its name in SQL."""
    found = {}
    for name, place in (compiler.annotation_col_map or {}).items():
        expression, _, alias = compiler.select[place]
        quoted = alias.replace('"', '""')
        with contextlib.suppress(FieldError):
            found[name] = expression.output_field, f'"q"."{quoted}"'
    return found


def _key(compiler: Any, info: Any) -> tuple[Any, ...]:
    """Return what tells one selection of columns from another."""
    chosen = [(id(compiler.select[place][0].target), compiler.select[place][2])
              for place in info["select_fields"]]  # fmt: skip
    joined = [(id(one["field"]), one["reverse"], _key(compiler, one))
              for one in info.get("related_klass_infos", ())]  # fmt: skip
    return info["model"], tuple(chosen), tuple(joined)


def _scope(compiler: Any, info: Any) -> Scope:
    chosen = {
        compiler.select[place][0].target: (place, compiler.select[place][2])
        for place in info["select_fields"]
    }
    scope = Scope(info["model"], {column: f'"q"."{name}"' for column, (_, name) in chosen.items()})
    scope.places = {column: place for column, (place, _) in chosen.items()}
    for one in info.get("related_klass_infos", ()):
        if not one["from_parent"]:
            scope.joined[one["field"], one["reverse"]] = _scope(compiler, one)
    return scope


def _objects(rows: Any, fetched: Callable[[], list[Any]]) -> Any:
    """Return the objects that Django makes of what was fetched."""
    again: Any = rows._chain()
    again._db = rows.db
    compiler = again.query.get_compiler(rows.db)
    again.query.get_compiler = lambda *_args, **_kwargs: compiler

    def execute_sql(*_args: Any, **_kwargs: Any) -> list[Any]:
        compiler.as_sql()  # says what is in which column
        return [fetched()]

    compiler.execute_sql = execute_sql
    return ModelIterable(again)


def _filled_in(
    rows: Any, plan: Texts, texts: list[str], fetched: Callable[[], list[Any]]
) -> list[str] | None:
    """Return the finished JSON of each row; None if one is not foreseen."""
    if any(ODD in text for text in texts):
        return None
    if any(SKIP in text for text in texts):
        texts = [SKIPPED.sub("", text) for text in texts]
    if not plan.holes:
        return texts
    compiler = rows.query.get_compiler(rows.db)
    shows = [(hole.place, _converted(compiler, hole), hole.show) for hole in plan.holes]
    try:
        return [
            _filled(text.split(HOLE), [_encode(show(convert(row[place])))
                                       for place, convert, show in shows])
            for text, row in zip(texts, fetched(), strict=True)
        ]  # fmt: skip
    except (ValueError, TypeError):  # the renderer says what is wrong with it, if it is
        return None


def _linked(text: str, around: list[Any]) -> str:
    for marks, parts in around:
        text = text.replace(marks[0], parts[0]).replace(marks[1], parts[1])
    return text


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
    shapes.forget()
    links.forget()
    _plans.clear()
    why_not.cache_clear()
    own_code.cache_clear()
