"""Who asks for one object gets what stock gives, by the same statement.

`FUZZ_EXAMPLES=2000 pytest tests/speedups/queries/test_getting.py` looks for longer.
"""

import operator
import warnings
from datetime import datetime
from typing import Any
from unittest import mock

import django
import pytest
from django.core.exceptions import FieldError, MultipleObjectsReturned, ObjectDoesNotExist
from django.db import DatabaseError, connection, models, router, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.utils import ConnectionRouter
from django.test.utils import CaptureQueriesContext, isolate_apps, register_lookup
from django.utils.connection import ConnectionDoesNotExist
from hypothesis import given
from hypothesis import strategies as st

from drf_speedups.queries import building, conditions
from tests.speedups.library.related_models import Article, Editor, Note, Topic
from tests.speedups.queries.test_conditions import STEPS, drawn, told, trees
from tests.speedups.representation.comparing import installed, seed

pytestmark = pytest.mark.django_db
ROWS: Any = Article.objects  # also for what checkers of types know to be wrong
ERRORS = (
    DatabaseError, ObjectDoesNotExist, MultipleObjectsReturned, FieldError,
    TypeError, ValueError, OverflowError, LookupError, ConnectionDoesNotExist,
)  # fmt: skip


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def outcome(way, *args):
    """Return the object that comes of a way to ask, with all in it; or what it raises."""
    try:
        with transaction.atomic():
            found = way(*args)
    except ERRORS as error:
        return type(error), str(error)
    return told(found) if isinstance(found, models.Model) else repr(found)


def asked(way, *args):
    """Return what comes of a way to ask, and its statements."""
    connection.queries_log.clear()
    with CaptureQueriesContext(connection) as seen:
        found = outcome(way, *args)
    return found, [one["sql"] for one in seen.captured_queries if "SAVEPOINT" not in one["sql"]]


def same_as_with_stock(way, numbers=(1, 2, 3, 2, 9)):
    """Compare what each number gives, one after the other, and return it.

    With ours in turn where somebody sees the statements, and where nobody does.
    """
    seen = [asked(way, number) for number in numbers]
    stock = [outcome(way, number) for number in numbers]
    with installed():
        for _ in range(2):
            assert [asked(way, number) for number in numbers] == seen
            assert [outcome(way, number) for number in numbers] == stock
    return stock


@drawn(50)
@given(
    trees, trees, st.lists(st.sampled_from([*STEPS]), max_size=2),
    st.sampled_from(["get", "first", "last"]),
)  # fmt: skip
def test_an_object_drawn_at_random_is_the_one_that_stock_gives(db, before, condition, steps, how):
    def one(at):
        rows = Article.objects.filter(before[at])
        for step in steps:
            rows = STEPS[step](rows)
        return rows.get(condition[at]) if how == "get" else getattr(rows, how)()

    same_as_with_stock(one, (0, 1))


ONE = {
    "by its key": lambda n: Article.objects.get(pk=n),
    "by several": lambda n: Article.objects.get(pk=n, level__gte=0),
    "by a tree": lambda n: Article.objects.get(Q(pk=n) | Q(pk=-n), ~Q(title="")),
    "by a row": lambda n: Note.objects.get(article=Article(pk=n)),
    "by a list": lambda n: Article.objects.get(pk__in=[n, -n]),
    "by NULL": lambda n: Article.objects.get(pk=n, token__isnull=False),
    "by a join": lambda n: Article.objects.filter(note__pk=n).get(editor__isnull=False),
    "joined": lambda n: Article.objects.select_related("editor__town", "reviewer").get(pk=n),
    "ordered": lambda n: Article.objects.order_by("editor__name", "-pk").get(pk=n),
    "some columns": lambda n: Article.objects.only("title").get(pk=n),
    "the first": lambda n: Article.objects.filter(pk__gte=n).first(),
    "the first by an order": lambda n: Article.objects.order_by("-level", "pk").exclude(
        pk=n).first(),
    "the first of an ordered model": lambda n: Topic.objects.exclude(pk=n).first(),
    "the first of distinct": lambda n: Article.objects.filter(topics__gte=n).order_by(
        "editor__name", "pk").distinct().first(),
    "the first of none": lambda n: Article.objects.filter(pk=-n).first(),
    "the last by an order": lambda n: Article.objects.order_by("pk").exclude(pk=n).last(),
    "related": lambda n: Article(pk=n, editor_id=n).editor,
    "related the other way": lambda n: Article(pk=n).note,
    "of related": lambda n: Editor(pk=n).articles.filter(level__gte=0).first(),
}  # fmt: skip


