"""Filters of django-filter that a request does not name: nothing is built of them.

django-filter builds for each request a form with a field for every filter there is, and asks each
filter for its part of the query; a list of six columns easily has thirty. Most requests name none
of them, or one. Of a filter set whose filters are known to leave the rows as they are where nothing
is named, only the named ones are made, by django-filter's own code.
"""

import functools
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models
from django.forms import Form
from django.http import QueryDict

from drf_speedups.eligibility.looked_at import own_code, unchanged
from drf_speedups.eligibility.members import (
    MOST_CLASSES,
    is_code,
    is_framework_s,
    is_genuine,
    own_members,
)
from drf_speedups.eligibility.own_code import check_computes
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.representation.members import descriptor
from drf_speedups.representation.reading import is_named
from drf_speedups.representation.sql.plain_rows import check_manager

MOST_NARROWED = 1024  # clients choose what they name
CHOOSING = "filterset_class", "filterset_fields"
# What makes a class of filter sets; afterwards nobody asks it again.
OF_CLASSES = frozenset({
    "get_filters", "get_fields", "get_filter_name", "filter_for_field", "filter_for_lookup",
    "handle_unrecognized_field",
})  # fmt: skip
# Asked for the values that there are, whatever a request names; and what a filter is made with.
BY_QUERY, OF_FIELDS = "AllValues", "field_class"
MADE_WITH = {"__init__", OF_FIELDS}  # once: each request has copies
# What a filter has of its own, and of nobody else.
OF_FILTERS = frozenset({
    "field_name", "lookup_expr", "exclude", "distinct", "extra", "get_method", "null_value",
    "conjoined", "always_filter",
})  # fmt: skip
# A backend's values, and what is around the method that ours stands for.
AROUND = frozenset({
    "raise_exception", "filterset_base", "template", "filter_queryset", "to_html",
    "get_schema_fields", "get_schema_operation_parameters",
})  # fmt: skip
OF_PAGES = "media"  # Django gives each form and widget one for its scripts

_of_fields: dict[Any, Any] = {}  # classes that django-filter makes of a view's `filterset_fields`


def standing_in() -> Iterator[tuple[Any, str, Any]]:
    """Yield what stands in for a method of django-filter, where a project uses that."""
    if "django_filters" in sys.modules or apps.is_installed("django_filters"):
        from django_filters.rest_framework import DjangoFilterBackend

        name = "filter_queryset"
        if is_genuine(DjangoFilterBackend, vars(DjangoFilterBackend)[name]):
            yield DjangoFilterBackend, name, _filtering


def _filtering(stock: Any) -> Any:
    @functools.wraps(stock)
    def filter_queryset(self: Any, request: Any, queryset: Any, view: Any) -> Any:
        kind: Any = type(self)
        base = next(one for one in kind.__mro__ if one.__module__ == stock.__module__)
        own = own_code(kind, base) - AROUND
        ours = is_named(type(view)) and isinstance(queryset, models.QuerySet)
        if own or vars(self) or not ours:
            return stock(self, request, queryset, view)
        chosen, lasts = _chosen(self, view, queryset)
        known = _looked_at(chosen, queryset.model) if lasts else None
        named = known.named(request.query_params) if known else None
        if named == ():
            return queryset.all()
        chosen = chosen if named is None else _narrowed(chosen, named)
        vars(self)["get_filterset_class"] = lambda *_args: chosen  # a view is asked once
        try:
            return stock(self, request, queryset, view)
        finally:
            del vars(self)["get_filterset_class"]

    return filter_queryset


def _chosen(backend: Any, view: Any, rows: Any) -> tuple[Any, bool]:
    """Return the class of filter sets that a backend takes for a view, and whether it lasts.

    It is None if there is none.
    """
    said = [descriptor(type(view), name) for name in CHOOSING]
    computed = any(hasattr(type(one), "__get__") for one in said)
    fields = None if computed else getattr(view, "filterset_fields", None)
    if not fields or getattr(view, "filterset_class", None):
        found = backend.get_filterset_class(view, rows)
        return found, found is not None and (found is said[0] or _is_of_module(found))
    key = backend.filterset_base, rows.model, _frozen(fields)
    made = _of_fields.get(key)
    if made is not None:
        return made, True
    made = backend.get_filterset_class(view, rows)
    lasts = _is_settled(made, backend)
    if lasts:
        if len(_of_fields) >= MOST_CLASSES:
            _of_fields.clear()
        _of_fields[key] = made
    return made, lasts


