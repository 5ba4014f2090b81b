"""What a query computes: what the SQL of it follows from, and the values that go with it.

Known are Django's own functions of columns and values, sums and the like, cases, and sub-queries
that are known. Their text follows from their classes and from what is within; their values come in
the order in which Django collects them.
"""

import functools
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    Max,
    Min,
    Subquery,
    Sum,
    Value,
    When,
    aggregates,
)
from django.db.models.aggregates import Aggregate
from django.db.models.expressions import Col, CombinedExpression, Func, Ref, Star
from django.db.models.functions import Cast, Coalesce, Greatest, Least, Length, Lower, Upper
from django.db.models.sql.where import WhereNode
from django.utils.functional import cached_property

from drf_speedups.eligibility.driver import ArrayField
from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import MOST_CLASSES, is_framework_s, is_genuine
from drf_speedups.eligibility.models import COLUMNS, check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.queries.conditions import VALUES, Shape, Within, identity, named, subquery, tree

AGGREGATES: frozenset[Any] = frozenset({Avg, Count, Max, Min, Sum})
FUNCTIONS: frozenset[Any] = frozenset({
    Cast, Coalesce, CombinedExpression, ExpressionWrapper, Greatest, Least, Length, Lower, Upper,
})  # fmt: skip
COMPUTED: frozenset[Any] = AGGREGATES | FUNCTIONS | {
    Case, Col, Exists, Ref, Star, Subquery, Value, When,
}  # fmt: skip
OF_FILTERS: Any = getattr(aggregates, "AggregateFilter", Aggregate)  # since Django 6.1
OF_COMPUTED: tuple[Any, ...] = *COMPUTED, Func, Aggregate, OF_FILTERS
# What they are made with, and find out; anything else that one has may be a way of its own.
MADE_WITH = frozenset({
    "_constructor_args", "source_expressions", "extra", "output_field", "is_summary", "distinct",
    "filter", "default", "order_by", "alias", "target", "value", "for_save", "refs", "source",
    "query", "lhs", "rhs", "connector", "expression", "cases", "condition", "result",
    "possibly_multivalued", "_output_field_resolved_to_none",
})  # fmt: skip
# Columns that no model has, and what the SQL of their type has in it.
PLAIN = COLUMNS - {
    ArrayField, models.JSONField, models.ForeignKey, models.OneToOneField, models.GeneratedField,
}  # fmt: skip
FROM = Func.__module__
SAID = "max_length", "max_digits", "decimal_places", "db_collation"


def computed(one: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    """Return what the SQL of something computed follows from, and add its values.

    Raises `StepAside` for what is not known.
    """
    kind: Any = type(one)
    own = vars(one)
    unless(kind in COMPUTED and own.keys() <= _state(kind), "an expression that is not known")
    convert = own.get("convert_value")  # kept there when rows have been made
    unless(convert is None or convert.__module__ == FROM, "what it gives becomes something else")
    unless(not getattr(one, "extra", None), "a function with SQL of its own")
    each = functools.partial(computed, connection=connection, values=values, within=within)
    if kind is Col:
        return *named(one), _field(one.target), _field(one.output_field)
    if kind is Star:
        return (kind,)
    if kind is Ref:
        return kind, one.refs
    if kind is When:
        return kind, _condition(one.condition, connection, values, within), each(one.result)
    start = kind, _output(one)
    if kind is Value:
        unless(one.value is None or type(one.value) in {bool, *VALUES}, "a value of its own kind")
        warns = isinstance(one._output_field_or_none, models.DateTimeField)
        unless(not warns, "Django warns of a moment without a zone")
        sql, found = one.as_sql(None, connection)
        values += found
        return *start, sql
    if kind is Case:
        return *start, *map(each, one.cases), each(one.default)
    if kind in {Exists, Subquery}:
        return *start, *subquery(one.query, connection, values, within)
    if kind in AGGREGATES:
        return *start, *_aggregate(one, connection, values, within)
    more = getattr(one, "connector", None)
    return *start, more, *map(each, one.get_source_expressions())


def _aggregate(one: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    unless(one.default is None and not getattr(one, "order_by", None), "an order, or a default")
    of = [computed(source, connection, values, within) for source in one.source_expressions]
    chosen = one.filter and _condition(
        getattr(one.filter, "condition", one.filter), connection, values, within)  # fmt: skip
    return one.distinct, chosen, *of


def _condition(one: Any, connection: Any, values: list[Any], within: Within) -> Shape:
    unless(type(one) is WhereNode, "a condition of another kind")
    return tree(one, connection, values, within)


def _output(one: Any) -> Any:
    """Return what the SQL and the rows of an expression have of its kind of column."""
    try:
        field = one._output_field_or_none
    except FieldError as error:
        raise StepAside("it is of no kind, or of several") from error
    return field and _field(field)


def _field(field: Any) -> Any:
    kind: Any = type(field)
    if hasattr(field, "model"):
        unless(_is_known(field), "a column with code of its own")
        return identity(field)
    unless(kind in PLAIN and vars(field).keys() <= _made_with(kind), "a column with more in it")
    return kind, *[getattr(field, name, None) for name in SAID]


@functools.lru_cache(MOST_CLASSES)
def _is_known(field: Any) -> bool:
    try:
        check_column(field)
    except StepAside:
        return False
    kind: Any = type(field)
    return is_selected_by_name(kind)


@functools.lru_cache(MOST_CLASSES)
def is_selected_by_name(kind: Any) -> bool:
    """Tell whether a column of this class stands in SQL as its name, and nothing more."""
    for name in ("get_col", "cached_col", "select_format"):
        owner = next(one for one in kind.__mro__ if name in vars(one))
        if not (is_framework_s(owner) and is_genuine(owner, vars(owner)[name])):
            return False
    return True


@functools.lru_cache(MOST_CLASSES)
def _state(kind: Any) -> frozenset[str]:
    """Return the names that an expression of a class may have; none if it has code of its own."""
    if own_code(kind, kind) - {"__new__", "deconstruct"}:  # of what migrations need
        return frozenset()
    return MADE_WITH | _kept_by(kind)


@functools.lru_cache(MOST_CLASSES)
def _made_with(kind: Any) -> frozenset[str]:
    """Return the names that a column that no model has may have."""
    return _kept_by(kind) | {*vars(kind())}


def _kept_by(kind: Any) -> frozenset[str]:
    return frozenset({
        name for base in kind.__mro__ for name, one in vars(base).items()
        if type(one) is cached_property
    })  # fmt: skip


def forget() -> None:
    """Let expressions and columns be looked at anew."""
    _is_known.cache_clear()
    _state.cache_clear()
