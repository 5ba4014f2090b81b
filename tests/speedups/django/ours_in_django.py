"""Ours in the place of Django's methods, counted and compared while Django's own tests run."""

import collections
import functools
from types import FunctionType
from typing import Any

from django.db.models.expressions import Col

from drf_speedups.database import fetched
from drf_speedups.queries import QUERIES, aggregates, compiling, getting, standing_in
from drf_speedups.queries.conditions import same_values
from drf_speedups.representation import ROWS
from drf_speedups.urls import URLS, resolving

counts: collections.Counter[str] = collections.Counter()
otherwise: list[str] = []  # what Django would have compiled in another way


def told() -> dict[str, Any]:
    """Return what is to be told in the report."""
    return {"counts": counts, "otherwise": otherwise}


def _counted(name: str, ask: Any) -> Any:
    """Return a function that counts how often another one gave something."""

    @functools.wraps(ask)
    def counted(*args: Any, **kwargs: Any) -> Any:
        found = ask(*args, **kwargs)
        counts[name] += found is not None
        return found

    return counted


def _compared(ask: Any) -> Any:
    """Return what gives a compiler's SQL, and compares it with what Django compiles from a copy."""

    @functools.wraps(ask)
    def compared(compiler: Any) -> Any:
        found = ask(compiler)
        if found is not None:
            copy = compiler.query.clone().get_compiler(connection=compiler.connection)
            sql, values = copy.as_sql()
            _note_same((sql, values), found[:2])
            if _selected(copy) != _selected(compiler):
                otherwise.append(f"{sql}: other columns")
        return found

    return compared


def _note_same(stock: Any, ours: Any) -> None:
    counts["compared"] += 1
    if stock[0] != ours[0] or not same_values(stock[1], ours[1]):
        otherwise.append(f"{stock}, and not {ours}")


def _compared_one(find: Any, make: Any) -> tuple[Any, Any]:
    """Return what asks for one object, and compares its SQL with what Django compiles for it."""
    asked: list[Any] = []

    @functools.wraps(find)
    def found(query_set: Any, added: Any) -> Any:
        asked.append((query_set, added))
        try:
            return find(query_set, added)
        finally:
            asked.pop()

    @functools.wraps(make)
    def objects(query_set: Any, compiler: Any, sql: str, values: Any) -> Any:
        query = getting._narrowed(*asked[-1]).query
        _note_same(query.get_compiler(compiler.using).as_sql(), (sql, values))
        counts["one"] += 1
        return make(query_set, compiler, sql, values)

    return found, objects


def _selected(compiler: Any) -> Any:
    columns = [(_column(one), sql, alias) for one, (sql, _), alias in compiler.select]
    more = [getattr(compiler, name) for name in compiling.SELECTED if name != "select"]
    return columns, _comparable(more)


def _column(one: Any) -> Any:
    """Return a column, or what values of something computed become, whatever they came of."""
    return one if type(one) is Col else (type(one), type(one._output_field_or_none))


def _comparable(value: Any) -> Any:
    """Return what says of compiled things what they are: some functions in them are made anew."""
    if isinstance(value, dict):
        return {name: _comparable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [*map(_comparable, value)]
    return value.__code__ if isinstance(value, FunctionType) else value


QUERIES.install()
ROWS.install()
URLS.install()
assert QUERIES.is_installed(), QUERIES.stepped_aside
assert ROWS.is_installed(), ROWS.stepped_aside
assert URLS.is_installed(), URLS.stepped_aside
counting: tuple[tuple[Any, str, str], ...] = (
    (compiling, "recalled", "remembered"), (aggregates, "recalled", "remembered"),
    (fetched, "sent", "without a cursor"), (resolving, "_known_of", "passed over"),
)  # fmt: skip
for where, function, said in counting:
    setattr(where, function, _counted(said, getattr(where, function)))
compiled = _compared(compiling.compiled)
vars(standing_in)["compiled"] = vars(getting)["compiled"] = compiled
one = _compared_one(getting._found, getting._objects)
vars(getting)["_found"], vars(getting)["_objects"] = one
