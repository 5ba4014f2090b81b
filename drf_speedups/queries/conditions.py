"""Conditions of a query: what their SQL follows from, and the values that go with it.

Known are those that compare a column with values. Their text follows from the class of the lookup,
the column, and how many values there are; the values are what Django's own code makes of them, in
the order in which it collects them.
"""

import functools
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import lookups
from django.db.models.expressions import Col
from django.db.models.fields import related_lookups
from django.db.models.fields.reverse_related import ManyToManyRel, ManyToOneRel, OneToOneRel
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable, Join
from django.db.models.sql.where import AND, OR, WhereNode

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import MOST_CLASSES
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import StepAside, unless

Shape = tuple[Any, ...]
Within = Callable[[Any, Any], tuple[Shape, tuple[Any, ...], int] | None]
EXACT = {lookups.Exact, lookups.IntegerFieldExact, related_lookups.RelatedExact}
OF_NULL = {lookups.IsNull, related_lookups.RelatedIsNull}
OF_QUERIES = {lookups.In, related_lookups.RelatedIn}
OF_MANY = {lookups.In, lookups.Range, related_lookups.RelatedIn}
LOOKUPS = EXACT | OF_NULL | OF_MANY | {
    lookups.IExact, lookups.Contains, lookups.IContains, lookups.StartsWith, lookups.IStartsWith,
    lookups.EndsWith, lookups.IEndsWith, lookups.Regex, lookups.IRegex,
    lookups.GreaterThan, lookups.GreaterThanOrEqual, lookups.LessThan, lookups.LessThanOrEqual,
    lookups.IntegerGreaterThan, lookups.IntegerGreaterThanOrEqual,
    lookups.IntegerLessThan, lookups.IntegerLessThanOrEqual,
    related_lookups.RelatedGreaterThan, related_lookups.RelatedGreaterThanOrEqual,
    related_lookups.RelatedLessThan, related_lookups.RelatedLessThanOrEqual,
}  # fmt: skip
# Those that compare two columns as they compare a column with a value.
OF_TWO = EXACT | {
    lookups.GreaterThan, lookups.GreaterThanOrEqual, lookups.LessThan, lookups.LessThanOrEqual,
    lookups.IntegerGreaterThan, lookups.IntegerGreaterThanOrEqual,
    lookups.IntegerLessThan, lookups.IntegerLessThanOrEqual,
}  # fmt: skip
OF_SQL = frozenset({
    "as_sql", "as_postgresql", "process_lhs", "process_rhs", "batch_process_rhs", "get_rhs_op",
    "get_db_prep_lookup", "resolve_expression_parameter", "rhs_is_direct_value",
})  # fmt: skip
RELATIONS = {models.ForeignKey, models.OneToOneField}
REVERSED = {ManyToOneRel, OneToOneRel}
LEADING = {models.ManyToManyField, ManyToManyRel, *REVERSED}  # to rows, by columns of others
VALUES = str, int, float, Decimal, date, datetime, time, timedelta, UUID
MOST_SAME = 4096  # most are columns
MOST_VALUES = 100  # of one condition: each number of them has its own SQL


class Same:
    """An object by its identity, which nobody else can have as long as this is there."""

    __slots__ = ("one",)

    def __init__(self, one: Any) -> None:
        self.one = one


_same: dict[int, Same] = {}


def identity(one: Any) -> Same:
    """Return what stands for an object in keys: one for each, so that they compare at once.

    Where another is made, since too many were there, a key is not found again, and no other is.
    """
    found = _same.get(id(one))
    if found is None:
        if len(_same) >= MOST_SAME:
            _same.clear()
        found = _same[id(one)] = Same(one)
    return found


def leading_on(meta: Any) -> Shape:
    """Return what a model has by names, also of others: they come and go with models."""
    return identity(meta.concrete_fields), identity(meta.fields_map)


def compared(query: Any, connection: Any, within: Within) -> tuple[Shape, tuple[Any, ...]]:
    """Return what the SQL of a query's joins and conditions follows from, and their values.

    `within` says the same of a query in a condition, or None. Raises `StepAside` for a condition
    that is not known, and what Django raises where the rows are none, or all.
    """
    unless(connection.vendor == "postgresql", "other databases have lookups of their own")
    unless(query.alias_cols, "its columns have no table")
    values: list[Any] = []
    joins = [joined(alias, join, bool(query.alias_refcount[alias]))
             for alias, join in query.alias_map.items()]  # fmt: skip
    where = tree(query.where, connection, values, within) if query.where.children else ()
    around = query.external_aliases.items()
    return (query.alias_prefix, *joins, *query.table_map, *around, where), tuple(values)


