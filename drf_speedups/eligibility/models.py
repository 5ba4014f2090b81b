"""What is known of models, their columns, managers, query sets and signals."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.db import models, router
from django.db.models import Expression, Lookup
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.manager import BaseManager
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import (
    ModelSignal,
    post_delete,
    post_init,
    post_save,
    pre_delete,
    pre_init,
    pre_save,
)

from drf_speedups.eligibility.driver import ArrayField
from drf_speedups.eligibility.listeners import Hears, hears
from drf_speedups.eligibility.members import Role, check_members, is_framework_s, own_members
from drf_speedups.eligibility.own_code import check_computes, is_harmless
from drf_speedups.eligibility.reasons import StepAside, named, unless

# Columns that go to the database as Django's own code sends them.
COLUMNS = frozenset({
    ArrayField, models.AutoField, models.BigAutoField, models.SmallAutoField,
    models.BigIntegerField, models.BinaryField, models.BooleanField, models.CharField,
    models.DateField,
    models.DateTimeField, models.DecimalField, models.DurationField, models.EmailField,
    models.FloatField, models.ForeignKey, models.GeneratedField, models.GenericIPAddressField,
    models.IntegerField, models.JSONField, models.OneToOneField, models.PositiveBigIntegerField,
    models.PositiveIntegerField, models.PositiveSmallIntegerField, models.SlugField,
    models.SmallIntegerField, models.TextField, models.TimeField, models.URLField,
    models.UUIDField,
})  # fmt: skip
FILES = frozenset({models.FileField, models.ImageField})  # read by a descriptor that makes objects
AUTO = frozenset({models.AutoField, models.BigAutoField, models.SmallAutoField})
DESCRIPTORS = frozenset({DeferredAttribute, ForeignKeyDeferredAttribute})
OF_COLUMNS = frozenset({  # asked for where a column has one
    "from_db_value", "get_placeholder", "get_placeholder_sql",
})  # fmt: skip
FIELD = frozenset({"description", "deconstruct", "formfield", "check", "clean", "validate"})

NAMES = {
    pre_init: "pre_init", post_init: "post_init", pre_save: "pre_save", post_save: "post_save",
    pre_delete: "pre_delete", post_delete: "post_delete",
}  # fmt: skip
READ = (pre_init, post_init)
SAVED = (*READ, pre_save, post_save)
DELETED = (*READ, pre_delete, post_delete)
MODEL = Role(
    models.Model,
    values=frozenset({"_meta", "DoesNotExist", "MultipleObjectsReturned", "objects", "id", "pk"}),
)
NOT_RUN = frozenset({
    "__str__", "__repr__", "clean", "clean_fields", "full_clean", "validate_unique",
    "validate_constraints", "get_absolute_url",
})  # fmt: skip
OF_SAVING = frozenset({
    "save", "save_base", "_save_table", "_save_parents", "_do_insert", "_do_update",
    "_prepare_related_fields_for_save", "refresh_from_db", "_perform_unique_checks",
})  # fmt: skip
OF_DELETING = frozenset({"delete"})


def check_reading(model: Any) -> None:
    """Raise `StepAside` if a row of a model becomes an object by code that is not Django's."""
    check_members(model, MODEL, NOT_RUN | OF_SAVING | OF_DELETING)
    _check_columns(model)


def check_saving(model: Any) -> None:
    """Raise `StepAside` if saving a row of a model does more than one INSERT or UPDATE."""
    check_members(model, MODEL, NOT_RUN | OF_DELETING)
    check_manager(model._base_manager)
    _check_columns(model)


def check_deleting(model: Any) -> None:
    """Raise `StepAside` if deleting a row of a model does more than one DELETE."""
    check_members(model, MODEL, NOT_RUN | OF_SAVING)
    _check_columns(model)
    relations: Any = model._meta.get_fields(include_hidden=True)
    referring = [one for one in relations if one.auto_created and not one.concrete]
    unless(not referring, "other rows refer to the model's rows")
    unless(not model._meta.private_fields, "the model has generic relations")


def _check_columns(model: Any) -> None:
    unless(not model._meta.parents, "the model has parents")
    unless(not model._meta.proxy_for_model, "the model is a proxy")
    for field in model._meta.concrete_fields:
        check_column(field)
        found = next((vars(kind)[field.attname] for kind in model.__mro__
                      if field.attname in vars(kind)), None)  # fmt: skip
        plain = type(found) in DESCRIPTORS and getattr(found, "field", None) is field
        unless(plain, f"{model.__name__}.{field.attname} is read through code of its own")


def check_column(field: Any, among: frozenset[Any] = COLUMNS) -> Any:
    """Return the Django field whose code a column has. Raises `StepAside` for other code."""
    for known in type(field).__mro__:
        if known in among:
            check_members(type(field), Role(known, asked_for=OF_COLUMNS), FIELD)
            within = field.target_field if field.is_relation else getattr(field, "base_field", None)
            if within is not None:
                check_column(within)
            return known
    raise StepAside(f"the model's {field.name} is a {named(field)}, which is not known")


