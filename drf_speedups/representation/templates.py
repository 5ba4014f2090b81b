"""The fields of a serializer class, which the framework builds anew for each serializer."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models

from drf_speedups.eligibility.looked_at import unchanged
from drf_speedups.eligibility.members import MOST_CLASSES
from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.eligibility.serializers import OfFields
from drf_speedups.representation.members import PARTS, Member, check_class


def _with_parts(fields: Iterable[Any]) -> Iterator[Any]:
    for field in fields:
        yield field
        yield from _with_parts(vars(field)[name] for name in PARTS if vars(field).get(name))


class Template:
    """The fields of a serializer class. Raises `StepAside` where each may have others."""

    def __init__(self, kind: Any) -> None:
        check_class(kind)
        self.kind = kind
        self.said = OfFields(kind)
        self.serializer = kind()
        self.fields = [*self.serializer.fields.values()]
        kinds: set[Any] = {type(one) for one in _with_parts(self.fields)}
        self.unchanged = unchanged(kind, *kinds)
        self.shown = [one for one in self.fields if not one.write_only]
        self.model = getattr(getattr(kind, "Meta", None), "model", None)

    def members(self, model: Any) -> list[Member]:
        """Return what reads the rows of a model, or any other object for None."""
        return [Member(field, model) for field in self.shown]


@functools.lru_cache(MOST_CLASSES)
def template(kind: Any) -> Template | str:
    """Return the fields of a serializer class, or why each serializer may have others."""
    try:
        return Template(kind)
    except StepAside as reason:
        return str(reason)
    except Exception as error:  # noqa: BLE001  (the framework says so itself, if there is a row)
        return f"its fields cannot be built: {error}"


def members(kind: Any, row_class: Any) -> list[Member] | None:
    """Return what reads objects of a class for serializers of another; None if it is not known."""
    found = known(kind)
    return _members(found, row_class) if found and unchanged(row_class) else None


def known(kind: Any) -> Template | None:
    """Return the fields of a serializer class, None if it may have others by now."""
    found = template(kind)
    same = isinstance(found, Template) and found.said and found.unchanged
    return found if same else None  # type: ignore[return-value]


@functools.lru_cache(MOST_CLASSES)
def _members(found: Template, row_class: Any) -> list[Member]:
    model = row_class if issubclass(row_class, models.Model) else None
    return found.members(model)


def forget() -> None:
    """Let all classes be looked at anew."""
    template.cache_clear()
    _members.cache_clear()
