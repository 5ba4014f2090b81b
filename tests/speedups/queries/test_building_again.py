"""What was found for conditions is not what is found the next time, or not all of it."""

import subprocess
import sys
import warnings
from unittest import mock

import pytest
from django.core.exceptions import FieldError
from django.db import models
from django.db.models import Q, lookups
from django.db.models.expressions import Col
from django.db.models.options import Options
from django.db.models.sql import Query
from django.db.models.sql.datastructures import Join
from django.test.utils import register_lookup
from django.utils.functional import SimpleLazyObject

from drf_speedups.queries import building, shapes
from tests.speedups.library.related_models import Article, Editor, Town
from tests.speedups.queries.test_building import by, state
from tests.speedups.representation.comparing import installed

pytestmark = pytest.mark.django_db
THROUGH = Article.topics.through
NOWHERE = Town(**dict.fromkeys(["code"]))


def outcome(way):
    """Return what a way to make a query set gives, or the error in words."""
    try:
        return state(way(Article.objects.all()).query)
    except Exception as error:  # noqa: BLE001
        return repr(error)


def same_each_time(outcomes):
    stock = [*outcomes()]
    with installed():
        assert [*outcomes(), *outcomes()] == stock * 2
    return stock


class Never(lookups.IsNull):
    """Asks for NULL in its own way."""


class OfNull(lookups.Exact):
    """Compares with NULL, too."""

    can_use_none_as_rhs = True


@pytest.mark.parametrize("kind", [Never, OfNull, lookups.Exact, lookups.IExact])
@pytest.mark.parametrize("name", [None, "eq"])
@pytest.mark.parametrize("way", [
    by(title=None), by(title__isnull=True), by(title__eq="a"), by(title="a"),
    lambda rows: rows.exclude(mood="a"), by(editor__name__eq="a"),
])  # fmt: skip
def test_lookups_are_those_that_are_registered_now(kind, name, way):
    def outcomes():
        yield outcome(way)
        with register_lookup(models.CharField, kind, lookup_name=name):
            yield outcome(way)
        yield outcome(way)

    same_each_time(outcomes)


def test_the_table_of_a_model_that_is_joined_is_that_of_now(monkeypatch):
    def outcomes():
        for table in (THROUGH._meta.db_table, "others", THROUGH._meta.db_table):
            monkeypatch.setattr(THROUGH._meta, "db_table", table)
            yield outcome(by(topics__word="a"))

    stock = same_each_time(outcomes)
    assert stock[0] != stock[1]


@pytest.mark.parametrize(("kind", "name"), [
    (models.Field, "get_col"), (models.Field, "get_lookup"), (Col, "get_lookup"),
    (models.ForeignObject, "get_joining_fields"), (Options, "get_field"),
])  # fmt: skip
def test_what_somebody_puts_in_the_place_of_what_finds_columns_is_run(kind, name):
    def ask():
        return Article.objects.filter(title="a", editor__name="b")

    with installed():
        ask()
        with mock.patch.object(kind, name, side_effect=LookupError):
            vars(building._builds())["_again_at"] = 0  # a second later
            with pytest.raises(LookupError):
                ask()


@pytest.mark.parametrize("named", [{"nothing": 1}, {"level": "a"}])
def test_nobody_is_asked_for_who_is_not_needed(named):
    def asked():
        seen: list[int] = []

        def user():
            seen.append(1)
            return Editor(pk=1)

        for _ in range(2):
            with pytest.raises((FieldError, ValueError)):
                by(reviewer=SimpleLazyObject(user), **named)(Article.objects)
            yield len(seen)

    with installed():
        Article.objects.filter(reviewer=Editor(pk=1), level="1")
        assert [*asked()] == [0, 0]


@pytest.mark.parametrize("others", [
    [{"title": "a"}, {"title": ""}], [{"place": Town(code="a")}, {"place": NOWHERE}],
])  # fmt: skip
def test_a_moment_without_a_zone_is_warned_of_once(others):
    def warned():
        for other in others * 2:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                Article.objects.filter(made_at="2026-01-01", **other)
            yield len(seen)

    with installed():
        assert [*warned(), *warned()] == [1] * 8


def test_a_list_that_is_none_yet_is_what_stock_makes_of_it():
    def outcomes():
        yield outcome(by(level__in=[1, 2]))
        yield outcome(lambda rows: rows.filter(level__in=SimpleLazyObject(lambda: [1])).filter())

    same_each_time(outcomes)


@pytest.mark.parametrize("name", [None, "", [], {}, 1])
def test_conditions_without_a_name_are_refused_as_ever(name):
    same_each_time(lambda: [outcome(by(Q((name, 1))))])


def test_conditions_without_a_model_are_refused_as_ever():
    with installed(), pytest.raises(FieldError):
        Query(None).add_q(Q(title="a"))


def test_a_query_set_that_others_are_made_of_knows_their_aliases_as_with_stock():
    def outcomes():
        base = Article.objects.filter(topics__word="a")
        for _ in range(3):
            base.filter(topics__word="b")
            yield state(base.query)

    same_each_time(outcomes)


def test_no_more_is_kept_of_a_query_set_that_others_are_made_of_each_time():
    base = Article.objects.filter(topics__word="a")
    with installed():
        kept = [len(shapes._known) for n in range(4) if not list(base.filter(topics__word=n))]
        assert {*kept} == {kept[0]}


@pytest.mark.parametrize("way", [
    by(made_at__year=2026), by(extra__a=1), lambda rows: rows.exclude(topics__word="a"),
])  # fmt: skip
def test_conditions_that_are_left_to_stock_are_looked_at_once(way):
    with installed():
        way(Article.objects)
        with mock.patch.object(building, "_built") as looks:
            assert way(Article.objects).query.where.children
        assert not looks.called


class Lateral(Join):
    """A project's own way to join."""


@pytest.mark.parametrize("own", [
    {"join_class": Lateral}, {"names_to_path": mock.Mock(side_effect=LookupError)},
])  # fmt: skip
def test_what_somebody_gives_to_one_query_is_used_for_that(own):
    def way(rows):
        vars(rows.query).update(own)
        return rows.filter(editor__name="a")

    def outcomes():
        yield outcome(by(editor__name="a"))
        yield outcome(way)

    stock = same_each_time(outcomes)
    assert stock[0] != stock[1]


def test_a_column_that_says_its_lookups_in_its_own_way_is_asked():
    title = Article._meta.get_field("title")

    def outcomes():
        yield outcome(by(title="a"))
        with mock.patch.object(title, "get_lookup", return_value=lookups.IExact):
            yield outcome(by(title="a"))

    stock = same_each_time(outcomes)
    assert stock[0] != stock[1]


WITHOUT_PSYCOPG = """
import sys
sys.modules["psycopg"] = sys.modules["psycopg2"] = None
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
                   INSTALLED_APPS=["django.contrib.contenttypes", "drf_speedups"])
django.setup()
from django.contrib.contenttypes.models import ContentType
from drf_speedups.queries import QUERIES
QUERIES.install()
for model in "ab":
    print(ContentType.objects.filter(model=model).query.where)
"""


def test_a_project_without_psycopg_has_its_conditions():
    found = subprocess.run([sys.executable, "-c", WITHOUT_PSYCOPG], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("Exact") == 2
