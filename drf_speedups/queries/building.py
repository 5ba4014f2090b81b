"""What stands in the place of the method that puts conditions into a query.

From `editor__name="Ada"` Django finds the column, the joins that lead there and the class that
compares: for the same names, and the same joins before, the same each time. Only the values are
others, and Django's own classes take them.
"""

import functools
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from django.db.models import ManyToManyField, ManyToManyRel, Model, Q
from django.db.models.expressions import Col
from django.db.models.options import Options
from django.db.models.sql.query import JoinPromoter
from django.db.models.sql.where import AND, WhereNode
from django.utils.functional import SimpleLazyObject, empty

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.queries.conditions import (
    LOOKUPS,
    OF_MANY,
    OF_NULL,
    REVERSED,
    VALUES,
    Shape,
    check_lookup,
    joined,
    leading_on,
)
from drf_speedups.queries.expressions import is_selected_by_name
from drf_speedups.queries.shapes import (
    OF_COLUMNS,
    OF_SQL,
    Tables,
    is_stock,
    keep,
    recalled,
)

SEVERAL = {list, tuple, set, frozenset}
LEFT = False  # to Django, each time
MOST_CONDITIONS = 10  # of one call
MORE = {"base_table", "_lookup_joins"}  # that nobody changes, but for putting another there
BUILDING: tuple[Any, ...] = (
    *OF_SQL, JoinPromoter, Q, Options, *OF_COLUMNS, ManyToManyField, *REVERSED, ManyToManyRel,
)  # fmt: skip


class _Comparison(NamedTuple):
    """A condition without its value."""

    kind: Any
    column: Any

    def of(self, value: Any) -> Any:
        """Return the condition. Raises `StepAside` if another one is made of this value."""
        made = self.kind(self.column, value)
        unless(made.rhs is not None, "NULL is asked for in another way")
        return made


class _OfNull(NamedTuple):
    """A condition whose value chose its class."""

    condition: Any

    def of(self, _value: Any) -> Any:
        """Return the condition."""
        return self.condition


class _Node(NamedTuple):
    """Conditions that are joined, by AND, say."""

    connector: str
    negated: bool
    parts: list[Any]

    def of(self, values: Iterator[Any]) -> Any:
        """Return the conditions. Raises `StepAside` if others are made of these values."""
        return WhereNode([_of(part, values) for part in self.parts], self.connector, self.negated)


class _Built(NamedTuple):
    """What conditions have made of a query."""

    conditions: list[Any]
    alias_map: dict[str, Any]
    alias_refcount: dict[str, int]
    used_aliases: set[str]
    more: dict[str, Any]  # other attributes that it has then
    tables: Tables
    lookups: list[tuple[Any, Any]]  # of each column: others may be registered

    def would_be_same(self) -> bool:
        """Tell whether models and columns say what they said then."""
        same = all(_lookups_of(column) is seen for column, seen in self.lookups)
        return same and self.tables.are_as_before()


def add_q(stock: Any) -> Any:
    """Return what adds conditions to a query."""

    @functools.wraps(stock)
    def add_q(self: Any, q_object: Any, reuse_all: bool = False) -> None:
        values: list[Any] = []
        try:
            key = _key(self, q_object, values, self.used_aliases, bool(reuse_all))
            known = recalled(key)
            if known and known.would_be_same():
                build(self, known, _made(known, values))
                return
        except StepAside:
            key, known = (), None
        before = len(self.where.children)
        stock(self, q_object, reuse_all)
        if key and known is not LEFT and _builds().look():
            keep(key, _built(self, before, values))

    return add_q


def looked_up(query: Any, condition: Any) -> tuple[Any, list[Any]] | None:
    """Return what is known of a copy of a query with more conditions, and these, for `build`.

    None if they were not added to such a copy before.
    """
    if query.filter_is_sticky:  # its copy knows which joins may be used again
        return None
    values: list[Any] = []
    try:
        known = recalled(_key(query, condition, values, used=()))
        return (known, _made(known, values)) if known and known.would_be_same() else None
    except StepAside:
        return None


def _key(
    query: Any, condition: Any, values: list[Any], used: Collection[str], again: bool = False
) -> Shape:
    """Return what all but the values follows from, and note these.

    `used` are the joins that may be used again, or all are, `again`. Raises `StepAside` where that
    may be more than names.
    """
    unless(is_stock(query) and _is_plain(query) and _builds(), "more than joins is looked at")
    asked = _asked(condition, values)
    unless(len(values) <= MOST_CONDITIONS, "too many conditions")
    meta = query.get_meta()
    start = "where", query.model, meta.db_table, *leading_on(meta), query.alias_prefix, again
    return (*start, *_joins(query, used), asked) if query.alias_map else (*start, asked)


def _is_plain(query: Any) -> bool:
    where, more = query.where, query.annotations or query.external_aliases
    whole = type(where) is WhereNode and where.connector == AND and not where.negated
    bare = not (more or query._filtered_relations)
    return bool(query.model and query.alias_cols and whole and bare)


