"""What projects do with the pages, the data and the query sets that they are given."""

from typing import Any
from unittest import mock

import pytest
from django.db import models
from django.test import override_settings
from django.urls import set_script_prefix, set_urlconf
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.generics import ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from drf_speedups.representation.lazy import LazyList
from tests.speedups.library.related_models import Article, Note
from tests.speedups.representation import drawn
from tests.speedups.representation.asking import assert_same, outcome, sql, view_of
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import serializer
from tests.speedups.representation.views import PAGES

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


class Cutting:
    """Makes data of all rows, and a page of them."""

    def list(self: Any, request: Any) -> Any:
        """List a page."""
        data = self.get_serializer(self.get_queryset(), many=True).data
        return self.get_paginated_response(self.paginate_queryset(data))


@pytest.mark.parametrize("pages", ["numbers", "offset"])
def test_data_can_be_cut_into_pages(pages):
    assert_same(view_of(Spec(pages=pages), mixin=Cutting))


class Gathering:
    """Puts lists together."""

    def list(self: Any, request: Any) -> Any:
        """List what several lists have."""
        gathered: list[Any] = []
        self.add(gathered, 3)
        one, other = self.of(1), self.of(2)
        return Response({
            "all": one + other, "same": self.of(1) == self.of(1), "joined": [] + one,  # noqa: RUF005
            "other": self.of(1) != self.of(1), "gathered": gathered,
        })  # fmt: skip

    def of(self: Any, key: int) -> Any:
        """Return the data of one row."""
        return self.get_serializer(self.get_queryset().filter(id=key), many=True).data

    def add(self: Any, to: Any, key: int) -> None:
        """Let a list of somebody else have more."""
        to += self.of(key)


def test_data_of_two_lists_is_added_and_compared():
    assert_same(view_of(mixin=Gathering))


def test_lists_that_are_not_filled_are_added_and_compared():
    assert LazyList(lambda: [1]) + LazyList(lambda: [2]) == [1, 2]
    assert LazyList(lambda: [1]) == LazyList(lambda: [1])
    assert LazyList(lambda: [1]) < LazyList(lambda: [2])
    assert LazyList(iter([1])) == [1]
    same = into = [0]
    into += LazyList(lambda: [1])
    assert same == [0, 1]


class Looking:
    """Asks for what belongs to the rows of a page."""

    def get_serializer(self: Any, page: Any, **kwargs: Any) -> Any:
        """Ask for it."""
        found = Note.objects.filter(article__in=page).values_list("text", flat=True)
        self.headers["X-Notes"] = ",".join(sorted(found))
        return super().get_serializer(page, **kwargs)  # type: ignore[misc]


@pytest.mark.parametrize("pages", ["numbers", "offset"])
@pytest.mark.parametrize("shown", ["title", "method"])
def test_what_belongs_to_the_rows_of_a_page_can_be_asked_for(pages, shown):
    assert_same(view_of(Spec(shown=("id", shown), pages=pages), mixin=Looking))


class Meanwhile:
    """Does something with rows whose data it has."""

    def list(self: Any, request: Any) -> Any:
        """List them."""
        rows = self.get_queryset()
        serializer = self.get_serializer(rows, many=True)
        data = serializer.data
        self.then(rows, serializer)
        return Response(data)


@pytest.mark.parametrize("then", [
    lambda rows, _: rows.update(title="seen"), lambda rows, _: rows.delete(),
    lambda _, serializer: setattr(serializer, "instance", None),
])  # fmt: skip
@pytest.mark.parametrize("rows", ["all", "joined", "prefetched"])
@pytest.mark.parametrize("shown", [("id", "title"), ("id", "title", "topics")])
@pytest.mark.parametrize("fewer", [True, False])
def test_data_of_rows_stays_whatever_their_query_set_does(settings, then, rows, shown, fewer):
    settings.SPEEDUPS_FEWER_QUERIES = fewer
    spec = Spec(shown=shown, rows=rows)
    view = view_of(spec, mixin=Meanwhile, then=staticmethod(then))
    stock = outcome(lambda: answered(view))
    with installed():
        assert outcome(lambda: answered(view))[0] == stock[0]


@pytest.mark.parametrize("context", [None, "nothing", object()])
def test_a_context_may_be_anything(context):
    kind = serializer(Article, "id", "title")

    def ask():
        return outcome(lambda: kind(Article.objects.all(), many=True, context=context).data)

    stock = ask()
    with installed():
        assert ask() == stock
        with override_settings(SPEEDUPS_VIEW_SETS=["shop.Books"]):
            assert ask() == stock


