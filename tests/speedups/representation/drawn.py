"""View sets over tables that refer to one another, put together from parts."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from django.db import DataError, connection, models
from django.db.models import Count, ExpressionWrapper, F, Prefetch, Q, Value, Window
from django.db.models.functions import RowNumber, Upper
from django.db.models.signals import post_init
from django.utils import timezone
from rest_framework import filters, mixins, pagination, renderers, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from tests.speedups.library.related_models import Article, Editor, Note, Reply, Topic, Town

made: Counter[str] = Counter()  # what a project's own code was called for


def _serializer(row_class: Any, *shown: str, **attributes: Any) -> Any:
    meta = type("Meta", (), {"model": row_class, "fields": [*shown]})
    return type(f"{row_class.__name__}s", (serializers.ModelSerializer,),
                {"Meta": meta, **attributes})  # fmt: skip


class Loud(serializers.CharField):
    """Code of its own that only computes."""

    def to_representation(self, value: Any) -> str:
        return str(value).upper()


class Asking(serializers.CharField):
    """Code of its own that looks at the request."""

    def to_representation(self, value: Any) -> str:
        return f"{value} for {self.context['request'].path}"


class Marked(serializers.PrimaryKeyRelatedField):
    """Shows a key in its own way."""

    def to_representation(self, value: Any) -> str:
        return f"#{value.pk}"


class Named(serializers.SlugRelatedField):
    """Shows a name in its own way."""

    def to_representation(self, obj: Any) -> str:
        return str(obj.pk)


class Counted(serializers.ManyRelatedField):
    """Shows how many there are."""

    def to_representation(self, iterable: Any) -> Any:
        return len(iterable)


class Method(serializers.SerializerMethodField):
    """Shows something else than the method says."""

    def to_representation(self, attribute: Any) -> Any:
        return "its own"


class Made(serializers.CharField):
    """Made in its own way."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="title", **kwargs)


