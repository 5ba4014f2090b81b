"""The text of a column's value: as PostgreSQL writes it, or as Python does it.

PostgreSQL writes what is known to come out the same, to the byte. Of any other column that is read
as it is stored (a float, a document, a time in a zone that changes its offset) Python writes the
value that was fetched beside. A column can be NULL whatever its model says.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import models
from rest_framework import ISO_8601, relations, serializers
from rest_framework.settings import api_settings

from drf_speedups.database.json_sql import NUMBERS, OF_NUMBERS, OF_TEXT, PYTHON_S, TEXT
from drf_speedups.eligibility import driver
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.serializers import check_shown
from drf_speedups.representation.members import Member
from drf_speedups.representation.surroundings import Surroundings

Write = Callable[[Any, Any, str], str]
# In no JSON that PostgreSQL writes, which escapes control characters: around the number of a value
# that Python writes, and in the place of one that the model does not foresee.
HOLE, ODD = "\x01", "\x02"
SKIP = "\x03"  # in the place of a value whose field is left out
ELSEWHERE = "\x06"  # in front of a time that is UTC's and has to be another zone's
NULL = "'null'"
DATE = "to_char({}::timestamp, 'YYYY-MM-DD')"  # some zones have skipped a day
TIME = "to_char({}::interval, 'HH24:MI:SS.US')"
MOMENT = """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""


def written(field: Any, column: Any, ref: str) -> str:
    """Return the SQL text of a column's value that is not NULL.

    `ref` is the column in the query; `%` in the text is not doubled. Raises `StepAside` where only
    Python writes the same.
    """
    if isinstance(field, relations.PrimaryKeyRelatedField):
        unless(field.pk_field is None, "a key has a format of its own")
        return plain(column, ref)
    if type(field) is serializers.ReadOnlyField:
        return plain(column, ref)
    known = check_column(column)
    if type(field) is serializers.ChoiceField:
        return _choice(field, known, ref)
    kind = check_shown(field)
    for fields, columns, write in KINDS:
        if kind in fields and known in columns:
            return _readable(known, ref, write(field, column, ref))
    raise StepAside("only Python writes it")


def _readable(known: Any, ref: str, text: str) -> str:
    """Return the text of a time where Python has it: psycopg2 makes another of what it has not."""
    if not driver.MISSING or known not in PYTHON_S:  # psycopg 3 fetches no such row
        return text
    limit = PYTHON_S[known].format(ref)
    return f"CASE WHEN coalesce({limit}, true) THEN {text} ELSE '{ODD}' END"


def missing(field: Any) -> str:
    """Return what stands for a field whose path of relations ends early, in SQL."""
    if field.allow_null:
        return NULL
    return f"'{ODD}'" if field.required else f"'{SKIP}'"


def is_data(field: Any, column: Any) -> bool:
    """Tell whether what the framework makes of a value is what JSON says of it."""
    while column.is_relation:
        column = column.target_field
    return isinstance(field, serializers.UUIDField) or not isinstance(column, models.UUIDField)


def foreseen(refs: dict[Any, str], text: str) -> str:
    """Return a row's text where Python could read the row: it would have all of its columns."""
    kinds = ((ref, next(filter(PYTHON_S.get, type(column).__mro__), None))
             for column, ref in refs.items())  # fmt: skip
    limits = [f"coalesce({PYTHON_S[kind].format(ref)}, true)" for ref, kind in kinds if kind]
    return f"CASE WHEN {' AND '.join(limits)} THEN {text} ELSE '{ODD}' END" if limits else text


def computed(field: Any, output: Any, ref: str) -> str:
    """Return the same for a value that the query computes; `output` is the field it says it is.

    What it is in the database may be something else: that is looked at there. Raises `StepAside`.
    """
    kind, known = check_shown(field), check_column(output)
    for fields, columns, write in KINDS:
        if kind in fields and known in columns and write in COMPUTED:
            same = f"pg_typeof({ref}) = ANY('{{{COMPUTED[write]}}}'::regtype[])"
            return f"CASE WHEN {same} THEN {write(field, output, ref)} ELSE '{ODD}' END"
    raise StepAside("only Python knows what the query computes")


def raw(member: Member) -> Callable[[Any], Any]:
    """Return what shows a value as Django fetches it. Raises `StepAside`."""
    field, column = member.field, member.column
    unless(member.read is not None, f"{member.name} depends on the serializer")
    check_column(column)
    if isinstance(field, relations.PrimaryKeyRelatedField):
        show = field.pk_field.to_representation if field.pk_field is not None else _as_it_is
    else:
        show = field.to_representation
    return lambda value: None if value is None else show(value)


def _as_it_is(value: Any) -> Any:
    return value


def plain(column: Any, ref: str) -> str:
    """Return the same for a value that no field changes; of a relation, the key."""
    known = check_column(column)
    while column.is_relation:
        column = column.target_field
        known = check_column(column)
    for kinds, write in PLAIN:
        if known in kinds:
            return write(None, None, ref)
    raise StepAside("only Python writes it")


