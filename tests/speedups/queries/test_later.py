"""What a query's SQL follows from besides its values may be another one the next time."""

from contextvars import ContextVar

import pytest
from django.db import DatabaseError, connection, models
from django.db.models import CharField, Q, Transform
from django.test.utils import CaptureQueriesContext, isolate_apps, register_lookup

from tests.speedups.library.related_models import Article, Editor, Topic
from tests.speedups.representation.comparing import installed, seed

pytestmark = pytest.mark.django_db
LANGUAGE = ContextVar("LANGUAGE", default="en")


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def by_language(sql):
    """Return other SQL in another language."""
    return f"reverse({sql})" if LANGUAGE.get() == "de" else sql


class Localized(Transform):
    """A column in the language of the request."""

    lookup_name = "localized"
    output_field = CharField()

    def as_sql(self, compiler, connection, *_args, **_kwargs):
        """Return SQL without a value, that tells languages apart."""
        sql, values = compiler.compile(self.lhs)
        return by_language(sql), values


class LocalizedColumn(models.CharField):
    """A column that is read in the language of the request."""

    def select_format(self, compiler, sql, params):
        """Return what is selected."""
        return by_language(sql), params


def asked(*ways):
    """Return the statements of ways to ask, and the answers."""
    with CaptureQueriesContext(connection) as seen:
        answers = [repr(way()) for way in ways]
    return answers, [one["sql"] for one in seen.captured_queries]


def same_in_each_language(*ways):
    """Compare what is asked in two languages, one after the other, with stock."""

    def in_each():
        for language in ("en", "de", "en"):
            LANGUAGE.set(language)
            yield asked(*ways)

    stock = [*in_each()]
    with installed():
        assert [*in_each()] == stock
    assert stock[0] != stock[1]


@pytest.mark.parametrize("name", ["title__localized", "editor__name__localized"])
def test_an_order_by_an_expression_of_a_project_s_own_is_compiled_each_time(name):
    with register_lookup(CharField, Localized), register_lookup(models.TextField, Localized):
        rows = Article.objects.order_by(name, "id")
        same_in_each_language(
            lambda: [*rows.values_list("id")],
            lambda: [*rows.distinct()],
            lambda: [*Article.objects.filter(pk__in=rows[:2]).order_by("id")],
            lambda: Article.objects.filter(pk__in=rows[:2], level=1).count(),
        )


@isolate_apps("tests.speedups.library")
def test_a_column_that_is_selected_in_its_own_way_is_compiled_each_time():
    class Word(models.Model):
        word = LocalizedColumn(max_length=50)

        class Meta:
            app_label = "library"
            db_table = Topic._meta.db_table

    rows = Word._base_manager.order_by("id")
    same_in_each_language(lambda: [one.word for one in rows.all()],
                          lambda: [*rows.values_list("word")],
                          lambda: rows.distinct().count())  # fmt: skip


def test_another_order_of_a_model_that_an_order_leads_to_is_followed(monkeypatch):
    def all_of_them():
        for order in (["name"], ["-name"], [], ["town"]):
            monkeypatch.setattr(Editor._meta, "ordering", order)
            yield asked(lambda: [*Article.objects.order_by("editor", "id")])

    stock = [*all_of_them()]
    with installed():
        assert [*all_of_them()] == stock


@isolate_apps("tests.speedups.library")
def test_a_column_that_a_model_gets_later_is_selected():
    class Later(models.Model):
        class Meta:
            app_label = "library"
            db_table = Topic._meta.db_table

    with installed():
        assert "word" not in vars(Later._base_manager.get(pk=1))
        Later.add_to_class("word", models.TextField())
        assert "word" in vars(Later._base_manager.get(pk=1))


MADE = {
    "by topic": lambda: Article.objects.order_by("topics__word", "id"),
    "joined": lambda: Article.objects.select_related("editor__town", "reviewer").order_by("id"),
    "by editor": lambda: Article.objects.order_by("editor__name", "id"),
    "values": lambda: Article.objects.order_by("reviewer__name", "id").values("id", "editor__name"),
}
MADE_OF_IT = {
    "topics": lambda rows: rows.filter(topics__word__gte="a"),
    "not": lambda rows: rows.exclude(topics__word="a"),
    "reviewer": lambda rows: rows.filter(reviewer__name="Ada"),
    "either": lambda rows: rows.filter(Q(reviewer__name="Ada") | Q(editor__town__name="Ulm")),
    "values": lambda rows: rows.order_by(*rows.query.order_by, "topics__word").values(
        "id", "reviewer__name", "topics__word"
    ),
    "count": lambda rows: [rows.all().count(), rows.all().exists()],
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("of_it", MADE_OF_IT)
def test_what_is_made_of_a_query_set_that_was_looked_at_has_stock_s_joins(made, of_it):
    def ask():
        rows = MADE[made]()
        return asked(lambda: [*rows], lambda: [*MADE_OF_IT[of_it](rows)])

    stock = ask()
    with installed():
        assert [ask(), ask()] == [stock, stock]


@pytest.mark.parametrize("column", ["100%", "prc(%) x", "a %d b", "a%%b", "%s"])
@isolate_apps("tests.speedups.library")
def test_a_column_with_a_percent_sign_in_its_name_is_the_driver_s_matter(column):
    class Odd(models.Model):
        share = models.IntegerField(db_column=column)

        class Meta:
            app_label = "library"

    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE {Odd._meta.db_table} (id int, "{column}" int, "a%b" int)')

    def outcome(way):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SAVEPOINT here")
            return repr(way())
        except DatabaseError as error:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK TO here")
            return repr(error)

    rows = Odd._base_manager.all()
    some = rows.filter(share=1)
    ways = [lambda: [*rows.all()], lambda: [*some.all()], some.exists, some.count]
    stock = [outcome(way) for way in ways]
    with installed():
        assert [outcome(way) for way in ways * 2] == stock * 2


def test_nobody_is_told_of_a_row_that_is_not_there():
    notices: list = []
    link = connection.connection
    link.add_notice_handler(notices.append)
    with installed():
        assert not any(Article.objects.filter(title=f"none {one}").exists() for one in range(3))
    link.remove_notice_handler(notices.append)
    assert notices == []
