"""What a compiled query selects, and what is written for it: the same for the same selection."""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import FieldError
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.expressions import BaseExpression, Col

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import MOST_CLASSES
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation.sql import prefetched
from drf_speedups.representation.sql.plain_rows import check_objects
from drf_speedups.representation.sql.scopes import Scope
from drf_speedups.representation.sql.texts import Texts
from drf_speedups.representation.surroundings import Surroundings

LONGEST_NAME = 63
OF_VALUES = frozenset({"convert_value", "get_db_converters"})

_plans: dict[Any, "Texts | StepAside"] = {}


def compiled(query: Any, using: str) -> tuple[Any, str, Any]:
    """Return a query's compiler, its SQL without limits, and its values. Raises `StepAside`."""
    compiler = query.get_compiler(using)
    unless(type(compiler) is SQLCompiler, "the query is compiled in its own way")
    behind: list[Any] = []
    find = functools.partial(_noted, behind, compiler.get_extra_select)
    vars(compiler)["get_extra_select"] = find
    sql, parameters = compiler.as_sql(with_limits=False, with_col_aliases=True)
    unless(compiler.qualify is None, "a window chooses the rows")
    _check_names(compiler, behind)
    return compiler, sql, parameters


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


def plan_of(
    compiler: Any, kind: Any, names: tuple[str, ...], using: str, here: Surroundings
) -> Texts:
    """Return what is written for what a compiled query selects. Raises `StepAside`."""
    info = compiler.klass_info
    added = _annotations(compiler)
    named = tuple((name, ref, type(output)) for name, (output, ref) in added.items())
    key = (kind, using, names, here.are_utc(), named, *_key(compiler, info))
    found = _plans.get(key)  # other threads may let all go
    if found is None:
        try:
            root = Scope.of(compiler, info)
            root.annotations = added
            found = prefetched.planned(kind, root, names, using)
            for model in _joined(info):  # their objects are made, shown or not
                check_objects(model)
                found.models.add(model)
        except StepAside as reason:
            found = reason
        if len(_plans) >= MOST_CLASSES:
            _plans.clear()
        _plans[key] = found
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


def forget() -> None:
    """Let all plans be made anew."""
    _plans.clear()
