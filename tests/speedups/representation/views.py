"""View sets that list in their own ways, and what they list: rows, pages, bytes."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.db import DataError, models
from django.db.models import Count, ExpressionWrapper, F, Prefetch, Q, Value, Window
from django.db.models.functions import RowNumber, Upper
from django.utils import timezone
from rest_framework import filters, pagination, renderers
from rest_framework.decorators import action
from rest_framework.response import Response

from tests.speedups.library.related_models import Article, Editor, Topic

made: Counter[str] = Counter()  # what a project's own code was called for


class Reversed(models.QuerySet[Article]):
    """Goes through its rows in its own way."""

    def __iter__(self) -> Any:
        return iter([*super().__iter__()][::-1])


def _mode(rows: Any, name: str) -> Any:
    """Say how an object fetches what it refers to, which Django 5.2 does not know."""
    return rows.fetch_mode(getattr(models, name)) if hasattr(models, name) else rows


QUERY_SETS: dict[str, Callable[[Any], Any]] = {
    "all": lambda rows: rows,
    "some": lambda rows: rows.filter(editor__town__name="Ulm", title__contains="t").exclude(id=2),
    "twice": lambda rows: rows.filter(topics__weight__gt=0).order_by("id", "topics__id"),
    "distinct": lambda rows: rows.filter(topics__isnull=False).distinct(),
    "distinct on": lambda rows: rows.order_by("editor", "id").distinct("editor"),
    "joined": lambda rows: rows.select_related("editor__town", "reviewer", "note"),
    "prefetched": lambda rows: rows.prefetch_related("topics", "editor__staff", "topics__town"),
    "beside": lambda rows: rows.prefetch_related("topics"),
    "beside, to one": lambda rows: rows.prefetch_related("editor", "note", "reviewer__town"),
    "beside, deeply": lambda rows: rows.prefetch_related(
        "editor__articles", Prefetch("topics"), "editor__articles__topics__town", "topics"),
    "beside, reversed": lambda rows: rows.prefetch_related("editor__staff__staff", "note__free"),
    "beside, back again": lambda rows: rows.prefetch_related("note__article__topics"),
    "beside, by code": lambda rows: rows.prefetch_related("topics", "place__topics"),
    "beside, hidden": lambda rows: rows.prefetch_related("topics", "replies"),
    "beside, named": lambda rows: rows.prefetch_related(Prefetch("topics", to_attr="named")),
    "beside, wrong": lambda rows: rows.prefetch_related("topics__nothing"),
    "beside, joined": lambda rows: rows.select_related("editor__chief", "note").prefetch_related(
        "topics", "reviewer__staff"),
    "beside joined rows": lambda rows: rows.select_related("editor").prefetch_related(
        "topics", "editor__staff"),
    "beside, twice": lambda rows: rows.filter(topics__weight__gt=0).order_by(
        "id", "topics__id").prefetch_related("topics", "editor__articles"),
    "beside, deferred": lambda rows: rows.only("title").prefetch_related("editor", "topics"),
    "beside, related": lambda rows: Editor.objects.get(id=2).articles.prefetch_related(
        "editor__staff", "topics"),
    "beside, peers": lambda rows: _mode(rows, "FETCH_PEERS").prefetch_related("topics"),
    "peers": lambda rows: _mode(rows, "FETCH_PEERS"),
    "raising": lambda rows: _mode(rows, "FETCH_RAISE"),
    "joined twice": lambda rows: rows.select_related("editor__chief", "place").order_by("id"),
    "chosen": lambda rows: rows.prefetch_related(
        Prefetch("topics", Topic.objects.filter(weight__lt=5).order_by("id")),
        Prefetch("editor", Editor.objects.filter(id__lt=3))),
    "only": lambda rows: rows.only("title"),
    "readable": lambda rows: rows.defer("takes", "words"),
    "readable and joined": lambda rows: rows.select_related("editor__town").defer("takes", "words"),
    "defer": lambda rows: rows.defer("body", "made_at", "editor"),
    "counted": lambda rows: rows.annotate(count=Count("topics")).order_by("id"),
    "valued": lambda rows: rows.annotate(count=F("level") + Value(1), of=Value("100 %s")),
    "computed": lambda rows: rows.annotate(
        count=ExpressionWrapper(F("big") / Value(2.5), models.IntegerField()), of=Upper("title")),
    "odd": lambda rows: rows.annotate(
        of=ExpressionWrapper(F("made_at"), models.CharField()),
        count=ExpressionWrapper(F("share"), models.IntegerField())),
    "union": lambda rows: rows.filter(id__lt=3).union(rows.filter(id=5)).order_by("id"),
    "none": lambda rows: rows.none(),
    "window": lambda rows: rows.annotate(
        place_in_list=Window(RowNumber(), order_by="id")).filter(place_in_list__lte=3),
    "extra": lambda rows: rows.extra(select={"count": "1 + level"}),
    "reversed": lambda rows: rows.order_by("-made_at", "id").reverse(),
    "or": lambda rows: rows.filter(Q(id=1) | Q(note__text="n3")),
    "locked": lambda rows: rows.select_for_update(of=("self",)),
    "read": lambda rows: rows._chain() if len(rows) else rows,
    "own": lambda rows: Reversed(Article).all(),
    "related": lambda rows: Editor.objects.get(id=2).articles.all(),
    "values": lambda rows: rows.values("id", "title", "editor", "level", "big", "made_at"),
    "list": lambda rows: [*rows.filter(id__lt=5)],
    "raw": lambda rows: rows.raw("SELECT * FROM library_article ORDER BY id"),
}  # fmt: skip
_stock_page: Any = pagination.PageNumberPagination.paginate_queryset
PAGES: dict[str, Any] = {
    "none": None,
    "numbers": type("N", (pagination.PageNumberPagination,),
                    {"page_size": 3, "page_size_query_param": "size"}),
    "offset": type("O", (pagination.LimitOffsetPagination,), {"default_limit": 3}),
    "cursor": type("C", (pagination.CursorPagination,), {"ordering": "id", "page_size": 3}),
    "own": type("Own", (pagination.PageNumberPagination,), {
        "page_size": 3, "get_paginated_response": lambda self, data: Response(
            {"n": len(data), "page": self.page.number, "rows": data, "first": data[:1]})}),
    "enveloped": type("Enveloped", (pagination.LimitOffsetPagination,), {
        "default_limit": 3,
        "get_paginated_response": lambda _, data: Response({"meta": {"x": [1]}, "data": data})}),
    "looking": type("Looking", (pagination.PageNumberPagination,), {
        "page_size": 3, "paginate_queryset": lambda self, *args: [
            row for row in _stock_page(self, *args) or [] if row.pk != 2]}),
}  # fmt: skip


class OwnList:
    """Lists in its own way."""

    def list(self: Any, request: Any) -> Any:
        rows = self.filter_queryset(self.get_queryset())
        page = self.paginate_queryset(rows)
        data = self.get_serializer(rows if page is None else page, many=True).data
        if isinstance(rows, models.QuerySet) and not rows.query.is_sliced:
            Article.objects.filter(pk__in=[1, 2]).update(title="changed")
        seen = [row.title if hasattr(row, "title") else row for row in page or rows]
        return Response({"seen": seen, "data": data})


class Adding:
    """Changes what the framework answers."""

    def list(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().list(*args, **kwargs)  # type: ignore[misc]
        rows = answer.data["results"] if isinstance(answer.data, dict) else answer.data
        rows.append({"added": len(rows)})
        return answer


class Silent:
    """Tells its serializers nothing."""

    def get_serializer_context(self) -> Any:
        return {}


class Abroad:
    """Chooses a time zone for who asks."""

    def list(self: Any, *args: Any, **kwargs: Any) -> Any:
        with timezone.override(ZoneInfo("America/St_Johns")):
            return super().list(*args, **kwargs)  # type: ignore[misc]


class Chooses:
    """Chooses the serializer for each request, and gives it more to know."""

    def get_serializer_class(self: Any) -> Any:
        made["class"] += 1
        return self.serializer_class

    def get_serializer_context(self: Any) -> Any:
        made["context"] += 1
        return {**super().get_serializer_context(), "more": 1}  # type: ignore[misc]

    def get_serializer(self: Any, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        made["fields"] += len(getattr(serializer, "child", serializer).fields)
        return serializer


class Catching:
    """Has a page for rows that cannot be fetched."""

    def paginate_queryset(self: Any, rows: Any) -> Any:
        if isinstance(rows, models.QuerySet) and not rows.query.combinator:
            rows = rows.annotate(impossible=Value(1) / (F("pk") - F("pk")))
        try:
            return super().paginate_queryset(rows)  # type: ignore[misc]
        except DataError:
            return []


class Marking:
    """Changes rows after they were chosen."""

    def get_serializer_context(self: Any) -> Any:
        Article.objects.update(title="seen")
        return super().get_serializer_context()  # type: ignore[misc]


class Twice:
    """Changes the data that a serializer has given already, and the rows after that."""

    def list(self: Any, request: Any) -> Any:
        rows = self.filter_queryset(self.get_queryset())
        page = self.paginate_queryset(rows)
        serializer = self.get_serializer(rows if page is None else page, many=True)
        data = serializer.data
        for row in rows if page is None else page:
            if isinstance(row, Article):
                row.title = "changed"
        for shown in serializer.data:
            shown["more"] = 1
        return Response(data)


class Naming:
    """Says of what class its rows and its data are, as snapshots do."""

    def get_serializer(self: Any, rows: Any, **kwargs: Any) -> Any:
        self.types = [type(rows)]
        return super().get_serializer(rows, **kwargs)  # type: ignore[misc]

    def finalize_response(self: Any, request: Any, response: Any, **kwargs: Any) -> Any:
        data = response.data
        self.types += [type(data), type(data.get("results") if isinstance(data, dict) else data)]
        response["X-Types"] = " ".join(map(repr, self.types))
        return super().finalize_response(request, response, **kwargs)  # type: ignore[misc]


class Acting:
    """Lists at another place."""

    @action(detail=False)
    def list(self: Any, request: Any) -> Any:
        return Response(self.get_serializer(self.get_queryset(), many=True).data)


VIEWS: dict[str, type | None] = {
    "stock": None, "own list": OwnList, "adding": Adding, "abroad": Abroad, "chooses": Chooses,
    "acting": Acting, "catching": Catching, "marking": Marking, "twice": Twice,
    "naming": Naming, "silent": Silent,
}  # fmt: skip
RENDERERS: dict[str, Any] = {
    "json": renderers.JSONRenderer,
    "ascii": type("A", (renderers.JSONRenderer,), {"ensure_ascii": True}),
    "spaced": type("S", (renderers.JSONRenderer,), {"compact": False}),
    "loose": type("L", (renderers.JSONRenderer,), {"strict": False}),
    "wrapping": type("W", (renderers.JSONRenderer,), {
        "render": lambda self, data, *args, **kwargs: renderers.JSONRenderer.render(
            self, {"wrapped": data}, *args, **kwargs)}),
}  # fmt: skip
FILTERS: dict[str, Any] = {
    "none": [], "search": [filters.SearchFilter], "ordering": [filters.OrderingFilter],
}  # fmt: skip
