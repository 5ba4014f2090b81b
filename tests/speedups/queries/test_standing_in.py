"""Whoever asks Django for objects, or how many there are, gets what stock gives."""

import threading
from contextlib import nullcontext, suppress
from typing import Any
from unittest import mock

import django
import pytest
from django.core.exceptions import FieldError
from django.db import DatabaseError, connection, models, transaction
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Sum,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Cast, Coalesce, Upper
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import isolate_apps
from psycopg.pq import TransactionStatus

from drf_speedups.database import fetched, simple_query
from drf_speedups.eligibility import members
from drf_speedups.queries import shapes
from tests.speedups.library.related_models import Article, Editor, Note, Reply, Topic
from tests.speedups.queries.test_conditions import told
from tests.speedups.representation.comparing import installed, seed

WAYS = {
    "get": lambda n: Article.objects.get(pk=n),
    "get by text": lambda n: Article.objects.get(pk=str(n)),
    "get nothing": lambda n: Article.objects.get(pk=-n),
    "get too many": lambda n: Article.objects.get(pk__gte=n),
    "get too large": lambda n: Article.objects.get(pk=2**70 + n),
    "first": lambda n: Article.objects.filter(level=n).first(),
    "first of none": lambda n: Article.objects.filter(title=f"{n}").first(),
    "last": lambda n: Article.objects.exclude(pk=n).last(),
    "latest": lambda n: Article.objects.filter(pk__lte=n).latest("made_at"),
    "all": lambda _n: list(Article.objects.all()),
    "some": lambda n: list(Article.objects.filter(Q(pk=n) | ~Q(title__contains="%s_"))),
    "none": lambda n: list(Article.objects.filter(pk__in=[]) | Article.objects.none()),
    "in bulk": lambda n: Article.objects.in_bulk([n, n + 1]),
    "related": lambda n: Article.objects.get(pk=n).editor,
    "related of related": lambda n: Article.objects.get(pk=n).editor.town,
    "reversed": lambda n: list(Editor.objects.get(pk=n).articles.all()),
    "by one of many": lambda n: list(Article.objects.filter(topics=Topic(pk=n))),
    "by rows that lead here": lambda n: list(Editor.objects.filter(
        articles__in=[n, 2]).exclude(articles=Article(pk=n)).order_by("-id")),
    "by a row that leads here": lambda n: Editor.objects.filter(articles=Article(pk=n)).count(),
    "many": lambda n: list(Article.objects.get(pk=n).topics.all()),
    "one to one": lambda n: Article.objects.get(pk=n).note,
    "joined": lambda n: Article.objects.select_related("editor__town", "note").get(pk=n),
    "prefetched": lambda n: [
        (one, list(one.topics.all()))
        for one in Article.objects.filter(pk__gte=n).prefetch_related("topics", "editor")
    ],
    "prefetched otherwise": lambda n: [
        (one, one.some) for one in Article.objects.prefetch_related(
            Prefetch("topics", Topic.objects.filter(word__gt=f"{n}"), to_attr="some"))
    ],
    "ordered by a join": lambda n: list(
        Article.objects.filter(pk__gte=n).order_by("editor__name", "-id").distinct()),
    "ordered by a function": lambda n: list(
        Article.objects.filter(pk__gte=n).order_by(Upper("title"))),
    "deferred": lambda n: Article.objects.only("title").get(pk=n).body,
    "refreshed": lambda n: Article.objects.get(pk=n).refresh_from_db(fields=["title"]),
    "slice": lambda n: list(Article.objects.all()[n : n + 2]),
    "in pieces": lambda n: list(Article.objects.filter(pk__gte=n).iterator(chunk_size=2)),
    "values": lambda n: list(Article.objects.filter(pk=n).values("title", "editor__name")),
    "other values": lambda n: list(Article.objects.filter(pk=n).values("editor__name", "title")),
    "all values": lambda n: list(Article.objects.filter(pk__gte=n).values()),
    "values as a list": lambda n: list(
        Article.objects.filter(pk__gte=n).order_by("level").values_list("level", "pk")),
    "values with names": lambda n: [
        one._asdict()
        for one in Article.objects.filter(pk__gte=n).values_list("extra", named=True)
    ],
    "flat values": lambda n: list(Article.objects.filter(pk__gte=n).values_list("pk", flat=True)),
    "distinct values": lambda n: list(
        Article.objects.filter(pk__gte=n).order_by("-level").values_list("mood").distinct()),
    "count of values": lambda n: (
        Article.objects.filter(pk__gte=n).values("level").distinct().count()),
    "one of the values": lambda n: Article.objects.filter(pk__gte=n).values("level").first(),
    "values of a date": lambda n: list(Article.objects.filter(pk__gte=n).values("made_at__year")),
    "values in JSON": lambda n: list(Article.objects.filter(pk__gte=n).values("extra__a")),
    "values and more": lambda n: list(
        Article.objects.filter(pk__gte=n).values("level").annotate(models.Count("pk"))),
    "SQL of a project's own": lambda n: [vars(one)["of"] for one in Article.objects.filter(
        pk__gte=n).extra(select={"of": "level + 1"})],
    "SQL with a value": lambda n: [vars(one)["of"] for one in Article.objects.filter(
        pk=2).extra(select={"of": "level + %s"}, select_params=(n,))],
    "annotated": lambda n: list(Article.objects.filter(pk=n).annotate(of=models.Count("topics"))),
    "numbers of some": lambda n: list(Article.objects.filter(pk__gte=n).annotate(
        of=Count("topics", filter=Q(topics__gte=n)), level_or=Coalesce(Sum("replies"), n))),
    "whether there are others": lambda n: [
        (vars(one)["has"], vars(one)["word"])
        for one in Article.objects.filter(pk__lte=n).annotate(
            has=Exists(Note.objects.filter(article=OuterRef("pk"), text__gt=f"{n}")),
            word=Subquery(Topic.objects.filter(articles=OuterRef("pk")).order_by("id").values(
                "word")[:1]))
    ],
    "cases": lambda n: list(Article.objects.annotate(kind=Case(
        When(level=n, then=Value("a")), When(editor__name="Ada", then=F("title")),
        default=Value(f"{n}"))).filter(pk__gte=n).values_list("kind", "pk").order_by("kind", "pk")),
    "cases that are alike or not": lambda n: list(Article.objects.annotate(
        one=F("level") + 1, two=F("level") + n, three=Value(n), four=Value(True),
        number=Count("topics")).values("two", "number", "one", "four", "three").order_by("two")),
    "columns": lambda n: list(Article.objects.filter(pk__gte=n, big__gt=F("level")).annotate(
        by=F("editor__name"), at=Cast("made_at", models.DateField()),
        key=Cast("pk", models.CharField(max_length=n)))),
    "of annotated": lambda n: list(Article.objects.filter(pk__in=Article.objects.annotate(
        key=Cast(F("pk") + n, models.IntegerField())).values("key"), pk__gte=n)),
    "first of annotated": lambda n: Article.objects.filter(pk__gte=n).annotate(
        of=Count("topics"), two=Value(n)).first(),
    "one of annotated": lambda n: Article.objects.annotate(of=Count("topics"), two=Value(n)).get(
        pk=n),
    "count of annotated": lambda n: Article.objects.filter(pk__gte=n).annotate(
        of=Count("topics"), two=Value(n)).count(),
    "count of values of annotated": lambda n: Article.objects.filter(pk__gte=n).annotate(
        of=Value(n)).values("of").count(),
    "count beside a value that is wrong": lambda n: (
        Article.objects.filter(pk__gte=n).annotate(of=Value("a", models.IntegerField())).count(),
        Article.objects.filter(pk__gte=n).annotate(has=Exists(Note.objects.none())).count()),
    "count of groups": lambda n: Article.objects.filter(pk__gte=n).values("level").annotate(
        Max("pk")).count(),
    "exists among annotated": lambda n: Article.objects.filter(pk__gte=n).annotate(
        two=Value(1), of=Count("topics")).exists(),
    "of a query": lambda n: list(
        Article.objects.filter(editor__in=Editor.objects.filter(pk__gte=n)).order_by("-id")),
    "of a part of a query": lambda n: list(
        Article.objects.filter(pk__in=Article.objects.order_by("-level").values("pk")[:n])),
    "of no query": lambda n: Article.objects.exclude(
        editor__in=Editor.objects.filter(articles__in=Article.objects.filter(pk=n))).count(),
    "count": lambda n: Article.objects.filter(pk__gte=n).count(),
    "count of some": lambda n: Article.objects.all()[n:].count(),
    "count of distinct": lambda n: Article.objects.filter(topics__gte=n).distinct().count(),
    "exists": lambda n: Article.objects.filter(pk=n).exists(),
    "exists not": lambda n: Article.objects.filter(pk=-n).exists(),
    "exists among some": lambda n: Article.objects.order_by("editor__name")[n:].exists(),
    "exists among distinct": lambda n: Article.objects.filter(topics=n).distinct().exists(),
    "sum": lambda n: Article.objects.filter(pk__gte=n).aggregate(of=Sum("level")),
    "sum of none": lambda n: Article.objects.filter(pk=-n).aggregate(Sum("price"), Count("pk")),
    "sums": lambda n: Article.objects.filter(pk__gte=n).aggregate(
        Sum("price"), Avg("level"), Max("made_at"), Min("title"), of=Count("*")),
    "sum by another order": lambda n: Article.objects.filter(pk__gte=n).order_by(
        "editor__name").select_related("editor").aggregate(of=Count("pk"), level=Avg("level")),
    "sum of joined": lambda n: Article.objects.filter(topics__gte=n).aggregate(
        Count("topics__word", distinct=True), Max("editor__town__founded"), Count("editor__town")),
    "sum of values": lambda n: Article.objects.filter(pk__gte=n).values("level").aggregate(
        Sum("takes"), Max("level")),
    "sum of an array and JSON": lambda n: Article.objects.filter(pk__gte=n).aggregate(
        Max("words"), Count("extra"), Max("hour"), Max("mood")),
    "sum of related": lambda n: Editor.objects.get(pk=n).articles.aggregate(Sum("level")),
    "sum of distinct": lambda n: Article.objects.filter(topics__gte=n).distinct().aggregate(
        Sum("level")),
    "sum of some": lambda n: Article.objects.order_by("pk")[:n].aggregate(Sum("level")),
    "sum with a value": lambda n: Article.objects.aggregate(of=Sum(models.F("level") + n)),
    "sum or another": lambda n: Article.objects.filter(pk=-n).aggregate(
        of=Sum("level", default=0), other=Sum("level", default=n)),
    "sum of chosen": lambda n: Article.objects.aggregate(
        of=Sum("level", filter=Q(pk__gte=n)), all=Count("pk", filter=Q())),
    "sum of years": lambda n: Article.objects.filter(pk__gte=n).aggregate(Max("made_at__year")),
    "sum of a sum": lambda n: Article.objects.filter(pk__gte=n).annotate(
        of=Count("topics")).aggregate(Sum("of")),
    "sum as another type": lambda n: Article.objects.filter(pk__gte=n).aggregate(
        of=Sum("level", output_field=models.FloatField())),
    "sum of sums": lambda n: Article.objects.filter(pk__gte=n).aggregate(
        one=Sum("level"), two=Max("level") - models.F("one")),
    "no sum": lambda n: Article.objects.filter(pk__gte=n).aggregate(),
    "sum of no column": lambda n: Article.objects.filter(pk__gte=n).aggregate(Sum("nothing")),
    "sum of all columns": lambda n: Article.objects.filter(pk__gte=n).aggregate(x=Sum("*")),
    "sum of texts": lambda n: Article.objects.filter(pk__gte=n).aggregate(Sum("title")),
    "contains": lambda n: Article.objects.filter(pk__gte=n).contains(Article(pk=2)),
    "inherited and hidden": lambda n: list(Reply._base_manager.filter(pk__gte=n)),
    "locked": lambda n: list(Article.objects.select_for_update().filter(pk=n)),
    "explained": lambda n: Article.objects.filter(pk=n).explain().startswith("Seq"),
}  # fmt: skip


