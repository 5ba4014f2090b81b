"""Whether rows become objects, and are chosen, by Django's own code."""

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import models
from django.db.models.fields import related_descriptors as descriptors
from django.db.models.manager import BaseManager

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import MOST_CLASSES, own_members
from drf_speedups.eligibility.models import check_column
from drf_speedups.eligibility.reasons import unless
from drf_speedups.representation.members import OF_KEYS, descriptor, is_stored

# What makes rows of a query set, or objects of rows.
OF_ITERATION = frozenset({
    "__init__", "__iter__", "__len__", "__bool__", "__getitem__", "__getattribute__", "_fetch_all",
    "_iterator", "iterator", "_prefetch_related_objects", "db", "query", "ordered",
})  # fmt: skip
OF_OBJECTS = frozenset({"__init__", "__new__", "__getattribute__", "__getattr__", "__setattr__",
                        "from_db", *OF_KEYS})  # fmt: skip
COLUMN = re.compile(r"col\d+")  # what Django calls a column of a sub-query
# What chooses the rows of a relation.
OF_CHOICE = OF_ITERATION | {
    "get_queryset", "all", "filter", "using", "db_manager", "_add_hints", "_filter_or_exclude",
    "_filter_or_exclude_inplace", "_chain", "_clone", "_next_is_sticky", "order_by",
}  # fmt: skip

# What fetches rows: REST framework puts something else into the query set of a view's class.
FETCH_ALL = vars(models.QuerySet)["_fetch_all"]

# What an object has for a relation to one row, by a column of its own.
FORWARD = {descriptors.ForwardManyToOneDescriptor, descriptors.ForwardOneToOneDescriptor}

# The code of a manager's methods that do what its query set does.
OF_QUERY_SETS = vars(BaseManager.from_queryset(models.QuerySet))["filter"].__code__


def check_classes(query_set: Any, encoder: Any) -> None:
    """Raise `StepAside` unless rows are fetched and written by the frameworks' own code."""
    own = own_code(query_set, models.QuerySet) & OF_ITERATION
    unless(not own, f"the query set has its own {_named(own)}")
    unless(not own_code(encoder, encoder), "somebody has changed how JSON is written")


def evaluates(rows: Any) -> bool:
    """Tell whether Django's own code evaluates a query set, and nobody has put theirs there."""
    return getattr(rows._fetch_all, "__func__", None) is FETCH_ALL


def plain_copy(rows: Any, using: str) -> Any:
    """Return a copy of a query set for a database, with no code of its class run."""
    copied: Any = models.QuerySet._clone(rows)  # type: ignore[attr-defined]
    copied._db = using
    return copied


def check_objects(model: Any) -> None:
    """Raise `StepAside` unless a row becomes an object by Django's own code."""
    # Only of tables that migrations make, the columns are sure to have the types of the fields.
    unless(model._meta.managed, f"others made the table of {model.__name__}")
    own = own_code(model, models.Model) & OF_OBJECTS
    unless(not own, f"{model.__name__} has its own {_named(own)}")
    unless(not _is_named_as_in_sql(model), f"{model.__name__} has fields that are called col1")


@functools.lru_cache(MOST_CLASSES)
def _is_named_as_in_sql(model: Any) -> bool:
    """Tell whether rows may be ordered by a name that a column has in SQL only.

    Django takes the column of that name then.
    """
    return any(COLUMN.fullmatch(one.name) for one in model._meta.get_fields())


def _of_manager(kind: Any) -> frozenset[str]:
    known = frozenset(models.Manager.__mro__)
    return frozenset(name for _, name, member in own_members(kind, known)
                     if getattr(member, "__code__", None) is not OF_QUERY_SETS)  # fmt: skip


def check_manager(manager: Any) -> None:
    """Raise `StepAside` unless the rows of a relation are all those that the relation leads to."""
    chosen, kind = _made_by(manager), _class(manager)
    unless(chosen is not None, f"the manager {kind.__name__} makes query sets in its own way")
    own = (_of_manager(kind) | own_code(chosen, models.QuerySet)) & OF_CHOICE
    unless(not own, f"the manager {kind.__name__} has its own {_named(own)}")


