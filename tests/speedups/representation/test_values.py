"""Values that are left out, gone, translated later or written otherwise, and links."""

from unittest import mock

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from drf_speedups.eligibility import driver
from drf_speedups.representation.sql import columns
from tests.speedups.library.related_models import Article, Editor, Topic
from tests.speedups.representation.asking import (
    assert_same,
    assert_same_answer,
    outcome,
    sql,
    view_of,
)
from tests.speedups.representation.comparing import factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import serializer
from tests.speedups.representation.test_moments import InGerman, languages

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
SOURCES = {"a": "reviewer.name", "b": "reviewer.town.name", "c": "place.name"}
NEEDED = gettext_lazy("This field is required.")


@pytest.fixture(autouse=True)
def articles(db):
    seed()


@pytest.mark.parametrize("rows", ["all", "joined", "beside, to one"])
@pytest.mark.parametrize("shown", [
    ("a", "b", "id"), ("a", "b"), ("id", "a", "b"), ("a", "id", "b"), ("a", "b", "c", "title"),
])  # fmt: skip
def test_any_fields_are_left_out_where_there_is_no_row(rows, shown):
    left = {name: serializers.CharField(source=SOURCES[name], read_only=True)
            for name in shown if name in SOURCES}  # fmt: skip
    kind = serializer(Article, *shown, **left)
    assert_same_answer(view_of(Spec(rows=rows), serializer_class=kind))


@pytest.mark.parametrize("rows", ["all", "joined", "beside, to one"])
@pytest.mark.parametrize("field", [
    serializers.CharField(source="reviewer.name", read_only=True),
    serializers.CharField(source="reviewer.name", allow_null=True),
    serializers.CharField(source="reviewer.town.name", read_only=True),
    serializers.SlugRelatedField("name", source="reviewer.town", read_only=True),
    serializers.SlugRelatedField("name", source="reviewer", read_only=True),
    serializers.PrimaryKeyRelatedField(source="reviewer.town", read_only=True),
])  # fmt: skip
def test_a_reference_to_a_row_that_is_gone_is_no_reference_to_none(rows, field):
    Article.objects.filter(id__in=[1, 2]).update(reviewer=999)  # no constraint looks before the end
    kind = serializer(Article, "id", "it", it=field)
    assert_same_answer(view_of(Spec(rows=rows), serializer_class=kind))
    Article.objects.filter(id__in=[1, 2]).update(reviewer=None)


class Needing(serializers.CharField):
    """Says so in the language in which the answer is rendered."""

    def to_representation(self, _value):
        """Return a text of any language."""
        return NEEDED


@pytest.mark.urls("tests.speedups.representation.language_urls")
def test_a_text_is_in_the_language_in_which_the_answer_is_rendered(settings):
    kind = serializer(Article, "id", "title", title=Needing())
    with languages(settings):
        assert_same(view_of(serializer_class=kind, mixin=InGerman))


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kwajalein"])
def test_a_day_that_a_zone_has_skipped_is_that_day(zone):
    sql(f"SET LOCAL TIME ZONE '{zone}'")
    Article.objects.filter(id=1).update(day="2011-12-30")
    Article.objects.filter(id=3).update(day="1993-08-21")
    assert_same(view_of(Spec(shown=("id", "day"))))


ZONES = [
    "Europe/Lisbon",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]
MOMENTS = [
    "2026-10-25 00:59:59.5+00", "2026-10-25 01:00:00+00", "2026-03-29 01:00:00+00",
    "1850-01-01 00:00:00+00", "1971-02-03 04:05:06.000007+00", "2400-07-01 12:00:00+00",
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_is_written_in_the_zone_of_who_asks(written, zone):
    for number, moment in enumerate(MOMENTS, 1):
        Article.objects.filter(id=number).update(made_at=moment)
    Editor.objects.update(hired=MOMENTS[0])
    with timezone.override(zone):
        assert_same_answer(view_of(Spec(shown=("id", "made_at", "hired"))))
    assert written[-1] is not None


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59.999999+00", "0001-01-01 00:00:00+00"])
def test_a_time_that_a_zone_has_not_is_what_the_framework_says(zone, moment):
    Article.objects.filter(id=1).update(made_at=moment)
    with timezone.override(zone):
        assert_same(view_of(Spec(shown=("id", "made_at"))))


@pytest.mark.parametrize("shown", ["first link", "topic links"])
@pytest.mark.urls("tests.speedups.representation.padded_urls")
def test_a_link_may_depend_on_how_long_a_key_is(shown):
    Topic.objects.filter(id=-1).delete()
    view = view_of(Spec(shown=("id", shown)))

    def ask():
        return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = outcome(ask)
    with installed():
        ours = outcome(ask)
    assert ours == stock if isinstance(stock, str) else ours[0] == stock[0]


@pytest.mark.urls("tests.speedups.representation.short_urls")
def test_a_key_may_be_too_long_for_a_link():
    Article.objects.create(id=12345678901, editor_id=1)
    view = view_of(Spec(shown=("id", "first link")))

    def ask():
        return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = outcome(ask)
    assert "Could not resolve URL" in stock
    with installed():
        assert outcome(ask) == stock


@pytest.mark.parametrize("digits", [3, 0, -5, -15])
def test_a_float_has_as_many_digits_as_the_server_gives_it(digits):
    sql(f"SET LOCAL extra_float_digits = {digits}")
    shares = 999999999999999.9, 12345.678, 0.1, 1e-5, 99999.0, -123456789.125, 1e15 - 0.6
    for number, share in enumerate(shares, 1):
        Article.objects.filter(id=number).update(share=share)
    assert_same(view_of(Spec(shown=("id", "share"))))


@pytest.mark.parametrize(("kind", "value"), [
    ("date", "infinity"), ("date", "12000-01-01"), ("date", "0044-03-15 BC"),
    ("timestamptz", "-infinity"), ("time", "24:00"),
])  # fmt: skip
def test_a_time_that_python_has_not_is_python_s_where_a_driver_makes_another_of_it(kind, value):
    shown = {"date": "day", "timestamptz": "made_at", "time": "hour"}[kind]
    view = view_of(Spec(shown=("id", shown)))
    field = view.cls.serializer_class().fields[shown]
    with mock.patch.object(driver, "MISSING", "psycopg 3 is not installed"):
        text = columns.written(field, Article._meta.get_field(shown), '"it"')
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {text} FROM (VALUES ('{value}'::{kind})) AS it(it)")
        assert cursor.fetchone() == (columns.ODD,)
