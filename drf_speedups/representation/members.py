"""How a field of a serializer gets at a row's value and shows it, looked at once for its class.

The framework asks each field for each row. A `Member` is what is known of a field beforehand. Where
its code looks at nothing but the value, serializers share it; else each gets a copy that is bound
to itself, or asks its own field, built as ever.
"""

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models.fields import related_descriptors as descriptors
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute
from rest_framework import fields, relations, serializers
from rest_framework.fields import SkipField, empty
from rest_framework.relations import PKOnlyObject

from drf_speedups.eligibility.members import is_code, own_members
from drf_speedups.eligibility.own_code import check_computes
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.serializers import (
    FRAMEWORK_S,
    OF_A_FIELD,
    OF_INPUT,
    check_list,
    check_serializer,
)
from drf_speedups.representation.moments import shown

Read = Callable[[Any], Any]
# What a field's code may be called by, that is bound to one serializer.
LOOKING_AROUND = (
    fields.FileField, fields.ModelField, fields.SerializerMethodField,
    relations.HyperlinkedRelatedField, relations.ManyRelatedField, serializers.BaseSerializer,
)  # fmt: skip
PARTS = "child", "child_relation", "pk_field"  # fields within a field
# How related rows are shown by the framework's own code.
OF_RELATIONS = frozenset(
    vars(kind)["to_representation"]
    for kind in (relations.PrimaryKeyRelatedField, relations.SlugRelatedField,
                 relations.StringRelatedField, relations.HyperlinkedRelatedField,
                 relations.ManyRelatedField)
)  # fmt: skip
OF_KEYS = frozenset({"pk", "serializable_value"})
KEPT = "_speedups_reads"  # where a serializer keeps what reads its rows
LEFT_OUT: Any = object()  # what is read where a row has nothing for a field that needs nothing


class Member:
    """One field of a serializer class that shows something.

    `read` is shared; where it is None each serializer gets its own by `bound`.
    """

    def __init__(self, field: Any, model: Any) -> None:
        self.name: str = field.field_name
        self.field = field
        self.column = column_of(field, model)
        self.read: Read | None = None
        self.many = _is_to_many(field, model)
        missing = self.column is None and field.default is not empty
        self.copied = is_known(field) and not missing  # what a default says depends on the request
        if self.copied and not looks_around(field):
            self.read = reading(field, self.column)

    def bound(self, serializer: Any) -> Read:
        """Return what reads a row for one serializer."""
        if self.read is not None:
            return self.read
        if not self.copied:
            return reading(serializer.fields[self.name], None)
        if type(self.field) is fields.SerializerMethodField:
            return getattr(serializer, str(self.field.method_name))  # type: ignore[no-any-return]
        own = copied(self.field, serializer)
        return self._prefetched(own) if self.many else reading(own, None)

    def _prefetched(self, field: Any) -> Read:
        """Return what reads related rows, which may be there without asking a manager for them."""
        inner = getattr(field, "child", None) or field.child_relation
        name, show, otherwise = field.source, inner.to_representation, reading(field, None)

        def read(row: Any) -> Any:
            there = vars(row).get("_prefetched_objects_cache")
            if there and name in there and row.pk is not None:  # a deleted row has no relations
                return [show(one) for one in there[name]]
            return otherwise(row)

        return read


def _is_to_many(field: Any, model: Any) -> bool:
    """Tell whether a field goes through what Django's manager of a relation gives for it."""
    if type(field) not in {LIST, relations.ManyRelatedField} or model is None:
        return False
    found = descriptor(model, field.source)
    if type(found) is descriptors.ManyToManyDescriptor:
        there = found.rel.related_model if found.reverse else found.rel.model
        name = found.field.related_query_name() if found.reverse else found.field.name
    elif type(found) is descriptors.ReverseManyToOneDescriptor:
        there, name = found.rel.related_model, found.rel.cache_name
    else:
        return False
    manager: Any = type(there._default_manager)
    return bool(name == field.source and manager is models.Manager)


def copied(field: Any, parent: Any) -> Any:
    """Return a field that shows values as this one, for another parent."""
    own = object.__new__(type(field))
    vars(own).update(vars(field))
    own.parent = parent
    for name in ("fields", "_data", "root", "context", KEPT):
        vars(own).pop(name, None)
    for name in ("child", "child_relation"):
        if name in vars(own):
            setattr(own, name, copied(vars(own)[name], own))
    return own