def choosing(model: Any) -> tuple[Any, ...]:
    """Return the classes whose code chooses a model's rows, and makes objects of them."""
    managers = model._default_manager, model._base_manager
    return (model, *map(_class, managers), *map(_made_by, managers))


def _made_by(manager: Any) -> Any:
    """Return the class of a manager's query sets, None where it does not say."""
    return getattr(manager, "_queryset_class", None)


def stored_column(model: Any, name: str, relation: bool = False) -> Any:
    """Return the column whose value, or whose related row, an object has under a name."""
    for column in model._meta.concrete_fields:
        if name == (column.name if relation else column.attname) and relation <= column.is_relation:
            return column if is_stored(column, model) else None
    return None


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


def has_no_ties(rows: Any) -> bool:
    """Tell whether rows are ordered by a column that no two of them share.

    PostgreSQL gives others in any sequence: for a row's own query in another than for all rows.
    """
    query, meta = rows.query, rows.model._meta
    unique = {"pk"}.union(
        *({one.attname} if one.is_relation else {one.name, one.attname}
          for one in meta.concrete_fields if one.unique and not one.null)
    )  # fmt: skip
    names = query.order_by or (meta.ordering if query.default_ordering else ())
    return any(type(one) is str and one.removeprefix("-") in unique for one in names)


class Relation(NamedTuple):
    """Where a relation leads: from a column of ours to one of theirs."""

    found: Any  # Django's descriptor
    field: Any
    model: Any
    ours: Any
    theirs: Any  # or what Django calls it, of a table between

    @classmethod
    def of(cls, model: Any, name: str) -> "Relation":
        """Return what the objects of a model have under a name. Raises `StepAside`."""
        found = descriptor(model, name)
        unless(type(found) in RELATIONS, f"{name} is no relation")
        return cls(found, *RELATIONS[type(found)](found))

    @property
    def many(self) -> bool:
        """Tell whether it leads to any number of rows."""
        return type(self.found) in TO_MANY

    @property
    def forward(self) -> bool:
        """Tell whether our column refers to the row."""
        return type(self.found) in FORWARD

    @property
    def manager(self) -> Any:
        """Return the manager that Django asks."""
        return self.model._default_manager if self.many else self.model._base_manager

    @property
    def known(self) -> Any:
        """Return the relation that leads back, where the rows have the object one comes from."""
        return None if type(self.theirs) is str else self.field

    def check(self, scope: Any) -> None:
        """Raise `StepAside` unless Django asks for all that it leads to from rows of a query."""
        back = self.field is scope.known and not self.many
        joined = (self.field, not self.forward) in scope.joined
        unless(not (back or joined), "the rows that are to be fetched are there")
        check_column(scope.model._meta.pk)
        check_objects(scope.model)
        check_objects(self.model)
        check_manager(self.manager)
        between = type(self.theirs) is str
        stored = is_stored(self.ours, scope.model) and (
            between or is_stored(self.theirs, self.model)
        )
        unless(stored and self.ours in scope.places, f"{self.ours} is not selected")


Columns = tuple[Any, Any, Any, Any]


def _many_to_many(found: Any) -> Columns:
    field, rel = found.field, found.rel
    name = field.m2m_reverse_field_name() if found.reverse else field.m2m_field_name()
    source = found.through._meta.get_field(name)
    model = rel.related_model if found.reverse else rel.model
    check_column(source)
    unless(source.target_field.primary_key, "the relation does not begin at a key")
    return source, model, source.target_field, f"_prefetch_related_val_{source.attname}"


def _to_one(found: Any) -> Columns:
    field = found.field
    check_column(field)
    return field, field.remote_field.model, field, field.target_field


def _reversed(rel: Any) -> Columns:
    check_column(rel.field)
    return rel.field, rel.related_model, rel.field.target_field, rel.field


RELATIONS: dict[Any, Callable[[Any], Columns]] = {
    descriptors.ManyToManyDescriptor: _many_to_many,
    descriptors.ReverseManyToOneDescriptor: lambda found: _reversed(found.rel),
    descriptors.ReverseOneToOneDescriptor: lambda found: _reversed(found.related),
    **dict.fromkeys(FORWARD, _to_one),
}
TO_MANY = {descriptors.ManyToManyDescriptor, descriptors.ReverseManyToOneDescriptor}


def _class(value: Any) -> Any:
    return type(value)


def _named(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
