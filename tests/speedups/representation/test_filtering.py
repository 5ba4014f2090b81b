"""Filters that a request does not name are not made, and all lists are as with all of them."""

import sys
from collections import Counter
from unittest import mock

import pytest
from django_filters import rest_framework as filters

from drf_speedups.representation import filtering
from tests.speedups.library.related_models import Article
from tests.speedups.representation import filtered
from tests.speedups.representation.asking import outcome, view_of
from tests.speedups.representation.comparing import answered, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.filtered import MADE_WHOLE, NARROWED, QUERIES
from tests.speedups.representation.own_filters import asked

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
SPEC = Spec(shown=("id", "title"), pages="none")


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def listing(mixin=object, **said):
    return view_of(SPEC, mixin=mixin, **said)


def told(view, queries):
    return [outcome(lambda query=query: answered(view, f"/?{query}")) for query in queries]


def assert_as_ever(view, queries):
    stock = told(view, queries)
    with installed():
        found = told(view, queries)
    assert [one for one in zip(queries, stock, found, strict=True) if one[1] != one[2]] == []


def filters_of(said):
    """Return the names of a view's filters, with those that a base of theirs has."""
    bases = said.get("filterset_class", object).__mro__
    made = [getattr(base, "base_filters", ()) for base in bases]
    return {*said.get("filterset_fields", ()), *(name for names in made for name in names)}


def asked_of(said):
    """Return the queries that name a filter of a view's, and those that name none of anybody's."""
    own = filters_of(said)
    others = set().union(*map(filters_of, (NARROWED | MADE_WHOLE).values())) - own
    return [one for one in QUERIES if names_one(one, own) or not names_one(one, others)]


def names_one(query, filters):
    return any(part.startswith(tuple(filters)) for part in query.split("&"))


def made(view, query=""):
    """Return how often django-filter's own code ran, by its name."""
    ran: Counter[str] = Counter()

    def note(frame, event, _argument):
        if event == "call" and "django_filters" in frame.f_code.co_filename:
            ran[frame.f_code.co_qualname] += 1

    with installed():
        answered(view, f"/?{query}")
        sys.setprofile(note)
        try:
            answered(view, f"/?{query}")
        finally:
            sys.setprofile(None)
    return ran


@pytest.mark.parametrize("name", NARROWED)
def test_lists_are_as_ever_whatever_is_named(name):
    assert_as_ever(listing(**NARROWED[name]), asked_of(NARROWED[name]))


@pytest.mark.parametrize("name", MADE_WHOLE)
def test_lists_are_as_ever_where_all_filters_matter(name):
    assert_as_ever(listing(**MADE_WHOLE[name]), asked_of(MADE_WHOLE[name]))


@pytest.mark.torture
@pytest.mark.parametrize("said", (NARROWED | MADE_WHOLE).values(), ids=NARROWED | MADE_WHOLE)
def test_lists_are_as_ever_whatever_others_filters_are_called(said):
    assert_as_ever(listing(**said), QUERIES)


@pytest.mark.parametrize("name", [*NARROWED])
def test_of_filters_that_nobody_names_nothing_is_made(name):
    ran = made(listing(**NARROWED[name]), "page=2")
    assert not {one for one in ran if "__init__" in one or one.endswith((".field", ".filter"))}


def test_of_one_that_is_named_only_that_is_made():
    ran = made(listing(**NARROWED["declared"]), "open=true")
    assert ran["Filter.filter"] == 1
    assert ran["BaseFilterSet.__init__"] == 1


def test_a_method_has_all_filters_around_it():
    ran = made(listing(**NARROWED["declared"]), "long=4")
    assert ran["Filter.field"] > 20


@pytest.mark.parametrize("name", sorted(MADE_WHOLE.keys() - {
    "a wrong name", "no class", "a class for another model", "rows that a manager hides",
}))  # fmt: skip
def test_where_all_filters_matter_all_are_made(name):
    view = listing(**MADE_WHOLE[name])
    ran = made(view, "" if name == "by what there is" else "title=t&begin=A&level=1")
    assert ran["BaseFilterSet.__init__"] == 1
    assert ran["BaseFilterSet.get_form_class"] >= 1


def test_a_view_is_asked_once_for_its_filters():
    view = listing(filtered.Choosing, filter_backends=[filtered.STOCK])
    assert_as_ever(view, ["", "title=t", "declared", "declared&open=true", "declared&long=4"])
    asked.clear()
    with installed():
        answered(view, "/?declared&open=true")
    assert asked["class"] == 1


def test_classes_that_are_made_for_each_request_are_not_kept():
    view = listing(filtered.MakingAnew, filter_backends=[filtered.STOCK])
    assert_as_ever(view, ["", "title=t", "level=1"])
    with installed():
        answered(view)
        assert filtering._looked_at.cache_info().currsize == 0


def test_rows_that_may_be_named_are_chosen_anew():
    """Of the replies some are hidden, by a manager whose rows may be others each time."""
    said = MADE_WHOLE["rows that a manager hides"]
    view = listing(**said)
    assert_as_ever(view, asked_of(said))
    ran = made(view)
    assert ran["FilterSetMetaclass.__new__"] == 1


def test_filters_that_change_meanwhile_are_looked_at():
    class Kind(filtered.Whole):
        pass

    Kind.__qualname__ = "Kind"
    view = listing(filterset_class=Kind, filter_backends=[filtered.STOCK])
    queries = ["", "title=t", "level=1"]

    def changing():
        found = [told(view, queries)]
        more = {"title": filters.CharFilter("title", required=True)}
        with mock.patch.dict(Kind.base_filters, more):
            found.append(told(view, queries))
        with mock.patch.object(Kind, "qs", property(lambda self: Article.objects.none())):
            found.append(told(view, queries))
        with mock.patch.dict(Kind.base_filters["level"].extra, required=True):
            found.append(told(view, queries))
        return [*found, told(view, queries)]

    stock = changing()
    with installed():
        assert changing() == stock


def test_one_who_stands_in_the_place_of_the_method_is_left_there():
    own = mock.Mock(side_effect=lambda _request, rows, _view: rows.filter(id=1))
    with mock.patch.object(filters.DjangoFilterBackend, "filter_queryset", own), installed():
        assert filters.DjangoFilterBackend.filter_queryset is own
    assert not hasattr(filters.DjangoFilterBackend.filter_queryset, "__wrapped__")


def test_projects_without_it_do_not_import_it():
    with mock.patch.dict(sys.modules):
        del sys.modules["django_filters"]
        assert [*filtering.standing_in()] == []


def test_only_of_views_that_the_setting_names_filters_are_left_out(settings):
    settings.SPEEDUPS_VIEW_SETS = ("tests.speedups.representation.filtered.Named",)
    others = made(listing(**NARROWED["declared"]))
    named = made(listing(filtered.Named, filter_backends=[filtered.STOCK]))
    assert others["BaseFilterSet.__init__"] == 1
    assert named["BaseFilterSet.__init__"] == 0


def test_a_backend_may_stand_around_the_method():
    class Around(filters.DjangoFilterBackend):
        def filter_queryset(self, request, queryset, view):
            return super().filter_queryset(request, queryset, view).exclude(id=1)

    view = listing(filterset_class=filtered.Declared, filter_backends=[Around])
    assert_as_ever(view, ["", "title=t", "open=true", "level=7"])
    assert made(view)["BaseFilterSet.__init__"] == 0