@pytest.fixture
def articles(db):
    seed()


def fails(*_args, **_kwargs):
    """Stand in for what compiles queries."""
    raise AssertionError


def failed():
    """Break a transaction by a statement that fails."""
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def outcome(way, number):
    """Return what comes of a way to ask, and the objects in it; or what it raises."""
    try:
        with transaction.atomic():
            found = way(number)
    except (DatabaseError, Article.DoesNotExist, Article.MultipleObjectsReturned,
            Note.DoesNotExist, OverflowError, FieldError) as error:  # fmt: skip
        return repr(error)
    return seen(found)


def seen(found):
    """Return all that is in objects."""
    if isinstance(found, models.Model):
        return told(found)
    if isinstance(found, dict) and found and isinstance(next(iter(found)), int):
        return {key: seen(one) for key, one in found.items()}
    return [seen(one) for one in found] if isinstance(found, list | tuple) else repr(found)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("watched", [True, False])
def test_what_is_asked_for_comes_as_with_stock_by_the_same_statements(articles, way, watched):
    asked = [1, 2, 3, 2]
    statements: list = []

    def note(execute, sql, parameters, *others):
        if "SAVEPOINT" not in sql:
            statements.append((sql, repr(tuple(parameters or ()))))
        return execute(sql, parameters, *others)

    def all_of_them():
        statements.clear()
        with connection.execute_wrapper(note) if watched else nullcontext():
            found = [outcome(WAYS[way], number) for number in asked]
        return found, [*statements]

    stock = all_of_them()
    with installed():
        assert all_of_them() == stock
        assert all_of_them() == stock


