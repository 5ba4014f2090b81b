"""Django's own statements for the rows that the key of a row leads to."""

import functools
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, models
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.base import ModelState

from drf_speedups.database.fetched import fetch
from drf_speedups.database.json_sql import NUMBERS
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import unless
from drf_speedups.queries.shapes import ALL, check_lasts
from drf_speedups.representation.sql.plain_rows import Relation
from drf_speedups.representation.sql.scopes import Scope


class RowByRow:
    """A relation to many rows that nothing sorts. Raises `StepAside`.

    PostgreSQL gives them in any sequence, and for all rows in another than for one. So each row
    asks for its own, by the statement that Django sends for it.
    """

    shows: Any  # what is written of the rows

    def __init__(self, scope: Scope, name: str, using: str) -> None:
        self._relation = Relation.of(scope.model, name)
        self._relation.check(scope)
        self._model, self._name, self._using = scope.model, name, using
        self._place = scope.places[self._relation.ours]
        self._key, samples = key_of(self._relation.ours)
        (self._sql, compiler), other = (self._compiled(key) for key in samples[:2])
        unless(self._sql == other[0], f"the statement for {name} depends on the key")
        self.scope = Scope.of(compiler, compiler.klass_info)
        self.scope.known = self._relation.known

    def fetch(self, row: Sequence[Any]) -> tuple[list[str] | None, Callable[[], list[Any]]]:
        """Return what is written of the rows that a row leads to, and what gives those.

        Raises Django's database errors.
        """
        if row[self._place] is None:
            return [], list  # Django asks for none
        connection = connections[self._using]
        values = [self._key.get_db_prep_value(row[self._place], connection, prepared=True)]
        return fetch(connection, self._asking, values, whole=bool(self.shows.holes))

    @functools.cached_property
    def _asking(self) -> str:
        shown = self.shows.sql.replace("%", "%%")
        return f'SELECT q.*, {shown} FROM ({self._sql}{ALL}) "q"'  # noqa: S608

    def _compiled(self, key: Any) -> tuple[str, Any]:
        row = object_of(self._model, self._relation.ours, key, self._using)
        rows = self._relation.found.__get__(row).all()
        compiler = rows.query.get_compiler(self._using)
        unless(type(compiler) is SQLCompiler, "the query is compiled in its own way")
        sql, parameters = compiler.as_sql(with_col_aliases=True)
        check_lasts(compiler)
        sent = [self._key.get_db_prep_value(key, compiler.connection, prepared=True)]
        same = [(type(one), one) for one in parameters] == [(type(one), one) for one in sent]
        unless(same, f"the statement for {self._name} has more in it than a key")
        return sql, compiler


def key_of(column: Any) -> tuple[Any, Sequence[Any]]:
    """Return the column that a key is of in the end, and keys as they may be."""
    while column.is_relation:
        check_column(column)
        column = column.target_field
    known = check_column(column)
    # Only of these, two are the same for Python where they are for PostgreSQL.
    unless(known in NUMBERS or known is models.UUIDField, "a key is no number and no UUID")
    return column, (1, 2, 3) if known in NUMBERS else (UUID(int=1), UUID(int=2), UUID(int=3))


def object_of(model: Any, column: Any, key: Any, using: str) -> Any:
    """Return an object that has nothing but a key; no code of its class has run."""
    found: Any = object.__new__(model)
    state = ModelState()
    state.db, state.adding = using, False
    for one in (model._meta.pk, column):
        vars(found)[one.attname] = key
    vars(found)["_state"] = state
    return found