@pytest.mark.parametrize("way", ONE)
def test_whoever_is_asked_for_again_is_copied_and_compiled_no_more(way):
    same_as_with_stock(ONE[way])
    with installed():
        for _ in range(3):
            outcome(ONE[way], 1)
        with mock.patch.object(building, "_built", side_effect=AssertionError):
            stock = outcome(ONE[way], 2)
            with mock.patch("drf_speedups.queries.getting._narrowed", side_effect=AssertionError):
                assert outcome(ONE[way], 2) == stock


@pytest.mark.parametrize("way", [
    lambda n: ROWS.get(pk=-n), lambda n: ROWS.filter(pk=n).get(pk=-n),
    lambda n: ROWS.get(pk__gt=n), lambda _n: ROWS.get(),
    lambda n: ROWS.get(pk=None, level=n), lambda n: ROWS.get(pk=2**70 + n),
    lambda n: ROWS.get(pk="a" * n), lambda n: ROWS.get(nothing=n),
    lambda n: ROWS.get(1, pk=n), lambda n: ROWS.get(None, pk=n),
    lambda n: ROWS.get(Exists(ROWS.filter(pk=OuterRef("pk"))), pk=n),
    lambda n: ROWS.get(pk=n, _negated=True, _connector="OR"),
    lambda n: ROWS.all()[:2].get(pk=n), lambda n: ROWS.all()[n:].get(),
    lambda n: ROWS.all()[n:].first(), lambda n: ROWS.none().get(pk=n),
    lambda n: ROWS.none().first() or n, lambda n: ROWS.order_by().filter(pk=n).first(),
    lambda n: Topic.objects.order_by().filter(pk=n).first(),
    lambda n: Topic.objects.order_by().order_by("-pk").filter(pk=n).first(),
    lambda n: ROWS.all().union(ROWS.filter(pk=n)).get(pk=n),
    lambda n: ROWS.filter(pk=n).union(ROWS.filter(pk=n)).first(),
    lambda n: ROWS.values("level").get(pk=n),
    lambda n: ROWS.values_list("level").first() or n,
    lambda n: ROWS.annotate(of=Count("topics")).get(pk=n),
    lambda n: ROWS.values("level").annotate(Count("pk")).filter(level=n).first(),
    lambda n: ROWS.select_for_update().get(pk=n),
    lambda n: ROWS.distinct("level").get(pk=n),
    lambda n: ROWS.get_or_create(pk=n, defaults={"title": "new"}),
    lambda n: ROWS.using("nope").get(pk=n), lambda n: ROWS.using("nope").get(nothing=n),
    lambda n: ROWS.using("nope").get(pk="a" * n),
    lambda n: ROWS.filter(pk=n).union(ROWS.filter(pk=n)).get(pk=n, _connector="NO"),
    lambda n: ROWS.using("nope").filter(pk=n).union(ROWS.filter(pk=n)).get(pk=n),
    lambda n: ROWS.in_bulk([n]),
    lambda n: ROWS.filter(editor=Editor.objects.get(pk=n)).first(),
    lambda n: ROWS.get(editor__in=Editor.objects.filter(pk=n), note__pk=n),
    lambda n: ROWS.all()._next_is_sticky().filter(topics__weight=1).get(topics__pk=n),
    lambda n: Editor(pk=n).articles.get(level__gt=100 * n),
])  # fmt: skip
def test_whatever_else_is_asked_for_is_as_with_stock(way):
    same_as_with_stock(way)


