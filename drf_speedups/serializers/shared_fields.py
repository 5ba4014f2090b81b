"""Serializer fields built once per class instead of once per request.

Building and binding the fields of a `ModelSerializer` costs several times what using them costs.
The framework's own loops over them, which read and write rows, get fields that all serializers of
a class share: only fields that compute from their value and whose parts can never change. Whoever
else asks a serializer for its fields gets them built for this serializer, as ever.
"""

import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.core.signals import setting_changed
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils.serializer_helpers import BindingDict

from drf_speedups.eligibility.members import MOST_CLASSES, piece
from drf_speedups.eligibility.reasons import StepAside, switched_on
from drf_speedups.eligibility.serializers import (
    OfFields,
    check_serializer,
    check_shareable,
    unremembering,
)

_stock: Any = vars(serializers.Serializer)["fields"].func
_NOTHING: frozenset[str] = frozenset()

_shared: dict[tuple[type, bool], "Shared | None"] = {}


@piece
class SharedFields:
    # Mixin for a `ModelSerializer`; goes before it in the list of bases. (No docstrings: they would
    # become those of the serializers, in descriptions that clients read.)

    @cached_property
    def fields(self: Any) -> Any:
        shared = shared_by(self)
        return super().fields if shared is None else Fields(self, shared)  # type: ignore[misc]

    @property
    def _readable_fields(self: Any) -> Any:
        shared = _used(self) if _asks_the_framework() else None
        if shared is None:
            return super()._readable_fields  # type: ignore[misc]
        return (field for field in shared.fields.values() if not field.write_only)

    @property
    def _writable_fields(self: Any) -> Any:
        shared = _used(self) if _asks_the_framework() else None
        if shared is None:
            return super()._writable_fields  # type: ignore[misc]
        return (field for field in shared.fields.values() if not field.read_only)

    def _read_only_defaults(self: Any) -> dict[str, Any]:
        shared = _used(self)
        if shared is None or shared.read_only_defaults:
            return super()._read_only_defaults()  # type: ignore[misc, no-any-return]
        return {}

    def get_validators(self: Any) -> list[Any]:
        shared = _used(self)
        if shared is None or shared.validates:
            return super().get_validators()  # type: ignore[misc, no-any-return]
        return []


class Shared:
    """The fields of a class, and what the framework wants to know of all of them."""

    def __init__(self, template: Any) -> None:
        self.said = OfFields(type(template))
        self.fields: dict[str, Any] = _stock(template).fields
        template.__dict__["fields"] = self.fields
        check_shareable(type(template), self.fields)
        unremembering(self.fields.values())
        self.validates = bool(super(SharedFields, template).get_validators())  # type: ignore[misc]
        self.read_only_defaults = any(
            field.read_only and field.default is not empty for field in self.fields.values()
        )


class Fields(BindingDict):
    """The fields of one serializer, built when somebody wants one of them and not just its name."""

    def __init__(self, serializer: Any, shared: Shared) -> None:
        self.serializer = serializer
        self.shared = shared

    @cached_property
    def fields(self) -> Any:  # type: ignore[override]
        """The serializer's own fields."""
        return _stock(self.serializer).fields

    @property
    def are_shared(self) -> bool:
        """Whether this serializer has none of its own."""
        return "fields" not in self.__dict__

    def __iter__(self) -> Iterator[Any]:
        return iter(self.shared.fields if self.are_shared else self.fields)

    def __len__(self) -> int:
        return len(self.shared.fields if self.are_shared else self.fields)

    def __contains__(self, name: object) -> bool:
        return name in (self.shared.fields if self.are_shared else self.fields)


def _used(serializer: Any) -> Shared | None:
    """Return the fields that read and write a row; None if they are the serializer's own."""
    fields = serializer.fields
    return fields.shared if isinstance(fields, Fields) and fields.are_shared else None


def _asks_the_framework() -> bool:
    """Tell whether the framework's own code, or ours, goes through a serializer's fields.

    Others may change them, or ask them for their context.
    """
    module = sys._getframe(2).f_globals.get("__name__", "")
    return bool(module == serializers.__name__ or module.startswith("drf_speedups."))


def shared_by(serializer: Any) -> Shared | None:
    """Return what all serializers of a class share; None if that is not safe."""
    # Fields ask their root whether it is partial.
    key = (type(serializer), bool(getattr(serializer.root, "partial", False)))
    try:
        shared = _shared[key]
    except KeyError:
        if len(_shared) >= MOST_CLASSES:
            _shared.clear()
        shared = _shared[key] = _built(*key)
    return shared if shared is not None and shared.said else None


def _forget(**_kwargs: Any) -> None:
    """Let all be looked at anew: a test has changed a setting."""
    _shared.clear()


setting_changed.connect(_forget)


def _built(kind: Any, partial: bool) -> Shared | None:
    try:
        check_own_fields(kind)
        return Shared(kind(partial=partial))
    except StepAside:
        return None


def check_own_fields(kind: type) -> None:
    """Raise `StepAside` with the reason why each serializer may have other fields."""
    switched_on("fields")
    check_serializer(kind, _NOTHING)
