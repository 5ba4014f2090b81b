"""Annotations that are alike are told apart; those that may have SQL of their own are not known.

`FUZZ_EXAMPLES=2000 pytest tests/speedups/queries/test_expressions.py` looks for longer.
"""

from typing import Any
from unittest import mock

import django
import pytest
from django.core.exceptions import FieldError
from django.db import connection
from django.db.models import (
    Case,
    CharField,
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Max,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import (
    Cast,
    Coalesce,
    Concat,
    Greatest,
    Length,
    Lower,
    TruncDay,
    Upper,
)
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from drf_speedups.queries import QUERIES, expressions, shapes
from tests.speedups.library.related_models import Article, Editor, Note
from tests.speedups.queries.test_conditions import check, drawn, sql_of
from tests.speedups.representation.comparing import installed, seed

pytestmark = pytest.mark.django_db


OF_THEIR_OWN = django.VERSION >= (6, 1)  # sub-queries have a template each, which is not looked at


def changed(made, **own):
    """Return an expression that somebody has given a way of its own."""
    vars(made).update(own)
    return made


def staff(**of):
    """Return editors that something outside is asked of."""
    return Editor.objects.filter(**{name: OuterRef(outer) for name, outer in of.items()})


FIRST = staff(pk="editor").order_by("-name").values("name")
KNOWN: dict[str, list[Any]] = {
    "counts": [
        lambda n: Count("topics"), lambda n: Count("topics", distinct=True), lambda n: Count("*"),
        lambda n: Count("replies"), lambda n: Count("topics", filter=Q(level=n)),
        lambda n: Count("topics", filter=Q(level__gt=n)), lambda n: Count("topics__id"),
    ],
    "sums": [
        lambda n: Sum("level"), lambda n: Max("level"), lambda n: Sum("big"),
        lambda n: Coalesce(Sum("level"), n), lambda n: Sum("level", default=n),
        lambda n: Sum("level", output_field=FloatField()),
        lambda n: Max(F("level") + n), lambda n: Sum("level", filter=Q(topics=n)),
    ],
    "arithmetic": [
        lambda n: F("level") + F("big"), lambda n: F("level") - F("big"), lambda n: F("level") * n,
        lambda n: F("big") + F("level"), lambda n: F("level") + n, lambda n: (F("level") + n) * n,
    ],
    "types": [
        lambda n: Cast("id", CharField(max_length=9)),
        lambda n: Cast("id", CharField(max_length=5)),
        lambda n: Cast("id", IntegerField()), lambda n: Cast("big", IntegerField()),
    ],
    "values": [
        lambda n: Value(n), lambda n: Value(n > 1), lambda n: Value(f"{n}"), lambda n: Value(1),
        lambda n: Value(None, IntegerField()), lambda n: Value(n, output_field=FloatField()),
        lambda n: Value(True),
    ],
    "functions": [
        lambda n: Upper("title"), lambda n: Lower("title"), lambda n: Upper("mail"),
        lambda n: Coalesce("title", "mail", output_field=CharField()),
        lambda n: Coalesce("mail", "title", output_field=CharField()),
        lambda n: Coalesce("mood", Value(f"{n}")), lambda n: Greatest("level", n),
    ],
    "queries by the same column": [
        lambda n: Exists(staff(pk="editor__id")), lambda n: Exists(staff(pk="editor")),
    ],
    "columns": [
        lambda n: F("title"), lambda n: F("mail"), lambda n: F("editor__name"),
        lambda n: F("reviewer__name"), lambda n: F("topics__word"),
    ],
    "cases": [
        lambda n: Case(When(level=n, then=Value("a")), default=F("title")),
        lambda n: Case(When(level__gt=n, then=Value("a")), default=F("title")),
        lambda n: Case(When(level=n, then=F("title")), When(big=n, then=F("mood"))),
        lambda n: Case(When(big=n, then=F("mood")), When(level=n, then=F("title"))),
    ],
    "queries": [
        lambda n: Exists(staff(pk="editor")), lambda n: Exists(staff(pk="reviewer")),
        lambda n: Exists(staff(pk="editor__chief")), lambda n: Exists(staff(chief="editor")),
        lambda n: Exists(staff(pk="editor").filter(name=f"{n}")),
        lambda n: Subquery(FIRST[:1]), lambda n: Subquery(FIRST[1:2]),
        lambda n: Subquery(FIRST.filter(name__gt=f"{n}")[:1]),
        lambda n: Subquery(Note.objects.filter(article=OuterRef("pk")).values("text")[:1]),
        lambda n: Coalesce(Subquery(FIRST[:1]), Value(f"{n}")),
    ],
}  # fmt: skip
OWN = {
    "a function's name": lambda: Upper("title", function="LOWER"),
    "a template": lambda: Count("topics", template="%(function)s(1 + %(expressions)s)"),
    "a method": lambda: changed(Upper("title"), as_sql=lambda *_args, **_kwargs: ("1", ())),
    "a text": lambda: changed(Lower("title"), template="UPPER(%(expressions)s)"),
    "another class": lambda: StdDev("level"),
    "a window": lambda: Window(Sum("level")),
    "a moment": lambda: Value("2026-01-01", DateTimeField()),
    "a moment in a zone": lambda: TruncDay("made_at"),
    "an own function": lambda: type("Louder", (Upper,), {})("title"),
    "an own column": lambda: Cast("level", type("Own", (IntegerField,), {})()),
    "a column that is read in a way": lambda: Cast(
        "level", changed(IntegerField(), from_db_value=lambda *_: 1)
    ),
    "a column in JSON": lambda: F("extra__a"),
    "several": lambda: Concat("title", "mail"),
    "a choice by an expression": lambda: Case(When(Exists(staff(pk="editor")), then=1)),
}  # fmt: skip
WAYS = [
    lambda rows, a, b: rows.annotate(one=a, two=b),
    lambda rows, a, b: rows.annotate(one=a, two=b).order_by("two", "one"),
    lambda rows, a, b: rows.annotate(two=b).annotate(one=a).order_by("-one"),
    lambda rows, a, b: rows.annotate(one=a, two=b).values("two", "title", "one"),
    lambda rows, a, b: rows.annotate(one=a, two=b).values("one", "two").order_by("two"),
    lambda rows, a, b: rows.values("level").annotate(two=b, one=a).order_by("one", "two"),
    lambda rows, a, b: rows.values(one=a, two=b).annotate(number=Count("id")).order_by("two"),
    lambda rows, a, b: rows.annotate(two=b).values("two").annotate(one=a).order_by("one"),
    lambda rows, a, b: rows.alias(two=b).annotate(one=a).order_by("two"),
    lambda rows, a, b: rows.alias(two=b).filter(editor__name="a").annotate(one=a).distinct(),
    lambda rows, a, b: rows.filter(pk__in=Article.objects.values(one=a)).annotate(two=b),
    lambda rows, a, b: rows.alias(one=a, two=b).order_by("two"),
    lambda rows, a, b: rows.alias(two=a, one=b).order_by("two"),
    lambda rows, a, b: rows.annotate(one=a, two=b)[:2],
    lambda rows, a, b: rows.filter(title="a").annotate(one=a, two=b).filter(level=3),
]  # fmt: skip
GROWN: list[Any] = [
    lambda n, a, b: a + b, lambda n, a, b: a - b, lambda n, a, b: a * n,
    lambda n, a, b: Coalesce(a, n), lambda n, a, b: Coalesce(a, b), lambda n, a, b: Greatest(b, a),
    lambda n, a, b: Cast(a, IntegerField()), lambda n, a, b: Cast(a, FloatField()),
    lambda n, a, b: Length(Cast(a, CharField(max_length=n))),
    lambda n, a, b: Case(When(level=n, then=a), default=b), lambda n, a, b: Case(default=a),
    lambda n, a, b: Case(When(topics__word=f"{n}", then=b), When(big__gt=n, then=a)),
    lambda n, a, b: Sum(a), lambda n, a, b: Sum(a, filter=Q(level__gte=n)) + b,
    lambda n, a, b: Max(a, default=n), lambda n, a, b: Count(a, distinct=True),
    lambda n, a, b: ExpressionWrapper(a, output_field=IntegerField()),
]  # fmt: skip
SMALL: list[Any] = [  # some have another name for the same
    lambda n: F("level"), lambda n: F("big"), lambda n: Value(n), lambda n: F("topics__id"),
    lambda n: Length("title"), lambda n: Length("word" if n > 1 else "title"),
    lambda n: F("same" if n > 1 else "level") * F("level"),
]  # fmt: skip


def grown(make, a, b):
    """Return what makes an expression with others in it, for a number."""
    return lambda n: make(n, a(n), b(n))


nested = st.recursive(
    st.sampled_from(SMALL),
    lambda inner: st.builds(grown, st.sampled_from(GROWN), inner, inner),
    max_leaves=4,
)
grown_from = nested.flatmap(
    lambda one: st.tuples(
        st.just(one), nested | st.builds(grown, st.sampled_from(GROWN), nested, st.just(one))
    )
)
EACH = [one for family in KNOWN.values() for one in family]
pairs = st.one_of(
    st.sampled_from([*KNOWN]).flatmap(lambda name: st.tuples(*[st.sampled_from(KNOWN[name])] * 2)),
    st.tuples(st.sampled_from(EACH), st.sampled_from(EACH)),
)


@pytest.fixture(autouse=True)
def articles(db):
    seed()


@drawn(200)
@given(pairs, st.sampled_from(WAYS), st.integers(1, 2), st.integers(1, 2))
def test_annotations_that_are_alike_are_told_apart(pair, way, first, second):
    one, other = pair
    same = one(first)
    for a, b in ((same, other(second)), (other(second), one(first)), (same, one(first))):
        try:
            rows = way(Article.objects.all(), a, b)
        except (FieldError, ValueError):  # Django has no such query set
            continue
        check(rows, asked=True)


@drawn(150)
@given(grown_from, st.sampled_from(WAYS))
def test_annotations_in_others_are_told_apart(pair, way):
    one, other = pair
    rows = Article.objects.annotate(same=F("level"), word=F("title"))
    for a, b in ((1, 1), (1, 2), (2, 1)):
        try:
            made = way(rows, one(a), other(b))
            sql_of(made)
        except (FieldError, ValueError):  # Django has no such query set
            continue
        check(made, asked=True)


@pytest.mark.parametrize("name", KNOWN)
def test_annotations_are_known_and_told_apart(name):
    found = [shapes.shape(Article.objects.annotate(of=one(1)).query, connection)
             for one in KNOWN[name]]  # fmt: skip
    again = [shapes.shape(Article.objects.annotate(of=one(2)).query, connection)
             for one in KNOWN[name]]  # fmt: skip
    assert all(found) or (OF_THEIR_OWN and name.startswith("queries"))
    assert [one and one[0] for one in found] == [one and one[0] for one in again]


@pytest.mark.parametrize("name", OWN)
def test_annotations_that_may_have_sql_of_their_own_are_left_to_django(name):
    rows = Article.objects.annotate(of=OWN[name]())
    assert shapes.shape(rows.query, connection) is None


@pytest.mark.parametrize("name", ["as_sql", "as_postgresql", "get_group_by_cols"])
def test_a_function_that_somebody_has_changed_is_left_to_django(monkeypatch, name):
    rows = Article.objects.annotate(of=Upper("title"))
    assert shapes.shape(rows.query, connection)
    monkeypatch.setattr(Upper, name, lambda *_: ("NULL", ()), raising=False)
    QUERIES.forget()
    assert shapes.shape(rows.query, connection) is None
    QUERIES.forget()


@pytest.mark.parametrize("model", [Article, Editor])
@pytest.mark.parametrize("ask", [list, lambda rows: rows.count()])
def test_groups_are_by_all_columns_of_a_table_that_is_not_django_s(model, ask):
    def asked():
        with CaptureQueriesContext(connection) as seen:
            joined = Article.objects.annotate(number=Count("topics"), by=F("editor__name"))
            for rows in (joined, Article.objects.annotate(number=Count("topics"))):
                ask(rows.select_related("editor"))
                ask(rows)
        return [one["sql"] for one in seen.captured_queries]

    def both():
        managed = asked()
        with mock.patch.object(model._meta, "managed", False):
            return managed, asked()

    stock = both()
    with installed():
        assert both() == stock
        assert both() == stock
    assert ask is not list or stock[0] != stock[1]


def test_values_that_groups_repeat_are_left_to_django():
    rows = Article.objects.annotate(of=F("level") + 1, number=Count("topics"))
    assert shapes.shape(rows.query, connection) is None


def test_parts_of_groups_are_told_by_what_they_were_made_of():
    named = Article.objects.annotate(word=F("title"), long=Length("title"))
    for part in ("title", "word"):
        check(named.annotate(of=Length(part) + Sum("topics__id")), asked=True)


def test_annotations_are_not_looked_at_where_a_condition_is_not_known():
    rows = Article.objects.annotate(number=Count("topics")).filter(number__gt=1)
    with mock.patch.object(expressions, "computed", side_effect=LookupError):
        assert shapes.shape(rows.query, connection) is None


def test_nobody_makes_out_what_annotations_of_different_classes_were_made_of():
    rows = Article.objects.annotate(long=Length("title"), number=Count("topics"))
    assert shapes.shape(rows.query, connection)
    assert not any("identity" in vars(one) for one in rows.query.annotations.values())


def test_a_client_s_long_text_is_not_kept():
    with installed():
        for text in ("a" * 1000, "a" * 1001):
            rows = Article.objects.annotate(**{f"of{len(text)}": Value(text)})
            list(rows.all())
            found = shapes.shape(rows.query, connection)
            assert found
            kept = shapes.recalled(("default", "rows", *found[0]))
            assert (kept is None) == (len(text) > 1000)


def test_what_somebody_makes_of_values_is_made_of_them():
    rows = Article.objects.annotate(of=Upper("title"))
    list(rows.all())
    assert shapes.shape(rows.query, connection)
    changed(rows.query.annotations["of"], convert_value=lambda *_: 1)
    assert shapes.shape(rows.query, connection) is None
