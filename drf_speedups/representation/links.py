"""URLs of rows: the same for all of them but for the key."""

import json
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.urls import NoReverseMatch, get_urlconf
from django.utils.translation import get_language
from rest_framework.relations import HyperlinkedIdentityField, HyperlinkedRelatedField
from rest_framework.reverse import reverse

from drf_speedups.database.json_sql import NUMBERS
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation.columns import ODD
from drf_speedups.representation.members import MOST_CLASSES, copied

NUMBERED = 1234567, 7654321  # keys that no URL pattern for numbers refuses
NAMED = UUID(int=0x1234567 << 90 | 1), UUID(int=0x7654321 << 80 | 2)
BEFORE, AFTER, FIRST = "\x04", "\x05", 0x10  # in no JSON that PostgreSQL writes
MOST_LINKS = 15
_proven: set[Any] = set()  # what stands around any key, in URLs that were compared


class Link(NamedTuple):
    """One field that shows URLs. The texts of rows have marks for what stands around the keys."""

    field: Any
    keys: tuple[Any, Any]  # examples
    marks: tuple[str, str]

    @classmethod
    def to(cls, field: Any, column: Any, number: int) -> "Link":
        """Return the link of a field to the row whose key a column has. Raises `StepAside`."""
        stock = type(field) in {HyperlinkedIdentityField, HyperlinkedRelatedField}
        unless(stock and field.reverse is reverse, f"{field.field_name} makes URLs in its own way")
        while column.is_relation:
            column = column.target_field
        known = check_column(column)
        by_key = field.lookup_field == "pk" or (
            field.lookup_field == column.attname and column.primary_key
        )
        unless(by_key and column.primary_key, f"{field.field_name} does not link by the key")
        unless(number < MOST_LINKS, "there are too many links")
        unless(known in NUMBERS or known is models.UUIDField, "a key that is quoted in URLs")
        mark = chr(FIRST + number)
        keys = NUMBERED if known in NUMBERS else NAMED
        return cls(field, keys, (BEFORE + mark, AFTER + mark))

    def sql(self, ref: str) -> str:
        """Return the text of a key that is not NULL."""
        before, after = self.marks
        text = f"""'"{before}' || {ref}::text || '{after}"'"""
        return text if self.keys is NAMED else f"CASE WHEN {ref} < 0 THEN '{ODD}' ELSE {text} END"

    def around(self, serializer: Any) -> tuple[str, str]:
        """Return what stands before and after a key in this request's URLs, as JSON.

        Raises `StepAside` where that depends on the key, or there is no URL for the examples.
        """
        field = copied(self.field, serializer)
        request = serializer.context.get("request")
        by = get_urlconf(), get_language(), str(getattr(request, "version", None))
        first, second = self.keys
        try:
            parts = self._parts(field, first)
            proof = (field.view_name, field.lookup_url_kwarg, first, *by, *parts)
            if proof not in _proven:
                same = self._parts(field, second) == parts
                unless(same, "the URL depends on the key in another way")
                _remember(proof)
        except (ImproperlyConfigured, NoReverseMatch) as error:
            raise StepAside(str(error)) from error
        return parts

    def _parts(self, field: Any, key: Any) -> tuple[str, str]:
        url = field.to_representation(SimpleNamespace(**{"pk": key, self.field.lookup_field: key}))
        before, found, after = str(url).partition(str(key))
        unless(found and str(key) not in after, "there is no key in the URL")
        return _inside(before), _inside(after)


def _remember(proof: Any) -> None:
    if len(_proven) > MOST_CLASSES:
        _proven.clear()
    _proven.add(proof)


def forget() -> None:
    """Let the URLs of all keys be compared anew."""
    _proven.clear()


def _inside(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
