"""What of a list the database writes, and what happens to who looks at it."""

import copy
import heapq
import json
import operator
import pickle
import random
import struct
from datetime import UTC
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.utils.serializer_helpers import ReturnList

from drf_speedups.representation.explaining import EACH_TIME, rows_of
from drf_speedups.representation.finished import Finished, Page
from drf_speedups.representation.lazy import LazyList
from drf_speedups.representation.sql import columns
from tests.speedups.library.related_models import Article
from tests.speedups.representation import drawn, views
from tests.speedups.representation.comparing import answered, both, factory, installed, seed
from tests.speedups.representation.drawn import Spec

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
COLUMNS = [one.name for one in Article._meta.concrete_fields if one.name != "place"]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def ask(spec, path="/"):
    with installed():
        return answered(drawn.view_of(spec).as_view({"get": "list"}), path)


@pytest.mark.parametrize("name", [*COLUMNS, "editor_id", "hex", "floating", "raw token"])
def test_the_database_writes_a_column(written, name):
    _, _, body, _ = ask(Spec(shown=("id", name)))
    assert json.loads(body) == [json.loads(text) for text in written[0]]


@pytest.mark.parametrize("name", [
    "editor in full", "reviewer in full", "editor in town", "place in full", "place",
    "topics in full", "topics in town", "topic words", "topics", "editor name", "town name",
    "author", "author_name", "hired", "note in full", "note", "staff", "first link",
    "reviewer_town", "pk",
])  # fmt: skip
def test_the_database_writes_related_rows(written, name):
    _, _, body, _ = ask(Spec(shown=("id", name)))
    assert json.loads(body) == [json.loads(text) for text in written[0]]


@pytest.mark.parametrize("zone", ["utc", "lisbon"])
def test_python_writes_what_only_it_can_of_rows_that_the_query_joins(written, zone):
    shown = ("extra", "editor by year", "takes", "reviewer by year", "id")
    view = drawn.view_of(Spec(shown=shown, rows="joined")).as_view({"get": "list"})
    with timezone.override(ZoneInfo("Europe/Lisbon") if zone == "lisbon" else UTC):
        stock, ours = both(view)
        assert ours == stock
    assert written[0] is not None
    ask(Spec(shown=shown))
    assert written[1] is None


@pytest.mark.parametrize("pages", ["none", "numbers", "offset", "enveloped"])
def test_the_database_writes_pages(written, pages):
    ask(Spec(pages=pages))
    assert len(written) == 1
    assert written[0] is not None


@pytest.mark.parametrize(("pages", "renderer"), [
    ("numbers", "json"), ("offset", "json"), ("offset", "spaced"), ("none", "json"),
])  # fmt: skip
def test_pages_are_written_for_a_serializer_that_is_told_of_no_request(written, pages, renderer):
    spec = Spec(shown=("id", "title", "author"), view="silent", pages=pages, renderer=renderer)
    stock, ours = both(drawn.view_of(spec).as_view({"get": "list"}))
    assert ours == stock
    known = pages != "none" and renderer == "json"
    assert [one is not None for one in written] == [True] * known


@pytest.mark.parametrize("rows", ["some", "twice", "distinct", "joined", "defer", "counted"])
def test_the_database_writes_what_a_query_set_chooses(written, rows):
    ask(Spec(shown=("id", "title", "level"), rows=rows, pages="numbers"))
    assert written[0] is not None


@pytest.mark.parametrize(("rows", "name"), [
    ("counted", "count"), ("computed", "of"), ("valued", "count"),
])  # fmt: skip
def test_the_database_writes_what_a_query_computes(written, rows, name):
    _, _, body, _ = ask(Spec(shown=("id", name), rows=rows))
    assert json.loads(body) == [json.loads(text) for text in written[0]]


def test_one_query_answers_and_serves_who_looks_at_the_data(django_assert_num_queries):
    view = drawn.view_of(Spec(shown=("id", "title", "price", "share"))).as_view({"get": "list"})
    with installed(), django_assert_num_queries(1):
        response = view(factory.get("/", HTTP_ACCEPT="application/json"))
        response.render()
        assert type(response.data) is Finished
        assert response.data[0]["title"].startswith("t1")
        assert json.loads(response.content) == response.data


