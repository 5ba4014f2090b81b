"""Writes as single statements: one round trip each, and no update is lost.

Django REST framework reads a row, changes it in Python and saves all its columns. Two requests
that do so at once overwrite each other, and one that meets a DELETE brings the row back. Here
UPDATE sets the columns that were sent, DELETE deletes, and the database decides who comes first.

Where more is to be done than one statement can (methods of its own, signals, permissions per row,
rules over rows, relations), the framework does it.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.core.exceptions import ValidationError as InvalidValue
from django.db import OperationalError, connections, models
from django.db.models.signals import ModelSignal
from django.db.models.sql import UpdateQuery
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from drf_speedups.database.json_sql import readable
from drf_speedups.eligibility.changes import (
    check_creating,
    check_lookup,
    check_model,
    check_request,
    check_updating,
    check_view,
)
from drf_speedups.eligibility.looked_at import once, silence
from drf_speedups.eligibility.members import piece
from drf_speedups.eligibility.models import DELETED, SAVED, check_rows
from drf_speedups.eligibility.reasons import StepAside, unless

DEADLOCK_OR_SERIALIZATION_FAILURE = {"40P01", "40001"}  # SQLSTATE

Result = TypeVar("Result")
Row = TypeVar("Row", bound=models.Model)


class _Before:
    """A method of the mixin that is there only where a base has one to stand before.

    Routers offer what a view set has: a mixin must not make it offer more.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type) -> Any:
        if not _has_beyond(owner, self.owner, self.name):
            raise AttributeError(f"{owner.__name__} has no {self.name}")
        return self.function if instance is None else self.function.__get__(instance, owner)


@functools.cache
def _has_beyond(kind: Any, mixin: Any, name: str) -> bool:
    return hasattr(super(mixin, kind), name)


@piece
class SingleStatementWrites:
    # Mixin for a `ModelViewSet`; goes before it in the list of bases. (No docstrings: they would
    # become those of the view sets, in descriptions that clients read.)

    @_Before
    def update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        # PUT and PATCH: set the columns that were sent, and those that follow every change.
        try:
            rows = _target(self, "update", SAVED)
            serializer = _read(self, request, kwargs.get("partial", False))
            check_updating(serializer, rows.model)
        except StepAside:
            return super().update(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
        values = _validated(self, serializer)
        row = once_more_after_deadlock(lambda: update_returning(rows, values))
        if row is None:  # says what is wrong with it, if it is there
            return super().update(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
        serializer.instance = row
        return Response(serializer.data)

    @_Before
    def perform_create(self: Any, serializer: Any) -> None:
        # POST: one INSERT … RETURNING, which may be tried once more if nothing else is done.
        try:
            check_creating(SingleStatementWrites, type(self), serializer)
        except StepAside:
            return super().perform_create(serializer)  # type: ignore[misc, no-any-return]
        once_more_after_deadlock(serializer.save)
        return None

    @_Before
    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        # DELETE: of several at once exactly one finds the row.
        try:
            rows = _target(self, "destroy", DELETED)
        except StepAside:
            return super().destroy(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
        if not once_more_after_deadlock(lambda: rows._raw_delete(rows.db)):
            return super().destroy(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
        return Response(status=204)


def _read(view: Any, request: Request, partial: bool) -> Any:
    """Return a serializer of what was sent; a row that is not there comes before all errors."""
    check_request(request)  # before a body is read for a row that may not be there
    try:
        return view.get_serializer(data=request.data, partial=partial)
    except Exception:
        view.get_object()
        raise


def _validated(view: Any, serializer: Any) -> Any:
    """Return what was sent as values; a row that is not there comes before all errors."""
    try:
        serializer.is_valid(raise_exception=True)
    except Exception:
        view.get_object()
        raise
    return serializer.validated_data


def _target(view: Any, action: str, heard: tuple[ModelSignal, ...]) -> models.QuerySet[Any]:
    """Return the queryset of the one row that the URL names. Raises `StepAside`."""
    once(check_view, SingleStatementWrites, type(view), action)
    same = view.permission_classes is type(view).permission_classes
    unless(same, "the view got permissions of its own for this request")
    rows: models.QuerySet[Any] = view.filter_queryset(view.get_queryset())
    check_rows(rows)
    once(check_model, rows.model, rows.db, action)
    model: Any = rows.model
    unless(silence(model, heard), "something listens to the model's signals")
    keyword = view.lookup_url_kwarg or view.lookup_field
    check_lookup(rows.model, view.lookup_field)
    try:
        found = rows.filter(**{view.lookup_field: view.kwargs[keyword]})
        return found.extra(where=[readable(rows.model)])  # noqa: S610
    except (TypeError, ValueError, InvalidValue) as error:
        raise Http404 from error


def update_returning(rows: models.QuerySet[Row], values: dict[str, Any]) -> Row | None:
    """Set `values`, and what `auto_now` sets, in the one row of `rows`; return it as it is then.

    Returns None if there is no such row.
    """
    model = rows.model
    blank = model.__new__(model)  # not made: its defaults may count
    automatic = {
        field.name: field.pre_save(blank, add=False)
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
        found = cursor.fetchall()
    if not found:
        return None
    reader: Any = rows.query.get_compiler(rows.db)
    converters = reader.get_converters([field.cached_col for field in fields])
    row = next(iter(reader.apply_converters(found, converters)))
    changed = model.from_db(rows.db, [field.attname for field in fields], row)
    for name, value in new.items():  # as the framework answers: with what was sent
        setattr(changed, name, value)
    return changed


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
