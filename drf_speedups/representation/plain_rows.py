"""Whether rows become objects, and are chosen, by Django's own code."""

import functools
from typing import Any

from django.db import models
from django.db.models.fields import related_descriptors as descriptors
from django.db.models.manager import BaseManager

from drf_speedups.eligibility.members import own_members
from drf_speedups.eligibility.reasons import unless
from drf_speedups.representation.members import MOST_CLASSES

# What makes rows of a query set, or objects of rows.
OF_ITERATION = frozenset({
    "__init__", "__iter__", "__len__", "__bool__", "__getitem__", "__getattribute__", "_fetch_all",
    "_iterator", "iterator", "_prefetch_related_objects", "db", "query", "ordered",
})  # fmt: skip
OF_OBJECTS = frozenset({"__init__", "__new__", "__getattribute__", "__getattr__", "__setattr__",
                        "from_db"})  # fmt: skip
# What chooses the rows of a relation.
OF_CHOICE = OF_ITERATION | {
    "get_queryset", "all", "filter", "using", "db_manager", "_add_hints", "_filter_or_exclude",
    "_filter_or_exclude_inplace", "_chain", "_clone", "_next_is_sticky", "order_by",
}  # fmt: skip

# What an object has for a relation to one row, by a column of its own.
FORWARD = {descriptors.ForwardManyToOneDescriptor, descriptors.ForwardOneToOneDescriptor}

# The code of a manager's methods that do what its query set does.
OF_QUERY_SETS = vars(BaseManager.from_queryset(models.QuerySet))["filter"].__code__


@functools.lru_cache(MOST_CLASSES)
def own_code(kind: Any, base: Any) -> frozenset[str]:
    """Return the names of what a class has that its base's own classes do not define."""
    return frozenset(name for _, name, _ in own_members(kind, frozenset(base.__mro__)))


def check_query_set(kind: Any) -> None:
    """Raise `StepAside` unless query sets of a class make objects of rows as Django's do."""
    own = own_code(kind, models.QuerySet) & OF_ITERATION
    unless(not own, f"the query set has its own {_named(own)}")


def check_objects(model: Any) -> None:
    """Raise `StepAside` unless a row becomes an object by Django's own code."""
    # Only of tables that migrations make, the columns are sure to have the types of the fields.
    unless(model._meta.managed, f"others made the table of {model.__name__}")
    own = own_code(model, models.Model) & OF_OBJECTS
    unless(not own, f"{model.__name__} has its own {_named(own)}")


@functools.lru_cache(MOST_CLASSES)
def _of_manager(kind: Any) -> frozenset[str]:
    known = frozenset(models.Manager.__mro__)
    return frozenset(name for _, name, member in own_members(kind, known)
                     if getattr(member, "__code__", None) is not OF_QUERY_SETS)  # fmt: skip


def check_manager(manager: Any) -> None:
    """Raise `StepAside` unless the rows of a relation are all those that the relation leads to."""
    chosen, kind = manager._queryset_class, _class(manager)
    own = (_of_manager(kind) | own_code(chosen, models.QuerySet)) & OF_CHOICE
    unless(not own, f"the manager {kind.__name__} has its own {_named(own)}")


def rows_to(found: Any, model: Any) -> tuple[str, Any, Any, Any]:
    """Return of a relation to many rows: lookup, model, the column it ends at, our own column.

    Raises `StepAside` for other relations.
    """
    if type(found) is descriptors.ReverseManyToOneDescriptor:
        field = found.rel.field
        return field.attname, found.rel.related_model, field, field.target_field
    unless(type(found) is descriptors.ManyToManyDescriptor, "it is no relation to rows")
    field, reverse = found.field, found.reverse
    other = found.rel.related_model if reverse else found.rel.model
    name = field.name if reverse else field.related_query_name()
    key = model._meta.pk
    through = [one for one in found.through._meta.concrete_fields if one.is_relation]
    to_keys = all(one.target_field.primary_key and one.db_constraint for one in through)
    unless(to_keys, "the relation is not between keys")
    return f"{name}__{key.attname}", other, key, key


def descriptor(model: Any, name: str) -> Any:
    """Return what a model's objects have under a name."""
    return next((vars(kind)[name] for kind in model.__mro__ if name in vars(kind)), None)


def _class(value: Any) -> Any:
    return type(value)


def _named(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
