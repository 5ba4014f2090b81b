"""Serializer fields that take a JSON value for what it is instead of guessing what was meant."""

import heapq
import re
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.settings import api_settings

from drf_speedups.serializers.shared_fields import SharedFields

MOST_NAMED = 20  # unknown fields: a client may send any number, and each is an error of its own
MORE = "more"  # the code of an error that stands for others, whose number it begins with
# `Decimal` also reads " 1", "1_0", "1e3" and the digits of every script.
PLAIN_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class StrictCharField(serializers.CharField):
    """Takes JSON strings; the stock field also takes numbers."""

    default_error_messages = {"invalid": "Not a string."}

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Raises `ValidationError` for any other JSON type."""
        if not isinstance(data, str):
            self.fail("invalid")
        value = super().to_internal_value(data)
        # Before the validators, of which one looks at each character.
        if self.max_length is not None and len(value) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return value


class StrictIntegerField(serializers.IntegerField):
    """Takes JSON integers; the stock field also takes `"1"` and `1.0`."""

    default_error_messages = {"invalid": "Not an integer."}

    def to_internal_value(self, data: Any) -> int:
        """Return the number. Raises `ValidationError` for any other JSON type."""
        if type(data) is not int:  # `isinstance` would let `true` pass
            self.fail("invalid")
        return data


class StrictDecimalField(serializers.DecimalField):
    """Takes JSON strings and numbers that are plain decimals."""

    default_error_messages = {"invalid": "Not a decimal number."}

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the number. Raises `ValidationError` for any other JSON type or notation."""
        if type(data) not in {str, int, float} or not PLAIN_DECIMAL.fullmatch(str(data)):
            self.fail("invalid")
        return super().to_internal_value(data) + 0  # adding 0 turns -0 into 0


class StrictModelSerializer(SharedFields, serializers.ModelSerializer):
    """A `ModelSerializer` of strict fields that refuses unknown ones.

    Read-only fields are ignored, so that what was read can be put back.
    """

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: StrictCharField,
        models.TextField: StrictCharField,
        models.IntegerField: StrictIntegerField,
        models.PositiveIntegerField: StrictIntegerField,
        models.DecimalField: StrictDecimalField,
    }
    default_error_messages = {"unknown": "There is no such field."}

    def takes(self, data: dict[str, Any]) -> bool:
        """Tell whether there is no unknown field: see drf_speedups.serializers.validation."""
        return data.keys() <= self.names

    @cached_property
    def names(self) -> set[str]:
        """The names of all fields."""
        return set(self.fields)

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values. Raises `ValidationError` naming every faulty field."""
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            faults: Any = error.detail
            raise serializers.ValidationError(faults | self._unknown(unknown)) from error
        if unknown:
            raise serializers.ValidationError(self._unknown(unknown))
        return values

    def _unknown(self, names: set[str]) -> dict[str, Any]:
        """Return a fault for each of the first names, and one that counts the others."""
        message = str(self.error_messages["unknown"])
        faults = {
            name: [serializers.ErrorDetail(message, code="unknown")]
            for name in heapq.nsmallest(MOST_NAMED, names)
        }
        if others := len(names) - len(faults):
            more = serializers.ErrorDetail(f"{others} more fields are unknown.", code=MORE)
            faults[api_settings.NON_FIELD_ERRORS_KEY] = [more]
        return faults
