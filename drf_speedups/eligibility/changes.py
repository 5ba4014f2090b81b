"""What is known of changes: when one statement does all that the framework would do."""

from typing import Any

from django.db import models
from rest_framework import parsers, serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.viewsets import ModelViewSet

from drf_speedups.eligibility.database import check_database, check_table
from drf_speedups.eligibility.looked_at import once, silence
from drf_speedups.eligibility.members import is_genuine
from drf_speedups.eligibility.models import (
    SAVED,
    check_deleting,
    check_manager,
    check_saving,
)
from drf_speedups.eligibility.reasons import unless
from drf_speedups.eligibility.serializers import (
    CHECKING,
    SAVING,
    check_conversion,
    check_field_code,
    check_parser,
    check_serializer,
)
from drf_speedups.eligibility.views import check_permissions

PARSERS = frozenset({parsers.JSONParser, parsers.FormParser, parsers.MultiPartParser})


def check_view(mixin: Any, kind: Any, action: str) -> None:
    """Raise `StepAside` unless around an action a view does what the framework does.

    The action itself is the framework's where it is looked up behind the mixin.
    """
    check_stock(super(mixin, kind), kind, action)
    names = ["get_object", "check_object_permissions", "get_permissions", f"perform_{action}"]
    if action == "update":  # the framework's gets the row, and may look at it
        names.append("get_serializer")
    check_stock(kind, kind, *names)
    check_permissions(kind.permission_classes)


def check_stock(found: Any, kind: Any, *names: str) -> None:
    """Raise `StepAside` unless methods are those of the framework's view sets."""
    for name in names:
        stock = getattr(ModelViewSet, name)
        owner = next(one for one in ModelViewSet.__mro__ if name in vars(one))
        same = getattr(found, name) is stock and is_genuine(owner, stock)
        unless(same, f"{kind.__name__}.{name} is its own")


def check_model(model: Any, using: str, action: str) -> None:
    """Raise `StepAside` unless one statement does it all. Asks the database what the table is."""
    check_database(using)
    if action == "destroy":
        check_deleting(model)
        check_table(model, using)
    else:
        check_saving(model)
    if action == "update":
        computed = [one.name for one in model._meta.concrete_fields if one.generated]
        unless(not computed, f"the database computes {computed}, which Django may not read again")
        check_table(model, using)


def check_lookup(model: type[models.Model], name: str) -> None:
    """Raise `StepAside` unless a column of this name finds at most one row."""
    unique = {field.name for field in model._meta.concrete_fields if field.unique}
    unless(name in {"pk", *unique}, "rows are not looked up by a unique column")


def check_request(request: Any) -> None:
    """Raise `StepAside` unless reading a request's body changes nothing but the request."""
    known = type(request.negotiator) is DefaultContentNegotiation
    unless(known, "who chooses the parser is not known")
    for parser in request.parsers:
        once(_check_parser, type(parser))


def _check_parser(kind: Any) -> None:
    if kind not in PARSERS:
        check_parser(kind())


def check_updating(serializer: Any, model: Any) -> None:
    """Raise `StepAside` if more is to be done than to set columns to what was validated."""
    kind = type(serializer)
    once(_check_validating, kind)
    unless(kind.Meta.model is model, "the serializer is of another model")
    looking = [one for one in serializer.validators if getattr(one, "requires_context", False)]
    unless(not looking, "the serializer validates rows as a whole")
    columns = {field.name for field in model._meta.concrete_fields if not field.primary_key}
    for field in serializer._writable_fields:
        check_setting(field, columns)


def _check_validating(kind: Any) -> None:
    unless(issubclass(kind, serializers.ModelSerializer), f"{kind.__name__} is no ModelSerializer")
    check_serializer(kind, SAVING | CHECKING)
    check_conversion(kind)


def check_setting(field: Any, columns: set[str]) -> None:
    """Raise `StepAside` unless a serializer's field gives a column its value, by itself."""
    name = field.field_name
    unless(field.source in columns, f"{name} is no column of the table, or its key")
    unless(not isinstance(field, serializers.BaseSerializer), f"{name} is nested")
    callables = [*field.validators, field.default]
    looking = [one for one in callables if getattr(one, "requires_context", False)]
    unless(not looking, f"{name} has a validator or default that looks at the row or the request")
    once(check_field_code, type(field))


def check_creating(mixin: Any, view_class: Any, serializer: Any) -> None:
    """Raise `StepAside` unless saving a serializer is one INSERT, and nobody else's business."""
    once(_check_view_creating, mixin, view_class)
    kind = type(serializer)
    once(_check_validating, kind)
    model = kind.Meta.model
    manager = model._default_manager
    check_manager(manager)
    once(check_model, model, manager.db, "create")
    unless(silence(model, SAVED), "something listens to the model's signals")
    unless(not model._meta.many_to_many, "rows have relations of their own tables")


def _check_view_creating(mixin: Any, kind: Any) -> None:
    check_stock(kind, kind, "create")
    check_stock(super(mixin, kind), kind, "perform_create")
