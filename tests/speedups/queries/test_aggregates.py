"""Sums and the like are asked for as stock asks, whatever is behind the columns' names."""

from contextvars import ContextVar
from typing import Any
from unittest import mock

import pytest
from django.db import connection, models, router
from django.db.models import Count, F, Max, Sum
from django.db.models.expressions import Col, OrderBy, Star
from django.db.models.sql.datastructures import Join
from django.db.models.sql.where import ExtraWhere
from django.test.utils import isolate_apps

from drf_speedups.queries import shapes
from tests.speedups.library.related_models import Article, Topic
from tests.speedups.queries.test_later import asked
from tests.speedups.representation.comparing import installed, seed

pytestmark = pytest.mark.django_db
TENANT = ContextVar("TENANT", default=1)


@pytest.fixture(autouse=True)
def articles(db):
    seed()


@pytest.mark.parametrize("rows", [
    Article.objects.all(), Article.objects.annotate(of=Count("topics")),
    Article.objects.filter(made_at__year=2026), Article.objects.none(),
    Article.objects.filter(pk__in=[]), Article.objects.values("level"),
])  # fmt: skip
def test_a_router_is_asked_once(rows):
    seen = []

    class Router:
        def db_for_read(self, model, **_hints):
            seen.append(model)
            return "default"

    def ask():
        seen.clear()
        return asked(lambda: rows.all().aggregate(Sum("level"), most=Max("big"))), [*seen]

    with mock.patch.object(router, "routers", [Router()]):
        stock = ask()
        with installed():
            assert [ask(), ask()] == [stock, stock]
    assert len(stock[1]) == 1


def test_what_has_no_name_is_refused_as_ever():
    with installed(), pytest.raises(TypeError, match="Complex aggregates require an alias"):
        Article.objects.aggregate(Count("*"))


def test_the_table_of_a_model_that_is_joined_is_that_of_now(monkeypatch):
    through = Article.topics.through._meta
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE others AS SELECT * FROM {through.db_table} LIMIT 0")

    def outcomes():
        for table in (through.db_table, "others", through.db_table):
            monkeypatch.setattr(through, "db_table", table)
            yield asked(lambda: Article.objects.aggregate(Max("topics__word")))

    stock = [*outcomes()]
    with installed():
        assert [*outcomes()] == stock
    assert stock[0] != stock[1]


class OfTenant(models.ForeignKey):
    """Leads to the rows of who asks."""

    def get_extra_restriction(self, *_aliases):
        """Return a condition without values."""
        return ExtraWhere([f"{TENANT.get()} = 1"], [])


@isolate_apps("tests.speedups.library")
@pytest.mark.parametrize("way", [
    lambda rows: rows.aggregate(Max("topic__word")),
    lambda rows: [*rows.order_by("topic__word").values_list("id")],
    lambda rows: [*rows.select_related("topic")],
])  # fmt: skip
def test_a_relation_with_conditions_of_its_own_is_compiled_each_time(way):
    class Owned(models.Model):
        topic = OfTenant(Topic, models.CASCADE)

        class Meta:
            app_label = "library"

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {Owned._meta.db_table} AS SELECT id, id topic_id"
                       f" FROM {Topic._meta.db_table}")  # fmt: skip

    def outcomes():
        for tenant in (1, 2, 1):
            TENANT.set(tenant)
            yield asked(lambda: way(Owned._base_manager.all()))

    stock = [*outcomes()]
    with installed():
        assert [*outcomes()] == stock
    assert stock[0] != stock[1]


@pytest.mark.parametrize(("kind", "name"), [
    (Col, "as_sql"), (F, "resolve_expression"), (Star, "as_sql"), (OrderBy, "as_sql"),
    (models.Field, "select_format"), (models.ForeignObject, "get_extra_restriction"),
])  # fmt: skip
def test_what_somebody_puts_in_the_place_of_what_makes_sql_of_names_is_run(kind, name):
    operations: Any = type(connection.ops)

    def ask():
        rows = Article.objects.filter(editor__name="a")
        return [*rows.order_by("title")], rows.aggregate(Max("title"), all=Count("*"))

    with installed():
        ask()
        with mock.patch.object(kind, name, side_effect=LookupError):
            vars(shapes._compiled_by(operations))["_again_at"] = 0  # a second later
            with pytest.raises(LookupError):
                ask()


class Lateral(Join):
    """A project's own way to join."""

    def as_sql(self, *args):
        """Return SQL that nothing else has."""
        sql, values = super().as_sql(*args)
        return f"{sql} /* lateral */", values


@pytest.mark.parametrize("way", [
    lambda rows: rows.aggregate(Max("editor__name")),
    lambda rows: [*rows.order_by("editor__name").values_list("id")],
])  # fmt: skip
def test_what_somebody_gives_to_one_query_is_used_for_that(way):
    def ask(**own):
        rows = Article.objects.all()
        vars(rows.query).update(own)
        return asked(lambda: way(rows))

    def outcomes():
        yield ask()
        yield ask(join_class=Lateral)

    stock = [*outcomes()]
    with installed():
        assert [*outcomes(), *outcomes()] == stock * 2
    assert stock[0] != stock[1]
