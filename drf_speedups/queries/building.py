"""What stands in the place of the method that puts conditions into a query.

From `editor__name="Ada"` Django finds the column, the joins that lead there and the class that
compares: for the first conditions of a query the same each time. Only the values are others, and
Django's own classes take them.
"""

import functools
from typing import Any, NamedTuple

from django.db.models import Model, Q
from django.db.models.sql import Query
from django.db.models.sql.query import JoinPromoter
from django.db.models.sql.where import AND

from drf_speedups.eligibility.changes import own_code
from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.queries.conditions import (
    LOOKUPS,
    OF_NULL,
    VALUES,
    Same,
    Shape,
    check_lookup,
    joined,
)
from drf_speedups.queries.shapes import OF_SQL, is_selected_by_name, recalled, remember

PLAIN = {*VALUES, bool}
LISTS = {list, tuple}
MOST_CONDITIONS = 10  # of one call
BUILDING: tuple[Any, ...] = *OF_SQL, JoinPromoter, Q


class _Built(NamedTuple):
    """What conditions make of a query that has none."""

    lookups: list[tuple[Any, Any, str]]  # the class, the column, the name of the class there
    alias_map: dict[str, Any]
    alias_refcount: dict[str, int]
    table_map: dict[str, list[str]]
    used_aliases: set[str]
    own: dict[str, Any]  # what is kept beside these


def add_q(stock: Any) -> Any:
    """Return what adds conditions to a query."""

    @functools.wraps(stock)
    def add_q(self: Any, q_object: Any, reuse_all: bool = False) -> None:
        key = None if reuse_all else _key(self, q_object)
        known: _Built | None = None if key is None else recalled(key)
        lookups = _with_values(known, q_object.children) if known else None
        if known and lookups:
            _build(self, known, lookups)
            return
        stock(self, q_object, reuse_all)
        if key and not known and _is_known(self, len(q_object.children)):
            remember(key, _built(self))

    return add_q


def _key(query: Any, condition: Any) -> Shape | None:
    """Return what all but the values follows from, None if that may be more than names."""
    plain = type(condition) is Q and condition.connector == AND and not condition.negated
    if not (plain and type(query) is Query and _is_new(query) and _builds()):
        return None
    parts: list[Any] = []
    for child in condition.children:
        kind = _kind(child[1]) if type(child) is tuple and type(child[0]) is str else None
        if kind is None or len(parts) == MOST_CONDITIONS:
            return None
        parts.append((child[0], kind))
    meta = query.get_meta()
    return ("where", query.model, meta.db_table, Same(meta.concrete_fields), *parts)


def _is_new(query: Any) -> bool:
    return query.alias_cols and not (
        query.alias_map or query.where.children or query.annotations or query.table_map
        or query.used_aliases or query.external_aliases or query._filtered_relations
    )  # fmt: skip


def _kind(value: Any) -> Any:
    """Return what Django looks at in a value while it looks for the column."""
    kind = value.__class__  # also of what a lazy object stands for
    if kind in PLAIN:
        return "value"
    if kind in LISTS:
        return kind if all(type(one) in PLAIN for one in value) else None
    return kind if issubclass(kind, Model) and not hasattr(kind, "resolve_expression") else None


def _with_values(known: _Built, conditions: list[Any]) -> list[Any] | None:
    """Return lookups with other values, None if one of these makes another lookup of it."""
    made = []
    for (kind, column, name), (_, value) in zip(known.lookups, conditions, strict=True):
        if column.get_lookup(name) is not kind:
            return None
        one = kind(column, type(value)(value) if type(value) in LISTS else value)
        if one.rhs is None or one.rhs == "":  # Django asks for NULL then, with some databases
            return None
        made.append(one)
    return made


def _build(query: Any, known: _Built, lookups: list[Any]) -> None:
    query.where.children.extend(lookups)
    query.alias_map.update(known.alias_map)
    query.alias_refcount.update(known.alias_refcount)
    query.table_map.update({table: [*names] for table, names in known.table_map.items()})
    query.used_aliases.update(known.used_aliases)
    vars(query).update(known.own, _lookup_joins=[*known.own["_lookup_joins"]])


def _built(query: Any) -> _Built:
    lookups = [(type(one), one.lhs, one.lookup_name) for one in query.where.children]
    own = {name: vars(query)[name] for name in ("_lookup_joins", "base_table")
           if name in vars(query)}  # fmt: skip
    return _Built(
        lookups, {**query.alias_map}, {**query.alias_refcount},
        {table: [*names] for table, names in query.table_map.items()}, {*query.used_aliases}, own,
    )  # fmt: skip


def _is_known(query: Any, number: int) -> bool:
    """Tell whether each condition has become a comparison of a column, by Django's own code."""
    lookups = query.where.children
    try:
        for one in lookups:
            check_lookup(one)
        for alias, join in query.alias_map.items():
            joined(alias, join, True)
    except StepAside:
        return False
    columns: set[Any] = {type(one.lhs.target) for one in lookups}
    compared = len(lookups) == number and OF_NULL.isdisjoint(map(type, lookups))
    return compared and all(map(is_selected_by_name, columns))


@functools.cache
def _builds() -> Unchanged | bool:
    """Return what tells whether Django's own code is what it was, False if it never was."""
    own = any(own_code(kind, kind) for kind in BUILDING)
    return False if own else Unchanged([*BUILDING, *LOOKUPS])


forget = _builds.cache_clear
