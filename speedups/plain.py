"""What is plain enough to be done at once: rows, models, permissions, and code that is not ours."""

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from django.db import models, router
from django.db.models import signals
from rest_framework.permissions import BasePermission

from speedups.stepping_aside import StepAside, unless

FRAMEWORKS = {"django", "rest_framework", "speedups"}
SAVING = (signals.pre_init, signals.post_init, signals.pre_save, signals.post_save)
DELETING = (signals.pre_init, signals.post_init, signals.pre_delete, signals.post_delete)

OF_PLAIN_FIELDS = {
    kind.pre_save
    for kind in (models.Field, models.DateField, models.DateTimeField, models.TimeField)
}


def check_rows(rows: Any) -> None:
    """Raise `StepAside` unless each row of a query set is a row of one table and no more."""
    query: Any = rows.query
    joins = query.select_related or rows._prefetch_related_lookups or len(query.alias_map) > 1
    unless(not joins, "the queryset joins tables")
    unless(not (query.is_sliced or query.combinator or query.distinct), "the queryset is cut")
    unless(not (query.annotations or query.deferred_loading[0]), "the queryset is annotated")
    unless(not (query.extra or query.select_for_update), "the queryset locks or selects more")
    unless(not router.routers, "a database router chooses the database")
    own = [name for name in dir(models.QuerySet) if _differs(type(rows), name)]
    unless(not own, f"the queryset has its own {', '.join(own)}")


def _differs(kind: type, name: str) -> bool:
    """Tell whether a kind of query set has its own method of this name; bound ones always do."""
    found, stock = getattr(kind, name), getattr(models.QuerySet, name)
    bound = hasattr(stock, "__self__") or hasattr(object, name)
    return not bound and name not in {"__dict__", "__module__"} and found is not stock


def check_saving(model: Any) -> None:
    """Raise `StepAside` if saving a row of a model does more than one INSERT or UPDATE."""
    _check_model(model, SAVING, "save", "save_base", "_save_table", "_do_insert", "_do_update")
    odd = [field.name for field in model._meta.concrete_fields if not _is_plain(field)]
    unless(not odd, f"the model has fields of its own kind: {', '.join(odd)}")


def check_deleting(model: Any) -> None:
    """Raise `StepAside` if deleting a row of a model does more than one DELETE."""
    _check_model(model, DELETING, "delete")
    options = model._meta
    relations: Any = options.get_fields(include_hidden=True)
    referring = [one for one in relations if one.auto_created and not one.concrete]
    unless(not referring, "other rows refer to the model's rows")
    unless(not options.private_fields, "the model has generic relations")


def _check_model(model: Any, listened: tuple[Any, ...], *methods: str) -> None:
    for name in (*methods, "__init__", "from_db"):
        function = getattr(getattr(model, name), "__func__", getattr(model, name))
        own = function.__module__
        unless(own.partition(".")[0] == "django", f"{model.__name__}.{name} is its own ({own})")
    unless(not model._meta.parents, "the model has parents")
    heard = any(signal.has_listeners(model) for signal in listened)
    unless(not heard, "something listens to the model's signals")


def _is_plain(field: Any) -> bool:
    own = type(field).__module__.partition(".")[0]
    return own == "django" and type(field).pre_save in OF_PLAIN_FIELDS


def fills_in(field: Any) -> bool:
    """Tell whether a plain field gives its column a value at each saving, whatever was set."""
    return getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)


def check_permissions(permissions: list[Any]) -> None:
    """Raise `StepAside` if one of these permissions looks at rows."""
    stock: Any = BasePermission.has_object_permission
    for one in permissions:
        looks = getattr(type(one), "has_object_permission", None)
        unless(looks is stock, f"the permission {type(one).__name__} looks at rows")


def check_mentions(subject: type, *names: str) -> None:
    """Raise `StepAside` if code of a class, its bases' included, mentions one of these names.

    Only code outside the frameworks is looked at. What it calls elsewhere is not.
    """
    for function in _own_functions(subject):
        found = set(names).intersection(_words(function.__code__))
        if found:
            raise StepAside(f"{function.__qualname__} looks at its {min(found)}")


def check_stateless(subject: type) -> None:
    """Raise `StepAside` if a method of a class, its bases' included, keeps something."""
    for function in _own_functions(subject):
        sets = any(step.opname == "STORE_ATTR" for step in dis.get_instructions(function))
        if sets and function.__name__ != "__init__":
            raise StepAside(f"{function.__qualname__} keeps something between its uses")


def _own_functions(subject: type) -> Iterator[FunctionType]:
    for kind in subject.__mro__:
        if kind.__module__.partition(".")[0] in {*FRAMEWORKS, "builtins"}:
            continue
        for member in vars(kind).values():
            within = (getattr(member, one, None) for one in ("fget", "func", "__func__"))
            yield from (one for one in (member, *within) if isinstance(one, FunctionType))


def _words(code: CodeType) -> Iterator[str]:
    """Yield the names and texts in a function and in those within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _words(constant)
