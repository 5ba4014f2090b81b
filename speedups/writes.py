"""Writes as single statements: one round trip each, and no update is lost.

Django REST framework reads a row, changes it in Python and saves all its columns. Two requests
that do so at once overwrite each other, and one that meets a DELETE brings the row back. Here
UPDATE sets the columns that were sent, DELETE deletes, and the database decides who comes first.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connections, models
from django.db.models.sql import UpdateQuery
from django.http import Http404
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

DEADLOCK_OR_SERIALIZATION_FAILURE = {"40P01", "40001"}  # SQLSTATE

Result = TypeVar("Result")
Row = TypeVar("Row", bound=models.Model)


class SingleStatementWrites:
    """Mixin for a `ModelViewSet` over one table; goes before it in the list of bases."""

    def update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """PUT and PATCH: set the columns that were sent, and those that follow every change."""
        serializer = self.get_serializer(data=request.data, partial=kwargs.get("partial", False))
        if not serializer.is_valid():
            self.get_object()  # a row that is not there is a 404 before its new values are a 400
            raise ValidationError(serializer.errors)
        row = once_more_after_deadlock(
            lambda: update_returning(self._target(), serializer.validated_data)
        )
        if row is None:
            raise Http404
        return Response(self.get_serializer(row).data)

    def perform_create(self: Any, serializer: Any) -> None:
        """POST: one INSERT … RETURNING."""
        once_more_after_deadlock(serializer.save)

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """DELETE: of several at once exactly one finds the row."""
        rows = self._target()
        if not once_more_after_deadlock(lambda: rows._raw_delete(rows.db)):
            raise Http404
        return Response(status=204)

    def _target(self: Any) -> models.QuerySet[Any]:
        """Return the queryset of the one row that the URL names."""
        rows: models.QuerySet[Any] = self.filter_queryset(self.get_queryset())
        keyword = self.lookup_url_kwarg or self.lookup_field
        return rows.filter(**{self.lookup_field: self.kwargs[keyword]})


def update_returning(rows: models.QuerySet[Row], values: dict[str, Any]) -> Row | None:
    """Set `values`, and what `auto_now` sets, in the one row of `rows`; return it as it is then.

    Returns None if there is no such row.
    """
    model = rows.model
    automatic = {
        field.name: field.pre_save(model(), add=False)
        for field in model._meta.concrete_fields
        if getattr(field, "auto_now", False)
    }
    query: Any = rows.order_by().query.chain(UpdateQuery)
    query.add_update_values({**values, **automatic})
    connection = connections[rows.db]
    try:
        sql, parameters = query.get_compiler(rows.db).as_sql()
    except EmptyResultSet:  # a number that the column cannot hold
        return None
    fields = model._meta.concrete_fields
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING {columns}", parameters)
        row = cursor.fetchone()
    return model.from_db(rows.db, [field.attname for field in fields], row) if row else None


def once_more_after_deadlock(operation: Callable[[], Result]) -> Result:
    """Run `operation`, a second time if the database sacrificed it to another transaction."""
    try:
        return operation()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) not in DEADLOCK_OR_SERIALIZATION_FAILURE:
            raise
    return operation()
