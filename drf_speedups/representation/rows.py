"""A query that is run once, its rows both finished JSON and ordinary objects.

The query is the project's own, whole and in its order; around it stands a SELECT that adds a column
with the JSON of each row. What was fetched becomes objects, by Django's own code, only if somebody
looks at the rows.
"""

import contextlib
import functools
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet, FieldError
from django.db import connections, models, router
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.expressions import BaseExpression, Col
from django.db.models.query import ModelIterable
from django.db.models.sql import Query
from django.utils.functional import Promise
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.database.fetched import fetch
from drf_speedups.eligibility.changes import silence
from drf_speedups.eligibility.models import READ
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation import (
    columns,
    conditions,
    links,
    plain_rows,
    prefetched,
    shapes,
)
from drf_speedups.representation.columns import HOLE, ODD, SKIP
from drf_speedups.representation.lazy import LazyList
from drf_speedups.representation.members import MOST_CLASSES, members
from drf_speedups.representation.plain_rows import (
    COLUMN,
    check_objects,
    check_query_set,
    compiles,
    evaluates,
    own_code,
)
from drf_speedups.representation.texts import Hole, Scope, Texts

KEY = r'"(?:[^"\\]|\\.)*":' + SKIP
LONGEST_NAME = 63
OF_VALUES = frozenset({"convert_value", "get_db_converters"})
SKIPPED = re.compile(rf",{KEY}|(?<=\{{)(?:{KEY},?)+")


class Lasting(JSONEncoder):
    """Writes what is the same whenever it is written; the language may be another one later."""

    def default(self, obj: Any) -> Any:
        """Return what is written for an object. Raises `ValueError` for texts of any language."""
        if isinstance(obj, Promise):
            raise ValueError(obj)
        return super().default(obj)


