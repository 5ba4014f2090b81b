"""What POST, PUT and PATCH have in common: a body that becomes values, and those parameters."""

import uuid
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.db import connections, models
from rest_framework.negotiation import DefaultContentNegotiation

from drf_speedups.answers.action import Action
from drf_speedups.answers.light_request import JSON, LightRequest
from drf_speedups.database.json_sql import NUMBERS, TEXT, json_object
from drf_speedups.eligibility.models import SAVED, check_column, check_saving, fills_in
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.serializers import (
    CHECKING,
    READING,
    SAVING,
    check_conversion,
    check_parser,
    check_serializer,
    check_shareable,
    unremembering,
)
from drf_speedups.serializers.validation import Validation, Values

# What columns take, and give back as they got it: the framework answers from what it was sent.
NATIVE: dict[type, type] = {
    **dict.fromkeys(TEXT, str), **dict.fromkeys(NUMBERS, int), models.BooleanField: bool,
    models.DecimalField: Decimal, models.DateTimeField: datetime, models.UUIDField: uuid.UUID,
}  # fmt: skip


class _Encoding:
    """As much of a parser's context as is the same for all requests; more is an error."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the encoding. Raises `KeyError` for all else."""
        return {"encoding": settings.DEFAULT_CHARSET}[name]

    __getitem__ = get


class Writing(Action):
    """An action that reads a body."""

    heard = SAVED
    partial = False  # whether a body may leave out what is required

    def prepare(self, view_class: Any) -> None:
        """Build the serializer and the parser that check every body."""
        kind = view_class.serializer_class
        check_serializer(kind, READING | SAVING | CHECKING)
        check_conversion(kind)
        self.serializer = kind(partial=self.partial)
        self.check_same_model(self.serializer)
        check_shareable(kind, self.serializer.fields)
        unremembering(self.serializer.fields.values())
        unless(not self.serializer.validators, "the serializer validates rows as a whole")
        select: Any = DefaultContentNegotiation().select_parser
        parser = select(SimpleNamespace(content_type=JSON), view_class.parser_classes)
        unless(getattr(parser, "media_type", "") == JSON, "no parser reads JSON only")
        self.parser = parser()
        check_parser(self.parser)
        self.context = _Encoding()
        try:
            self.validation: Validation | None = Validation(self.serializer)
        except StepAside:
            self.validation = None
        self._check_columns()
        self.json = json_object(kind())

    def _check_columns(self) -> None:
        check_saving(self.model)
        columns = self.model._meta.local_concrete_fields
        self.fields = [f for f in columns if f is not self.key and not f.generated]
        self.names = {field.name for field in self.fields}
        sources = {field.source for field in self.serializer._writable_fields}
        unless(sources <= self.names, "a field is no column of the table")
        filled_in = {field.name for field in self.fields if fills_in(field)}
        unless(not sources & filled_in, "a field is sent and filled in, too")
        self.shown = {one.source for one in self.serializer.fields.values() if not one.write_only}
        self.native = {field: NATIVE.get(check_column(field)) for field in self.fields}
        self.units = {field: Decimal(1).scaleb(-field.decimal_places) for field in self.fields
                      if isinstance(field, models.DecimalField)}  # fmt: skip
        self.blank = self.model.__new__(self.model)  # not made: its defaults may count

    def values_of(self, request: LightRequest) -> Values | None:
        """Return the checked values of a body; None if the framework has to say what is wrong."""
        if request.META.get("CONTENT_TYPE") != JSON:
            return None
        try:
            data = request.data(self.parser, self.context)
            values = self.validation.values(data) if self.validation else None
            if values is None:
                values = self.serializer.run_validation(data)
        except Exception:  # noqa: BLE001  (nothing is changed yet: the framework meets it again)
            return None
        return values if values.keys() <= self.names and self.table_is_known() else None

    def parameters(self, fields: list[Any], values: Values) -> list[Any] | None:
        """Return what the database takes; None for a value that it would give back changed."""
        found = []
        for field in fields:
            value = values[field.name]
            native = self.native[field]
            if type(value) is native:
                if native is Decimal and not self._keeps(value, self.units[field]):
                    return None
            elif value is None:
                if not field.null:
                    return None
            elif field.name in self.shown:
                return None
            else:
                value = field.get_db_prep_save(value, connections[self.using])
            found.append(value)
        return found

    @staticmethod
    def _keeps(value: Any, unit: Decimal) -> bool:
        """Tell whether a number has the column's scale and, if it is zero, no sign."""
        return value.same_quantum(unit) and bool(value or not value.is_signed())

    def unsent(self, field: Any) -> Any:
        """Return what a new row gets in a column that was not sent."""
        return field.pre_save(self.blank, add=True) if fills_in(field) else field.get_default()
