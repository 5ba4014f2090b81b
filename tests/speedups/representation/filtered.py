"""Filter sets of django-filter: those of which only what is named is made, and those made whole."""

from typing import Any

import django_filters
from django import forms
from django_filters import rest_framework as filters
from django_filters.widgets import CSVWidget, QueryArrayWidget
from rest_framework import viewsets

from tests.speedups.library.related_models import Article, Editor, Topic
from tests.speedups.representation.own_filters import (
    Counting,
    LookingAround,
    LookingAtRows,
    OfLength,
    Own,
    OwnField,
    OwnForm,
    OwnWidget,
    asked,
)


class OfMany(filters.BaseInFilter, filters.NumberFilter):
    """Takes several numbers, as projects write it."""


class Declared(filters.FilterSet):
    """Every kind of filter that comes with django-filter, but for those that ask the database."""

    title = filters.CharFilter(lookup_expr="icontains")
    title_not = filters.CharFilter("title", exclude=True)
    word = filters.CharFilter("topics__word", distinct=True)
    level = filters.ChoiceFilter(choices=Article.Level.choices, null_label="none")
    levels = filters.MultipleChoiceFilter(field_name="level", choices=Article.Level.choices)
    typed = filters.TypedChoiceFilter(
        field_name="level", choices=Article.Level.choices, coerce=int, empty_value=None
    )
    open = filters.BooleanFilter("is_open")
    unseen = filters.BooleanFilter("mood", "isnull", widget=forms.NullBooleanSelect)
    editor = filters.ModelChoiceFilter(queryset=Editor.objects.filter(id__lt=3), null_label="none")
    topics = filters.ModelMultipleChoiceFilter(queryset=Topic.objects.all(), conjoined=True)
    words = filters.ModelMultipleChoiceFilter(
        field_name="topics__word", to_field_name="word", queryset=Topic.objects.all()
    )
    price = filters.RangeFilter()
    shares = filters.NumericRangeFilter("share", "range")
    made = filters.IsoDateTimeFromToRangeFilter("made_at")
    made_at = filters.IsoDateTimeFilter(lookup_expr="gte")
    on = filters.DateFilter("day", "lte")
    days = filters.DateFromToRangeFilter("day")
    when = filters.DateRangeFilter(field_name="made_at")
    hour = filters.TimeFilter(lookup_expr="gt")
    hours = filters.TimeRangeFilter("hour")
    takes = filters.DurationFilter(lookup_expr="gt")
    token = filters.UUIDFilter()
    ids = OfMany(field_name="id", lookup_expr="in")
    among = OfMany(field_name="id", lookup_expr="in", widget=QueryArrayWidget)
    between = filters.BaseRangeFilter(field_name="big", lookup_expr="range", widget=CSVWidget)
    by = filters.LookupChoiceFilter(
        "title", field_class=forms.CharField, lookup_choices=["exact", "contains"]
    )
    sort = filters.OrderingFilter(fields=["title", ("level", "of"), "id"])
    long = filters.NumberFilter(method="of_length")
    never = filters.CharFilter(method=lambda rows, name, value: rows.none())

    class Meta:
        model = Article
        fields = {"big": ["exact", "gt", "in", "range", "isnull"], "mood": ["exact"],
                  "editor__town__code": ["in"], "replies": ["exact"]}  # fmt: skip

    def of_length(self, rows: Any, name: str, value: Any) -> Any:
        """Look at the whole form, as it may."""
        return rows.filter(title__regex=f"^.{{{value}}}") if "title" in self.form.fields else rows


class Inherited(Declared):
    """Has fewer filters, and one more."""

    title = None
    body = filters.CharFilter(lookup_expr="startswith")


class Whole(filters.FilterSet):
    """What the filter sets below have in common."""

    title = filters.CharFilter()
    level = filters.NumberFilter()


class OwnRows(Whole):
    """Always hides something."""

    @property
    def qs(self) -> Any:
        """Return rows without a topic."""
        return super().qs.filter(topics=None)


class OwnWay(Whole):
    """Goes through its values itself."""

    def filter_queryset(self, rows: Any) -> Any:
        """Return rows in another order."""
        return super().filter_queryset(rows).order_by("-id", *self.form.cleaned_data)


class OwnBeginning(Whole):
    """Has other values for who asks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["level"].extra["required"] = self.request.query_params.get("strict")


def _editors(request: Any) -> Any:
    asked["editors"] += 1
    return Editor.objects.filter(name__startswith=request.query_params["begin"])


class MadeAnew(filters.FilterSet):
    """What a method of the view's makes each time."""

    title = filters.CharFilter()


class Methods(filters.FilterSet):
    """Their methods are asked with no rows, which is something."""

    topics = filters.ModelMultipleChoiceFilter(
        queryset=Topic.objects.all(), method=lambda rows, name, value: rows.filter(id=1)
    )


def _with(base: Any = filters.FilterSet, **named: Any) -> Any:
    return type("With", (base,), {"__qualname__": "With", **named})


class Backend(filters.DjangoFilterBackend):
    """Gives a form a name."""

    def get_filterset_kwargs(self, *args: Any) -> Any:
        """Let names begin so."""
        return {**super().get_filterset_kwargs(*args), "prefix": "my"}


class Lenient(filters.DjangoFilterBackend):
    """Lets wrong values pass."""

    raise_exception = False


class Choosing:
    """A view that chooses its filters for who asks."""

    @property
    def filterset_class(self: Any) -> Any:
        """Return other filters each time."""
        asked["class"] += 1
        return Declared if "declared" in self.request.query_params else Whole


class Named(Choosing, viewsets.GenericViewSet):
    """One that the setting names."""


