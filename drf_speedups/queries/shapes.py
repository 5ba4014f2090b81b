"""Queries whose SQL is the same but for values: it is compiled once.

Django compiles a query anew each time it runs. Where each condition is known, and nothing else may
carry a value, the SQL follows from the model, the joins, the order and the kinds of the conditions.
"""

import functools
from importlib import import_module
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet, ValidationError
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models import F
from django.db.models.expressions import Col, OrderBy, Ref, Star
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable, Join
from django.db.models.sql.where import WhereNode

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import MOST_CLASSES
from drf_speedups.eligibility.models import COLUMNS
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.queries import conditions, expressions
from drf_speedups.queries.conditions import LOOKUPS, Shape, identity, leading_on
from drf_speedups.queries.expressions import COMPUTED, OF_COMPUTED, is_selected_by_name

# What Django finds wrong with a value, it says where it asks for that, and only there.
NOT_KNOWN = (
    StepAside, EmptyResultSet, FullResultSet, ValueError, TypeError, ArithmeticError,
    ValidationError,
)  # fmt: skip
PREFETCHED = "_prefetch_related_val_"
MOST_SHAPES = 1024  # clients choose filters, and the order
# Keeps PostgreSQL from choosing rows that have no order otherwise for what stands around them.
ALL = " LIMIT 9223372036854775807"
# Whose code makes SQL of a query, and runs it.
OF_SQL: tuple[Any, ...] = SQLCompiler, Query, WhereNode, BaseTable, Join
OF_QUERY = frozenset(name for name, one in vars(Query).items() if callable(one))
# What names become SQL by; some columns are not there without psycopg.
OF_COLUMNS: tuple[Any, ...] = tuple(one for one in COLUMNS if isinstance(one, type))
OF_NAMES: tuple[Any, ...] = F, Star, Col, OrderBy, *OF_COLUMNS
_known: dict[Shape, Any] = {}


def shape(query: Any, connection: Any) -> tuple[Shape, tuple[Any, ...], int] | None:
    """Return all that the SQL of a query follows from, but for its limits, and its values.

    The first of these, so many, are of what it computes. None if there is more in it, or around it.
    """
    return None if query.subquery or query.external_aliases else _shape(query, connection)


def _shape(query: Any, connection: Any) -> tuple[Shape, tuple[Any, ...], int] | None:
    more = (
        query.extra_tables or query.distinct_fields or query.combinator
        or query.select_for_update or query.extra_order_by
        or query.explain_info or query._filtered_relations
    )  # fmt: skip
    known = all(type(one) in COMPUTED for one in query.annotations.values())
    plain = known and is_stock(query) and not more and _is_plain(query)
    if not plain or any(type(name) is not str for name in query.order_by):
        return None
    computed: list[Any] = []
    chosen: Shape = ()
    found: Shape = ()
    values: tuple[Any, ...] = ()
    try:
        if query.where.children or query.alias_map or query.annotations:
            chosen, values = conditions.compared(query, connection, _shape)
        if query.annotations or query.group_by is not None:
            found = _computed(query, connection, computed)
    except NOT_KNOWN:
        return None
    named, deferred = query.deferred_loading
    meta = query.model._meta
    usual = [one if type(one) is str else identity(one) for one in meta.ordering or ()]
    return (
        query.model, meta.db_table, identity(meta.concrete_fields), *usual,
        query.order_by, query.default_ordering, query.standard_ordering, frozenset(named),
        deferred, query.max_depth, query.distinct,
        _joined(query.select_related), *_selected(query), found, chosen,
    ), (*computed, *values), len(computed)  # fmt: skip


def _computed(query: Any, connection: Any, values: list[Any]) -> Shape:
    """Return what the SQL of a query's annotations and of its groups follows from.

    Adds the values of those that it selects. Django tells by their equality which of them a group
    or an order is meant to be.
    """
    selected = query.annotation_select
    named = [one for one in (query.selected or {}).values() if type(one) is str]
    unless(len({*named}) == len(named), "one of them is selected twice")
    names = {**dict.fromkeys(one for one in (*named, *selected) if one in selected)}
    more = [one for name, one in query.annotations.items() if name not in selected]
    more += query.group_by if type(query.group_by) is tuple else ()
    of_selected, of_others = [], [_without_values(one, connection) for one in more]
    for name in names:
        one = selected[name]
        of_selected.append((name, expressions.computed(one, connection, values, _shape)))
        parts = [] if query.group_by is None else one.get_group_by_cols()
        of_others += [_without_values(each, connection) for each in parts]
        more += parts
    # Groups are by the key alone, where a table of Django's has one.
    managed = [] if query.group_by is None else _managed(query)
    alike = _alike([*query.annotations.values(), *more])
    return (*query.annotations, *of_selected, *of_others, *alike, *managed, type(query.group_by))


def _without_values(one: Any, connection: Any) -> Shape:
    """Return what the SQL of something that is not selected follows from, or is in a group, too."""
    values: list[Any] = []
    found = expressions.computed(one, connection, values, _shape)
    unless(not values, "values of what is not selected, or stands in a group, too")
    return found


def _alike(expressions: list[Any]) -> list[int]:
    """Return the place of the first that each equals: by what it was made of, not by its SQL.

    Those of other classes never do; to make out what one was made of takes long.
    """
    return [
        next(
            place for place, other in enumerate(expressions)
            if other is one or (type(other) is type(one) and other == one)
        )
        for one in expressions
    ]  # fmt: skip