def _is_of_module(kind: Any) -> bool:
    """Tell whether a class is there for all requests: some are made for each."""
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((name, _frozen(one)) for name, one in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _is_settled(kind: Any, backend: Any) -> bool:
    """Tell whether django-filter would make the same class of a view's fields again.

    Rows that may be named in a filter are chosen by the manager of their model, each time.
    """
    if not is_framework_s(backend.filterset_base):
        return False
    for one in kind.base_filters.values():
        rows = one.extra.get("queryset")
        try:
            unless(rows is None or not rows.query.where, "some of the rows may be named")
            if rows is not None:
                check_manager(rows.model._default_manager)
        except StepAside:
            return False
    return True


class Known(NamedTuple):
    """Filters that leave the rows as they are where nothing is named."""

    kind: Any
    filters: dict[str, Any]
    names: tuple[str, ...]
    extra: list[Any]  # what their fields are made with
    unchanged: Any

    def named(self, data: Any) -> tuple[str, ...] | None:
        """Return which filters a request may name; None where all of them have to be made."""
        own = self.kind.base_filters
        same = own == self.filters and [one.extra for one in own.values()] == self.extra
        if not (same and self.unchanged):
            return None
        asked = [key for key in data if key.startswith(self.names)]
        if not asked:
            return ()
        # What reads a value looks at the filter's name, or at that with something behind it.
        named = tuple(name for name in self.names if any(key.startswith(name) for key in asked))
        # A method of the project's own may look at the whole form.
        return None if any("filter" in vars(own[name]) for name in named) else named


@functools.lru_cache(MOST_NARROWED)
def _narrowed(kind: Any, names: tuple[str, ...]) -> Any:
    """Return a class of filter sets that has some filters of another, and is it in all else."""
    chosen = type(kind.base_filters)((name, kind.base_filters[name]) for name in names)
    own = {"__module__": kind.__module__, "__qualname__": kind.__qualname__,
           "base_filters": chosen}  # fmt: skip
    return type.__new__(type(kind), kind.__name__, (kind,), own)


@functools.lru_cache(MOST_CLASSES)
def _looked_at(kind: Any, model: Any) -> Known | None:
    """Return what is known of a class of filter sets; None if all filters have to be made."""
    try:
        return _checked(kind, model)
    except StepAside:
        return None
    except Exception:  # noqa: BLE001  (django-filter says so itself)
        return None


def _checked(kind: Any, model: Any) -> Known:
    from django_filters.filterset import BaseFilterSet, FilterSetMetaclass

    unless(type(kind) is FilterSetMetaclass, "filter sets have a metaclass of their own")
    own = {name for name in _own(kind) if hasattr(BaseFilterSet, name)} - OF_CLASSES
    unless(not own, f"{kind.__name__} has its own {', '.join(sorted(own))}")
    form = kind._meta.form
    unless(form is Form and not _own(form), "the form has a class of its own")
    kinds = {kind}
    for one in kind.base_filters.values():
        _check_filter(one)
        kinds.add(type(one))
    rows: Any = models.QuerySet(model)
    asked = kind(data=QueryDict(), queryset=rows)
    unless(asked.is_valid(), "something has to be named")
    for name, one in asked.filters.items():
        kinds.update(_check_field(one.field))
        _check_leaves(one, asked.form.cleaned_data[name])
    filters = {**kind.base_filters}
    extra = [{**one.extra} for one in filters.values()]
    return Known(kind, filters, tuple(filters), extra, unchanged(*kinds))


def _own(kind: Any) -> list[str]:
    """Return the names of code in a class that is not django-filter's or Django's."""
    known = frozenset(filter(is_framework_s, kind.__mro__))
    return [name for _, name, member in own_members(kind, known)
            if is_code(member) and name != OF_PAGES]  # fmt: skip


def _check_filter(one: Any) -> None:
    """Raise `StepAside` unless a filter is made of what it was given, by django-filter's code."""
    from django_filters.filters import FilterMethod

    kind: Any = type(one)
    own = [name for name in _own(kind) if name not in MADE_WITH]
    if "filter" in own:  # what else it may look at is read from its code
        check_computes(kind.filter, OF_FILTERS, kind)
        own.remove("filter")
    own += [name for name, value in vars(one).items()
            if callable(getattr(kind, name, None)) and name != OF_FIELDS
            and type(value) is not FilterMethod]  # fmt: skip
    unless(not own, f"{kind.__name__} has its own {', '.join(own)}")
    by_query = any(parent.__name__.startswith(BY_QUERY) for parent in kind.__mro__)
    unless(not by_query, "a filter asks the database what may be named")
    unless(not callable(getattr(one, "queryset", None)), "a filter's rows are chosen by a function")


def _check_field(field: Any) -> set[Any]:
    """Return the classes of a form's field and what is in it. Raises `StepAside` for own code."""
    kinds = {type(field)}
    unless(not _own(type(field)), f"{type(field).__name__} has code of its own")
    unless(not getattr(field, "disabled", False), "a field has a value that nobody may change")
    parts = [*getattr(field, "fields", ()), *getattr(field, "widgets", ())]
    parts += [field.widget] if hasattr(field, "widget") else []
    return kinds.union(*map(_check_field, parts))


def _check_leaves(one: Any, value: Any) -> None:
    """Raise `StepAside` unless a filter leaves the rows as they are, where nothing is named."""
    from django_filters.constants import EMPTY_VALUES

    by_method = "filter" in vars(one)
    same = value in EMPTY_VALUES if by_method else _hands_on(one, value)
    unless(same, "a filter does something where nothing is named")


class Rows:
    """Stands for any rows: whoever looks at them may do something else with others."""

    looked_at = False


def _look(rows: Any, *_args: Any) -> None:
    type(rows).looked_at = True
    raise StepAside("a filter looks at the rows")


LOOKING = ("getattribute", "bool", "len", "iter", "getitem", "contains", "str", "repr", "format",
           "eq", "ne", "hash", "or", "and", "xor")  # fmt: skip


def _hands_on(one: Any, value: Any) -> bool:
    """Tell whether a filter gives back the rows, whichever they are."""
    kind: Any = type("Rows", (Rows,), {f"__{name}__": _look for name in LOOKING})
    rows = kind()
    return one.filter(rows, value) is rows and not kind.looked_at


def forget() -> None:
    """Let all filter sets be looked at anew."""
    _of_fields.clear()
    _narrowed.cache_clear()
    _looked_at.cache_clear()