class MakingAnew:
    """A view that makes a class of filters for each request."""

    @property
    def filterset_class(self) -> Any:
        """Return it."""
        return type("Anew", (MadeAnew,), {"level": filters.NumberFilter()})


STOCK = filters.DjangoFilterBackend
# What a view says; only what is named is made of these filters.
NARROWED: dict[str, dict[str, Any]] = {
    "declared": {"filterset_class": Declared},
    "inherited": {"filterset_class": Inherited},
    "fields": {"filterset_fields": ("title", "level", "editor", "topics__word", "is_open")},
    "lookups": {"filterset_fields": {"title": ["exact", "in"], "made_at": ["gte"], "id": ["gt"]}},
    "all fields": {"filterset_fields": ["title", "token", "place", "editor__chief"]},
    "lenient": {"filterset_class": Declared, "filter_backends": [Lenient]},
    "plain": {"filterset_class": type("Plain", (django_filters.FilterSet,), {
        "__qualname__": "Plain", "title": django_filters.CharFilter()})},
    "own code that computes": {"filterset_class": _with(
        title=OfLength(), body=OfLength(), level=filters.NumberFilter(),
        open=filters.BooleanFilter("is_open"))},
    "none": {},
}  # fmt: skip
# The same of these is made whole, as ever.
MADE_WHOLE: dict[str, dict[str, Any]] = {
    "looking around": {"filterset_class": _with(
        title=LookingAround(), level=filters.NumberFilter())},
    "looking at rows": {"filterset_class": _with(
        level=filters.NumberFilter(), title=LookingAtRows())},
    "counting": {"filterset_class": _with(title=Counting())},
    "own filter": {"filterset_class": _with(title=Own())},
    "own method in its place": {"filterset_class": _with(title=filters.CharFilter())},
    "own field": {"filterset_class": _with(
        title=type("F", (filters.CharFilter,), {"field_class": OwnField})(lookup_expr="gt"))},
    "own widget": {"filterset_class": _with(title=filters.CharFilter(widget=OwnWidget))},
    "own widget within": {"filterset_class": _with(
        price=filters.RangeFilter(widget=forms.MultiWidget([OwnWidget, OwnWidget])))},
    "own form": {"filterset_class": _with(Whole, Meta=type("Meta", (), {"form": OwnForm}))},
    "own rows": {"filterset_class": OwnRows},
    "own way": {"filterset_class": OwnWay},
    "own beginning": {"filterset_class": OwnBeginning},
    "required": {"filterset_class": _with(title=filters.CharFilter(required=True))},
    "checked": {"filterset_class": _with(
        is_open=filters.BooleanFilter(widget=forms.CheckboxInput),
        level=type("C", (filters.Filter,), {"field_class": forms.BooleanField})(
            "mood", "isnull"))},
    "by who asks": {"filterset_class": _with(editor=filters.ModelChoiceFilter(queryset=_editors))},
    "by what there is": {"filterset_class": _with(title=filters.AllValuesFilter())},
    "not to be changed": {"filterset_class": _with(
        level=filters.NumberFilter(disabled=True, initial=lambda: asked["level"] % 2 or None))},
    "methods": {"filterset_class": Methods},
    "own backend": {"filterset_class": Whole, "filter_backends": [Backend]},
    "rows that a manager hides": {"filterset_fields": ["replies"]},
    "a wrong name": {"filterset_fields": ["titel"]},
    "a class for another model": {"filterset_class": _with(
        Meta=type("Meta", (), {"model": Topic, "fields": ["word"]}))},
    "no class": {"filterset_class": dict},
}  # fmt: skip
MADE_WHOLE["own method in its place"]["filterset_class"].base_filters["title"].filter = (
    lambda rows, value: rows.filter(id__gt=3))  # fmt: skip
for said in (NARROWED | MADE_WHOLE).values():
    said.setdefault("filter_backends", [STOCK])

QUERIES = [
    "", "page=2", "x=1&y", "title=t", "titl=t", "title_not=t1", "title=", "Title=t", "level=1",
    "level=none", "level=7", "levels=1&levels=2", "levels=9", "typed=2", "typed=x", "open=true",
    "open=maybe", "unseen=true", "editor=1", "editor=3", "editor=null", "editor=x",
    "topics=1&topics=2", "topics=99", "words=a&words=b", "price_min=2", "price_min=2&price_max=5",
    "price_0=2", "price_min=x", "shares_min=0.1", "made_after=2026-03-29T02:00:00Z",
    "made_at=2026-03-29T05:00:00Z", "made_at=soon", "on=0003-01-02", "days_before=0005-01-01",
    "when=today", "when=never", "hour=02:00", "hours_before=04:00", "takes=2 00:00:00", "takes=x",
    "token=00000000-0000-0000-0000-000000000003", "token=x", "ids=1,2", "ids=1,x", "ids=",
    "among=1&among=3", "among[]=1&among[]=3", "between=-5,5", "between=1",
    "by=t1&by_lookup=contains", "by=t1", "sort=-of,title", "sort=x", "long=4", "long=4&title=t",
    "never=1", "never=", "big=1&big__gt=0", "big__isnull=true", "big__in=1,2", "big__range=1,2",
    "mood=g", "editor__town__code__in=ulm,b", "replies=1", "replies=2", "body=x", "topics__word=a",
    "is_open=false", "title__in=a,b", "id__gt=3", "made_at__gte=x", "place=ulm", "editor__chief=1",
    "other=t1", "all=1", "strict=1", "my-title=t", "my-level=1&level=2", "begin=A",
    "begin=A&editor=1", "declared&open=true", "title=%00", "title=%D8%00", "level=1&level=2",
]  # fmt: skip
