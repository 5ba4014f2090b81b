"""What is the same for the next request, and is not found out again."""

from unittest import mock

import pytest

from drf_speedups.representation import links, shapes
from tests.speedups.library.related_models import Article
from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import answered, installed, seed
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
