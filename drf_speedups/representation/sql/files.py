"""Files whose names rows have: what is shown of a name, its storage says each time.

PostgreSQL writes the name, and a mark in front. When all else is written, each marked name becomes
what the framework shows of it: row by row and field by field, as the framework asks the storage.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db.models.fields.files import (
    FieldFile,
    FileDescriptor,
    ImageFieldFile,
    ImageFileDescriptor,
)
from rest_framework import serializers

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import own_members
from drf_speedups.eligibility.models import FILES, check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.serializers import OF_INPUT
from drf_speedups.representation.members import copied, descriptor

FILE = "\x07"  # in no JSON that PostgreSQL writes: in front of a field's number and a name
NAMED = re.compile(FILE + r'(\d+)("(?:[^"\\]|\\.)*")')
DESCRIPTORS = {FileDescriptor, ImageFileDescriptor}
OF_NAMES = {FieldFile, ImageFieldFile}  # they look at no row, but to change it
OF_URLS = frozenset({"url", "base_url", "_base_url", "_value_or_setting", "__getattribute__"})
FRAMEWORK_S = frozenset(serializers.ImageField.__mro__)
_encode = json.JSONEncoder(ensure_ascii=False).encode
Show = Callable[[str], Any]  # what the framework shows, of a name


class File(NamedTuple):
    """A field that shows the files of a column."""

    field: Any
    column: Any
    number: int

    @classmethod
    def of(cls, field: Any, model: Any, name: str, number: int) -> "File":
        """Return the field that shows what a model's objects have under a name.

        Raises `StepAside` where code of a project's own may look at these objects.
        """
        own = {name for _, name, _ in own_members(type(field), FRAMEWORK_S)} - OF_INPUT
        unless(not own, f"{field.field_name} has its own {', '.join(sorted(own))}")
        found = descriptor(model, name)
        plain = type(found) in DESCRIPTORS and not own_code(type(found), type(found))
        unless(plain, f"{name} is no column of files")
        check_column(found.field, FILES)
        return cls(field, found.field, number)

    def check(self, otherwise: str) -> None:
        """Raise `StepAside` unless Django's own code stands between a name and its storage.

        `otherwise` says why the storage is not asked as ever: one of a project's own may say
        something else each time, or do something.
        """
        name, kind = self.field.field_name, self.column.attr_class
        own = kind not in OF_NAMES or own_code(kind, kind)
        unless(not own, f"{name} has files of its own kind")
        unless(not otherwise or _is_django_s(self.column.storage),
               f"{otherwise}, and {name} has a storage of its own")  # fmt: skip

    def sql(self, ref: str) -> str:
        """Return the text of a name that is not NULL."""
        return f"'{FILE}{self.number}' || to_json({ref}::text)::text"

    def shown_by(self, serializer: Any) -> Show:
        """Return what a serializer shows of a name. Raises `StepAside` if it may be no text."""
        field = copied(self.field, serializer)
        told = field.context.get("request") is not None  # which makes a text of any URL
        self.check("" if told else "nobody tells of a request")
        show, file = field.to_representation, self.column.attr_class
        return lambda name: show(file(None, self.column, name))


def _is_django_s(storage: Any) -> bool:
    """Tell whether a storage makes URLs of nothing but names and settings, by Django's code."""
    try:
        kind = storage.__class__  # a proxy has that of what it makes now
        same = getattr(storage.url, "__func__", None) is kind.url
    except Exception:  # noqa: BLE001  (the framework says so itself, if there is a file)
        return False
    return same and not own_code(kind, kind) & OF_URLS


def filled_in(texts: list[str], files: list[Show]) -> list[str] | None:
    """Return texts with what is shown of the names in them; None if one URL is no text.

    Raises what storages raise.
    """

    def shown(named: re.Match[str]) -> str:
        value = files[int(named[1])](json.loads(named[2]))
        unless(value is None or isinstance(value, str), "a URL is no text")
        return _encode(value)

    try:
        return [NAMED.sub(shown, text) for text in texts] if files else texts
    except StepAside:
        return None
