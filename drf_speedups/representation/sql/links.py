"""URLs of rows: the same for all of them but for the key."""

import functools
import json
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models
from django.urls import get_resolver
from rest_framework.relations import HyperlinkedIdentityField, HyperlinkedRelatedField
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.settings import api_settings

from drf_speedups.database.json_sql import NUMBERS
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation.members import copied
from drf_speedups.representation.sql.columns import ODD
from drf_speedups.representation.surroundings import Surroundings

NUMBERED = 1234567, 2**63 - 1  # keys: an ordinary one, and one as long as any
SHORT = 3  # is written as it is, and fills nothing
NAMED = UUID(int=0x1234567 << 90 | 1), UUID(int=0x7654321 << 80 | 2)
reversing: Any = import_module("rest_framework.reverse")
BEFORE, AFTER, FIRST = "\x04", "\x05", 0x10  # in no JSON that PostgreSQL writes
MOST_LINKS = 15
MOST_PATHS = 1024
_paths: dict[Any, str] = {}  # of first keys


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

    def around(self, serializer: Any, here: Surroundings) -> tuple[str, str]:
        """Return what stands before and after a key in this request's URLs, as JSON.

        Raises `StepAside` where that depends on the key, or there is no URL for the examples.
        """
        try:
            return self._around(serializer, serializer.context, here)
        except StepAside:
            raise
        except Exception as error:  # the framework says so itself, if there is a row
            raise StepAside(str(error)) from error

    def _around(self, serializer: Any, context: Any, here: Surroundings) -> tuple[str, str]:
        request = context.get("request")
        key = self._follows_from(request, context.get("format"), here)
        path = _paths.get(key) if key else None
        if path is not None:
            return _parts(request.build_absolute_uri(path), self.keys[0])
        field = copied(self.field, serializer)
        found = {_parts(self._url(field, one), one) for one in self.keys}
        unless(len(found) == 1 and self._is_short(field, *found),
               "the URL depends on the key in another way")  # fmt: skip
        if key:
            self._remember(key, request, found)
        return found.pop()

    def _is_short(self, field: Any, around: tuple[str, str]) -> bool:
        """Tell whether a short key is written as it is."""
        before, after = around
        url = f"{before}{SHORT}{after}"
        return self.keys is not NUMBERED or _inside(self._url(field, SHORT)) == url

    def _url(self, field: Any, key: Any) -> str:
        row = SimpleNamespace(**{"pk": key, self.field.lookup_field: key})
        return str(field.to_representation(row))

    def _follows_from(
        self, request: Any, suffix: Any, here: Surroundings
    ) -> tuple[Any, ...] | None:
        """Return all that the path of a URL follows from; None if there is more."""
        plain = type(request) is Request and getattr(request, "versioning_scheme", None) is None
        override = api_settings.URL_FORMAT_OVERRIDE
        if (
            suffix
            or not plain
            or _code() != STOCK
            or (override and override in request.query_params)
        ):
            return None
        resolver = get_resolver(here.urlconf)
        by = self.field.view_name, self.field.lookup_url_kwarg, self.keys[0]
        return (*by, resolver, here.prefix, here.language)

    def _remember(self, key: tuple[Any, ...], request: Any, found: set[tuple[str, str]]) -> None:
        """Keep the path of the first key, of which the URL was compared with another's."""
        path = reversing.django_reverse(
            self.field.view_name, kwargs={self.field.lookup_url_kwarg: self.keys[0]}
        )
        if {_parts(request.build_absolute_uri(path), self.keys[0])} == found:
            if len(_paths) >= MOST_PATHS:
                _paths.clear()
            _paths[key] = path


def _code() -> tuple[Any, ...]:
    """Return the code that makes a URL of a row."""
    kind = HyperlinkedRelatedField
    return (kind.to_representation, kind.get_url, reversing.reverse, reversing._reverse,
            reversing.django_reverse, reversing.preserve_builtin_query_params)  # fmt: skip


STOCK = _code()


def _parts(url: str, key: Any) -> tuple[str, str]:
    before, found, after = url.partition(str(key))
    unless(found and str(key) not in after, "there is no key in the URL")
    return _inside(before), _inside(after)


def forget() -> None:
    """Let the URLs of all keys be compared anew."""
    _paths.clear()


@functools.lru_cache(MOST_PATHS)
def _inside(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