def _joins(query: Any, used: Collection[str]) -> Shape:
    count = query.alias_refcount
    return (
        *[joined(alias, join, count[alias]) for alias, join in query.alias_map.items()],
        *query.table_map,
        frozenset(used),
    )


def _asked(condition: Any, values: list[Any]) -> Shape:
    unless(type(condition) is Q, "an expression")
    parts: list[Any] = [condition.connector, condition.negated]
    for child in condition.children:
        if type(child) is tuple:
            name, value = child
            unless(type(name) is str, "no name")
            parts.append((name, value if _chooses(value) else _kind(value)))
            values.append(value)
        else:
            parts.append(_asked(child, values))
    return tuple(parts)


def _chooses(value: Any) -> bool:
    """Tell whether a value may choose the class of a condition: NULL or not."""
    return value is None or type(value) is bool or (type(value) is str and not value)


def _kind(value: Any) -> Any:
    """Return what Django looks at in a value while it looks for the column."""
    kind: Any = type(value)
    if kind in VALUES:
        return "value"
    if kind in SEVERAL and value:
        return kind, frozenset(map(_of_one, {*map(type, value)}))
    if kind is SimpleLazyObject:
        unless(value._wrapped is not empty, "a value that Django may not look at")
        kind = value.__class__
    return _of_row(kind)


def _of_one(kind: Any) -> Any:
    return "value" if kind in VALUES else _of_row(kind)


def _of_row(kind: Any) -> Any:
    row = issubclass(kind, Model) and not hasattr(kind, "resolve_expression")
    unless(row, "a value that may have SQL in it")
    return kind


def build(query: Any, known: Any, made: list[Any]) -> None:
    """Put conditions into a query, and the joins that they need."""
    query.where.children.extend(made)
    for alias, join in known.alias_map.items():
        if alias not in query.alias_map:  # other queries have the same lists of them
            query.table_map.setdefault(join.table_name, []).append(alias)
    query.alias_map.update(known.alias_map)
    query.alias_refcount.update(known.alias_refcount)
    query.used_aliases.update(known.used_aliases)
    vars(query).update(known.more)


def _made(known: _Built, values: list[Any]) -> list[Any]:
    each = iter(values)
    return [_of(part, each) for part in known.conditions]


def _of(part: Any, values: Iterator[Any]) -> Any:
    if type(part) is _Node:
        return part.of(values)
    return part.of(next(values)) if type(part) in {_Comparison, _OfNull} else part


def _built(query: Any, before: int, values: list[Any]) -> Any:
    """Return what conditions have made of a query, by Django's own code and with each value."""
    made, each = query.where.children[before:], iter(values)
    negated = any(map(_negates, made))
    try:
        parts = [_part(one, each, negated) for one in made]
        for alias, join in query.alias_map.items():
            joined(alias, join, True)
    except (StepAside, StopIteration):
        return LEFT
    if next(each, each) is not each:  # one has no place
        return LEFT
    return _Built(
        parts, {**query.alias_map}, {**query.alias_refcount}, {*query.used_aliases},
        {one: vars(query)[one] for one in MORE & vars(query).keys()},
        Tables(query, len(query.alias_map)), [*_lookups(made)],
    )  # fmt: skip


def _lookups(conditions: list[Any]) -> Iterator[tuple[Any, Any]]:
    for one in conditions:
        if type(one) is WhereNode:
            yield from _lookups(one.children)
        else:
            columns = one.lhs.target, one.lhs.output_field
            for column in {getattr(end, "field", end) for end in columns}:  # of a relation
                yield column, _lookups_of(column)


def _lookups_of(column: Any) -> Any:
    """Return what is registered for a column, never the same twice if one says it in its way."""
    return object() if "get_lookup" in vars(column) else column.get_lookups()


def _negates(condition: Any) -> bool:
    within = condition.children if type(condition) is WhereNode else ()
    return bool(within) and (condition.negated or any(map(_negates, within)))


def _part(condition: Any, values: Iterator[Any], negated: bool) -> Any:
    """Return a condition without its value. Raises `StepAside` if it is not known.

    Within a negation Django adds conditions of NULL, which have no value; those that do are not
    told from them.
    """
    if type(condition) is WhereNode:
        parts = [_part(one, values, negated) for one in condition.children]
        return _Node(condition.connector, condition.negated, parts)
    check_lookup(condition)
    kind, column = type(condition), condition.lhs
    if kind in OF_NULL:
        if negated:
            return condition
        unless(_chooses(next(values)), "another value than NULL became it")
        return _OfNull(condition)
    of_column: Any = type(column.target)
    unless(is_selected_by_name(of_column), "a column with code of its own")
    leads = column.output_field.is_relation and not column.output_field.target_field.primary_key
    unless(not leads, "a row may have NULL in what is referred to")
    unless(type(next(values)) is not list or kind in OF_MANY, "a list that Django copies")
    return _Comparison(kind, column)


@functools.cache
def _builds() -> Any:
    """Return what tells whether Django's own code is what it was, False if it never was."""
    same = not any(own_code(kind, kind) for kind in BUILDING)
    return same and Unchanged([*BUILDING, *LOOKUPS, Col])


forget = _builds.cache_clear
