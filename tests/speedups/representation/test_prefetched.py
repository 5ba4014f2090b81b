"""Rows that are prefetched: the queries that Django sends, and who looks at what they gave."""

import json
import re
from unittest import mock

import pytest
from django.core import exceptions
from django.db import connection, models
from django.db.models import F, Value
from django.test.utils import CaptureQueriesContext
from rest_framework.renderers import JSONRenderer

from tests.speedups.library.related_models import Article, Editor, Topic
from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.views import QUERY_SETS

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
WRITTEN = {
    "beside": ("topics in full", "topics"),
    "beside, to one": ("editor", "editor in full", "author", "note in full", "reviewer in full"),
    "beside, deeply": ("editor in all", "topics in town", "topic words"),
    "beside, reversed": ("staff", "topics"),
    "beside, joined": ("editor in town", "reviewer in full", "topics in full"),
    "beside, twice": ("topics in full",),
    "prefetched": ("title", "price"),
}
LEFT = ("beside, back again", "beside, by code", "beside, hidden", "beside, named", "chosen",
        "beside joined rows", "beside, deferred", "beside, related")  # fmt: skip


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def view_of(spec):
    return drawn.view_of(spec).as_view({"get": "list"})


def get(path="/"):
    return factory.get(path, HTTP_ACCEPT="application/json")


def asked(view, path="/"):
    """Return the queries of a list, and its body."""
    with CaptureQueriesContext(connection) as queries:
        body = view(get(path)).render().content
    return [one["sql"] for one in queries], body


@pytest.mark.parametrize("name", WRITTEN)
def test_rows_that_are_prefetched_are_written_by_the_queries_that_django_sends(written, name):
    view = view_of(Spec(shown=("id", *WRITTEN[name]), rows=name))
    with installed():
        ours, body = asked(view)
    stock, same = asked(view)
    assert body == same
    assert json.loads(body) == [json.loads(text) for text in written[0]]
    # Stock asks for more, row by row.
    conditions = re.findall(r" WHERE \S+ IN \(.+?\)(?= ORDER|\n|$)", "\n".join(stock))
    assert len(ours) == 1 + len(conditions) > 1
    for sql, condition in zip(ours[1:], conditions, strict=True):
        assert condition in sql


@pytest.mark.parametrize("name", LEFT)
def test_other_rows_that_are_prefetched_are_left_to_the_framework(written, name):
    view = view_of(Spec(shown=("id", "title", "topics"), rows=name))
    with installed():
        ours = asked(view)
    assert written == [None]
    assert ours == asked(view)


def test_rows_beside_have_their_urls(written):
    Topic.objects.filter(id=-1).delete()
    view = view_of(Spec(shown=("id", "first link", "topic links"), rows="beside"))
    with installed():
        _, body = asked(view)
    assert json.loads(body) == [json.loads(text) for text in written[0]]
    assert body == asked(view)[1]


def test_who_looks_at_the_data_gets_the_rows_that_were_fetched_without_any_query(
    written, django_assert_num_queries
):
    shown = ("id", "editor in all", "topics in town", "note in full")
    rows_of = QUERY_SETS["beside, deeply"](Article.objects.all()).prefetch_related(
        "note", "editor__staff", "topics__town")  # fmt: skip
    view = drawn.view_of(Spec(shown=shown))
    view.get_queryset = lambda _self: rows_of
    with installed():
        response = view.as_view({"get": "list"})(get()).render()
        Topic.objects.update(word="changed")
        Editor.objects.update(name="changed")
        Article.topics.through.objects.all().delete()
        assert written[0] is not None
        with django_assert_num_queries(0):
            assert JSONRenderer().render([*response.data]) == response.content
            assert {one.editor.name for one in rows_of} == {"", "Ada", "Bob %s %"}
            assert [len(one.topics.all()) for one in rows_of] == [1, 2, 3, 4, 0, 1, 2]
            last = rows_of[0].editor.articles.all()[0].topics.all()[0].town
    assert last == rows_of[0].topics.all()[0].town


