"""What is the same for the next request, and is not found out again."""

import json
from unittest import mock

import pytest
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.urls import set_script_prefix, set_urlconf
from rest_framework import generics, versioning
from rest_framework import reverse as reversing
from rest_framework.settings import api_settings

from drf_speedups.eligibility.members import STAND_INS
from drf_speedups.queries import shapes
from drf_speedups.representation.sql import links
from tests.speedups.library.related_models import Article
from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def test_links_are_reversed_once_and_lead_to_the_host_of_the_request(monkeypatch):
    view = drawn.view_of(Spec(shown=("id", "first link", "topic links"))).as_view({"get": "list"})
    calls = mock.Mock(wraps=links.Link._url)
    monkeypatch.setattr(links.Link, "_url", lambda *args: calls(*args))
    monkeypatch.setattr(api_settings, "URL_FORMAT_OVERRIDE", "format")
    asked = [(path, {"HTTP_HOST": f"testserver:{port}"}) for port in (1, 1234567, 7654321, 2)
             for path in ("/", "/?few=1", "/?format=json")]  # fmt: skip
    stock = [answered(view, path, headers=headers) for path, headers in asked]
    with installed():
        for (path, headers), expected in zip(asked, stock, strict=True):
            calls.reset_mock()
            assert answered(view, path, headers=headers) == expected
            first = path == "/" and headers["HTTP_HOST"].endswith(":1")
            assert (calls.call_count > 0) is (first or "format" in path)


def test_links_of_a_version_a_prefix_or_other_urls_are_asked_for_anew(settings):
    view = drawn.view_of(Spec(shown=("id", "first link"))).as_view({"get": "list"})

    def answers():
        set_script_prefix("/")  # another test's request may have left its own
        yield answered(view)
        set_script_prefix("/below/")
        yield answered(view)
        set_script_prefix("/")
        set_urlconf("tests.speedups.representation.other_urls")
        yield answered(view)
        set_urlconf(None)
        with mock.patch.object(reversing, "django_reverse", lambda *_, **kwargs: f"/{kwargs}"):
            yield answered(view)
        view.cls.versioning_class = versioning.QueryParameterVersioning
        yield answered(view, "/?version=2")
        view.cls.versioning_class = None

    stock = [*answers()]
    assert len({answer[2] for answer in stock}) == 5
    with installed():
        assert [*answers()] == stock


def asked_for(view, paths, **kwargs):
    """Return what is answered, and how many statements Django compiles for each."""
    stock, compiled = SQLCompiler.as_sql, []

    def as_sql(self, *args, **kwargs):
        compiled.append(self)
        return stock(self, *args, **kwargs)

    for path, named in paths:
        compiled.clear()
        with mock.patch.object(SQLCompiler, "as_sql", as_sql):
            STAND_INS.add(as_sql)  # does what Django's own does
            response = view(factory.get(path, HTTP_ACCEPT="application/json"), **named)
            getattr(response, "render", lambda: None)()  # errors are answered by the project
            STAND_INS.discard(as_sql)
        yield response.status_code, response.content, len(compiled)


def compiled(spec, action, paths):
    """Return how many statements are compiled for requests whose answers are as with stock."""
    view = drawn.view_of(spec).as_view({"get": action})
    expected = [answer[:2] for answer in asked_for(view, paths)]
    with installed():
        answers = [*asked_for(view, paths)]
    assert [answer[:2] for answer in answers] == expected
    return [number for status, body, number in answers if status == 200 and b"[]" not in body]


TERMS = ["t", "t1", "t%25", "t_", "%5C", "t1%22", "nothing", "T3"]
SEARCHED: list = [(f"/?search={term}", {}) for term in TERMS]


@pytest.mark.parametrize("rows", ["all", "some", "or", "joined", "joined twice", "distinct"])
@pytest.mark.parametrize("shown", ["title", "method"])
@pytest.mark.parametrize("pages", ["numbers", "offset", "none"])
def test_a_search_with_other_words_is_compiled_once(rows, shown, pages):
    spec = Spec(shown=("id", shown), pages=pages, filters="search", rows=rows)
    first, *later = compiled(spec, "list", SEARCHED)
    assert first == (1 if pages == "none" else 2)
    assert {*later} == {0}


@pytest.mark.parametrize("rows", ["all", "some", "or", "joined", "defer", "distinct"])
def test_a_row_with_another_key_is_compiled_once(rows):
    spec = Spec(shown=("id", "title"), rows=rows)
    keys = [3, 5, 2, 4, 1, 99, "x", -1, 2**70, "6"]
    first, *later = compiled(spec, "retrieve", [("/", {"pk": key}) for key in keys])
    assert first == 1
    assert {*later} <= {0}


class Getting(QuerySet):
    """Gets a row in its own way."""

    def get(self, *args, **kwargs):
        """Return the first."""
        return super().get(pk=1)


def test_a_query_set_that_gets_rows_in_its_own_way_is_asked(monkeypatch):
    kind = drawn.view_of(Spec())
    monkeypatch.setattr(kind, "get_queryset", lambda self: Getting(Article))
    with installed():
        assert json.loads(answered(kind.as_view({"get": "retrieve"}), pk=2)[2])["id"] == 1


def test_what_somebody_puts_in_the_place_of_the_framework_s_search_for_a_row_is_called():
    view = drawn.view_of(Spec()).as_view({"get": "retrieve"})
    found = Article.objects.get(pk=5)
    with installed(), mock.patch.object(generics, "get_object_or_404", return_value=found):
        assert json.loads(answered(view, pk=2)[2])["id"] == 5


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