OF_SUBQUERIES = {"whether there are others"} if django.VERSION >= (6, 1) else set()
KNOWN = [way for way in WAYS if way not in OF_SUBQUERIES | {
    "none", "get too large", "ordered by a function",
    "in pieces", "by rows that lead here", "values of a date", "values in JSON",
    "cases that are alike or not", "columns", "count beside a value that is wrong",
    "sum of distinct", "sum of some", "sum with a value", "sum or another", "sum of chosen",
    "sum of years", "sum of a sum", "sum as another type", "sum of sums", "no sum",
    "sum of no column", "sum of all columns", "sum of texts",
    "of a part of a query", "of no query", "prefetched", "SQL of a project's own",
    "SQL with a value", "count of some", "exists among some", "locked", "explained",
}]  # fmt: skip


@pytest.mark.parametrize("way", KNOWN)
def test_what_is_asked_for_again_is_compiled_no_more_and_passes_by_the_cursor(
    articles, way, monkeypatch
):
    links: list = []
    find = simple_query.link_for_queries

    def link_for_queries(connection):
        links.append(find(connection))
        return links[-1]

    monkeypatch.setattr(fetched, "link_for_queries", link_for_queries)
    with installed():
        outcome(WAYS[way], 1)
        outcome(WAYS[way], 3)
        links.clear()
        with (
            mock.patch.object(SQLCompiler, "as_sql", fails),
            mock.patch.object(members, "STAND_INS", members.STAND_INS | {fails}),
        ):
            outcome(WAYS[way], 2)
    assert links
    assert None not in links