@pytest.mark.parametrize("more", [{"_negated": True}, {"_connector": "OR"}, {"_connector": "NO"}])
def test_nobody_chooses_by_a_name_how_conditions_are_joined(more):
    def chosen(n):
        for _ in range(2):  # the same question, as it may be asked
            ROWS.exclude(pk=n, level__gte=0).exists()
            ROWS.filter(Q(("pk", n), ("level__gte", 0), _connector="OR")).exists()
        return ROWS.get(pk=n, level__gte=0, **more)

    same_as_with_stock(chosen)


def test_django_warns_of_a_value_once():
    def warned(n):
        with warnings.catch_warnings(record=True, action="always") as given:
            found = outcome(lambda: Editor.objects.get(hired=datetime(2020, 1, 1), pk=n))
            none = outcome(lambda: Editor.objects.get(hired=datetime(2020, 1, 1), pk=2**70 + n))
        return found, none, [str(one.message) for one in given]

    same_as_with_stock(warned)


def test_joins_are_used_again_only_where_stock_uses_them():
    def sticky(n):
        rows = ROWS.all()._next_is_sticky().filter(topics__word=f"w{n}")
        return rows.filter(topics__weight__gte=0, pk=n).query.alias_map.keys()

    def plain(n):
        return ROWS.filter(topics__word=f"w{n}").get(topics__weight__gte=0, pk=n)

    def both(n):
        return sticky(n), outcome(plain, n)

    same_as_with_stock(both)


@pytest.mark.parametrize("rows", [20, 21, 22, 30])
def test_too_many_are_counted_as_with_stock(rows):
    Topic.objects.all().delete()
    Topic.objects.bulk_create(Topic(word=f"{n}") for n in range(rows))
    kind, said = same_as_with_stock(lambda _n: Topic.objects.get(weight=1))[0]
    assert kind is Topic.MultipleObjectsReturned
    assert ("more than 20" if rows > 20 else "returned 20") in said


def test_an_object_knows_the_object_that_led_to_it():
    editor = Editor.objects.get(pk=1)
    article = editor.articles.order_by("pk")[0]
    with installed():
        for _ in range(3):
            with CaptureQueriesContext(connection) as seen:
                assert editor.articles.get(pk=article.pk).editor is editor
                first: Any = editor.articles.first()
                assert first.editor is editor
            assert len(seen) == 2


def test_prefetched_rows_come_with_an_object():
    rows = Article.objects.prefetch_related("topics", Prefetch("editor"))

    def with_topics(n):
        article = rows.get(pk=n)
        return [*map(told, article.topics.all())], told(article.editor)

    same_as_with_stock(with_topics, (1, 2, 1))


def test_rows_that_are_there_are_asked_for_no_more():
    rows = Article.objects.order_by("-pk")
    assert len(rows) > 1
    with installed():
        for _ in range(3):
            with CaptureQueriesContext(connection) as seen:
                assert rows.first() is rows[0]
            assert not seen.captured_queries
            assert rows.get(pk=1) == Article(pk=1)


def _own(**members):
    return type("Rows", (QuerySet,), members)


CALLED: list = []


def noted(name):
    """Return a method that notes its call."""
    stock = getattr(QuerySet, name)

    def method(self, *args, **kwargs):
        CALLED.append((name, len(args), sorted(kwargs)))
        return stock(self, *args, **kwargs)

    return method


