"""How one serializer reads rows: by what is known of its class, or by fields of its own."""

import functools
from collections.abc import Mapping
from types import FunctionType, NoneType
from typing import Any, NamedTuple

from django.db import models
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import BindingDict

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import MOST_CLASSES, own_members
from drf_speedups.eligibility.reasons import listed
from drf_speedups.eligibility.serializers import FRAMEWORK_S
from drf_speedups.representation.members import (
    KEPT,
    LEFT_OUT,
    LIST,
    LOOKING_AROUND,
    ROW,
    Read,
    column_of,
    reading,
)
from drf_speedups.representation.templates import members

NAMED = "SPEEDUPS_VIEW_SETS"  # the setting that says which
# What serializers have of their class, and one of them may have of its own.
OF_A_CLASS = frozenset({"Meta", "_declared_fields"}).union(
    name
    for kind in (*serializers.ModelSerializer.__mro__, LIST)
    for name, member in vars(kind).items()
    if isinstance(member, FunctionType)
)


def is_as_its_class(serializer: Any) -> bool:
    """Tell whether nobody has put a method of one serializer in the place of its class's."""
    own: dict[str, Any] = vars(serializer)
    return own.keys().isdisjoint(OF_A_CLASS)


def is_wanted(serializer: Any) -> bool:
    """Tell whether the setting SPEEDUPS_VIEW_SETS leaves a serializer's rows to us."""
    if listed(NAMED) is None:
        return True
    return is_named(type(from_context(serializer, "view")))


def is_named(kind: type) -> bool:
    """Tell whether the setting leads to a class of views or a base of it, by whatever path."""
    named = listed(NAMED)
    return named is None or issubclass(kind, _views(named))


@functools.lru_cache(MOST_CLASSES)
def _views(named: tuple[str, ...]) -> tuple[type, ...]:
    from drf_speedups.eligibility.views import view_at  # whose classes are imported by now

    return tuple(filter(None, map(view_at, named)))


def from_context(serializer: Any, name: str) -> Any:
    """Return what a serializer is told, if anything: a context may be None, or what not."""
    context = serializer.context
    return context.get(name) if isinstance(context, Mapping) else None


def represented(serializer: Any, row: Any) -> Any:
    """Return the dictionary of a row; None if the framework has to make it."""
    own = vars(serializer)
    kind: Any = type(serializer)
    kept = own.get(KEPT)
    if kept is None or kept.row_class is not type(row) or kept.fields != _fields(own):
        kept = _reads(serializer, kind, type(row))
        if kept is None:
            return None
        own[KEPT] = kept
    values = {}
    for name, read in kept.reads:
        value = read(row)
        if value is not LEFT_OUT:
            values[name] = value
    return values


class Kept(NamedTuple):
    """How a serializer reads rows, as long as nobody changes its fields."""

    row_class: Any
    fields: list[Any] | None  # those that it has built, if it has
    reads: list[tuple[str, Read]]


def _fields(own: dict[str, Any]) -> list[Any] | None:
    built = own.get("fields")
    if type(built) is BindingDict:
        return [*built.fields.values()]
    return None if built is None else [built]


def _reads(serializer: Any, kind: Any, row_class: Any) -> Kept | None:
    """Return how a serializer reads rows of a class; None if it is not known or does not pay."""
    own = vars(serializer)
    plain = kind.to_representation is ROW.to_representation
    if row_class is NoneType or not is_wanted(serializer) or chooses_fields(kind):
        return None
    known = "fields" not in own and is_as_its_class(serializer)
    found = members(kind, row_class) if known else None
    if found is None:
        many = plain and isinstance(serializer.parent, LIST)
        return _own_reads(serializer, row_class) if many else None
    reads = [(one.name, one.bound(serializer)) for one in found]
    # Code of its own may do anything to fields once they are there.
    return Kept(row_class, _fields(own), reads) if plain or "fields" not in own else None


def _own_reads(serializer: Any, row_class: Any) -> Kept:
    """Return how a serializer of many rows reads them by fields of its own."""
    model = row_class if issubclass(row_class, models.Model) else None
    reads = [(field.field_name, _own_read(field, model)) for field in serializer._readable_fields]
    return Kept(row_class, _fields(vars(serializer)), reads)


def _own_read(field: Any, model: Any) -> Read:
    kind: Any = type(field)
    by_column = not isinstance(field, LOOKING_AROUND) and _gets_as_stock(kind)
    return reading(field, column_of(field, model) if by_column else None)


@functools.lru_cache(MOST_CLASSES)
def _gets_as_stock(kind: Any) -> bool:
    known = frozenset(one for one in kind.__mro__ if one in FRAMEWORK_S)
    own = {name for _, name, _ in own_members(kind, known)}
    return not own & {"get_attribute", "use_pk_only_optimization", "__getattribute__"}


@functools.lru_cache(MOST_CLASSES)
def chooses_fields(kind: Any) -> bool:
    """Tell whether code of a class says for each row which fields show something."""
    return "_readable_fields" in own_code(kind, ROW)


def forget() -> None:
    """Let all classes be looked at anew."""
    _views.cache_clear()
    _gets_as_stock.cache_clear()
    chooses_fields.cache_clear()