def _choice(field: Any, known: Any, ref: str) -> str:
    """Write a choice: the value itself, where each choice is of the column's own type."""
    for columns, kind, write in ((TEXT, str, _text), (NUMBERS, int, _number)):
        if known in columns:
            same = all(
                type(key) is kind and text == str(key)
                for text, key in field.choice_strings_to_values.items()
            )
            unless(same, "choices are of another type than the column")
            return write(field, None, ref)
    raise StepAside("only Python writes it")


def _text(_field: Any, _column: Any, ref: str) -> str:
    return f"to_json({ref}::text)::text"


def _number(_field: Any, _column: Any, ref: str) -> str:
    return f"{ref}::text"


def _integer(field: Any, column: Any, ref: str) -> str:
    big = type(field) is not serializers.IntegerField and api_settings.COERCE_BIGINT_TO_STRING
    unless(not getattr(field, "coerce_to_string", big), "a number is written as text")
    return _number(field, column, ref)


def _boolean(_field: Any, _column: Any, ref: str) -> str:
    return f"{ref}::text"


def _uuid(field: Any, _column: Any, ref: str) -> str:
    unless(field is None or field.uuid_format == "hex_verbose", "it has another uuid format")
    return _quoted(f"{ref}::text")


def _date(field: Any, _column: Any, ref: str) -> str:
    _check_format(field, api_settings.DATE_FORMAT)
    return _quoted(DATE.format(ref))


def _time(field: Any, _column: Any, ref: str) -> str:
    _check_format(field, api_settings.TIME_FORMAT)
    return _quoted(_short(TIME.format(ref)))


def _moment(field: Any, _column: Any, ref: str) -> str:
    _check_format(field, api_settings.DATETIME_FORMAT)
    unless(not hasattr(field, "timezone"), "it has a time zone of its own")
    if not settings.USE_TZ:
        return _quoted(_short(MOMENT.format(ref)))
    text = _short(MOMENT.format(f"{ref} AT TIME ZONE 'UTC'")) + " || 'Z'"
    return _quoted(text if Surroundings.of_now().are_utc() else f"'{ELSEWHERE}' || {text}")


def _decimal(field: Any, column: Any, ref: str) -> str:
    declared = column.decimal_places, column.max_digits
    same = (field.decimal_places, field.max_digits) == declared and None not in declared
    as_text = getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
    plain = same and as_text and not (field.localize or field.normalize_output or field.rounding)
    unless(plain, "it is rounded, localised or no string")
    most = 10 ** (column.max_digits - column.decimal_places)
    foreseen = f"scale({ref}::numeric) = {column.decimal_places} AND abs({ref}) < {most}"
    # One of another time than the model is not foreseen: Python writes the row.
    return f"CASE WHEN coalesce({foreseen}, true) THEN {_quoted(f'{ref}::text')} ELSE '{ODD}' END"


def _check_format(field: Any, usual: Any) -> None:
    unless(getattr(field, "format", usual) == ISO_8601, "it has a format of its own")


def _short(sql: str) -> str:
    """Leave out the fraction of whole seconds, as `isoformat()` does."""
    return f"replace({sql}, '.000000', '')"


def _quoted(sql: str) -> str:
    return f"""('"' || {sql} || '"')"""


def _float(_field: Any, _column: Any, ref: str) -> str:
    """Write the shortest digits that are the same number, as Python and PostgreSQL both do.

    Where PostgreSQL writes a positive exponent they differ: in where that begins, and in numbers
    half-way between two. `extra_float_digits` says where. Whole numbers have a fraction in Python
    only.
    """
    text = f"{ref}::text"
    return (
        f"CASE WHEN {text} ~ '^[^+Ny]*[.e][^+Ny]*$' THEN {text}"  # no NaN, no Infinity
        f" WHEN {text} ~ '[+Ny]' THEN '{ODD}' ELSE {text} || '.0' END"
    )


PLAIN: tuple[tuple[Any, Write], ...] = (
    (TEXT, _text), (NUMBERS, _number), ({models.UUIDField}, _uuid),
    ({models.BooleanField}, _boolean),
)  # fmt: skip
COMPUTED: dict[Write, str] = {  # what such a value is in the database
    _text: "text,varchar", _integer: "smallint,integer,bigint", _boolean: "boolean", _uuid: "uuid",
}  # fmt: skip
KINDS: tuple[tuple[Any, Any, Write], ...] = (
    (OF_TEXT, TEXT, _text),
    (OF_NUMBERS, NUMBERS, _integer),
    ({serializers.BooleanField}, {models.BooleanField}, _boolean),
    ({serializers.UUIDField}, {models.UUIDField}, _uuid),
    ({serializers.DateTimeField}, {models.DateTimeField}, _moment),
    ({serializers.DateField}, {models.DateField}, _date),
    ({serializers.TimeField}, {models.TimeField}, _time),
    ({serializers.DecimalField}, {models.DecimalField}, _decimal),
    ({serializers.FloatField}, {models.FloatField}, _float),
)


def literal(text: str) -> str:
    """Return a text as SQL."""
    return "'{}'".format(text.replace("'", "''"))