@pytest.mark.parametrize("name", [
    "filter", "order_by", "_chain", "_clone", "_fetch_all", "__len__", "_filter_or_exclude",
    "_filter_or_exclude_inplace", "__getitem__", "__iter__", "__init__",
])  # fmt: skip
def test_a_query_set_with_code_of_its_own_runs_it(name):
    kind: type = _own(**{name: noted(name)})

    def called(n):
        CALLED.clear()
        rows = kind(Article)
        return rows.get(pk=n).pk, rows.first().pk, [*CALLED]

    same_as_with_stock(lambda n: called(n % 3 + 1))
    assert CALLED


@pytest.mark.parametrize("name", ["_iterable_class", "_prefetch_related_lookups", "_db"])
def test_a_query_set_may_compute_what_others_have(name):
    kept = property(lambda self: vars(self)["own"], lambda self, one: vars(self).update(own=one))
    rows = _own(**{name: kept})(Article)
    same_as_with_stock(lambda n: [rows.get(pk=n), rows.order_by("pk").first()])


def test_a_query_set_s_other_code_lets_it_be():
    rows = _own(open=lambda self: self.filter(is_open=True))(Article)
    with installed():
        for n in (1, 2, 3):
            assert rows.get(pk=n).pk == n
        with mock.patch("drf_speedups.queries.getting._narrowed", side_effect=AssertionError):
            assert rows.get(pk=2).pk == 2


def test_what_stands_in_one_query_set_is_run():
    with installed():
        for _ in range(3):
            assert Article.objects.get(pk=1).pk == 1
        rows = Article.objects.all()
        vars(rows)["filter"] = lambda *_args, **_kwargs: Article.objects.filter(pk=2)
        assert rows.get(pk=1).pk == 2


def test_a_router_is_asked_as_often_as_by_stock(settings):
    calls: list = []

    class Router:
        def db_for_read(self, model, **hints):
            calls.append((model, hints))
            return "default"

    def asked_router(n):
        calls.clear()
        Article.objects.get(pk=n)
        Article.objects.filter(pk=n).first()
        return len(calls)

    settings.DATABASE_ROUTERS = [Router()]
    assert same_as_with_stock(asked_router, (1, 2, 3)) == ["2"] * 3


@pytest.mark.parametrize("where", [router, ConnectionRouter])
def test_what_a_test_puts_in_the_place_of_django_s_router_is_asked_as_often(where):
    def asked_router(n):
        with mock.patch.object(where, "db_for_read", return_value="default") as chosen:
            Article.objects.get(pk=n)
            Article.objects.annotate(one=F("pk")).get(pk=n)
            Article.objects.filter(pk=n).first()
        return chosen.call_count

    assert same_as_with_stock(asked_router, (1, 2, 3)) == ["3"] * 3


def test_listeners_hear_of_an_object():
    heard: list = []

    def hear(sender, instance, **_kwargs):
        heard.append((sender, instance.pk))

    models.signals.post_init.connect(hear, sender=Article)
    try:
        with installed():
            for n in (1, 2, 3):
                Article.objects.get(pk=n)
    finally:
        models.signals.post_init.disconnect(hear, sender=Article)
    assert heard == [(Article, 1), (Article, 2), (Article, 3)]


def test_who_watches_sees_the_statement():
    with installed():
        for _ in range(3):
            Article.objects.get(pk=1)
        seen: list = []

        def note(execute, sql, parameters, *others):
            seen.append((sql, parameters))
            return execute(sql, parameters, *others)

        with connection.execute_wrapper(note):
            assert Article.objects.get(pk=2).pk == 2
    assert [parameters for _, parameters in seen] == [(2,)]
    assert "LIMIT 21" in seen[0][0]


@pytest.mark.skipif(django.VERSION < (6, 1), reason="Django 6.1 chose how related rows are fetched")
def test_an_object_fetches_related_rows_in_the_way_of_its_query_set():
    modes = operator.attrgetter("FETCH_ONE", "FETCH_PEERS", "FETCH_RAISE")(models)

    def mode(n):
        rows = ROWS.fetch_mode(modes[n % 3])
        return [rows.get(pk=n)._state.fetch_mode, rows.first()._state.fetch_mode]

    same_as_with_stock(mode, (1, 2, 3, 1, 2, 3))