def test_rows_beside_a_page_that_are_not_shown_are_fetched_once():
    view = view_of(Spec(shown=("id",), rows="prefetched", pages="numbers"))
    stock, same = asked(view)
    with installed():
        ours, body = asked(view)
    assert (len(ours), body) == (len(stock), same)


def test_rows_of_another_page_are_those_of_its_keys():
    view = view_of(Spec(shown=("id", "topics", "reviewer in full"), rows="beside, to one",
                        pages="numbers"))  # fmt: skip
    paths = ["/?page=1", "/?page=2", "/?page=1&size=7", "/?page=3&size=2", "/?page=2"]
    stock = [answered(view, path) for path in paths]
    with installed():
        assert [answered(view, path) for path in paths] == stock


def test_a_page_without_rows_or_without_keys_asks_for_nothing_beside():
    Article.objects.update(reviewer=None)
    for path, number in (("/?limit=3", 4), ("/?offset=99", 1)):
        view = view_of(Spec(shown=("id", "reviewer in full"), rows="beside, to one",
                            pages="offset"))  # fmt: skip
        with installed():
            ours, body = asked(view, path)
        stock, same = asked(view, path)
        assert body == same
        assert len(ours) == len(stock) == number


def test_lists_that_differ_in_what_is_prefetched_only_are_told_apart():
    shown = drawn.serializer_of(Spec(shown=("id", "topics")))
    with installed():
        for name, number in (("all", 1), ("beside", 2), ("all", 1), ("prefetched", 5)):
            view = drawn.view_of(Spec(rows=name))
            view.serializer_class = shown
            ours, _ = asked(view.as_view({"get": "list"}))
            assert len(ours) == number


def test_a_row_that_is_gone_when_it_is_asked_for_is_left_to_the_framework(written):
    view = view_of(Spec(shown=("id", "reviewer in full"), rows="beside, to one"))
    Article.objects.filter(id=3).update(reviewer=999)
    stock = answered(view)
    with installed():
        ours = answered(view)
    Article.objects.filter(id=3).update(reviewer=None)
    assert written == [None]
    assert ours == stock


def test_a_row_beside_that_is_not_foreseen_sends_the_list_to_the_framework_without_a_query(
    written,
):
    Topic.objects.filter(id=3).update(weight=1e300)
    view = view_of(Spec(shown=("id", "topics in full"), rows="beside"))
    stock = asked(view)
    with installed():
        ours, body = asked(view)
    assert written == [None]
    assert (len(ours), body) == (len(stock[0]), stock[1])


def test_a_statement_that_has_more_in_it_than_keys_is_not_ours(monkeypatch, written):
    monkeypatch.setattr(Topic._meta, "ordering", [F("weight") + Value(1)])
    view = view_of(Spec(shown=("id", "topics in full"), rows="beside"))
    stock = asked(view)
    with installed():
        assert asked(view) == stock
    assert written == [None]


class Shifted:
    """A key that Python sees in another way than the database."""

    def __get__(self, row, owner=None):
        """Return the key of one row for all articles that have a title."""
        return self if row is None else 1 if "title" in vars(row) else row.__dict__["editor_id"]

    def __set__(self, row, value):
        row.__dict__["editor_id"] = value


def test_a_key_that_is_read_through_code_is_not_ours():
    view = view_of(Spec(shown=("id", "author"), rows="beside, to one"))
    with mock.patch.object(Article, "editor_id", Shifted()):
        stock = answered(view)
        with installed():
            assert answered(view) == stock
    assert stock != answered(view)


@pytest.mark.skipif(not hasattr(models, "FETCH_RAISE"), reason="since Django 6.1")
def test_a_query_set_that_says_how_relations_are_fetched_has_its_way():
    refusing = view_of(Spec(shown=("id", "author"), rows="raising"))
    rows_of = QUERY_SETS["peers"](Article.objects.all()).prefetch_related("editor")
    drawn_view = drawn.view_of(Spec(shown=("id", "author")))
    drawn_view.get_queryset = lambda _self: rows_of
    with installed():
        with pytest.raises(exceptions.FieldFetchBlocked):
            asked(refusing)
        asked(drawn_view.as_view({"get": "list"}))
    assert rows_of[0].editor._state.fetch_mode is models.FETCH_PEERS