def added(lookups: Any, connection: Any) -> tuple[Shape, tuple[Any, ...]]:
    """Return what the SQL of conditions follows from, and their values. Raises `StepAside`."""
    values: list[Any] = []
    parts = [_part(one, connection, values, _no_query) for one in lookups]
    return tuple(parts), tuple(values)


def _no_query(_query: Any, _connection: Any) -> None:
    """Know no query in a condition."""


def same_values(some: Any, others: Any) -> bool:
    """Tell whether values are the same, of the same types."""
    return [(type(one), one) for one in some] == [(type(one), one) for one in others]


def joined(alias: str, join: Any, used: bool) -> Shape:
    """Return what the SQL of a join follows from. Raises `StepAside` if that is not known."""
    if type(join) is BaseTable:
        return alias, join.table_name, used
    along = join.join_field
    declared = along.field if type(along) in REVERSED else along
    plain = type(join) is Join and join.filtered_relation is None and type(declared) in RELATIONS
    unless(plain, "a join has conditions of its own")
    return (alias, join.table_name, join.parent_alias, join.join_type, join.join_cols,
            identity(along), used)  # fmt: skip


def tree(node: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    """Return what the SQL of conditions follows from, and add their values."""
    plain = type(node) is WhereNode and node.connector in {AND, OR} and node.children
    unless(plain, "conditions of another kind")
    parts = [_part(one, connection, values, within) for one in node.children]
    return (node.connector, node.negated, node.resolved, *parts)


def _part(one: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    known = tree if type(one) is WhereNode else _lookup
    return known(one, connection, values, within)


def _lookup(lookup: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    check_lookup(lookup)
    kind: Any = type(lookup)
    column, field, asked = lookup.lhs, lookup.lhs.output_field, lookup.rhs
    start = kind, *named(column), identity(field)
    if type(asked) is bool and (kind in OF_NULL or (kind in EXACT and column.conditional)):
        return *start, asked  # it is in the SQL
    if type(asked) is Query and kind in OF_QUERIES:
        return *start, *subquery(asked, connection, values, within)
    if type(asked) is Col and kind in OF_TWO:
        unless(_is_genuine(kind, asked.output_field), "a column with code of its own")
        return *start, *named(asked), identity(asked.output_field)
    each = asked if kind in OF_MANY and type(asked) is list else [asked]
    unless(len(each) <= MOST_VALUES and all(map(_is_value, each)), "a condition with SQL in it")
    sql, found = lookup.process_rhs(None, connection)
    values += found
    return *start, sql if isinstance(sql, str) else tuple(sql)


def named(column: Any) -> Shape:
    """Return how a column is named in SQL."""
    return type(column), column.alias, column.target.column


def check_lookup(lookup: Any) -> None:
    """Raise `StepAside` unless a condition compares a column by Django's own code."""
    kind: Any = type(lookup)
    known = kind in LOOKUPS and type(lookup.lhs) is Col and not lookup.bilateral_transforms
    unless(known, "a condition that is not known")
    unless(_is_genuine(kind, lookup.lhs.output_field), "a condition with code of its own")


def subquery(asked: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    """Return what the SQL of a query within another follows from, and add its values."""
    unless(getattr(asked, "_db", None) in {None, connection.alias}, "it is of another database")
    for one in asked.select:
        check_column(one.target)
    meta = asked.get_meta()
    order = asked.order_by or ((meta.ordering or ()) if asked.default_ordering else ())
    unless(not order or _names_columns(order, meta), "what chooses its rows is not known")
    found = within(asked, connection) if asked.subquery and not asked.default_cols else None
    if found is None:
        raise StepAside("a query that is not known")
    values += found[1]
    return found[0], asked.low_mark, asked.high_mark


def _names_columns(order: Any, meta: Any) -> bool:
    """Tell whether an order has names of columns only: relations lead to the order of others."""
    names = {"pk", *(one.name for one in meta.concrete_fields if not one.is_relation)}
    return all(type(one) is str and one.removeprefix("-") in names for one in order)


def _is_value(value: Any) -> bool:
    sql = hasattr(value, "as_sql") or hasattr(value, "resolve_expression")
    return isinstance(value, VALUES) and not sql


@functools.lru_cache(MOST_CLASSES)
def _is_genuine(kind: Any, field: Any) -> bool:
    """Tell whether Django's own code compares a column so."""
    columns = field.path_infos[-1].target_fields if type(field) in LEADING else [field]
    try:
        found = {check_column(one) for one in columns}
    except StepAside:
        return False
    # Values of JSON are no two times the same.
    return models.JSONField not in found and not own_code(kind, kind) & OF_SQL


def forget() -> None:
    """Let lookups and columns be looked at anew."""
    _is_genuine.cache_clear()