def test_what_stands_for_a_view_may_be_anything():
    paginator = PAGES["numbers"]()
    with installed():
        page = paginator.paginate_queryset(Article.objects.all(), Request(factory.get("/")), "all")
    assert [one.pk for one in page] == [1, 2, 3]


class ElsewhereRouted:
    """Lists where URLs lead elsewhere."""

    def list(self: Any, *args: Any, **kwargs: Any) -> Any:
        """List there."""
        set_urlconf("tests.speedups.representation.other_urls")
        set_script_prefix("/below/")
        try:
            return super().list(*args, **kwargs)  # type: ignore[misc]
        finally:
            set_urlconf(None)
            set_script_prefix("/")


def test_data_has_the_urls_of_where_it_was_listed():
    assert_same(view_of(Spec(shown=("id", "first link")), mixin=ElsewhereRouted))


@pytest.mark.parametrize("shown", ["title", "method"])
def test_the_query_set_of_a_class_is_evaluated_no_more_than_the_framework_lets_it(shown):
    own = {
        "queryset": Article.objects.all(), "get_queryset": lambda self: self.queryset,
        "serializer_class": drawn.serializer_of(Spec(shown=("id", shown))),
        "renderer_classes": [JSONRenderer], "permission_classes": [],
    }  # fmt: skip
    for pages in (None, PAGES["numbers"]):
        kind: Any = type("All", (ListAPIView,), {**own, "pagination_class": pages})
        assert_same(kind.as_view())


class Skipping(serializers.ModelSerializer):
    """Leaves a field out where the framework does not expect that."""

    odd = serializers.SerializerMethodField()

    class Meta:
        model = Article
        fields = ("id", "odd")

    def get_odd(self, _row: Any) -> Any:
        """Return nothing."""
        raise SkipField


class Left(serializers.CharField):
    """The same, by a field of its own."""

    def to_representation(self, _value: Any) -> str:
        """Return nothing."""
        raise SkipField


@pytest.mark.parametrize("kind", [Skipping, serializer(Article, "id", "title", title=Left())])
@pytest.mark.parametrize(("action", "named"), [("list", {}), ("retrieve", {"pk": 2})])
def test_who_shows_a_value_cannot_leave_it_out(kind, action, named):
    assert_same(view_of(action=action, serializer_class=kind), **named)


def test_a_value_that_was_deferred_is_none_where_its_row_is_gone():
    kind = serializer(Article, "id", "title", "editor")

    def ask():
        row = Article.objects.only("editor").get(id=2)
        Article.objects.filter(id=2)._raw_delete("default")
        return repr(kind(row).data)

    sql("SET CONSTRAINTS ALL DEFERRED")
    stock = outcome(ask)
    assert "None" in stock[0]
    with installed():
        assert outcome(ask) == stock


def test_there_is_nothing_to_show_of_no_row():
    shown: Any = {"odd": serializers.SerializerMethodField(), "get_odd": lambda *_: "there"}
    kind: Any = type("Odd", (serializers.Serializer,), shown)
    stock = kind([None], many=True).data
    with installed():
        assert kind([None], many=True).data == stock == [{"odd": None}]


class EachRow(serializers.ModelSerializer):
    """Shows other fields of each row."""

    class Meta:
        model = Article
        fields = ("id", "title", "level")

    @property
    def _readable_fields(self) -> Any:
        self.number = getattr(self, "number", 0) + 1
        for one in self.fields.values():
            if one.field_name != "title" or self.number % 2:
                yield one


@pytest.mark.parametrize("pages", ["none", "numbers"])
def test_who_chooses_fields_for_each_row_is_asked_for_each(pages):
    assert_same(view_of(Spec(pages=pages), serializer_class=EachRow))


def more(self, data):
    return [*stock_list(self, data), {"more": 1}]


def nothing(self):
    self._result_cache = []


stock_list = serializers.ListSerializer.to_representation
PATCHED = {
    "list": (serializers.ListSerializer, "to_representation", more),
    "count": (models.QuerySet, "count", lambda _self: 5),
    "get": (models.QuerySet, "get", lambda *_args, **_kwargs: Article(id=9, title="other")),
    "rows": (models.QuerySet, "_fetch_all", nothing),
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHED)
@pytest.mark.parametrize("shown", ["title", "method"])
@pytest.mark.parametrize(("action", "named"), [("list", {}), ("retrieve", {"pk": 2})])
def test_what_somebody_puts_in_the_place_of_a_method_later_is_called(name, shown, action, named):
    view = view_of(Spec(shown=("id", shown), pages="numbers"), action)

    def ask():
        with mock.patch.object(*PATCHED[name]):
            return outcome(lambda: answered(view, **named))

    stock = ask()
    with installed():
        answered(view, **named)
        assert ask() == stock
