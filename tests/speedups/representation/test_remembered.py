"""What is the same for the next request, and is not found out again."""

import json
from unittest import mock

import pytest
from django.db.models.sql.compiler import SQLCompiler

from drf_speedups.representation import links, shapes
from tests.speedups.library.related_models import Article
from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def test_what_counts_the_rows_of_a_page_is_the_same_function_each_time():
    first, second = Article.objects.all(), Article.objects.filter(id=2)
    with shapes.counting(first), shapes.counting(second):
        assert vars(first)["count"].__func__ is vars(second)["count"].__func__
        assert (first.count(), second.count()) == (7, 1)
    assert "count" not in vars(first)


def test_a_link_is_asked_for_a_second_key_once_for_each_host(monkeypatch):
    view = drawn.view_of(Spec(shown=("id", "first link"))).as_view({"get": "list"})
    asked = mock.Mock(wraps=links.Link._parts)
    monkeypatch.setattr(links.Link, "_parts", lambda *args: asked(*args))
    with installed():
        for port in (1, 1, 2, 1, 2):
            answered(view, headers={"HTTP_HOST": f"testserver:{port}"})
    assert asked.call_count == 5 + 2


def asked_for(terms, **spec):
    """Return what is answered to searches, and how many queries Django compiles for each."""
    searched = Spec(shown=("id", "title"), pages="numbers", filters="search", **spec)
    view = drawn.view_of(searched).as_view({"get": "list"})
    stock = SQLCompiler.as_sql
    for term in terms:
        with mock.patch.object(SQLCompiler, "as_sql", autospec=True, side_effect=stock) as compiled:
            request = factory.get(f"/?search={term}", HTTP_ACCEPT="application/json")
            response = view(request).render()
        yield response.content, compiled.call_count


@pytest.mark.parametrize("rows", ["all", "some", "or", "joined", "joined twice", "distinct"])
def test_a_search_with_other_words_is_compiled_once(rows):
    terms = ["t", "t1", "t%25", "t_", "%5C", "t1%22", "nothing", "T3"]
    expected = [body for body, _ in asked_for(terms, rows=rows)]
    with installed():
        answers = [*asked_for(terms, rows=rows)]
    assert [body for body, _ in answers] == expected
    first, *later = [number for body, number in answers if json.loads(body)["count"]]
    assert first == 2
    assert {*later} == {0}


def test_another_order_of_a_model_is_another_query(monkeypatch):
    view = drawn.view_of(Spec()).as_view({"get": "list"})
    with installed():
        forwards = json.loads(answered(view)[2])
        monkeypatch.setattr(Article._meta, "ordering", ["-id"])
        assert json.loads(answered(view)[2]) == forwards[::-1]


def test_sql_is_forgotten_before_there_is_too_much(monkeypatch):
    monkeypatch.setattr(shapes, "MOST_SHAPES", 3)
    view = drawn.view_of(Spec(rows="all")).as_view({"get": "list"})
    with installed():
        for columns in ("id", "level", "title", "-id", "-level"):
            monkeypatch.setattr(Article._meta, "ordering", [columns])
            answered(view)
            assert 0 < len(shapes._known) <= 3