def test_a_query_within_a_transaction_that_nobody_has_begun_begins_it(transactional_db):
    seed()
    with installed():
        Article.objects.get(pk=1)
        with transaction.atomic():
            assert Article.objects.get(pk=2).pk == 2
            Article.objects.filter(pk=2).update(title="never")
            assert Article.objects.get(pk=2).title == "never"
            transaction.set_rollback(True)
        assert Article.objects.get(pk=2).title != "never"


def test_the_first_query_of_a_transaction_is_within_it(transactional_db):
    seed()
    with installed():
        Article.objects.get(pk=1)
        with transaction.atomic():
            Article.objects.get(pk=2)
            assert connection.connection.info.transaction_status == TransactionStatus.INTRANS


@pytest.mark.parametrize("broken", [lambda: transaction.set_rollback(True), failed])
def test_a_broken_transaction_refuses_queries_as_with_stock(articles, broken):
    def refused():
        with pytest.raises(DatabaseError) as error, transaction.atomic():
            broken()
            Article.objects.get(pk=1)
        return error.type, str(error.value)

    stock = refused()
    with installed():
        Article.objects.get(pk=2)
        assert refused() == stock


def test_what_somebody_puts_in_the_place_of_django_s_own_code_is_run(articles):
    with installed():
        Article.objects.get(pk=1)
        Article.objects.count()
        with mock.patch.object(Query, "get_count", return_value=99):
            assert Article.objects.count() == 99
        for name in ("execute_sql", "as_sql"):
            with mock.patch.object(SQLCompiler, name, side_effect=LookupError):
                operations: Any = type(connection.ops)
                looks: Any = shapes._compiled_by(operations)
                looks._again_at = 0  # a second later
                with pytest.raises(LookupError):
                    Article.objects.get(pk=1)


def test_threads_share_what_is_remembered(transactional_db):
    seed()
    found: list = []

    def ask():
        for number in (1, 2, 3) * 20:
            found.append(Article.objects.select_related("editor").get(pk=number).editor.name)
        connection.close()

    with installed():
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    names = [Article.objects.get(pk=number).editor.name for number in (1, 2, 3)]
    assert sorted(found) == sorted(names * 80)


class Cut(models.CharField):
    """A column of a project's own, of which a query selects a part."""

    length = 1

    def select_format(self, compiler, sql, params):
        """Select the begin."""
        return f"left({sql}, {self.length})", params


@isolate_apps("tests.speedups.library")
def test_a_column_that_is_selected_in_its_own_way_is_compiled_each_time(articles, monkeypatch):
    meta = type("Meta", (), {"app_label": "library", "db_table": Editor._meta.db_table})
    own: Any = type("Own", (models.Model,), {
        "__module__": __name__, "Meta": meta, "name": Cut(max_length=9)})  # fmt: skip
    with installed():
        for length in (1, 2, 2, 3):
            monkeypatch.setattr(Cut, "length", length)
            assert len(own.objects.get(pk=1).name) == length


@isolate_apps("tests.speedups.library")
def test_models_of_one_table_have_their_own_columns(articles):
    def model(**fields):
        meta = type("Meta", (), {"app_label": "library", "db_table": Topic._meta.db_table})
        return type(
            f"With{''.join(fields)}",
            (models.Model,),
            {"__module__": __name__, "Meta": meta, **fields},
        )

    with installed():
        for fields in ({"word": models.TextField()}, {"weight": models.FloatField()}, {}):
            row = model(**fields)._base_manager.get(pk=1)
            assert vars(row).keys() == {"_state", "id", *fields}
