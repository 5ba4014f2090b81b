"""What a query's rows come to: their number, whether there are any, sums and the like.

Django makes the statement from a copy of the query each time. Its own code runs the first one, and
what it sends is noted.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import F
from django.db.models.expressions import Col, Star

from drf_speedups.database.fetched import fetch, fetch_number
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.queries.conditions import Shape, leading_on, same_values
from drf_speedups.queries.expressions import AGGREGATES
from drf_speedups.queries.shapes import (
    Tables,
    compiles,
    follows_from_names,
    recalled,
    remember,
    shape,
)

# What Django's functions of columns have in them; one that somebody has changed may have more.
PARTS = {"_constructor_args", "source_expressions", "extra", "distinct", "filter", "default",
         "order_by"}  # fmt: skip


def get_count(stock: Any) -> Any:
    """Return what counts the rows of a query."""

    @functools.wraps(stock)
    def get_count(self: Any, using: str) -> Any:
        return _number("count", self, using, 0, stock)

    return get_count


def has_results(stock: Any) -> Any:
    """Return what tells whether a query has rows."""

    @functools.wraps(stock)
    def has_results(self: Any, using: str) -> bool:
        return bool(_number("exists", self, using, 1, stock))  # Django selects a 1

    return has_results


def _number(kind: str, query: Any, using: str, selected: int, ask: Callable[..., Any]) -> Any:
    """Return a number that a statement about a query gives, with `selected` values of its own."""
    connection = connections[using]
    plain = not query.is_sliced and compiles(connection)
    found = shape(query, connection) if plain else None
    if found is None:
        return ask(query, using)
    key, values = (using, kind, *found[0]), found[1]
    known = recalled(key)
    if known is not None:
        sql, before, left_out = known
        return fetch_number(connection, sql, (*before, *values[left_out:]))
    with _noted(connection) as seen:
        answer = ask(query, using)
    if len(seen) == 1 and follows_from_names(query):
        sql, sent = seen[0]
        for left_out in {found[2]} if selected else {0, found[2]}:  # Django computes what it needs
            if same_values(sent[selected:], values[left_out:]):
                remember(key, (sql, sent[:selected], left_out), connection)
    return answer


def aggregate(stock: Any) -> Any:
    """Return what asks for sums and the like of the rows of a query set."""

    @functools.wraps(stock)
    def aggregate(self: Any, *args: Any, **kwargs: Any) -> Any:
        query, asked = self.query, _asked(args, kwargs)
        if asked is None or query.is_sliced or query.distinct or query.annotations:
            return stock(self, *args, **kwargs)
        using = self.db  # a router is asked once
        named = kwargs | {one.default_alias: one for one in args}
        connection = connections[using]
        found = shape(query, connection) if compiles(connection) else None
        if found is None:
            return query.chain().get_aggregation(using, named)
        names = leading_on(query.get_meta())
        key, values = (using, "aggregate", *names, *asked, *found[0]), found[1]
        known = recalled(key)
        if known is None or not known.tables.are_as_before():
            return _first(query.chain(), using, named, key, values)
        (row,) = fetch(connection, known.sql, values, whole=True)[1]()
        return known.told(row, connection)

    return aggregate


class _Aggregated(NamedTuple):
    """What is kept of a query's sums and the like."""

    sql: str
    tables: Tables
    names: list[str]
    converters: dict[int, Any]  # by the value's place

    def told(self, row: Sequence[Any], connection: Any) -> dict[str, Any]:
        """Return the values of a row as Django gives them."""
        values = [*row]
        for place, (convert, expression) in self.converters.items():
            for one in convert:
                values[place] = one(values[place], expression, connection)
        return dict(zip(self.names, values, strict=True))


def _asked(args: Any, kwargs: Any) -> Shape | None:
    """Return what is asked for, as a key; None if it is more than columns and known functions."""
    named = [*kwargs.items(), *((None, one) for one in args)]
    parts = [_function(name, one) for name, one in named]
    return None if None in parts or not parts else tuple(parts)


def _function(name: str | None, asked: Any) -> Shape | None:
    """Return a function of a column as a key. Its alias follows from these where it has no name."""
    if type(asked) not in AGGREGATES or not vars(asked).keys() <= PARTS:
        return None
    source, *more = asked.get_source_expressions()
    more += [asked.default, asked.extra or None]
    has_name = type(source) is F or (type(source) is Star and name is not None)
    if not has_name or any(one is not None for one in more):
        return None
    return name, type(asked), type(source), getattr(source, "name", ""), asked.distinct


def _first(query: Any, using: str, named: Any, key: Shape, values: Any) -> Any:
    """Let Django's own code ask, and keep what it has sent."""
    connection = connections[using]
    with _noted(connection) as seen:
        answer = query.get_aggregation(using, named)
    found = query.annotation_select
    same = len(seen) == 1 and same_values(seen[0][1], values)
    if same and all(map(_is_of_column, found.values())) and follows_from_names(query):
        converters = query.get_compiler(using).get_converters(found.values())
        tables = Tables(query, len(query.alias_map))
        remember(key, _Aggregated(seen[0][0], tables, [*found], converters), connection)
    return answer


def _is_of_column(aggregate: Any) -> bool:
    """Tell whether nothing but a column is within, which is read by Django's own code."""
    source = aggregate.get_source_expressions()[0]
    if type(source) is Col:
        with contextlib.suppress(StepAside):
            return bool(check_column(source.target))
    return type(source) is Star


@contextlib.contextmanager
def _noted(connection: Any) -> Iterator[list[Any]]:
    """Note the statements that Django runs, before others see or change them."""
    seen: list[Any] = []
    note = functools.partial(_note, seen)
    connection.execute_wrappers.insert(0, note)
    try:
        yield seen
    finally:
        connection.execute_wrappers.remove(note)


def _note(seen: list[Any], execute: Any, sql: str, parameters: Any, *others: Any) -> Any:
    """Note the SQL that Django runs, and its values."""
    seen.append((sql, parameters))
    return execute(sql, parameters, *others)
