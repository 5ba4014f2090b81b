"""Finished JSON from PostgreSQL: the text that a serializer would make of a row, as SQL.

A row then never becomes Python objects. Only fields whose text is known to be the same are
translated; any other field makes the whole serializer step aside. A row that holds what its model
does not foresee (NULL in a view, a date that Python has not, a scale of an older time) is told by a
condition, and left to the framework.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from rest_framework import ISO_8601, serializers
from rest_framework.settings import api_settings

from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.serializers import READING, check_serializer, check_shown

MOST_FIELDS = 49  # PostgreSQL's functions take 100 arguments; two per field
TEXT = {models.CharField, models.TextField, models.EmailField, models.SlugField, models.URLField}
NUMBERS = {
    models.IntegerField, models.BigIntegerField, models.SmallIntegerField, models.AutoField,
    models.PositiveIntegerField, models.PositiveSmallIntegerField, models.PositiveBigIntegerField,
    models.BigAutoField, models.SmallAutoField,
}  # fmt: skip
# Serializer fields and the columns they may stand for; how their value is written.
OF_TEXT = {serializers.CharField, serializers.EmailField, serializers.RegexField,
           serializers.SlugField, serializers.URLField}  # fmt: skip
OF_NUMBERS = {
    serializers.IntegerField,
    getattr(serializers, "BigIntegerField", serializers.IntegerField),  # since 3.17
}
ISO = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
QUOTED = """('"' || {} || '"')"""  # NULL stays NULL, as with `concat` it would not
# What Python can read; PostgreSQL also has infinity, years BC and the hour 24.
PYTHON_S = {
    models.DateTimeField: "{} BETWEEN '0001-01-01T00:00:00Z' AND '9999-12-31T23:59:59.999999Z'",
    models.DateField: "{} BETWEEN '0001-01-01' AND '9999-12-31'",
    models.TimeField: "{} < '24:00'",
}


@dataclass(frozen=True)
class Json:
    """The JSON object of a row as an SQL expression, and the condition under which it is one.

    Columns carry no table name; `%` is doubled.
    """

    written: str
    foreseen: str

    def __str__(self) -> str:
        return f"CASE WHEN {self.foreseen} THEN {self.written} END"


@dataclass(frozen=True)
class _Member:
    name: str
    column: str
    null: bool
    written: str
    foreseen: str = ""

    def text(self) -> str:
        """Return `"name":', value`, with the quote that opens it left to the caller."""
        key = json.dumps(self.name, ensure_ascii=False).replace("'", "''").replace("%", "%%")
        value = f"coalesce({self.written}, 'null')" if self.null else self.written
        return f"{key}:', {value}"

    def condition(self) -> str:
        if not self.foreseen:
            return "" if self.null else f"{self.column} IS NOT NULL"
        return f"coalesce({self.foreseen}, true)" if self.null else self.foreseen


def json_object(serializer: Any) -> Json:
    """Return the JSON of a row of the serializer's model. Raises `StepAside` with the reason."""
    check_serializer(type(serializer), READING)
    fields = [field for field in serializer.fields.values() if not field.write_only]
    unless(fields and len(fields) <= MOST_FIELDS, f"{len(fields)} fields are too many or too few")
    unless(api_settings.UNICODE_JSON and api_settings.COMPACT_JSON, "UNICODE_JSON or COMPACT_JSON "
           "is off")  # fmt: skip
    members = [_member(serializer.Meta.model, field) for field in fields]
    conditions = [one for one in (member.condition() for member in members) if one]
    written = "concat('{" + ", ',".join(member.text() for member in members) + ", '}')"
    return Json(written, " AND ".join([*conditions, readable(serializer.Meta.model)]))


def readable(model: type[models.Model]) -> str:
    """Return an SQL condition: whether Python can read a row of a model, shown or not."""
    limits = (
        (column, PYTHON_S.get(check_column(column))) for column in model._meta.concrete_fields
    )
    found = [
        f"coalesce({limit.format(_quoted(column))}, true)" for column, limit in limits if limit
    ]
    return " AND ".join(found) or "true"


def _quoted(column: Any) -> str:
    return '"{}"'.format(column.column.replace('"', '""').replace("%", "%%"))


def _member(model: type[models.Model], field: Any) -> _Member:
    column = {one.name: one for one in model._meta.concrete_fields}.get(field.source)
    unless(column, f"{field.field_name} is no column of the table")
    known = check_column(column)
    kind = check_shown(field)
    quoted = _quoted(column)
    written, foreseen = _written(field, kind, column, known, quoted)
    return _Member(field.field_name, quoted, bool(column.null), written, foreseen)  # type: ignore[union-attr]


def _written(field: Any, kind: Any, column: Any, known: Any, quoted: str) -> tuple[str, str]:
    """Return how a value that is not NULL is written, and which values can be."""
    name = field.field_name
    if kind is serializers.DateTimeField and known is models.DateTimeField:
        _refuse_local_times(field)
        whole_seconds = f"replace({ISO.format(quoted)}, '.000000Z', 'Z')"  # as isoformat() has it
        return QUOTED.format(whole_seconds), ""
    if kind is serializers.DecimalField and known is models.DecimalField:
        _refuse_rounding(field, column)
        most = 10 ** (column.max_digits - column.decimal_places)
        foreseen = f"scale({quoted}::numeric) = {column.decimal_places} AND abs({quoted}) < {most}"
        return QUOTED.format(quoted), foreseen
    if kind in OF_NUMBERS and known in NUMBERS:
        usually = kind is not serializers.IntegerField and api_settings.COERCE_BIGINT_TO_STRING
        as_text = getattr(field, "coerce_to_string", usually)
        unless(not as_text, f"{name} is a number written as text")
        return f"{quoted}::bigint::text", ""
    if kind in OF_TEXT and known in TEXT:
        return f"to_json({quoted}::text)::text", ""
    if kind is serializers.BooleanField and known is models.BooleanField:
        return f"to_json({quoted}::boolean)::text", ""
    if kind is serializers.UUIDField and known is models.UUIDField:
        unless(field.uuid_format == "hex_verbose", f"{name} has another uuid format")
        return f"to_json({quoted})::text", ""
    raise StepAside(f"{name} is a {type(field).__name__}, whose JSON only Python knows")


def _refuse_local_times(field: Any) -> None:
    written = getattr(field, "format", api_settings.DATETIME_FORMAT)
    unless(written == ISO_8601, f"{field.field_name} has a format of its own")
    zone = timezone.get_default_timezone() if settings.USE_TZ else None
    # Only a zone that never changes can tell its offset without a date.
    utc = zone is not None and zone.utcoffset(None) == timedelta(0)
    unless(utc and not hasattr(field, "timezone"), f"{field.field_name} is not written in UTC")


def _refuse_rounding(field: Any, column: Any) -> None:
    same = (field.decimal_places, field.max_digits) == (column.decimal_places, column.max_digits)
    as_text = getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
    plain = same and as_text and not (field.localize or field.normalize_output or field.rounding)
    unless(plain, f"{field.field_name} is rounded, localised or no string")
