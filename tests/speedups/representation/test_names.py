"""What has a name in SQL: columns, what a query computes, and what rows are ordered by."""

import contextlib
from typing import Any
from unittest import mock

import pytest
from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Lower, Upper
from django.test.utils import isolate_apps
from rest_framework import serializers

from tests.speedups.library.related_models import Article, Editor
from tests.speedups.representation.asking import outcome, sql, view_of
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.shown import serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def assert_same_rows(kind: Any, rows: Any) -> None:
    view = view_of(serializer_class=kind, get_queryset=lambda _self: rows.all())
    stock = outcome(lambda: answered(view))
    with installed():
        assert outcome(lambda: answered(view))[0] == stock[0]


@pytest.mark.parametrize("order", ["editor__name", Lower("editor__name"), "editor__town__code"])
@pytest.mark.parametrize("name", ["name", "lower", "other", "a" * 63])
def test_distinct_rows_are_ordered_by_what_has_the_name_of_what_is_computed(name, order):
    named = {name: Upper("editor__name"), "a" * 64: Upper("title")}
    kind = serializer(Article, "id", "it", it=serializers.CharField(source=name))
    assert_same_rows(kind, Article.objects.annotate(**named).order_by(order, "id").distinct())


@pytest.fixture
def sheets():
    """Give a table whose columns are called as Django calls those of a sub-query."""
    with isolate_apps("tests.speedups.library"):

        class Sheet(models.Model):
            col1 = models.IntegerField()
            col2 = models.IntegerField()
            below = models.ForeignKey("self", models.CASCADE, null=True, related_name="above")

            class Meta:
                app_label = "library"
                ordering = ["col1"]

    with connection.schema_editor() as editor:
        editor.create_model(Sheet)
    model: Any = Sheet
    first = model.objects.create(col1=0, col2=9)
    for number in range(1, 6):
        model.objects.create(col1=-number, col2=number * 7 % 5, below=first)
    return model


@pytest.mark.parametrize("choose", [
    lambda rows: rows, lambda rows: rows.order_by("col2")[:3], lambda rows: rows.order_by("-col2"),
    lambda rows: rows.order_by(F("col2").asc(), "id"), lambda rows: rows.prefetch_related("above"),
    lambda rows: rows.order_by("below__col2", "id").distinct(),
])  # fmt: skip
def test_rows_are_ordered_by_a_column_that_is_called_so(sheets, choose):
    short = serializer(sheets, "id", "col1")
    kind = serializer(sheets, "id", "col1", "col2", "above", above=short(many=True))
    for shown in (kind, serializer(sheets, "id", "col2")):
        assert_same_rows(shown, choose(sheets.objects.all()))


def test_rows_are_ordered_by_what_is_computed_under_such_a_name():
    kind = serializer(Article, "id", "title")
    assert_same_rows(kind, Article.objects.alias(col1=F("title")).order_by("-col1"))


@pytest.mark.parametrize("beside", [False, True])
def test_rows_without_an_order_are_chosen_as_for_django_s_own_query(beside):
    """Workers that share the work would give them in another order."""
    cheap = "parallel_setup_cost = 0", "min_parallel_table_scan_size = 0", "parallel_tuple_cost = 1"
    sql("".join(f"SET LOCAL {one};" for one in cheap) + "ANALYZE library_article")
    names = {f"name{number}": serializers.CharField(source="title") for number in range(200)}
    kind = serializer(Article, *names, **names)
    rows: Any = Article.objects.order_by()
    if beside:
        kind = serializer(Editor, "articles", articles=kind(many=True))
        rows = Editor.objects.prefetch_related("articles")
    plans = []

    def explain(execute: Any, text: str, *others: Any) -> Any:
        execute(f"EXPLAIN {text}", *others)
        plans.append(others[-1]["cursor"].fetchall())
        return execute(text, *others)

    view = view_of(serializer_class=kind, get_queryset=lambda _self: rows.all())
    with mock.patch.object(Article._meta, "ordering", []):
        for doing in (contextlib.nullcontext, installed):
            with doing(), connection.execute_wrapper(explain):
                view(factory.get("/", HTTP_ACCEPT="application/json")).render()
    assert "Gather" not in repr(plans)
    assert len(plans) == (4 if beside else 2)
