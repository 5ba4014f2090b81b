"""Conditions that were built before leave a query as Django's own code leaves it.

`FUZZ_EXAMPLES=2000 pytest tests/speedups/queries/test_building.py` looks for longer.
"""

from datetime import timedelta
from unittest import mock

import pytest
from django.core.exceptions import FieldError
from django.db import models
from django.db.models import Count, F, FilteredRelation, Q
from django.db.models.expressions import BaseExpression
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable, Join
from django.test.utils import isolate_apps, register_lookup
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from drf_speedups.queries import building
from tests.speedups.library.related_models import Article, Editor, Note, Topic, Town
from tests.speedups.queries.test_conditions import STEPS, compared, drawn, trees
from tests.speedups.representation.comparing import MOMENT, installed

WITHIN = BaseExpression, Query, Join, BaseTable, models.sql.where.WhereNode
ASIDE = {"_constructor_args", "identity", "filtered_relation", "convert_value"}


def state(value):
    """Return all that is in a query, or in a part of it."""
    if isinstance(value, WITHIN) or type(value).__repr__ is object.__repr__:
        found = {name: state(one) for name, one in vars(value).items() if name not in ASIDE}
        return type(value), sorted(found.items())
    if isinstance(value, dict):
        return [(name, state(one)) for name, one in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [state(one) for one in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, value))
    return type(value), repr(value), getattr(value, "model", None)  # a field's is in its place


def made(way, *args):
    """Return what is in the query of a query set, or what making it raises."""
    try:
        return state(way(*args).query)
    except (ValueError, TypeError, FieldError, OverflowError) as error:
        return repr(error)


def same_as_with_stock(*ways):
    """Compare what ways to make a query set give, one after the other."""
    stock = [made(way) for way in ways]
    with installed():
        assert [made(way) for way in ways] == stock
        assert [made(way) for way in ways] == stock


def _named(pairs):
    return tuple({name: value for one in side for name, value in one.items()}
                 for side in zip(*pairs, strict=True))  # fmt: skip


named = st.lists(compared(), min_size=1, max_size=3).map(_named)
calls = st.tuples(
    st.sampled_from(["filter", "filter", "exclude", "prefetching"]),
    st.one_of(named.map(lambda pair: [((), one) for one in pair]),
              trees.map(lambda pair: [((one,), {}) for one in pair])),
)  # fmt: skip


def _prefetching(rows):
    """Return what filters rows as fetching related ones does: with the joins that are there."""

    def filtered(*args, **kwargs):
        found = rows._next_is_sticky()._chain()
        found.query.add_q(Q(*args, **kwargs), reuse_all=True)
        return found

    return filtered


@drawn(150)
@given(
    st.lists(calls, min_size=1, max_size=3), st.lists(st.sampled_from([*STEPS]), max_size=2),
    st.lists(st.sampled_from([*STEPS])),
)  # fmt: skip
def test_a_query_drawn_at_random_is_as_stock_makes_it(db, conditions, before, after):
    def rows(at):
        found = Article.objects.all()
        for step in before:
            found = STEPS[step](found)
        for how, pair in conditions:
            args, kwargs = pair[at]
            found = getattr(found, how, _prefetching(found))(*args, **kwargs)
        for step in after:
            found = STEPS[step](found)
        return found

    stock = [made(rows, at) for at in range(2)]
    with installed():
        for _ in range(2):
            assert [made(rows, at) for at in range(2)] == stock


def _lazily(made):
    return SimpleLazyObject(lambda: made)


def by(*args, **kwargs):
    """Return what filters rows."""
    return lambda rows: rows.filter(*args, **kwargs)