def _managed(query: Any) -> list[bool]:
    joined: list[Any] = [one.join_field for one in query.alias_map.values() if type(one) is Join]
    models = [query.model, *(one.related_model for one in joined)]
    return [model._meta.managed for model in models]


def is_stock(query: Any) -> bool:
    """Tell whether a query has Django's own code, and nobody has given it other."""
    return type(query) is Query and OF_QUERY.isdisjoint(vars(query))


def _is_plain(query: Any) -> bool:
    """Tell whether a query selects columns, and what Django finds prefetched rows by."""
    columns = all(type(one) is Col for one in query.select)
    return columns and all(name.startswith(PREFETCHED) for name in query.extra)


def _selected(query: Any) -> Shape:
    """Return what a query selects that is not all columns of a model."""
    named = [(one.alias, one.target.column, identity(one.output_field)) for one in query.select]
    names = () if query.selected is None else query.selected.items()
    sql = [(name, text) for name, (text, _) in query.extra_select.items()]
    return query.default_cols, *named, *names, *sql


def follows_from_names(query: Any) -> bool:
    """Tell whether a compiled query's columns are in its SQL by their names, and nothing more.

    A project's own column may be decrypted there, say, by a key of now.
    """
    try:
        for alias, join in query.alias_map.items():
            conditions.joined(alias, join, True)
    except StepAside:
        return False
    along: list[Any] = [one.join_field for one in query.alias_map.values() if type(one) is Join]
    models = {query.model, *(model for one in along for model in (one.model, one.related_model))}
    columns: set[Any] = {type(one) for model in models for one in model._meta.concrete_fields}
    return all(is_selected_by_name(one) for one in columns)


def lasts(compiler: Any) -> bool:
    """Tell whether a compiled query has the same SQL the next time: it sorts by columns, too.

    An expression of a project's own may have another one, for another language, say.
    """
    return follows_from_names(compiler.query) and _sorts_by_columns(compiler)


def _sorts_by_columns(compiler: Any) -> bool:
    query = compiler.query
    before = query.alias_refcount.copy()
    orders = compiler.get_order_by()
    query.reset_refcounts(before)
    return all(
        type(one) is OrderBy and (type(one.expression) is Col or isinstance(one.expression, Ref))
        for one, _ in orders
    )


def check_lasts(compiler: Any) -> None:
    """Raise `StepAside` if a compiled query may have other SQL the next time."""
    unless(lasts(compiler), "its columns or its order may have other SQL the next time")


class Tables:
    """What models say of the tables that a query joins, and how these are joined.

    The names that it is sorted by may lead to the order of another model.
    """

    def __init__(self, query: Any, known: int) -> None:
        self._joins = [*query.alias_map.items()][known:]  # that the compiler has added
        along: list[Any] = [one.join_field for one in query.alias_map.values() if type(one) is Join]
        self._metas = [one._meta for one in {one.related_model for one in along}]
        self._said = self._say()

    def _say(self) -> list[Any]:
        return [
            (one.db_table, one.managed, *leading_on(one), *(one.ordering or ()))
            for one in self._metas
        ]

    def are_as_before(self) -> bool:
        """Tell whether the models say the same now."""
        return not self._metas or self._say() == self._said

    def join(self, query: Any) -> None:
        """Let a query know of the joins as if it had been compiled: others may be made of it."""
        for alias, join in self._joins:
            query.table_map.setdefault(join.table_name, []).append(alias)
            query.alias_map[alias] = join
            query.alias_refcount[alias] = 0


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


def remember(key: Shape, value: Any, connection: Any) -> None:
    """Keep what a query of a connection was compiled to, if only Django's own code did it."""
    operations: Any = type(connection.ops)
    same = _compiled_by(operations)
    if same is not None and same.look():
        keep(key, value)


def keep(key: Shape, value: Any) -> None:
    """Keep what belongs to a shape."""
    if len(_known) >= MOST_SHAPES:
        _known.clear()
    _known[key] = value


def recalled(key: Shape) -> Any:
    """Return what was kept, or None."""
    return _known.get(key)


def compiles(connection: Any) -> bool:
    """Tell whether Django's own code compiles and runs the queries of a PostgreSQL database.

    Some projects answer queries from a cache there, or name a request's schema in their SQL.
    """
    operations: Any = type(connection.ops)
    same = _compiled_by(operations) if connection.vendor == "postgresql" else None
    return same is not None and bool(same)


@functools.lru_cache(MOST_CLASSES)
def _compiled_by(operations: Any) -> Unchanged | None:
    """Return what tells whether Django's own code is what it was, None if it never was."""
    found: Any = import_module(operations.compiler_module).SQLCompiler
    stock = next(kind for kind in operations.__mro__ if kind.__module__.startswith("django."))
    own = [name for name in own_code(operations, stock) if hasattr(stock, name)]
    if found is not SQLCompiler or own or any(own_code(kind, kind) for kind in OF_SQL):
        return None
    return Unchanged([operations, *OF_SQL, *OF_NAMES, *LOOKUPS, *OF_COMPUTED])


def forget() -> None:
    """Let everything be looked at and compiled anew."""
    _known.clear()
    _compiled_by.cache_clear()
    conditions.forget()
    expressions.forget()
