"""Query sets drawn at random have the SQL that is remembered for them, and the values.

`FUZZ_EXAMPLES=2000 pytest tests/speedups/queries/test_conditions.py` looks for longer.
"""

import contextlib
import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from operator import and_, or_, xor
from uuid import UUID

import pytest
from django.core.exceptions import EmptyResultSet, FieldError
from django.db import DatabaseError, connection, transaction
from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
    When,
    lookups,
)  # fmt: skip
from django.db.models.functions import Cast, Coalesce, Greatest, Least, Length, Lower, Upper
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drf_speedups.queries import conditions, shapes
from tests.speedups.library.related_models import Article, Editor, Note, Topic, Town
from tests.speedups.representation.comparing import installed, seed

pytestmark = pytest.mark.django_db
KNOWN: dict[tuple, str] = {}  # what was compiled for each shape, by all examples
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
TEXTS = st.sampled_from(["t1", "", "%", "_\\", "%s", "é'\"", "\x7f"])
NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**31 - 1, 2**63, True, 1.5])
MOMENTS = st.sampled_from([datetime(2026, 3, 29, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
KEYS = st.sampled_from([UUID(int=1), UUID(int=2)])
ROWS = st.sampled_from([Editor(pk=1), Editor(pk=2), Editor(), Topic(pk=1)])
COMPARED = {"exact", "gt", "gte", "lt", "lte"}
OF_TEXT = {"exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith",
           "iendswith", "regex", "iregex"}  # fmt: skip
COLUMNS = {
    "id": (NUMBERS, COMPARED), "title": (TEXTS, OF_TEXT), "level": (NUMBERS, COMPARED | OF_TEXT),
    "mood": (st.sampled_from(["g", Article.Mood.SAD]), {"exact", "contains"}),
    "price": (st.sampled_from([1, Decimal("1.5"), 2.25]), COMPARED), "share": (NUMBERS, COMPARED),
    "is_open": (st.booleans(), {"exact", "gt"}), "made_at": (MOMENTS, {*COMPARED, "contains"}),
    "day": (st.sampled_from([date(2026, 1, 1), date(1, 1, 1)]), COMPARED),
    "hour": (st.just(time(12)), COMPARED), "takes": (st.just(timedelta(1)), COMPARED),
    "token": (KEYS, {"exact", "icontains"}), "mail": (TEXTS, OF_TEXT),
    "editor": (st.one_of(NUMBERS, ROWS), COMPARED), "reviewer__chief": (ROWS, COMPARED),
    "place": (st.sampled_from(["b", "ulm", Town(code="ulm")]), COMPARED),
    "editor__id": (NUMBERS, COMPARED),
    "editor__name": (TEXTS, OF_TEXT), "reviewer__chief__name": (TEXTS, OF_TEXT),
    "editor__town__founded": (st.just(date(854, 7, 22)), COMPARED),
    "topics__word": (TEXTS, OF_TEXT),
    "note__text": (TEXTS, OF_TEXT), "note__reply__answered": (NUMBERS, COMPARED),
    "topics": (st.one_of(NUMBERS, st.just(Topic(pk=1))), {"exact"}),
    "replies__hidden": (st.booleans(), {"exact"}),
    "address": (st.sampled_from(["::1", "10.0.0.1"]), {"exact", "contains"}),
    "extra": (st.sampled_from([1, "a", {"a": 1}, [1]]), {"exact", "contains"}),
    "words": (st.sampled_from([["a"], []]), {"exact", "contains", "overlap"}),
    "made_at__year": (NUMBERS, COMPARED), "extra__a": (NUMBERS, COMPARED),
    "title__upper": (TEXTS, OF_TEXT),
}  # fmt: skip
OTHER = [
    Q(), ~Q(), Q(pk__in=[]), Q(title=F("body")), Q(title__contains=F("mail")), Q(level=F("id") + 1),
    Q(title=Value("t1")), Q(editor__in=Editor.objects.filter(name="Ada")), Q(title__in=["a", None]),
    Q(Exists(Editor.objects.filter(pk=OuterRef("editor"), name="Ada"))), Q(Upper("title")),
    Q(id__in=[*range(3)]), Q(id__in=[*range(200)]), Q(id__in=["1", 1, 2]),
    Q(id__range=(1, F("big"))),
    Q(title__in=["a", Upper("mail")]), Q(token__isnull=True), Q(editor__isnull=False), Q(pk=2),
    Q(lookups.GreaterThan(F("level"), 1)), Q(editor__in=[1, 2]), Q(reviewer__staff__name="Bob"),
    Q(made_at__date=date(2026, 3, 29)), Q(place__name="Ulm"), Q(editor=Editor(pk=1)),
]  # fmt: skip


def drawn(number):
    """Return what draws so many examples for a test, or as many as are asked for."""

    def decorated(test):
        examples = settings(
            max_examples=EXAMPLES or number, derandomize=not EXAMPLES, deadline=None,
            database=None, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        return pytest.mark.timeout(0 if EXAMPLES else 120)(examples(test))

    return decorated


SEVERAL = [list, list, tuple, set, frozenset]


def _several(drawn):
    kind, values = drawn
    with contextlib.suppress(TypeError):  # rows without a key, and JSON, have no hash
        return kind(values)
    return values


@st.composite
def compared(draw):
    """Draw a condition twice, with other values."""
    name = draw(st.sampled_from([*COLUMNS]))
    values, kinds = COLUMNS[name]
    kind = draw(st.sampled_from([*sorted(kinds), "in", "range", "isnull"]))
    if kind == "isnull":
        values = st.booleans()
    if kind in {"in", "range"}:
        most = 2 if kind == "range" else 3
        values = st.lists(values, min_size=2 if kind == "range" else 0, max_size=most)
        values = st.tuples(st.sampled_from(SEVERAL if most == 3 else [list]), values).map(_several)
    return tuple({f"{name}__{kind}": draw(values)} for _ in range(2))


def _both(join):
    return lambda pairs: tuple(reduce(join, one) for one in zip(*pairs, strict=True))


def _grown(inner):
    several = st.lists(inner, min_size=2, max_size=3)
    joined = st.tuples(several, st.sampled_from([and_, or_, or_, xor]))
    return st.one_of(
        joined.map(lambda drawn: _both(drawn[1])(drawn[0])),
        inner.map(lambda pair: (~pair[0], ~pair[1])),
    )


INNER = {
    "editor__in": lambda name: Editor.objects.filter(name=name),
    "editor_id__in": lambda name: Editor.objects.filter(name=name).values("pk"),
    "reviewer__chief__in": lambda name: Editor.objects.exclude(town__name=name).distinct(),
    "topics__in": lambda name: Topic.objects.filter(word__gt=name, town__name__in=["Ulm", name]),
    "place__in": lambda name: Town.objects.filter(code=name).order_by("name"),
    "id__in": lambda name: Article.objects.filter(
        editor__in=Editor.objects.filter(name__gt=name)).values("id"),
    "level__in": lambda name: Article.objects.filter(title__lt=name).values("level")[:2],
    "title__in": lambda name: Article.objects.filter(title=name).values_list("mail", flat=True),
    "note__in": lambda name: Note.objects.filter(text=name),
    "big__in": lambda name: Article.objects.none().values("big"),
    "pk__in": lambda name: Article.objects.filter(pk__in=[]).values("pk"),
}  # fmt: skip
subqueries = st.tuples(st.sampled_from([*INNER]), TEXTS, TEXTS).map(
    lambda drawn: tuple(Q(**{drawn[0]: INNER[drawn[0]](name)}) for name in drawn[1:])
)
leaves = st.one_of(
    subqueries,
    *[compared().map(lambda pair: (Q(**pair[0]), Q(**pair[1])))] * 4,
    st.sampled_from(OTHER).map(lambda one: (one, one)),
)
trees = st.recursive(leaves, _grown, max_leaves=4)
STAFF = Editor.objects.filter(chief=OuterRef("editor"))
FIRST = Note.objects.filter(article=OuterRef("pk"), text__in=["a", "b"]).order_by("-text")
COMPUTES = [
    lambda rows: rows.annotate(number=Count("topics", distinct=True), most=Max("level")),
    lambda rows: rows.annotate(number=Count("topics", filter=Q(level=2))),
    lambda rows: rows.annotate(loud=Upper("title"), two=Value(2)).order_by("loud", "-two"),
    lambda rows: rows.annotate(named=Value("t1"), name=Value("t1"), by=F("editor__name")),
    lambda rows: rows.annotate(named=Value("t1"), name=Value("t2")).order_by("name"),
    lambda rows: rows.annotate(has=Exists(STAFF), more=Exists(STAFF.filter(name__gt="a"))),
    lambda rows: rows.annotate(wrote=Subquery(FIRST.values("text")[:1])),
    lambda rows: rows.annotate(wrote=Coalesce(Subquery(FIRST.values("text")[:1]), Value("none"))),
    lambda rows: rows.annotate(
        kind=Case(
            When(level=1, then=Value("a")), When(mood="s", then=F("mood")), default=Value("b")
        )
    ).order_by("kind"),
    lambda rows: rows.annotate(more=F("level") + 1, key=Cast("id", CharField(max_length=9))),
    lambda rows: rows.annotate(part=Coalesce(Sum("replies__id"), 0), word=F("topics__word")),
    lambda rows: rows.values("level").annotate(number=Count("id")).order_by("-number"),
    lambda rows: rows.values("level").annotate(of=Value(1), number=Count("id")).order_by("of"),
    lambda rows: rows.annotate(
        a=ExpressionWrapper(F("level") * 2, output_field=IntegerField()),
        b=ExpressionWrapper(F("level") * 2, output_field=IntegerField()),
        number=Count("topics"),
    ).order_by("b"),
    lambda rows: rows.annotate(
        a=ExpressionWrapper(F("level") * 2, output_field=IntegerField()),
        b=ExpressionWrapper(F("level") * 3, output_field=IntegerField()),
        number=Count("topics"),
    ).order_by("b"),
    lambda rows: rows.alias(word=F("topics__word"), two=Value(2)).order_by("word"),
    lambda rows: rows.alias(number=Count("replies")).order_by("number"),
    lambda rows: rows.annotate(mean=Avg("price"), least=Min("day"), all=Sum("price")),
    lambda rows: rows.annotate(of=Value(1)).filter(of=1),
    lambda rows: rows.annotate(number=Count("topics")).filter(number__gt=1),
    lambda rows: rows.annotate(both=Greatest("level", "big"), least=Least("level", Value(3))),
    lambda rows: rows.annotate(long=Length("title")).values_list("long", "title", "id"),
    lambda rows: rows.values("title", loud=Upper("title"), low=Lower(Value("A"))),
]
STEPS = {
    "distinct": lambda rows: rows.distinct(), "joined": lambda rows: rows.select_related("editor"),
    "ordered": lambda rows: rows.order_by("editor__name", "-id"), "all": lambda rows: rows.all(),
    "by topic": lambda rows: rows.order_by("topics__word"), "reversed": lambda rows: rows.reverse(),
    "joined deep": lambda rows: rows.select_related("editor__town", "note"),
    "deferred": lambda rows: rows.defer("body"), "page": lambda rows: rows[2:4],
    "or": lambda rows: rows | Article.objects.filter(editor__name="Ada"),
    "rest": lambda rows: rows[1:],
    "and": lambda rows: rows & Article.objects.filter(topics__word="a"),
    "values": lambda rows: rows.values("title", "editor__name"),
    "as a list": lambda rows: rows.values_list("editor", "id"),
    "annotated": lambda rows: rows.annotate(of=Value(1)),
    **{f"computes {n}": one for n, one in enumerate(COMPUTES)},
    "used": lambda rows: _used(rows).all(),
    "not": lambda rows: rows.exclude(topics__word="b"), "none": lambda rows: rows.none(),
}  # fmt: skip


def _used(rows):
    with contextlib.suppress(ValueError, OverflowError):  # of years that Python has not
        sql_of(rows)
    return rows


def sql_of(rows):
    """Return what Django compiles, or that there is nothing to ask for."""
    try:
        return rows.query.get_compiler("default").as_sql(with_col_aliases=True)
    except EmptyResultSet:
        return None


class Noted(Exception):  # noqa: N818  (no error)
    """Ends what need not go on."""


def counted_by(rows):
    """Return the statement that Django's own code counts with, and its values."""

    def note(_execute, sql, parameters, *_others):
        raise Noted(sql, parameters)

    with connection.execute_wrapper(note), pytest.raises(Noted) as noted:
        type(rows).count(rows)
    return noted.value.args


def check(rows, asked=False):
    """Compare what is known of a query set's shape with what is compiled for it now."""
    found = shapes.shape(rows.query, connection)
    if found is None:
        return False
    shape, values, _ = found
    limits = shapes.limits(rows.query, connection)
    if not rows.query.is_sliced:
        sql, parameters = counted_by(rows)
        assert rows.query.annotations or conditions.same_values(parameters, values)
        assert KNOWN.setdefault(("count", *shape), sql) == sql
    compiled = sql_of(rows)
    assert compiled is not None
    sql, parameters = compiled
    assert conditions.same_values(parameters, values)
    assert sql.endswith(limits)
    whole = sql[: len(sql) - len(limits)]
    assert KNOWN.setdefault(shape, whole) == whole
    if asked:
        stock = objects(rows)
        with installed():
            assert objects(rows) == stock
    return True


def objects(rows):
    """Return what rows have in them, and their number, or the error that comes of asking."""
    try:
        with transaction.atomic():
            there = rows.all().exists(), rows.all().count(), totals(rows)
            return [told(one) for one in rows.all()], there
    except (DatabaseError, FieldError) as error:  # Django 6.1 finds no total of another's name
        return str(error)


def totals(rows):
    """Return sums and the like of rows, and the statement that gave them."""
    with CaptureQueriesContext(connection) as seen:
        found = rows.aggregate(
            Sum("level"), Max("editor__town__founded"), Count("topics", distinct=True),
            number=Count("*"), mean=Avg("price"),
        )  # fmt: skip
    return found, [one["sql"] for one in seen.captured_queries]


def told(row, depth=3):
    """Return what an object has in it, and in those that it has fetched."""
    if isinstance(row, dict | tuple):
        return repr(row)
    there = row._state.fields_cache if row and depth else {}
    values = {name: value for name, value in vars(row).items() if name != "_state"} if row else {}
    return repr(values), {name: told(one, depth - 1) for name, one in there.items()}


def chosen(conditions_of, steps):
    """Return two query sets that differ in values."""
    for at in range(2):
        rows = Article.objects.all()
        for how, pair in conditions_of:
            rows = getattr(rows, how)(pair[at])
        for step in steps:
            rows = STEPS[step](rows)
        yield rows


@pytest.fixture(autouse=True)
def articles(db):
    seed()


@drawn(150)
@given(
    st.lists(st.tuples(st.sampled_from(["filter", "filter", "exclude"]), trees), max_size=3),
    st.lists(st.sampled_from([*STEPS]), max_size=3),
)
def test_a_query_set_drawn_at_random_has_the_remembered_sql(conditions_of, steps):
    try:
        both = [*chosen(conditions_of, steps)]
    except (ValueError, TypeError, FieldError):  # Django has no such query set
        return
    for rows in both:
        check(rows, asked=True)


ALIKE = {"title": "mail", "editor__name": "reviewer__name", "topics__word": "topics__town__name",
         "id": "big", "price": "share", "editor": "reviewer", "note__text": "note__reply__text",
         "editor__id": "reviewer__id", "level": "big", "is_open": "replies__hidden"}  # fmt: skip
FAMILY = (
    lambda a, b: Q(a, b), lambda a, b: a | b, lambda a, b: ~(a & b), lambda a, b: ~(a | b),
    lambda a, b: ~a | b, lambda a, b: a & ~b, lambda a, b: (a & b) | a, lambda a, b: (a | b) & a,
    lambda a, b: ~(~a & ~b), lambda a, b: b | a, lambda a, b: ~a, lambda a, b: ~~a,
)  # fmt: skip


@drawn(30)
@given(compared(), compared(), st.sampled_from(["all", "joined", "distinct", "or", "used", "and"]))
def test_query_sets_that_are_alike_are_told_apart(first, second, step):
    for a, b in zip(first, second, strict=True):
        for renamed in (a, _alike(a)):
            one, other = Q(**renamed), Q(**b)
            rows = Article.objects.all()
            try:
                alike = [rows.filter(make(one, other)) for make in FAMILY]
            except (ValueError, TypeError, FieldError):  # Django has no such query set
                continue
            alike += [
                rows.filter(one).filter(other),
                rows.filter(one).exclude(other),
                rows.exclude(one),
            ]
            for found in (*alike, *(each.order_by("-id") for each in alike[:2])):
                check(STEPS[step](found))


def _alike(condition):
    """Return the same condition of another column."""
    ((name, value),) = condition.items()
    column, _, kind = name.rpartition("__")
    return {f"{ALIKE.get(column, column)}__{kind}": value}


def test_a_value_that_stands_in_the_sql_is_told_from_another():
    rows = Article.objects
    joined = rows.filter(editor__name="a", reviewer__name="b")
    asked = [rows.filter(is_open=True), rows.filter(is_open=False), rows.exclude(is_open=True),
             rows.filter(title__isnull=True), rows.filter(title__isnull=False),
             rows.filter(id__in=[1]), rows.filter(id__in=[1, 2]), rows.filter(level=1),
             rows.filter(level=1, title="t"), rows.filter(Q(level=1) | Q(title="t")),
             rows.filter(level=1).distinct(), rows.filter(level=1)[:2],
             joined.filter(editor__name="c"), joined.filter(reviewer__name="c"),
             rows.filter(editor__name="a"), rows.filter(Q(editor__name="a") | Q(reviewer=None)),
             rows.filter(Q(reviewer__name="a") | Q(level=1)), rows.filter(reviewer__name="a"),
             rows.filter(reviewer__name="a").order_by("reviewer__name")]  # fmt: skip
    assert all(check(one.all()) for one in asked)
    found = [shapes.shape(one.query, connection) for one in asked]
    assert len({one[0] for one in found if one}) == len(asked) - 1  # the page is one of all rows