ADA, BOB = Editor(pk=1, name="Ada"), Editor(pk=2, name="Bob")
WAYS = {
    "a row": [by(editor=ADA), by(editor=BOB)],
    "a lazy row": [
        by(editor=_lazily(ADA)), by(editor=_lazily(BOB)),
        by(editor=BOB), by(editor=_lazily(None)),
        by(title=_lazily("t1")), by(title="t1"),
    ],
    "a row that is not saved": [
        by(editor=ADA), by(editor=Editor()),
    ],
    "a row of another model": [
        by(editor=ADA), by(editor=Topic(pk=1)),
        by(level=ADA), by(topics=Topic(pk=1)),
    ],
    "nothing": [
        by(title="t1", editor=1), by(title="t1", editor=None),
        by(title=None, editor=1), by(level__gt=None),
        by(title=""), by(title__iexact=None),
    ],
    "another type": [
        by(level=1), by(level="a"),
        by(level=F("big")), by(level=[1]),
        by(mood=Article.Mood.SAD), by(mood="sad"),
    ],
    "lists": [
        by(level__in=[1, 2]), by(level__in=(1, 2)),
        by(level__in={1}), by(level__in=[]),
        lambda rows: rows.filter(level__in=iter([1])), by(level__in=[F("big")]),
        by(level__in=[None, 1]), by(editor__in=[ADA, 2]),
        by(level__in=5), by(level__range=[1, 2]),
        by(editor__in=Editor.objects.filter(name="Ada")),
    ],
    "several rows": [
        by(editor__in=[ADA, BOB]), by(editor__in=[BOB]), by(editor__in=(BOB, ADA)),
        by(editor__in={ADA}), by(editor__in=frozenset([BOB])), by(editor__in={ADA, 2}),
        by(editor__in=[ADA, Editor()]), by(editor__in=[Topic(pk=1)]), by(editor__in=[Topic(pk=1)]),
        by(editor__in=[ADA, Topic(pk=1)]), by(editor__in=[_lazily(ADA)]), by(editor__in=[None]),
        by(level__in=[ADA]), by(level__in={1, 2}), by(level__in={3}), by(level={1}),
        by(topics__in=[Topic(pk=1)], place__in=[Town(code="ulm")]),
        by(topics__in=[Topic(pk=2)], place__in=[Town(code="b")]),
    ],
    "related rows of several": [
        lambda rows: _prefetching(rows)(editor__in=[ADA]), by(editor__in=[ADA]),
        lambda rows: _prefetching(rows)(topics__in=[Topic(pk=1)]), by(topics__in=[Topic(pk=1)]),
        lambda rows: _prefetching(rows.filter(topics__word="a"))(topics__in=[Topic(pk=1)]),
        lambda rows: rows.filter(topics__word="a").filter(topics__in=[Topic(pk=1)]),
        lambda rows: _prefetching(rows.filter(topics__word="b"))(topics__in=[Topic(pk=2)]),
        lambda rows: _prefetching(rows.filter(topics__word="b"))(topics=2).filter(topics=3),
        lambda rows: _prefetching(rows[:2])(editor__in=[ADA]),
    ],
    "what chooses the class": [
        by(is_open="1", level=True), by(is_open="0", level=True), by(is_open=True, level=1),
        by(is_open=False, level=0), by(is_open=1, level=True), by(level=True), by(level=False),
        by(title=None, editor__isnull=True), by(title=None, editor__isnull=False),
        lambda rows: rows.exclude(title=None, level=1), lambda rows: rows.exclude(level=1),
        lambda rows: rows.exclude(editor=1, editor__isnull=False),
        lambda rows: rows.exclude(editor=1, editor__isnull=True),
        lambda rows: rows.exclude(is_open=True, editor=1), lambda rows: rows.exclude(is_open=False),
        lambda rows: rows.filter(~Q(~Q(editor=1), level=2), title=None),
        lambda rows: rows.filter(~Q(~Q(editor=2), level=3), title=None),
    ],
    "trees": [
        by(Q(title="a") | Q(level=1, title="b")), by(Q(title="b") | Q(level=2, title="c")),
        by(Q(title="a") | Q(level=1) | Q(title="b")), by(Q(Q(title="a"), Q(level=1))),
        by(Q(level=1) & Q(title="a")), by(Q(level=1) | Q(title="a")), by(Q(level=1) ^ Q(title="a")),
        by(Q(title="a") ^ Q(level=1)), by(Q(title="a") ^ Q(level=2)), by(~Q(~Q(title="a"))),
        by(Q(topics__word="a") | ~Q(editor__name="b")),
        by(Q(topics__word="c") | ~Q(editor__name="d")),
        by(Q(title="a") & ~Q(topics__word="a")), by(Q(title="b") & ~Q(topics__word="b")),
        by(Q(title="a") | Q(level=F("big"))), by(Q(title="a") | Q(editor=None)),
    ],
    "joins": [
        by(topics__word="a", topics__town__name="Ulm"),
        lambda rows: rows.filter(topics__word="b", topics__town__name="Bonn").filter(topics=1),
        lambda rows: rows.filter(topics__word="b", topics__town__name="").exclude(topics__word="c"),
        lambda rows: rows.filter(topics__word="a", topics__town__name="b") | rows.filter(topics=2),
        by(editor__town__name="a", reviewer__town__name="b", note__text="c"),
        lambda rows: rows.filter(reviewer__chief__town__name="a").order_by("reviewer__name"),
    ],
    "sticky": [
        lambda rows: rows._next_is_sticky().filter(topics__word="a").filter(topics__weight=1),
        lambda rows: rows._next_is_sticky().filter(topics__word="b").filter(topics__weight=2),
        lambda rows: rows.filter(topics__word="a").filter(topics__weight=1),
        lambda rows: rows._next_is_sticky().filter(topics__word="b").filter(topics__weight=2),
    ],
    "what was there before": [
        lambda rows: rows.annotate(words=Count("topics")).filter(title="a"),
        lambda rows: rows.alias(of=F("body")).filter(of="a", title="b"),
        lambda rows: rows.alias(of=F("mail")).filter(of="a", title="b"),
        lambda rows: rows.alias(mine=FilteredRelation("editor", condition=Q(editor__name="a"))
                                ).filter(mine__name="b"),
        lambda rows: rows.alias(mine=FilteredRelation("reviewer", condition=Q(reviewer__name="a"))
                                ).filter(mine__name="b"),
        lambda rows: rows.filter(title="a").filter(title="b"), by(title="b"),
        lambda rows: rows.order_by("editor__name").filter(title="b"),
        lambda rows: rows.select_related("editor").filter(editor__name="b"),
        lambda rows: rows.values("title").filter(title="b"),
        lambda rows: rows.extra(where=["1 = 1"]).filter(title="b"),
    ],
    "other calls": [
        by(Q(title="a"), level=1), by(("title", "a")),
        by(Q(title="a")), lambda rows: rows.exclude(title="a"),
        by(title="a"), lambda rows: rows.complex_filter({"title": "a"}),
        by(), by(title="a", pk=1, id=2),
        by(nothing=1), by(title__nothing=1),
        by(title__isnull=True), by(title__isnull=False),
        by(made_at__year=2026), by(extra__a=1),
        by(is_open=True), by(is_open=False),
        lambda rows: rows.none().filter(title="a"), lambda rows: rows[:3].filter(title="a"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
def test_a_query_is_as_stock_makes_it(db, ways):
    same_as_with_stock(*[lambda way=way: way(Article.objects.all()) for way in ways])


def test_related_rows_are_asked_for_as_with_stock(db):
    same_as_with_stock(
        lambda: ADA.articles.filter(level=1), lambda: BOB.articles.exclude(level=1),
        lambda: Article(pk=1).topics.filter(weight=1), lambda: Article(pk=2).topics.all(),
        lambda: Note.objects.filter(article=Article(pk=1)),
    )  # fmt: skip


FOUND = {
    "names": lambda n: Article.objects.filter(topics__word=f"{n}", editor=Editor(pk=n)),
    "NULL": lambda n: Article.objects.filter(title=None, editor__isnull=False, level=n),
    "not": lambda n: Article.objects.exclude(editor=n, is_open=True),
    "one after the other": lambda n: Article.objects.filter(editor=n).exclude(title=f"{n}"),
    "trees": lambda n: Article.objects.filter(Q(title=f"{n}") | Q(level__in=[n])),
    "rows of others": lambda n: Article.objects.filter(topics=Topic(pk=n), note__in=[n]),
    "related": lambda n: Article(pk=n).topics.filter(weight=n),
    "several rows": lambda n: Article.objects.filter(editor__in=[Editor(pk=n)], level__in={n}),
    "related rows of several": lambda n: _prefetching(Article.objects.all())(
        topics__in=[Topic(pk=n)]
    ),
    "moments": lambda n: Article.objects.filter(made_at__gt=MOMENT, day=MOMENT + timedelta(n)),
}


@pytest.mark.parametrize("way", FOUND)
def test_what_is_found_once_is_looked_for_no_more(db, way):
    with installed():
        FOUND[way](1)
        with mock.patch.object(Query, "setup_joins", side_effect=AssertionError) as looks:
            vars(building._builds())["_again_at"] += 60
            assert FOUND[way](2).query.where.children
            assert not looks.called


@isolate_apps("tests.speedups.library")
def test_a_value_that_a_column_takes_for_null_is_asked_for_so(db):
    class Flagged(models.Model):
        flag = models.BooleanField(null=True)
        other = models.BooleanField(null=True)

        class Meta:
            app_label = "library"

    for values in (["", "1", "", None, True], ["1", "", "1", True, None]):
        same_as_with_stock(*[lambda one=one: Flagged._base_manager.filter(flag=one, other="")
                             for one in values])  # fmt: skip
        same_as_with_stock(*[lambda one=one: Flagged._base_manager.filter(flag=one)
                             for one in values])  # fmt: skip


@isolate_apps("tests.speedups.library")
def test_a_name_that_leads_to_another_model_later_is_followed(db):
    class Aim(models.Model):
        class Meta:
            app_label = "library"

    class _First(models.Model):
        aim = models.ForeignKey(Aim, models.CASCADE, related_query_name="them")

        class Meta:
            app_label = "library"

    class Second(models.Model):
        class Meta:
            app_label = "library"

    class Third(models.Model):
        aim = models.ForeignKey(Aim, models.CASCADE)

        class Meta:
            app_label = "library"

    def asked():
        return [
            *[str(Aim._base_manager.filter(them__id=n).query) for n in (1, 2)],
            *[str(Third._base_manager.filter(aim__them__id=n).query) for n in (1, 2)],
        ]

    with installed():
        first = asked()
        aim = models.ForeignKey(Aim, models.CASCADE, related_query_name="them")
        Second.add_to_class("aim", aim)
        second = asked()
    assert second == asked() != first


def test_lookups_that_somebody_registers_later_are_used(db):
    class Louder(models.lookups.Exact):
        """Compares in its own way."""

    def both():
        yield made(lambda: Article.objects.filter(title="a"))
        with register_lookup(models.CharField, Louder), register_lookup(models.TextField, Louder):
            yield made(lambda: Article.objects.filter(title="a"))
        yield made(lambda: Article.objects.filter(title="a"))

    stock = [*both()]
    with installed():
        assert [*both()] == stock
    assert stock[0] == stock[2] != stock[1]


def test_what_somebody_puts_in_the_place_of_django_s_own_code_is_run(db):
    with installed():
        Article.objects.filter(title="a")
        with mock.patch.object(Query, "build_filter", side_effect=LookupError):
            vars(building._builds())["_again_at"] = 0  # a second later
            with pytest.raises(LookupError):
                Article.objects.filter(title="b")


def test_a_list_that_changes_later_does_not_change_the_query(db):
    with installed():
        for levels in ([1, 2], [3, 4]):
            rows = Article.objects.filter(level__in=levels)
            levels.append(5)
            (condition,) = rows.query.where.children
            assert vars(condition)["rhs"] == levels[:2]


def test_a_list_that_a_column_has_is_not_the_one_that_was_given(db):
    with installed():
        for words in (["a"], ["b"], ["c"]):
            rows = Article.objects.filter(words__gt=words)
            words.append("later")
            (condition,) = rows.query.where.children
            assert vars(condition)["rhs"] == words[:1]
