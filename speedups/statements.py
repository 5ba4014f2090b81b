"""Statements: SQL that is compiled once and then runs prepared, over Django's own connections."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connections
from django.db.models import QuerySet

ANY_NUMBER = 1_748_302_951_264_907_318  # stands for a parameter while Django compiles
ANY_LIMIT = 917_482_365


class Statement:
    """One SQL text; `%s` stands where each run has its parameter.

    Both methods raise Django's database errors, translated by Django itself.
    """

    def __init__(self, sql: str, using: str) -> None:
        self.sql = sql
        self.using = using

    def rows(self, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a query or of a RETURNING clause."""
        return self._run(parameters, lambda cursor: cursor.fetchall())

    def count(self, parameters: Sequence[Any]) -> int:
        """Return how many rows a change has met."""
        return self._run(parameters, lambda cursor: cursor.rowcount)

    def _run(self, parameters: Sequence[Any], result: Any) -> Any:
        connection = connections[self.using]
        watched = connection.execute_wrappers or connection.queries_logged
        if watched or connection.in_atomic_block:  # somebody counts, or a rollback may be due
            with connection.cursor() as cursor:
                cursor.execute(self.sql, parameters)
                return result(cursor)
        connection.ensure_connection()
        with connection.wrap_database_errors:
            # Django's cursors write parameters into the text, which then can never be prepared.
            plain = psycopg.Cursor(connection.connection)
            plain.execute(self.sql, parameters, prepare=True)
            return result(plain)


def compiled(rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL of a query and its parameters, `ANY_NUMBER` and `ANY_LIMIT` among them."""
    sql, parameters = rows.query.sql_with_params()
    return sql.replace(f"LIMIT {ANY_LIMIT}", "LIMIT %s"), parameters