def test_a_lookup_that_somebody_registers_later_is_used():
    class Refusing(models.lookups.Exact):
        def as_sql(self, compiler, connection):
            raise LookupError

    with installed():
        for _ in range(3):
            assert Editor.objects.get(name="Ada").name == "Ada"
        with register_lookup(models.CharField, Refusing), pytest.raises(LookupError):
            Editor.objects.get(name="Ada")
        assert Editor.objects.get(name="Ada").name == "Ada"


def test_an_order_that_another_model_changes_is_followed(monkeypatch):
    def first_by_editor(n):
        monkeypatch.setattr(Editor._meta, "ordering", ["name", "-name"][n : n + 1])
        return Article.objects.order_by("editor", "pk").first()

    one, other = same_as_with_stock(first_by_editor, (0, 1, 0, 0, 1))[:2]
    assert one != other


class Marked(models.CharField):
    """A column that is read in another way each time."""

    marks: list = []

    def get_db_converters(self, connection):
        """Return what marks a value."""
        mark = self.marks[-1]
        return [lambda value, *_: f"{mark}{value}"]


@isolate_apps("tests.speedups.library")
def test_a_column_that_is_read_in_its_own_way_is_asked_each_time():
    meta = type("Meta", (), {"app_label": "library", "db_table": Editor._meta.db_table})
    own: Any = type("Own", (models.Model,), {
        "__module__": __name__, "Meta": meta, "name": Marked(max_length=9)})  # fmt: skip
    with installed():
        for mark in "abcd":
            Marked.marks.append(mark)
            assert own.objects.get(pk=1).name[0] == mark
            assert next(iter(own.objects.filter(pk=1))).name[0] == mark


class Plain(models.CharField):
    """A column that has no code of its own yet."""


@isolate_apps("tests.speedups.library")
def test_a_column_of_a_project_s_own_may_be_read_in_another_way_at_once(monkeypatch):
    meta = type("Meta", (), {"app_label": "library", "db_table": Editor._meta.db_table})
    own: Any = type("Own", (models.Model,), {
        "__module__": __name__, "Meta": meta, "name": Plain(max_length=9)})  # fmt: skip
    with installed():
        for _ in range(3):
            assert own.objects.get(pk=1).name == own.objects.filter(pk=1)[0].name == "Ada"
        monkeypatch.setattr(Plain, "from_db_value", lambda *_args: "other", raising=False)
        assert own.objects.get(pk=1).name == own.objects.filter(pk=1)[0].name == "other"


def test_what_a_test_puts_in_the_place_of_who_asks_the_database_is_run_at_once():
    with installed():
        for _ in range(3):
            assert Article.objects.get(pk=1).pk == 1
        with mock.patch.object(SQLCompiler, "execute_sql", side_effect=DatabaseError):
            for ask in (lambda: Article.objects.get(pk=1), Article.objects.order_by("pk").first):
                with pytest.raises(DatabaseError):
                    ask()


@pytest.mark.parametrize("name", ["filter", "order_by", "_fetch_all", "_chain", "_clone"])
def test_what_a_test_puts_in_the_place_of_django_s_own_code_is_run_at_once(name):
    with installed():
        for _ in range(3):
            assert Article.objects.get(pk=1).pk == 1
        with mock.patch.object(QuerySet, name, side_effect=LookupError), pytest.raises(LookupError):
            Article.objects.get(pk=1)
        assert Article.objects.get(pk=1).pk == 1


@pytest.mark.parametrize("most", [1, 3, 7])
def test_more_columns_than_are_told_apart_at_once_are_not_mixed_up(most, monkeypatch):
    monkeypatch.setattr(conditions, "MOST_SAME", most)
    same_as_with_stock(lambda n: [outcome(one, n) for one in ONE.values()], (1, 2, 1))
    assert len(conditions._same) <= most
