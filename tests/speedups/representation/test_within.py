"""Lists that stand within something else, and are written when other rows are to be seen."""

from collections import OrderedDict
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.response import Response

from tests.speedups.library.related_models import Article, Editor, Topic
from tests.speedups.representation import drawn
from tests.speedups.representation.asking import assert_same, view_of
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


class Elsewhere:
    """Lists where other rows are to be seen, somewhere within its answer."""

    envelope: Any = dict

    def list(self: Any, request: Any) -> Any:
        """List what is to be seen now only."""
        with transaction.atomic():
            Editor.objects.update(name="seen here only")
            Topic.objects.update(word="seen here only")
            rows = self.filter_queryset(self.get_queryset())
            data = self.get_serializer(rows, many=True).data
            transaction.set_rollback(True)
        meta = self.envelope(within=self.envelope(rows=data, of=1), of=2)
        return Response(self.envelope(meta=meta, **self.more(data)))

    def more(self, data: Any) -> dict[str, Any]:
        """Return more of it."""
        return {"more": [data]}


class ElsewhereOnce(Elsewhere):
    """The same, once."""

    def more(self, data: Any) -> dict[str, Any]:
        """Return nothing."""
        return {}


@pytest.mark.parametrize("shown", [
    "author", "editor name", "editor in full", "topics", "topics in full", "hired", "staff",
    "reviewing", "note in full", "note and reply",
])  # fmt: skip
@pytest.mark.parametrize("rows", ["all", "joined", "beside", "beside, to one"])
def test_a_list_within_something_else_shows_what_was_to_be_seen(shown, rows):
    view = view_of(Spec(shown=("id", shown), rows=rows), mixin=Elsewhere)
    stock = answered(view)
    with installed():
        assert answered(view) == stock


@pytest.mark.parametrize("shown", ["topic links", "town name", "editor in town", "staff"])
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_a_list_within_dictionaries_is_written_as_it_was_seen(shown, kind):
    Topic.objects.filter(id=-1).delete()  # has no link that is known
    view = view_of(Spec(shown=("id", shown)), mixin=ElsewhereOnce, envelope=kind)

    def ask():
        return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = ask()
    with installed(), CaptureQueriesContext(connection) as queries:
        assert ask() == stock
    assert len([one for one in queries if one["sql"].startswith("SELECT")]) == 1


def test_a_list_within_one_row_is_written_once():
    within = drawn.serializer_of(Spec(shown=("id", "topic links", "editor in town")))

    class Whole(serializers.ModelSerializer):
        rows = serializers.SerializerMethodField()

        class Meta:
            model = Editor
            fields = ("id", "rows")

        def get_rows(self, editor: Any) -> Any:
            rows = Article.objects.filter(editor=editor)
            return within(rows, many=True, context=self.context).data

    Topic.objects.filter(id=-1).delete()
    rows_of: Any = {"get_queryset": lambda _self: Editor.objects.all()}
    view = view_of(action="retrieve", serializer_class=Whole, **rows_of)
    stock = answered(view, pk=2)
    with installed():
        with CaptureQueriesContext(connection) as queries:
            body = view(factory.get("/", HTTP_ACCEPT="application/json"), pk=2).render().content
        assert (len(queries), body) == (2, stock[2])
        assert answered(view, pk=2) == stock


class Narrowing:
    """Shows fewer fields from then on."""

    def list(self: Any, request: Any) -> Any:
        """List all of them, and those that are left."""
        serializer = self.get_serializer(self.get_queryset(), many=True)
        data = serializer.data
        serializer.child.fields.pop("title")
        return Response({"all": repr(data), "left": [*serializer.child.fields]})


def test_data_show_the_fields_that_there_were_when_they_were_made():
    assert_same(view_of(Spec(rows="joined", shown=("id", "title", "author")), mixin=Narrowing))