def test_a_page_draws_no_random_bytes_that_somebody_may_count_on(written):
    view = drawn.view_of(Spec(pages="numbers")).as_view({"get": "list"})
    with installed(), mock.patch("random._urandom", side_effect=AssertionError):
        view(factory.get("/", HTTP_ACCEPT="application/json")).render()
    assert written[0] is not None


def test_remembered_sql_is_that_of_the_page_and_of_the_rows_of_now(django_assert_num_queries):
    view = drawn.view_of(Spec(pages="numbers")).as_view({"get": "list"})
    paths = ["/?page=1", "/?page=2", "/?page=1", "/?page=3&size=2", "/?page=2"]
    stock = [answered(view, path) for path in paths]
    with installed():
        assert [answered(view, path) for path in paths] == stock
        Article.objects.filter(id=7).delete()
        with django_assert_num_queries(2):
            assert json.loads(answered(view, "/?page=2")[2])["count"] == 6


def test_a_list_that_is_not_foreseen_is_written_by_the_framework_from_the_same_query(
    django_assert_num_queries,
):
    Article.objects.filter(id=2).update(share=float("inf"))
    view = drawn.view_of(Spec(shown=("id", "share"), renderer="loose")).as_view({"get": "list"})
    stock = answered(view)
    with installed(), django_assert_num_queries(1):
        assert answered(view) == stock


@pytest.mark.parametrize("rows", ["prefetched", "chosen"])
def test_rows_that_are_prefetched_come_with_the_query_where_that_is_wanted(
    settings, rows, django_assert_max_num_queries
):
    spec = Spec(shown=("id", "topics in full", "staff", "editor"), rows=rows)
    view = drawn.view_of(spec).as_view({"get": "list"})
    stock = answered(view)
    settings.SPEEDUPS_FEWER_QUERIES = True
    with installed():
        assert answered(view) == stock
        with django_assert_max_num_queries(1 if rows == "prefetched" else 20):
            view(factory.get("/", HTTP_ACCEPT="application/json")).render()


@pytest.mark.parametrize(("named", "number"), [
    ([], 0), (["tests.speedups.representation.drawn.Spec"], 0), ([".Named"], 0),
    (["rest_framework.viewsets.GenericViewSet"], 1),  # a base
    (["tests.speedups.representation.views.Named"], 1),  # which comes from another module
])  # fmt: skip
def test_only_named_view_sets_are_served_where_some_are_named(
    written, settings, monkeypatch, named, number
):
    kind = drawn.view_of(Spec())
    monkeypatch.setattr(views, "Named", kind, raising=False)
    settings.SPEEDUPS_VIEW_SETS = named
    with installed():
        answered(kind.as_view({"get": "list"}))
        assert ("SPEEDUPS_VIEW_SETS does not name it" in rows_of(kind)) is not bool(number)
    assert len(written) == number


@pytest.mark.parametrize("named", [7, True, "views.Named", {"a": 1}, [["a"]], iter(["a"])])
def test_a_setting_that_names_nothing_leaves_all_view_sets_to_the_framework(
    written, settings, named
):
    settings.SPEEDUPS_VIEW_SETS = named
    ask(Spec(shown=("id", "method"), pages="numbers"))
    ask(Spec())
    assert written == []


@pytest.mark.parametrize("change", [{"fields": ["id"]}, {"depth": 1}, {"fields": ["id", "level"]}])
def test_a_serializer_class_that_changes_between_requests_is_not_taken_for_the_first(change):
    kind = drawn.view_of(Spec(shown=("id", "editor")))
    view = kind.as_view({"get": "list"})
    with installed():
        answered(view)
        for name, value in change.items():
            setattr(kind.serializer_class.Meta, name, value)
        ours = answered(view)
    assert ours == answered(view)


@pytest.mark.parametrize(("spec", "said"), [
    (Spec(), "lists by the database"),
    (Spec(pages="numbers"), "lists by the database"),
    (Spec(shown=("id", "method")), "by what is known of the class: method has no attribute"),
    (Spec(serializer="few"), "lists by fields of each serializer's own, one row by Django REST "
     "framework: Few.__init__ is its own"),
    (Spec(view="chooses"), EACH_TIME),
    (Spec(view="catching"), "lists by the database"),
    (Spec(view="catching", pages="numbers"), "by what is known of the class: the view set has its "
     "own paginate_queryset"),
    (Spec(pages="cursor"), "by what is known of the class: C fetches the rows of a page itself"),
    (Spec(renderer="wrapping"), "by what is known of the class: no renderer is the framework's"),
    (Spec(renderer="ascii"), "by what is known of the class: no renderer is the framework's"),
])  # fmt: skip
def test_it_can_be_asked_who_serializes_the_rows(written, spec, said):
    kind = drawn.view_of(spec)
    with installed():
        assert rows_of(kind).startswith(said)
        answered(kind.as_view({"get": "list"}))
    assert bool(written and written[0]) is ("by the database" in said)