def column_of(field: Any, model: Any) -> Any:
    """Return the model's column that a field shows as it is, None if it shows something else."""
    related = isinstance(field, relations.PrimaryKeyRelatedField)
    if related and not shows_as_ever(field):
        return None
    if len(field.source_attrs) != 1 or "get_attribute" in vars(field):
        return None
    name = field.source_attrs[0]  # the field's source may have been changed since
    if (related or name == "pk") and not _has_keys_as_ever(model):
        return None
    for column in model._meta.concrete_fields if model is not None else ():
        names = {column.name} if related == column.is_relation else set()
        if column.is_relation and not related:
            names = {column.attname}
        if column.primary_key and not related:
            names |= {"pk"}
        if name in names and is_stored(column, model):
            return column
    return None


def _has_keys_as_ever(model: Any) -> bool:
    """Tell whether a model's objects say their keys, and those they refer to, by Django's code."""
    return all(getattr(model, name, None) is vars(models.Model)[name] for name in OF_KEYS)


def shows_as_ever(field: Any) -> bool:
    """Tell whether a field with relations shows a row by the framework's own code."""
    within = getattr(field, "child_relation", field)
    return {type(one).to_representation for one in (field, within)} <= OF_RELATIONS


def looks_around(field: Any) -> bool:
    """Tell whether a field, or one within it, may look at the serializer that it belongs to."""
    within = (vars(field).get(name) for name in PARTS)
    return isinstance(field, LOOKING_AROUND) or any(map(looks_around, filter(None, within)))


def descriptor(model: Any, name: str) -> Any:
    """Return what a model's objects have under a name."""
    return next((vars(kind)[name] for kind in model.__mro__ if name in vars(kind)), None)


def is_stored(column: Any, model: Any) -> bool:
    """Tell whether an object's attribute is what the column has, not what a descriptor says."""
    found = descriptor(model, column.attname)
    plain = type(found) in {DeferredAttribute, ForeignKeyDeferredAttribute}
    return plain and getattr(found, "field", None) is column


def reading(field: Any, column: Any) -> Read:
    show = shown(field)
    if column is None:
        return functools.partial(_shown, field.get_attribute, show)
    get = attrgetter(column.attname)
    if isinstance(field, relations.PrimaryKeyRelatedField):
        key = field.pk_field
        return get if key is None else functools.partial(_shown, get, key.to_representation)

    def read(row: Any) -> Any:
        try:
            value = get(row)
        except ObjectDoesNotExist:  # it was deferred, and the row is gone
            return None
        return None if value is None else show(value)

    return read


def _shown(get: Read, show: Read, row: Any) -> Any:
    try:
        value = get(row)
    except SkipField:
        return LEFT_OUT
    none = value.pk if isinstance(value, PKOnlyObject) else value
    return None if none is None else show(value)


def is_known(field: Any) -> bool:
    """Tell whether a copy of a field shows the same as a field that is built anew."""
    try:
        if isinstance(field, serializers.ListSerializer):
            check_list(type(field))
            return is_known(field.child)
        if isinstance(field, serializers.BaseSerializer):
            check_class(type(field))
            return True
        _check_field(field)
    except StepAside:
        return False
    return True


def _check_field(field: Any) -> None:
    known = frozenset(one for one in type(field).__mro__ if one in FRAMEWORK_S)
    for owner, name, member in own_members(type(field), known):
        if name == "to_representation":
            check_computes(member, OF_A_FIELD, type(field))
        elif hasattr(fields.Field, name) or any(hasattr(one, name) for one in known):
            unless(name in OF_INPUT or not is_code(member), f"{owner.__name__}.{name} is its own")
    for name in PARTS:
        inner = vars(field).get(name)
        unless(inner is None or is_known(inner), f"{field.field_name} has parts of its own")


LIST: Any = serializers.ListSerializer
ROW: Any = serializers.Serializer


def check_class(kind: Any) -> None:
    """Raise `StepAside` unless each serializer of a class begins with the same fields."""
    check_serializer(kind, frozenset())
