"""Conditions and columns that may have SQL of their own are left to Django, which compiles them."""

import pytest
from django.db import connection
from django.db.models import (
    CharField,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    StdDev,
    Value,
    lookups,
)  # fmt: skip
from django.db.models.functions import Upper
from django.test.utils import register_lookup

from drf_speedups.queries import QUERIES, shapes
from tests.speedups.library.related_models import Article, Editor
from tests.speedups.representation.odd import louder

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("condition", [
    Q(title=Upper("body")), Q(title__contains=F("mail")), Q(title=Value("t1")), Q(pk__in=[]),
    Q(editor__in=Editor.objects.filter(name=Value("Ada"))), Q(title__in=["a", None]),
    Q(id__gt=2**63), Q(editor__in=Editor.objects.filter(name=Upper(OuterRef("title")))),
    Q(editor__in=Editor.objects.annotate(of=StdDev("id")).values("of")),
    Q(Exists(Editor.objects.filter(pk=OuterRef("editor")))), Q(id__in=[*range(200)]),
    Q(id__range=(1, F("big"))), Q(made_at__year=2026), Q(extra__a=1), Q(words__contains=["a"]),
    Q(level=1) ^ Q(id=1), Q(lookups.Exact(F("level") + 1, 2)), ~Q(topics__word="a"),
])  # fmt: skip
def test_a_condition_that_may_have_sql_of_its_own_is_left_to_django(condition):
    assert shapes.shape(Article.objects.filter(condition).query, connection) is None


@pytest.mark.parametrize("rows", [
    Article.objects.annotate(of=StdDev("level")), Article.objects.distinct("editor"),
    Article.objects.values("made_at__year"), Article.objects.select_for_update(),
    Article.objects.alias(by=FilteredRelation("editor", condition=Q(editor__name="Ada"))),
    Article.objects.filter(id=1).union(Article.objects.filter(id=2)),
    Article.objects.order_by(F("id").desc()), Article.objects.extra(where=["id > 1"]),
])  # fmt: skip
def test_what_else_may_carry_a_value_is_left_to_django(rows):
    assert shapes.shape(rows.query, connection) is None


class Own(lookups.Contains):
    """A lookup of a project's own, by the name of Django's."""

    def process_rhs(self, *args):
        """Ask for nothing."""
        return "NULL", ()


def test_a_lookup_of_a_project_s_own_is_left_to_django():
    with register_lookup(CharField, Own):
        rows = Article.objects.filter(title__contains="t")
        assert shapes.shape(rows.query, connection) is None


@pytest.mark.parametrize("name", ["as_sql", "as_postgresql", "process_rhs"])
def test_a_lookup_that_somebody_has_changed_is_left_to_django(monkeypatch, name):
    monkeypatch.setattr(lookups.Contains, name, lambda *_: ("NULL", ()), raising=False)
    QUERIES.forget()
    rows = Article.objects.filter(title__contains="t")
    assert shapes.shape(rows.query, connection) is None
    QUERIES.forget()


def test_a_column_of_a_project_s_own_is_left_to_django():
    QUERIES.forget()
    with louder():
        rows = Article.objects.filter(title="t")
        assert shapes.shape(rows.query, connection) is None
    QUERIES.forget()
