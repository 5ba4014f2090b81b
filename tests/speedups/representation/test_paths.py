"""Paths of relations that end early: where no row is, where one is gone, where one has to be."""

from typing import Any

import pytest
from django.db import connection, models
from django.db.models import FilteredRelation, Q
from django.test.utils import isolate_apps
from rest_framework import serializers

from tests.speedups.library.club_models import Drink, Guest, Venue
from tests.speedups.library.related_models import Article, Editor, Reply
from tests.speedups.representation.asking import outcome, sql, view_of
from tests.speedups.representation.comparing import factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def assert_same_body(view):
    """Compare bodies only: what is related comes by fewer queries."""

    def ask():
        return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = outcome(ask)
    with installed():
        ours = outcome(ask)
    assert ours == stock if isinstance(stock, str) else ours[0] == stock[0]


@pytest.mark.parametrize("rows", ["all", "joined", "beside, to one"])
@pytest.mark.parametrize("field", [
    serializers.CharField(source="editor.name", read_only=True),
    serializers.CharField(source="editor.town.name", read_only=True),
    serializers.CharField(source="editor.name"), serializer(Editor, "id")(source="editor"),
    serializers.SlugRelatedField("name", source="editor", read_only=True),
    serializers.PrimaryKeyRelatedField(source="editor.town", read_only=True),
])  # fmt: skip
def test_a_reference_that_has_to_be_there_is_none_where_it_is_not(rows, field):
    sql("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE library_article ALTER editor_id DROP NOT NULL;"
        "UPDATE library_article SET editor_id = NULL WHERE id IN (2, 5)")  # fmt: skip
    kind = serializer(Article, "id", "it", it=field)
    assert_same_body(view_of(Spec(rows=rows), serializer_class=kind))


ROWS: dict[str, Any] = {
    "all": Reply.objects, "joined": Reply.objects.select_related("article__note"),
    "beside": Reply.objects.prefetch_related("article__note"),
    "beside, in part": Reply.objects.prefetch_related("article"),
    "with a note": Reply.objects.filter(article__note__isnull=False),
}  # fmt: skip


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("field", [
    serializers.SlugRelatedField("note__text", source="article", read_only=True),
    serializers.SlugRelatedField("reviewer__name", source="article", read_only=True),
    serializers.CharField(source="article.note.text"),
    serializers.CharField(source="article.note.text", read_only=True),
    serializers.CharField(source="article.reviewer.name", read_only=True),
])  # fmt: skip
def test_a_path_that_ends_early_ends_as_with_stock(rows, field):
    kind = serializer(Reply, "id", "it", it=field)
    assert_same_body(view_of(serializer_class=kind, get_queryset=lambda _self: ROWS[rows].all()))


@pytest.mark.parametrize("beside", [[], ["host"], ["host__favourite"]])
@pytest.mark.parametrize("shown", [("it",), ("it", "name"), ("name", "it")])
def test_a_field_is_left_out_where_a_row_beside_refers_to_nothing(beside, shown):
    tea = Drink.objects.create(name="tea")
    venues = [Venue.objects.create(name=f"v{number}") for number in range(3)]
    Guest.objects.create(name="a", home=venues[0], favourite=tea)
    Guest.objects.create(name="b", home=venues[1])
    field = serializers.CharField(source="host.favourite.name", read_only=True)
    rows = Venue.objects.order_by("id").prefetch_related(*beside)
    kind = serializer(Venue, *shown, it=field)
    assert_same_body(view_of(serializer_class=kind, get_queryset=lambda _self: rows.all()))


@pytest.fixture
def chain():
    """Give rows each of which may follow another one."""
    with isolate_apps("tests.speedups.library"):

        class Link(models.Model):
            name = models.CharField(max_length=9)
            after = models.OneToOneField("self", models.CASCADE, null=True, related_name="before")

            class Meta:
                app_label = "library"
                ordering = ["id"]

    with connection.schema_editor() as editor:
        editor.create_model(Link)
    model: Any = Link
    row = None
    for name in "abc":
        row = model.objects.create(name=name, after=row)
    return model


@pytest.mark.parametrize("path", ["after", "before"])
@pytest.mark.parametrize("joined", [True, False])
def test_a_relation_whose_rows_are_chosen_by_a_condition_is_another_one(chain, path, joined):
    some = FilteredRelation(path, condition=Q(**{f"{path}__name": "a"}))
    rows = chain.objects.annotate(some=some).filter(Q(some__isnull=True) | Q(id__gt=0))
    rows = rows.select_related("some") if joined else rows
    short = serializer(chain, "id", "name")
    kind = serializer(chain, "id", "after", "before", after=short(), before=short())
    assert_same_body(view_of(serializer_class=kind, get_queryset=lambda _self: rows.all()))
