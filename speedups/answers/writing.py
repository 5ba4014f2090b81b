"""What POST, PUT and PATCH have in common: a body that becomes values, and those parameters."""

import io
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.db import connections, models
from rest_framework.negotiation import DefaultContentNegotiation

from speedups.answers.action import Action
from speedups.answers.asked import JSON, Asked
from speedups.json_sql import json_object
from speedups.plain import check_mentions, check_saving, fills_in
from speedups.shared_fields import check_shareable
from speedups.stepping_aside import StepAside, stock, unless
from speedups.validation import Validation, Values

# Values of these types are what the database takes already.
READY: dict[type, type] = {
    models.CharField: str, models.TextField: str, models.DecimalField: Decimal,
    models.IntegerField: int, models.PositiveIntegerField: int, models.BigIntegerField: int,
    models.DateTimeField: datetime,
}  # fmt: skip


class _Encoding(dict[str, str]):
    """As much of a parser's context as is the same for all requests; more is an error."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the encoding. Raises `KeyError` for all else."""
        return self[name]


class Writing(Action):
    """An action that reads a body."""

    partial = False  # whether a body may leave out what is required

    def prepare(self, view_class: Any) -> None:
        """Build the serializer and the parser that check every body."""
        serializer_class = view_class.serializer_class
        stock(serializer_class, "validate", "run_validation", "is_valid")
        own = [name for name in dir(serializer_class) if name.startswith("validate_")]
        unless(own == ["validate_empty_values"], "the serializer validates by methods of its own")
        self.serializer = serializer_class(partial=self.partial)
        check_shareable(serializer_class, self.serializer.fields)
        unless(not self.serializer.validators, "the serializer validates rows as a whole")
        check_mentions(serializer_class, "context", "instance", "initial_data", "root")
        select: Any = DefaultContentNegotiation().select_parser
        parser = select(SimpleNamespace(content_type=JSON), view_class.parser_classes)
        unless(getattr(parser, "media_type", "") == JSON, "no parser reads JSON only")
        self.parser = parser()
        self.context = _Encoding(encoding=settings.DEFAULT_CHARSET)
        try:
            self.validation: Validation | None = Validation(self.serializer)
        except StepAside:
            self.validation = None
        self._look_at_columns()
        self.returned = json_object(view_class.serializer_class())

    def _look_at_columns(self) -> None:
        check_saving(self.model)
        self.fields = [f for f in self.model._meta.local_concrete_fields if f is not self.key]
        self.names = {field.name for field in self.fields}
        sources = {field.source for field in self.serializer._writable_fields}
        unless(sources <= self.names, "a field is no column of the table")
        filled_in = {field.name for field in self.fields if fills_in(field)}
        unless(not sources & filled_in, "a field is sent and filled in, too")
        self.ready = {field: READY.get(type(field)) for field in self.fields}
        self.blank = self.model()

    def values_of(self, asked: Asked) -> Values | None:
        """Return the checked values of a body; None if the framework has to say what is wrong."""
        content = asked.content() if asked.META.get("CONTENT_TYPE") == JSON else None
        if content is None:
            return None
        try:
            data = self.parser.parse(io.BytesIO(content), JSON, self.context)
            values = self.validation.values(data) if self.validation else None
            if values is None:
                values = self.serializer.run_validation(data)
        except Exception:  # noqa: BLE001  (nothing is changed yet: the framework meets it again)
            return None
        return values if values.keys() <= self.names else None

    def parameter(self, field: Any, value: Any) -> Any:
        """Return a value as the database takes it."""
        if type(value) is self.ready[field]:
            return value
        return field.get_db_prep_save(value, connections[self.using])
