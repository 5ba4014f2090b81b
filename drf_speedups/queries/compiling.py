"""The SQL of a query of rows, compiled once for all that differ in values only."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import Col

from drf_speedups.eligibility.models import COLUMNS, check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.queries.conditions import Shape, same_values
from drf_speedups.queries.shapes import (
    Tables,
    compiles,
    lasts,
    limits,
    recalled,
    remember,
    shape,
)

# What a compiler knows of the columns that it selects, for who makes objects of rows.
SELECTED = "select", "klass_info", "annotation_col_map", "col_count", "has_extra_select"

LONGEST = 1000  # of a client's text, that stays there with what it was computed from


class Compiled(NamedTuple):
    """What a query was compiled to, but for its limits."""

    sql: str
    selected: dict[str, Any]
    tables: Tables


def compiled(compiler: Any) -> tuple[str, Any, Compiled | None] | None:
    """Return the SQL of a query and its values, and what of these is kept for others like it.

    None if more than that may be in it. The compiler knows afterwards what it knows when it has
    compiled.
    """
    query, connection = compiler.query, compiler.connection
    found = shape(query, connection) if compiles(connection) else None
    if found is None:
        return None
    key: Shape = (connection.alias, "rows", *found[0])
    end, values = limits(query, connection), found[1]
    known: Compiled | None = recalled(key)
    if known is not None and known.tables.are_as_before():
        vars(compiler).update(known.selected)
        known.tables.join(query)
        return known.sql + end, values, known
    before, known = len(query.alias_map), None
    try:
        sql, parameters = compiler.as_sql(with_limits=False)
    except EmptyResultSet:  # an order or a join says so
        return None
    short = all(type(one) is not str or len(one) <= LONGEST for one in values[: found[2]])
    if short and same_values(parameters, values) and lasts(compiler):
        selected = {name: getattr(compiler, name) for name in SELECTED}
        known = Compiled(sql, selected | _converting(compiler), Tables(query, before))
        remember(key, known, connection)
    return sql + end, parameters, known


def _converting(compiler: Any) -> dict[str, Any]:
    """Return what a compiler looks up for each answer, if its columns have no code of their own."""
    columns = [column for column, _, _ in compiler.select[: compiler.col_count]]
    try:
        for one in columns:
            unless(type(one) is Col and type(one.target) in COLUMNS, "no column of Django's own")
            check_column(one.target)
            check_column(one.output_field)
    except StepAside:
        return {}
    converters = compiler.get_converters(columns)
    return {"get_converters": lambda _columns: converters}


@contextlib.contextmanager
def lent(compiler: Any, sql: str, values: Any) -> Iterator[None]:
    """Let Django's own code run what need not be compiled."""
    vars(compiler)["as_sql"] = lambda: (sql, values)
    try:
        yield
    finally:
        vars(compiler).pop("as_sql", None)  # may have been lent twice


def lent_to(compiler: Any) -> tuple[str, Any] | None:
    """Return the SQL that a compiler has been lent, and the values; None if it has to compile."""
    found = vars(compiler).get("as_sql")
    return found and found()  # type: ignore[no-any-return]


def chosen(compiler: Any, rows: list[Any]) -> list[Any]:
    """Return the rows in pieces, as a compiler gives them: without what they are only sorted by."""
    if compiler.has_extra_select:
        rows = [row[: compiler.col_count] for row in rows]
    return [rows] if rows else []