_encode = Lasting(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
Rows = Callable[[], list[Any]]
_plans: dict[Any, "Texts | StepAside"] = {}


class Objects(LazyList):
    """The objects of a query's rows."""

    def __init__(self, make: Callable[[], Any], plan: Texts) -> None:
        super().__init__(make)
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
        sql, parameters, plan = _prepared(rows, kind, names, connection)
        _check_related(rows, plan)
        around = {one: [(link.marks, link.around(serializer)) for link in one.links]
                  for one in (plan, *plan.beside())}  # fmt: skip
    except (StepAside, EmptyResultSet):
        return None
    whole = bool(plan.holes or plan.levels)
    texts, all_rows = fetch(connection, sql, parameters, whole=whole)
    beside = prefetched.fetched(plan, all_rows)
    objects = functools.partial(prefetched.objects, rows, using, all_rows, names, beside)
    rows._result_cache = Objects(objects, plan)
    rows._prefetch_done |= bool(beside)
    return None if texts is None else _written(rows, plan, texts, all_rows, beside, around)


def _prepared(
    rows: Any, kind: Any, names: tuple[str, ...], connection: Any
) -> tuple[str, Any, Texts]:
    """Return the SQL of a query with a column more, and what that column is. Raises `StepAside`."""
    using = connection.alias
    shape, values = shapes.shape(rows.query, connection) or (None, ())
    key = shape and (using, kind, names, columns.writes_utc(), *shape)
    found: tuple[str, Texts] | None = shapes.recalled(key) if key else None
    if found is None:
        compiler = rows.query.get_compiler(using)
        unless(type(compiler) is SQLCompiler, "the query is compiled in its own way")
        behind: list[Any] = []
        find = functools.partial(_noted, behind, compiler.get_extra_select)
        vars(compiler)["get_extra_select"] = find
        sql, parameters = compiler.as_sql(with_limits=False, with_col_aliases=True)
        unless(compiler.qualify is None, "a window chooses the rows")
        _check_names(compiler, behind)
        plan = _plan(compiler, kind, names, using)
        written = plan.sql.replace("%", "%%")
        found = f"SELECT q.*, {written} FROM ({sql}", plan  # noqa: S608
        if key and conditions.same_values(parameters, values):
            shapes.remember(key, found)
        values = parameters
    limits = shapes.limits(rows.query, connection) or ("" if rows.ordered else shapes.ALL)
    return f'{found[0]}{limits}) "q"', values, found[1]


def _noted(seen: list[Any], find: Callable[..., list[Any]], *asked: Any) -> list[Any]:
    """Return what a method finds, and note it."""
    found = find(*asked)
    seen += found
    return found


def _check_names(compiler: Any, behind: list[Any]) -> None:
    """Raise `StepAside` if one name stands for two columns.

    `behind` is what distinct rows are ordered by and what is not selected, but comes along.
    """
    selected = {alias for _, _, alias in compiler.select}
    computes = bool(compiler.annotation_col_map)
    for order, *_ in behind:
        by = order.expression
        other = by.target.column not in selected if type(by) is Col else not computes
        unless(other, "rows are ordered by what has a name that is selected")


def _check(rows: Any, kind: Any, connection: Any) -> tuple[str, ...]:
    """Return the relations whose rows a query set is to fetch beside its own.

    Raises `StepAside` unless its rows may be finished in the database.
    """
    check_query_set(type(rows))
    unless(evaluates(rows), "the query set is not to be evaluated")
    query: Any = rows.query
    unless(type(query) is Query, "the query is of another kind")
    unless(rows._result_cache is None, "the rows are there")
    unless(rows._iterable_class is ModelIterable, "the query set gives no objects")
    odd = query.combinator or query.select_for_update or query.extra or query.distinct_fields
    unless(not odd, "the query combines, locks or has extra parts")
    plain = all(type(lookup) is str for lookup in rows._prefetch_related_lookups)
    same = any(map(COLUMN.fullmatch, query.annotations))
    unless(not same, "the query computes what is called as a column is in SQL")
    names = () if plain and fewer_queries() else prefetched.paths(rows)
    unless(connection.vendor == "postgresql", "only PostgreSQL writes JSON so")
    unless(compiles(connection), "queries are compiled or run in a way of their own")
    unless(not own_code(JSONEncoder, JSONEncoder), "somebody has changed how JSON is written")
    model: Any = rows.model
    check_objects(model)
    added = frozenset(query.annotation_select)
    unless(not why_not(kind, model, added, names), "the serializer shows what only Python knows")
    return names


def fewer_queries() -> bool:
    """Tell whether rows that are prefetched may come with the query itself."""
    return bool(getattr(settings, "SPEEDUPS_FEWER_QUERIES", False))


def _check_related(rows: Any, plan: Texts) -> None:
    for kind, model in plan.kinds:
        unless(members(kind, model), f"the fields of {kind.__name__} have changed")
    for model in plan.models:
        unless(silence(model, READ), "something listens to the model's signals")
    raises = getattr(rows, "_fetch_mode", None) is prefetched.FETCH_RAISE
    own = rows._known_related_objects or router.routers or raises
    unless(not (plan.follows and own), "related rows are known, refused, or chosen by a router")


@functools.lru_cache(MOST_CLASSES)
def why_not(
    kind: Any, model: Any, added: frozenset[str] = frozenset(), names: tuple[str, ...] = ()
) -> str:
    """Return why no query's rows can be written for serializers of a class; else nothing.

    `added` are the names of what the query computes, `names` the relations that it fetches beside.
    """
    refs = dict.fromkeys(model._meta.concrete_fields, '"q"."col"')
    scope = Scope(model, refs)
    scope.places = dict.fromkeys(refs, 0)
    scope.annotations = {name: (models.IntegerField(), '"q"."col"') for name in added}
    try:
        prefetched.planned(kind, scope, names, models.QuerySet(model).db)
    except StepAside as reason:
        return "" if added else str(reason)
    return ""


def _plan(compiler: Any, kind: Any, names: tuple[str, ...], using: str) -> Texts:
    """Return what is written for what a compiled query selects. Raises `StepAside`."""
    info = compiler.klass_info
    added = _annotations(compiler)
    named = tuple((name, ref, type(output)) for name, (output, ref) in added.items())
    key = (kind, using, names, columns.writes_utc(), named, *_key(compiler, info))
    if key not in _plans:
        if len(_plans) > MOST_CLASSES:
            _plans.clear()
        try:
            root = Scope.of(compiler, info)
            root.annotations = added
            _plans[key] = plan = prefetched.planned(kind, root, names, using)
            for model in _joined(info):  # their objects are made, shown or not
                check_objects(model)
                plan.models.add(model)
        except StepAside as reason:
            _plans[key] = reason
    found = _plans[key]
    if isinstance(found, StepAside):
        raise found.with_traceback(None)
    return found


def _joined(info: Any) -> Iterator[Any]:
    """Yield the models whose rows a query joins."""
    for one in info.get("related_klass_infos", ()):
        yield one["model"]
        yield from _joined(one)


def _annotations(compiler: Any) -> dict[str, tuple[Any, str]]:
    """Return what the query computes beside columns, and its name in SQL. Raises `StepAside`."""
    found = {}
    # PostgreSQL cuts longer names, which then may be the same.
    cut = Counter(alias.encode()[:LONGEST_NAME] for _, _, alias in compiler.select)
    for name, place in (compiler.annotation_col_map or {}).items():
        expression, _, alias = compiler.select[place]
        if not _is_given_as_fetched(type(expression)) or cut[alias.encode()] != 1:
            continue
        quoted = alias.replace('"', '""')
        with contextlib.suppress(FieldError):
            found[name] = expression.output_field, f'"q"."{quoted}"'
    return found


def _is_given_as_fetched(kind: Any) -> bool:
    """Tell whether nothing but its field makes values of what an expression computes."""
    return kind is Col or not own_code(kind, BaseExpression) & OF_VALUES


def _key(compiler: Any, info: Any) -> tuple[Any, ...]:
    """Return what tells one selection of columns from another."""
    chosen = [(id(compiler.select[place][0].target), compiler.select[place][2])
              for place in info["select_fields"]]  # fmt: skip
    joined = [(id(one["field"]), one["reverse"], _key(compiler, one))
              for one in info.get("related_klass_infos", ())]  # fmt: skip
    return info["model"], tuple(chosen), tuple(joined)


def _written(
    rows: Any, plan: Texts, texts: list[str], fetched: Rows, beside: Any, around: Any
) -> list[str] | None:
    """Return the finished JSON of each row; None if one is not foreseen."""
    parts: prefetched.Written = {}
    for level in reversed(plan.levels):  # what a row has comes before the row
        found = beside[level]
        for number, one in enumerate(level.shows):
            own = [row[number - len(level.shows)] for row in found]
            filled = _filled_in(rows, one, own, found.copy, parts)
            if filled is None:
                return None
            parts[level, number] = level.together(found, _linked(filled, around[one]))
    filled = _filled_in(rows, plan, texts, fetched, parts)
    return None if filled is None else _linked(filled, around[plan])


def _filled_in(
    rows: Any, plan: Texts, texts: list[str], fetched: Rows, parts: Any
) -> list[str] | None:
    """Return the JSON of each row with what Python writes; None if one is not foreseen."""
    if any(ODD in text for text in texts):
        return None
    if any(SKIP in text for text in texts):
        texts = [SKIPPED.sub("", text) for text in texts]
    if not plan.holes:
        return texts
    compiler = rows.query.get_compiler(plan.using)
    writes = [
        _writing(compiler, hole) if isinstance(hole, Hole)
        else hole.level.writing(hole, parts[hole.level, hole.number])
        for hole in plan.holes
    ]  # fmt: skip
    try:
        return [
            _filled(text.split(HOLE), [write(row) for write in writes])
            for text, row in zip(texts, fetched(), strict=True)
        ]
    except (ValueError, TypeError):  # the renderer says what is wrong with it, if it is
        return None


def _linked(texts: list[str], around: list[Any]) -> list[str]:
    for marks, parts in around:
        texts = [one.replace(marks[0], parts[0]).replace(marks[1], parts[1]) for one in texts]
    return texts


def _writing(compiler: Any, hole: Hole) -> Callable[[Any], str]:
    """Return what writes the value that the driver gives for a column."""
    expression, connection = hole.expression, compiler.connection
    converters = compiler.get_converters([expression]).get(0, ((), None))[0]

    def write(row: Any) -> str:
        value = row[hole.place]
        for one in converters:
            value = one(value, expression, connection)
        return _encode(hole.show(value))

    return write


def _filled(parts: list[str], values: list[str]) -> str:
    filled = parts[0]
    for value, part in zip(values, parts[1:], strict=True):
        filled += value + part
    return filled


def forget() -> None:
    """Let everything be looked at anew."""
    shapes.forget()
    conditions.forget()
    links.forget()
    _plans.clear()
    why_not.cache_clear()
    plain_rows.forget()
