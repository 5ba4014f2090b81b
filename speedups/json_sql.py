"""Finished JSON from PostgreSQL: the text that a serializer would make of a row, as SQL.

A row then never becomes Python objects. Only fields whose text is known to be the same are
translated; any other field makes the whole serializer step aside.
"""

import json
from typing import Any

from django.conf import settings
from django.db import models
from rest_framework import ISO_8601, serializers
from rest_framework.settings import api_settings

from speedups.shared_fields import OF_A_SERIALIZER
from speedups.stepping_aside import StepAside, stock, unless

MOST_FIELDS = 49  # PostgreSQL's functions take 100 arguments; two per field
TEXT = (models.CharField, models.TextField)
# Serializer field, the model fields it may stand for, and how its value is written.
PLAIN = (
    (serializers.CharField, TEXT),
    (serializers.BooleanField, (models.BooleanField,)),
    (serializers.IntegerField, (models.IntegerField, models.AutoField)),
    (serializers.BigIntegerField, (models.IntegerField,)),
    (serializers.UUIDField, (models.UUIDField,)),
)
NUMBERS = {serializers.IntegerField, serializers.BigIntegerField}  # their text is their JSON
ISO = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
QUOTED = """('"' || {} || '"')"""  # NULL stays NULL, as with `concat` it would not


def json_object(serializer: Any) -> str:
    """Return an SQL expression for the JSON object of a row of the serializer's model.

    Its columns carry no table name; `%` is doubled. Raises `StepAside` with the reason.
    """
    stock(type(serializer), *OF_A_SERIALIZER, "to_representation", "data", "many_init")
    own_list = getattr(serializer.Meta, "list_serializer_class", None)
    unless(own_list is None, "lists have a serializer of their own")
    fields = [field for field in serializer.fields.values() if not field.write_only]
    unless(fields and len(fields) <= MOST_FIELDS, f"{len(fields)} fields are too many or too few")
    unless(
        api_settings.UNICODE_JSON and api_settings.COMPACT_JSON, "JSON is not compact or all ASCII"
    )
    members = (_member(serializer.Meta.model, field) for field in fields)
    return "concat('{" + ", ',".join(members) + ", '}')"


def _member(model: type[models.Model], field: Any) -> str:
    """Return `"name":', value`, with the quote that opens it left to the caller."""
    key = json.dumps(field.field_name, ensure_ascii=False).replace("'", "''").replace("%", "%%")
    return f"{key}:', {_value(field, _model_field(model, field))}"


def _model_field(model: type[models.Model], field: Any) -> Any:
    found = {one.name: one for one in model._meta.concrete_fields}.get(field.source)
    unless(found, f"{field.field_name} is no column of the table")
    stock(type(field), "get_attribute")
    own = type(found).__module__.partition(".")[0]
    unless(own == "django", f"{field.field_name} is a model field of its own")
    return found


def _value(field: Any, model_field: Any) -> str:
    column = '"{}"'.format(model_field.column.replace('"', '""').replace("%", "%%"))
    written = _written(field, model_field, column)
    return f"coalesce({written}, 'null')" if model_field.null else written


def _written(field: Any, model_field: Any, column: str) -> str:
    if _is(field, serializers.DateTimeField) and isinstance(model_field, models.DateTimeField):
        _refuse_local_times(field)
        whole_seconds = f"replace({ISO.format(column)}, '.000000Z', 'Z')"  # as isoformat() has it
        return QUOTED.format(whole_seconds)
    if _is(field, serializers.DecimalField) and isinstance(model_field, models.DecimalField):
        _refuse_rounding(field, model_field)
        return QUOTED.format(column)
    if isinstance(field, serializers.BigIntegerField):
        as_text = getattr(field, "coerce_to_string", api_settings.COERCE_BIGINT_TO_STRING)
        unless(not as_text, f"{field.field_name} is a number written as text")
    unless(getattr(field, "uuid_format", "hex_verbose") == "hex_verbose", "UUIDs in another form")
    for known, of in PLAIN:
        if _is(field, known) and isinstance(model_field, of):
            return f"{column}::text" if known in NUMBERS else f"to_json({column})::text"
    raise StepAside(f"{field.field_name} is a {type(field).__name__}, whose JSON only Python knows")


def _is(field: Any, known: Any) -> bool:
    """Tell whether a field writes its value as the framework's class does."""
    return isinstance(field, known) and type(field).to_representation is known.to_representation


def _refuse_local_times(field: Any) -> None:
    written = getattr(field, "format", api_settings.DATETIME_FORMAT)
    unless(written == ISO_8601, f"{field.field_name} has a format of its own")
    utc = settings.USE_TZ and settings.TIME_ZONE == "UTC" and not hasattr(field, "timezone")
    unless(utc, f"{field.field_name} is not written in UTC")


def _refuse_rounding(field: Any, model_field: Any) -> None:
    same = field.decimal_places == model_field.decimal_places
    as_text = getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
    plain = same and as_text and not (field.localize or field.normalize_output or field.rounding)
    unless(plain, f"{field.field_name} is rounded, localised or no string")