class Few(serializers.ModelSerializer):
    """Each serializer has its own fields."""

    class Meta:
        model = Article
        fields = ["id", "title", "editor"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "few" in getattr(self.context.get("request"), "GET", {}):
            self.fields.pop("editor")


class OwnFields(serializers.ModelSerializer):
    """Each request has its own fields."""

    class Meta:
        model = Article
        fields = ["id", "title", "editor"]

    def get_fields(self) -> Any:
        found = super().get_fields()
        if self.context:
            found.pop("editor")
        return found


class Changing(serializers.ModelSerializer):
    """Each row has its own fields."""

    class Meta:
        model = Article
        fields = ["id", "title", "editor"]

    def to_representation(self, instance: Any) -> Any:
        if instance.pk == 2:
            self.fields.pop("editor", None)
        return super().to_representation(instance)


class More(serializers.ModelSerializer):
    """Something is added to what the framework makes."""

    class Meta:
        model = Editor
        fields = ["id", "name"]

    def to_representation(self, instance: Any) -> Any:
        return {**super().to_representation(instance), "more": instance.shout}


class Methodical(serializers.ModelSerializer):
    """A nested serializer whose method looks around."""

    method = serializers.SerializerMethodField()

    class Meta:
        model = Editor
        fields = ["id", "method"]

    def get_method(self, row: Any) -> list[Any]:
        """Return what a method can see."""
        return [row.name, self.context["request"].path, type(self.parent).__name__]


TOWN = _serializer(Town, "id", "name", "code", "founded")
TOPIC = _serializer(Topic, "id", "word", "weight")
TOPIC_IN_TOWN = _serializer(Topic, "word", "town", town=TOWN())
EDITOR = _serializer(Editor, "id", "name", "hired", "chief")
EDITOR_IN_TOWN = _serializer(Editor, "name", "town", "chief", town=TOWN(), chief=EDITOR())
NOTE = _serializer(Note, "article", "text")
REPLY = _serializer(Reply, "id", "text", "answered")
NOTE_AND_REPLY = _serializer(Note, "text", "reply", reply=REPLY())
FREE = _serializer(Note, "text", "free")
FIELD = serializers
TOKYO = ZoneInfo("Asia/Tokyo")
SHOWN: dict[str, Callable[[], Any]] = {
    **{one.name: lambda: None for one in Article._meta.concrete_fields},
    "topics": lambda: None,
    "summary": lambda: None,
    "length": lambda: None,
    "author": lambda: FIELD.CharField(source="editor.name"),
    "author_name": lambda: FIELD.ReadOnlyField(source="editor.name"),
    "reviewing": lambda: FIELD.CharField(source="reviewer.name", default="nobody"),
    "reviewer_town": lambda: FIELD.UUIDField(source="reviewer.town.id", required=False),
    "hired": lambda: FIELD.DateTimeField(source="editor.hired"),
    "first": lambda: FIELD.CharField(source="editor.initial"),
    "shout": lambda: FIELD.ReadOnlyField(source="editor.shout"),
    "missing": lambda: FIELD.CharField(source="nothing.at.all", required=False),
    "editor_id": lambda: FIELD.IntegerField(),
    "pk": lambda: FIELD.IntegerField(),
    "as text": lambda: FIELD.CharField(source="big"),
    "loud": lambda: Loud(source="title"),
    "asking": lambda: Asking(source="title"),
    "made": lambda: Made(),
    "whole": lambda: FIELD.DecimalField(source="price", max_digits=9, decimal_places=1),
    "floating": lambda: FIELD.FloatField(source="price"),
    "decimal": lambda: FIELD.DecimalField(source="price", max_digits=8, decimal_places=2,
                                          coerce_to_string=False),
    "date": lambda: FIELD.DateField(source="day", format="%d.%m.%y"),
    "time": lambda: FIELD.TimeField(source="hour", format="%H h"),
    "moment": lambda: FIELD.DateTimeField(source="made_at", format=None),
    "abroad": lambda: FIELD.DateTimeField(source="made_at", default_timezone=TOKYO),
    "hex": lambda: FIELD.UUIDField(source="token", format="hex"),
    "label": lambda: FIELD.CharField(source="get_level_display"),
    "choice": lambda: FIELD.ChoiceField(source="level", choices=[("1", "one"), (2, "two")]),
    "raw level": lambda: FIELD.ReadOnlyField(source="level"),
    "raw token": lambda: FIELD.ReadOnlyField(source="token"),
    "raw moment": lambda: FIELD.ReadOnlyField(source="made_at"),
    "default": lambda: FIELD.BooleanField(source="is_open", default=False),
    "method": lambda: FIELD.SerializerMethodField(),
    "editor in full": lambda: EDITOR(source="editor"),
    "reviewer in full": lambda: EDITOR(source="reviewer"),
    "editor in town": lambda: EDITOR_IN_TOWN(source="editor"),
    "editor and more": lambda: More(source="editor"),
    "editor by method": lambda: Methodical(source="editor"),
    "place in full": lambda: TOWN(source="place"),
    "note in full": lambda: NOTE(source="note"),
    "replies": lambda: REPLY(many=True),
    "note and reply": lambda: NOTE_AND_REPLY(source="note"),
    "reply text": lambda: FIELD.ReadOnlyField(source="note.reply.text"),
    "free topics": lambda: FREE(source="note"),
    "note": lambda: FIELD.PrimaryKeyRelatedField(read_only=True),
    "note text": lambda: FIELD.CharField(source="note.text", default=None),
    "topics in full": lambda: TOPIC(source="topics", many=True),
    "topics in town": lambda: TOPIC_IN_TOWN(source="topics", many=True),
    "topic words": lambda: FIELD.SlugRelatedField(
        "word", source="topics", many=True, read_only=True),
    "editor name": lambda: FIELD.SlugRelatedField("name", source="editor", read_only=True),
    "town name": lambda: FIELD.SlugRelatedField("town__name", source="editor", read_only=True),
    "editor as text": lambda: FIELD.StringRelatedField(source="place"),
    "reviewer key": lambda: FIELD.PrimaryKeyRelatedField(
        source="reviewer", read_only=True, pk_field=FIELD.CharField()),
    "hidden": lambda: FIELD.HiddenField(default=1),
    "unread": lambda: FIELD.CharField(write_only=True),
    "count": lambda: FIELD.IntegerField(required=False),
    "of": lambda: FIELD.CharField(required=False),
    "staff": lambda: EDITOR(source="editor.staff", many=True),
    "words in full": lambda: FIELD.ListField(source="words", child=FIELD.CharField()),
    "editor marked": lambda: Marked(source="editor", read_only=True),
    "note marked": lambda: Marked(source="note", read_only=True),
    "topics marked": lambda: Marked(source="topics", many=True, read_only=True),
    "topics counted": lambda: Counted(
        FIELD.PrimaryKeyRelatedField(read_only=True), source="topics", read_only=True),
    "editor named": lambda: Named("name", source="editor", read_only=True),
    "own method": lambda: Method("get_method"),
    "staff in a list": lambda: FIELD.ListField(child=Methodical(), source="editor.staff.all"),
    "wrong": lambda: None,
    "broken link": lambda: FIELD.HyperlinkedIdentityField("nowhere"),
    "first link": lambda: FIELD.HyperlinkedIdentityField("article-detail"),
    "topic links": lambda: FIELD.HyperlinkedRelatedField(
        "topic-detail", source="topics", many=True, read_only=True),
}  # fmt: skip


class Reversed(models.QuerySet[Article]):
    """Goes through its rows in its own way."""

    def __iter__(self) -> Any:
        return iter([*super().__iter__()][::-1])


QUERY_SETS: dict[str, Callable[[Any], Any]] = {
    "all": lambda rows: rows,
    "some": lambda rows: rows.filter(editor__town__name="Ulm", title__contains="t").exclude(id=2),
    "twice": lambda rows: rows.filter(topics__weight__gt=0).order_by("id", "topics__id"),
    "distinct": lambda rows: rows.filter(topics__isnull=False).distinct(),
    "distinct on": lambda rows: rows.order_by("editor", "id").distinct("editor"),
    "joined": lambda rows: rows.select_related("editor__town", "reviewer", "note"),
    "prefetched": lambda rows: rows.prefetch_related("topics", "editor__staff", "topics__town"),
    "joined twice": lambda rows: rows.select_related("editor__chief", "place").order_by("id"),
    "chosen": lambda rows: rows.prefetch_related(
        Prefetch("topics", Topic.objects.filter(weight__lt=5).order_by("id")),
        Prefetch("editor", Editor.objects.filter(id__lt=3))),
    "only": lambda rows: rows.only("title"),
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


class Acting:
    """Lists at another place."""

    @action(detail=False)
    def list(self: Any, request: Any) -> Any:
        return Response(self.get_serializer(self.get_queryset(), many=True).data)


VIEWS: dict[str, type | None] = {
    "stock": None, "own list": OwnList, "adding": Adding, "abroad": Abroad, "chooses": Chooses,
    "acting": Acting, "catching": Catching, "marking": Marking, "twice": Twice,
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
SERIALIZERS: dict[str, Any] = {
    "drawn": None, "few": Few, "changing": Changing, "own fields": OwnFields,
}  # fmt: skip


@contextlib.contextmanager
def listening(model: Any = Article, name: str = "title") -> Iterator[None]:
    """Let somebody change each object that is made."""

    def change(instance: Any, **_kwargs: Any) -> None:
        setattr(instance, name, "heard")

    post_init.connect(change, sender=model, weak=False)
    try:
        yield
    finally:
        post_init.disconnect(change, sender=model)


class Louder(models.CharField):
    """A column whose values are others in Python."""

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Return it loudly."""
        return value and value.upper()


@contextlib.contextmanager
def louder() -> Iterator[None]:
    """Let the title be such a column."""
    column: Any = Article._meta.get_field("title")
    column.__class__ = Louder
    try:
        yield
    finally:
        column.__class__ = models.CharField


@contextlib.contextmanager
def foreign() -> Iterator[None]:
    """Let somebody else have made the table, with a type that fills up with spaces."""
    changed = _changed("SET CONSTRAINTS ALL IMMEDIATE;"
                       "ALTER TABLE library_article ALTER title TYPE character(70)")  # fmt: skip
    with changed(), mock.patch.object(Article._meta, "managed", False):
        yield


@contextlib.contextmanager
def patched() -> Iterator[None]:
    """Let somebody put theirs in the place of the framework's method, after ours."""
    stock: Any = serializers.Serializer.to_representation

    def more(self: Any, row: Any) -> Any:
        return {**stock(self, row), "patched": True}

    with mock.patch.object(serializers.Serializer, "to_representation", more):
        yield


def _from_db(kind: Any, *args: Any, **how: Any) -> Any:  # `fetch_mode`, since Django 6.1
    row = models.Model.from_db.__func__(kind, *args, **how)  # type: ignore[attr-defined]
    row.title = "from db"
    return row


class Shown:
    """A descriptor where a column's own would be."""

    def __get__(self, row: Any, owner: Any = None) -> Any:
        return self if row is None else f"<{row.__dict__.get('title')}>"

    def __set__(self, row: Any, value: Any) -> None:
        row.__dict__["title"] = value


def _changed(sql: str) -> Any:
    @contextlib.contextmanager
    def changed() -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
        yield

    return changed


ODD: dict[str, Callable[[], Any]] = {
    "none": contextlib.nullcontext, "post_init": listening, "from_db_value": louder,
    "editors heard": lambda: listening(Editor, "name"), "foreign": foreign, "patched": patched,
    "from_db": lambda: mock.patch.object(Article, "from_db", classmethod(_from_db), create=True),
    "descriptor": lambda: mock.patch.object(Article, "title", Shown()),
    "infinity": _changed("UPDATE library_article SET made_at = 'infinity' WHERE id = 2"),
    "nan": _changed("UPDATE library_article SET share = 'NaN' WHERE id = 2"),
    "exponents": _changed("UPDATE library_article SET share = 10 ^ (id + 12), big = id - 9"),
    "small": _changed("UPDATE library_article SET share = -10 ^ (-id)::float"),
    "no rows": _changed("DELETE FROM library_article"),
}  # fmt: skip
ZONES: dict[str, Any] = {"utc": UTC, "lisbon": ZoneInfo("Europe/Lisbon")}
PATHS = ["/", "/?page=2", "/?offset=2&limit=2", "/?size=2&few=1", "/?search=t3", "/?ordering=-id",
         "/?page=last", "/?page=9"]  # fmt: skip
ACCEPTS = ["application/json", "application/json; indent=2"]
PARTS: dict[str, list[str]] = {
    "rows": [*QUERY_SETS], "pages": [*PAGES], "view": [*VIEWS], "renderer": [*RENDERERS],
    "filters": [*FILTERS], "serializer": [*SERIALIZERS], "zone": [*ZONES], "odd": [*ODD],
    "path": PATHS, "accept": ACCEPTS,
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """A part of each kind; the first of each is plain."""

    shown: tuple[str, ...] = ("id", "title")
    rows: str = "all"
    pages: str = "none"
    view: str = "stock"
    renderer: str = "json"
    filters: str = "none"
    serializer: str = "drawn"
    zone: str = "utc"
    odd: str = "none"
    path: str = "/"
    accept: str = "application/json"

    def __repr__(self) -> str:
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        odd = {k: v for k, v in told.items() if k == "shown" or v != PARTS[k][0]}
        return f"Spec({', '.join(f'{k}={v!r}' for k, v in odd.items())})"


def serializer_of(spec: Spec) -> Any:
    """Return a new serializer class."""
    if SERIALIZERS[spec.serializer] is not None:
        return SERIALIZERS[spec.serializer]
    declared = {name: SHOWN[name]() for name in spec.shown}
    declared = {name: field for name, field in declared.items() if field is not None}
    declared["get_method"] = lambda self, row: [type(self).__name__, str(row), "é"]
    return _serializer(Article, *spec.shown, **declared)


def view_of(spec: Spec) -> Any:
    """Return the class of a view set."""
    mixin = VIEWS[spec.view]
    rows = QUERY_SETS[spec.rows]
    bases = [*([mixin] if mixin else []), mixins.ListModelMixin, mixins.RetrieveModelMixin,
             viewsets.GenericViewSet]  # fmt: skip
    view: Any = type("Drawn", tuple(bases), {
        "get_queryset": lambda self: rows(Article.objects.all()),
        "serializer_class": serializer_of(spec), "pagination_class": PAGES[spec.pages],
        "renderer_classes": [RENDERERS[spec.renderer]], "permission_classes": [],
        "authentication_classes": [], "throttle_classes": [], "search_fields": ["title"],
        "filter_backends": FILTERS[spec.filters], "ordering_fields": ["id"],
    })  # fmt: skip
    return view