@pytest.mark.parametrize(("name", "value", "said"), [
    ("renderer_classes", property(lambda _: []), EACH_TIME),
    ("pagination_class", property(lambda _: None), EACH_TIME),
    ("serializer_class", property(lambda _: None), EACH_TIME),
    ("pagination_class", object, "by what is known of the class: object fetches the rows of a page "
     "itself"),
    ("renderer_classes", None, "by what is known of the class: no renderer is the framework's"),
])  # fmt: skip
def test_it_can_be_asked_of_view_sets_that_say_it_for_each_request_or_say_nothing(
    name, value, said
):
    kind = type("V", (drawn.view_of(Spec()),), {name: value})
    with installed():
        assert rows_of(kind).startswith(said)


def test_it_can_be_asked_where_the_database_is_another_one(monkeypatch):
    monkeypatch.setattr(type(connections["default"]), "vendor", "sqlite")
    with installed():
        said = rows_of(drawn.view_of(Spec()))
    assert said == "by what is known of the class: the database is sqlite"


def test_it_is_said_of_which_serializer_where_a_view_set_has_several():
    kind = drawn.view_of(Spec())
    several = type("V", (kind,), {"get_serializer_class": lambda self: kind.serializer_class})
    with installed():
        assert rows_of(several) == "with Articles: lists by the database"


def test_a_view_set_that_chooses_its_serializer_is_looked_at_each_time():
    assert rows_of(type("V", (), {"serializer_class": None})) == EACH_TIME


def test_a_float_has_the_digits_that_python_gives_it_or_is_left_to_python():
    numbers = random.Random(0)
    sizes = [struct.unpack("d", numbers.randbytes(8))[0] for _ in range(2000)]
    near = [numbers.choice((-1, 1)) * numbers.random() * 10 ** numbers.randint(-8, 20)
            for _ in range(2000)]  # fmt: skip
    whole = [float(numbers.randint(-(10**n), 10**n)) for n in range(20) for _ in range(50)]
    floats = [*sizes, *near, *whole, 0.0, -0.0, 1e15, 1e16, 999999999999999.9, 1e-4, 9.9e-5]
    text = columns._float(None, None, '"f"').replace("%", "%%")
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT f, {text} FROM unnest(%s::float8[]) "f"', [floats])
        for number, written in cursor.fetchall():
            left = not abs(number) < 1e15
            assert written == (columns.ODD if left else json.dumps(number))


def test_data_that_is_used_in_any_way_is_filled_first():
    ways = (
        lambda one: pickle.loads(pickle.dumps(one)), list, lambda one: [*one], copy.copy, sorted,
        lambda one: one[:], lambda one: [*reversed(one)][::-1], lambda one: operator.add(one, []),
        lambda one: operator.add([], one), lambda one: one.copy(), copy.deepcopy,
        lambda one: json.loads(repr(one)),
    )  # fmt: skip
    for use in ways:
        assert use(LazyList(lambda: [1, 2])) == [1, 2]
    assert LazyList(lambda: [1]) == [1]
    assert LazyList(lambda: [2]) > [1]
    assert not LazyList(list)
    assert 1 in LazyList(lambda: [1])


def test_code_that_looks_past_the_methods_fails_instead_of_finding_nothing():
    with pytest.raises(TypeError):
        heapq.heappushpop(LazyList(lambda: [2, 1]), 0)


def test_a_page_is_a_list_of_rows_for_who_looks_at_it():
    page = Page(Article.objects.all()[:2])
    assert isinstance(page, list)
    assert [one.pk for one in page] == [1, 2]


def test_a_serializer_without_a_request_makes_ordinary_data(written):
    kind = drawn.serializer_of(Spec())
    with installed():
        data = kind(Article.objects.all(), many=True).data
    assert type(data) is ReturnList
    assert written == []