def check_key(field: Any) -> None:
    """Raise `StepAside` unless the database alone gives new rows their key."""
    unless(check_column(field) in AUTO, "new rows do not get their key from a sequence")
    unless(not field.has_default() and not field.has_db_default(), "the key has a default")


def check_default(field: Any) -> None:
    """Raise `StepAside` unless Python knows the value that a column gets which was not sent.

    A default that counts, or looks at who asks, would be asked once more by the framework.
    """
    known = not field.has_db_default() or field.has_default() or fills_in(field)
    unless(known and not isinstance(field.default, Expression), "the database fills in a default")
    default = field.default if field.has_default() else None
    if callable(default) and not is_harmless(default):
        check_computes(default)


def fills_in(field: Any) -> bool:
    """Tell whether a plain field gives its column a value at each saving, whatever was set."""
    return getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)


def check_rows(rows: Any) -> None:
    """Raise `StepAside` unless each row of a query set is a row of one table and no more."""
    unless(isinstance(rows, models.QuerySet), "the queryset is no QuerySet")
    own = [name for _, name, _ in own_members(type(rows), frozenset(models.QuerySet.__mro__))
           if hasattr(models.QuerySet, name) or name.startswith("__")]  # fmt: skip
    unless(not own, f"the queryset has its own {', '.join(sorted(own))}")
    query: Any = rows.query
    unless(type(query) is models.sql.Query, "the query is of another kind")
    joins = query.select_related or rows._prefetch_related_lookups or len(query.alias_map) > 1
    unless(not joins, "the queryset joins tables")
    unless(not (query.is_sliced or query.combinator or query.distinct), "the queryset is cut")
    annotated = query.annotations or query.deferred_loading[0] or query.group_by is not None
    unless(not annotated, "the queryset is annotated")
    more = query.extra or query.extra_tables or query.select_for_update
    unless(not more, "the queryset locks or selects more")
    unless(rows._iterable_class is models.query.ModelIterable, "the queryset gives no objects")
    unless(not rows._sticky_filter and not rows._hints, "the queryset carries hints")
    unless(not router.routers, "a database router chooses the database")


def check_condition(query: Any) -> None:
    """Raise `StepAside` unless a query can be compiled once for all requests.

    An expression of a project's own may be another for each, such as the tenant of who asks.
    """
    for one in _expressions(query):
        kind = type(one)
        known = is_framework_s(kind) and kind.__module__.startswith("django.")
        unless(known, f"the queryset has a {named(one)}, which is not known")


def _expressions(node: Any) -> Iterator[Any]:
    """Yield all that a query, or an expression of one, is compiled from."""
    yield node
    if isinstance(node, models.sql.Query):
        inner = [node.where, *node.annotations.values(), *node.select, *node.order_by,
                 *node.combined_queries]  # fmt: skip
    elif isinstance(node, Lookup):
        inner = [node.lhs, *(node.rhs if isinstance(node.rhs, list | tuple) else [node.rhs])]
    else:
        inner = node.get_source_expressions() if hasattr(node, "get_source_expressions") else []
    for one in inner:
        if hasattr(one, "as_sql"):
            yield from _expressions(one)


def check_manager(manager: Any) -> None:
    """Raise `StepAside` unless new rows are made by Django's own manager."""
    unless(type(manager) is models.Manager, "the model has a manager of its own")
    own = [name for _, name, _ in own_members(models.Manager, frozenset(models.Manager.__mro__))
           if not hasattr(models.QuerySet, name)]  # fmt: skip
    unless(not own and isinstance(manager, BaseManager), f"a manager has its own {own}")
    unless(manager._db is None, "the manager uses another database")


class Silence:
    """Whether nobody listens to a model's signals, also who connects later.

    Asking costs a comparison of two lists of the same objects; only when somebody has come or gone
    it looks who. Who may do nothing for the model, as it is now, is asked each time.
    """

    def __init__(self, model: type[models.Model], heard: Sequence[ModelSignal]) -> None:
        self._model = model
        self._seen = [(signal, [*signal.receivers]) for signal in heard]
        self._heard_by = self._look()

    def __bool__(self) -> bool:
        for signal, receivers in self._seen:
            if signal.receivers != receivers:
                self._seen = [(signal, [*signal.receivers]) for signal, _ in self._seen]
                self._heard_by = self._look()
                break
        return not any(hear(self._model) for hear in self._heard_by)

    def check(self) -> None:
        """Raise `StepAside` naming the first signal that somebody listens to, and who does."""
        for signal, _ in self._seen:
            live = chain(*signal._live_receivers(self._model))
            who = ", ".join(_name(one) for one in live if hears(one)(self._model))
            unless(not who, f"something listens to the model's signals: {NAMES[signal]} ({who})")

    def _look(self) -> list[Hears]:
        live = [chain(*signal._live_receivers(self._model)) for signal, _ in self._seen]
        return [*map(hears, chain(*live))]


def _name(receiver: Any) -> str:
    kind = type(receiver)
    return f"{receiver.__module__}.{getattr(receiver, '__qualname__', kind.__qualname__)}"
