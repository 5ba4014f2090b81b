"""Checking a body against plain serializer fields, without asking each of them about its role.

A serializer asks every field for each body whether it is read-only, required, partial or null, how
it reads its dictionary and which validators want its context. For shared fields the answers are
known before. What passes here passes there with the same values; whatever does not is left to the
serializer, which knows what to say about it.

A serializer whose `to_internal_value` is its own takes part by a method `takes(data)`: whether its
own does nothing for this dictionary but what the framework's does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.core import validators
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from drf_speedups.eligibility.reasons import switched_on, unless
from drf_speedups.eligibility.serializers import CHECKING, CONVERTING, check_field, check_serializer

Values = dict[str, Any]
Check = Callable[[Any], bool]
PLAIN_FIELDS = (
    serializers.BooleanField, serializers.CharField, serializers.DateField,
    serializers.DateTimeField, serializers.DecimalField, serializers.FloatField,
    serializers.IntegerField, serializers.TimeField, serializers.UUIDField,
)  # fmt: skip


class Validation:
    """The fields of one serializer; constructing it raises `StepAside` where they are not plain."""

    def __init__(self, serializer: Any) -> None:
        switched_on("validation")
        self.takes = _taking(serializer)
        check_serializer(type(serializer), CHECKING | (frozenset() if self.takes else CONVERTING))
        unless(not serializer.validators, "the serializer validates rows as a whole")
        partial = bool(serializer.partial)
        self.fields = [
            _Field(field, partial) for field in serializer.fields.values() if not field.read_only
        ]

    def values(self, data: Any) -> Values | None:
        """Return the validated values of a body, None if the serializer has to look at it."""
        if type(data) is not dict or (self.takes is not None and not self.takes(data)):
            return None
        values: Values = {}
        try:
            for field in self.fields:
                if not field.read(data, values):
                    return None
        except (serializers.ValidationError, DjangoValidationError, ValueError):
            return None
        return values


def _taking(serializer: Any) -> Callable[[Any], bool] | None:
    """Return `takes` of whoever has the serializer's `to_internal_value`, or of a class before it.

    It says nothing of what a class that inherits it does itself.
    """
    names = {"takes", "to_internal_value"}
    first = next((one for one in type(serializer).__mro__ if names & vars(one).keys()), object)
    return serializer.takes if "takes" in vars(first) else None


class _Field:
    """What one field does with a value that is there and plain."""

    def __init__(self, field: Any, partial: bool) -> None:
        unless(isinstance(field, PLAIN_FIELDS), f"{field.field_name} is no plain field")
        check_field(field)
        self.name: str = field.field_name
        self.source: str = field.source
        self.convert: Callable[[Any], Any] = field.to_internal_value
        self.skips = partial or (not field.required and field.default is empty)
        self.default = None if field.required else field.get_default
        self.checks = [_check(validator) for validator in field.validators]

    def read(self, data: Mapping[str, Any], values: Values) -> bool:
        """Put the checked value of this field into `values`; False if the field has to say more."""
        value = data.get(self.name, empty)
        if value is empty:
            if self.skips:
                return True
            if self.default is None:
                return False
            values[self.source] = self.default()
            return True
        # Blanks and null mean something else to each field.
        if value is None or (isinstance(value, str) and (not value or value.isspace())):
            return False
        value = self.convert(value)
        for check in self.checks:
            if not check(value):
                return False
        values[self.source] = value
        return True


def _check(validator: Any) -> Check:
    """Return what tells whether a value passes a validator; it may raise as that does."""
    limit = getattr(validator, "limit_value", None)
    for kind, make in CHECKS.items():
        if type(validator) is kind and not callable(limit):
            return make(limit)

    def passes(value: Any) -> bool:
        validator(value)
        return True

    return passes


def _encodable(value: str) -> bool:
    return value.isascii() or bool(value.encode())  # raises UnicodeEncodeError, a ValueError


CHECKS: dict[type, Callable[[Any], Check]] = {
    validators.MaxLengthValidator: lambda limit: lambda value: len(value) <= limit,
    validators.MinLengthValidator: lambda limit: lambda value: len(value) >= limit,
    validators.MaxValueValidator: lambda limit: lambda value: bool(value <= limit),
    validators.MinValueValidator: lambda limit: lambda value: bool(value >= limit),
    validators.ProhibitNullCharactersValidator: lambda _: lambda value: "\0" not in str(value),
    ProhibitSurrogateCharactersValidator: lambda _: lambda value: _encodable(str(value)),
}
