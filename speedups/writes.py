"""Writes as single statements: one round trip each, and no update is lost.

Django REST framework reads a row, changes it in Python and saves all its columns. Two requests
that do so at once overwrite each other, and one that meets a DELETE brings the row back. Here
UPDATE sets the columns that were sent, DELETE deletes, and the database decides who comes first.

Where more is to be done than one statement can (methods of its own, signals, permissions per row,
rules over rows, relations), the framework does it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.core.exceptions import ValidationError as InvalidValue
from django.db import OperationalError, connections, models
from django.db.models.sql import UpdateQuery
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from speedups.plain import (
    check_deleting,
    check_mentions,
    check_permissions,
    check_rows,
    check_saving,
)
from speedups.stepping_aside import StepAside, stock, unless

DEADLOCK_OR_SERIALIZATION_FAILURE = {"40P01", "40001"}  # SQLSTATE

Result = TypeVar("Result")
Row = TypeVar("Row", bound=models.Model)


class SingleStatementWrites:
    """Mixin for a `ModelViewSet`; goes before it in the list of bases."""

    def update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """PUT and PATCH: set the columns that were sent, and those that follow every change."""
        try:
            rows = self._target()
            serializer = self._read(request, kwargs.get("partial", False))
            check_updating(type(self), serializer)
        except StepAside:
            return super().update(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
        if not serializer.is_valid():
            self.get_object()
            raise ValidationError(serializer.errors)
        values = serializer.validated_data
        row = once_more_after_deadlock(lambda: update_returning(rows, values))
        if row is None:
            raise _not_found(rows)
        return Response(self.get_serializer(row).data)

    def perform_create(self: Any, serializer: Any) -> None:
        """POST: one INSERT … RETURNING."""
        once_more_after_deadlock(serializer.save)

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """DELETE: of several at once exactly one finds the row."""
        try:
            rows = self._target()
            stock(type(self), "perform_destroy")
            check_deleting(rows.model)
        except StepAside:
            return super().destroy(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
        if not once_more_after_deadlock(lambda: rows._raw_delete(rows.db)):
            raise _not_found(rows)
        return Response(status=204)

    def _read(self: Any, request: Request, partial: bool) -> Any:
        """Return a serializer of what was sent; a row that is not there comes before all errors."""
        try:
            data = request.data
        except Exception:
            self.get_object()
            raise
        return self.get_serializer(data=data, partial=partial)

    def _target(self: Any) -> models.QuerySet[Any]:
        """Return the queryset of the one row that the URL names. Raises `StepAside`."""
        stock(type(self), "get_object", "check_object_permissions")
        check_permissions(self.get_permissions())
        rows: models.QuerySet[Any] = self.filter_queryset(self.get_queryset())
        check_rows(rows)
        keyword = self.lookup_url_kwarg or self.lookup_field
        check_lookup(rows.model, self.lookup_field)
        try:
            return rows.filter(**{self.lookup_field: self.kwargs[keyword]})
        except (TypeError, ValueError, InvalidValue) as error:
            raise Http404 from error


def check_lookup(model: type[models.Model], name: str) -> None:
    """Raise `StepAside` unless a column of this name finds at most one row."""
    unique = {field.name for field in model._meta.concrete_fields if field.unique}
    unless(name in {"pk", *unique}, "rows are not looked up by a unique column")


def check_updating(view_class: type, serializer: Any) -> None:
    """Raise `StepAside` if more is to be done than to set columns to what was validated."""
    stock(view_class, "perform_update")
    kind = type(serializer)
    stock(kind, "update", "save", "is_valid", "run_validation", "errors", "validated_data")
    check_saving(kind.Meta.model)
    check_mentions(kind, "instance", "get_object")
    looking = [one for one in serializer.validators if getattr(one, "requires_context", False)]
    unless(not looking, "the serializer validates rows as a whole")
    columns = {field.name for field in kind.Meta.model._meta.concrete_fields}
    for field in serializer._writable_fields:
        check_setting(field, columns)


def check_setting(field: Any, columns: set[str]) -> None:
    """Raise `StepAside` unless a serializer's field gives a column its value, by itself."""
    name = field.field_name
    unless(field.source in columns, f"{name} is no column of the table")
    unless(not isinstance(field, serializers.BaseSerializer), f"{name} is nested")
    callables = [*field.validators, field.default]
    looking = [one for one in callables if getattr(one, "requires_context", False)]
    unless(not looking, f"{name} has a validator or default that looks at the row or the request")
    check_mentions(type(field), "instance")


def _not_found(rows: models.QuerySet[Any]) -> Http404:
    return Http404(f"No {rows.model._meta.object_name} matches the given query.")


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
    new = {**values, **automatic}
    if not new:
        return rows.first()
    query: Any = rows.order_by().query.chain(UpdateQuery)
    query.add_update_values(new)
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
        if any(one.in_atomic_block for one in connections.all(initialized_only=True)):
            raise  # all of that transaction is lost, not this statement alone
    return operation()
