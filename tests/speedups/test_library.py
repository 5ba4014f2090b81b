"""View sets of all kinds: whichever pieces are on, each answers as stock REST framework does.

The default run asks each view set the essential questions and some of the others, with all pieces;
the long one (`pytest -m torture`) asks everything, with no piece, each alone and all.
"""

import json

import pytest
from django.conf import settings

from drf_speedups.answers import explained
from drf_speedups.express import closed_because
from tests.speedups.library.comparing import Request, answer, assert_alike, only, served, told
from tests.speedups.library.models import Shelf
from tests.speedups.library.urls import VIEW_SETS, router

pytestmark = [
    # No transaction around each test, which the pieces would notice; few tables to empty after it.
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls("tests.speedups.library.urls"),
]
ROUTES = {view_set.__name__: f"/{prefix}/" for prefix, view_set, _ in router.registry}
ALL = tuple(sorted(settings.SPEEDUPS))
COMBINATIONS = [(), *((piece,) for piece in ALL), ALL]
SHARE = 96  # of the questions that are not essential, one in so many
BASIC = "Basic bm9ib2R5Om5vdGhpbmc="  # of nobody
KEYS = ["1", "2", "3", "4", "9", "alpha", "beta", "00000000-0000-0000-0000-000000000001", "007",
        "0", "-1", "+1", "1_0", "٣", "9" * 19, "9" * 30, "1" * 5000, "x y", "1.json"]  # fmt: skip
BODIES = [
    {"label": " gamma ", "rank": 5, "width": "1.5", "made_at": "2026-01-01T01:00+01:00"},
    {"label": "delta", "note": "n", "whole": "7", "code": str(2**100), "serial": 2**63 - 1},
    {"label": "forbidden", "rank": 0}, {"label": "x" * 31}, {"label": "g", "rank": 2**15},
    {"rank": 2}, {"is_open": False}, {}, [], None, {"whole": "0.5"}, {"width": "NaN"},
    {"title": "Tome", "author": 1, "genre": "v", "tags": ["x"], "extra": {"a": 1}, "isbn": "2"},
    {"title": "Tome", "author": "Ada"}, {"title": "Notes", "author": 1}, {"title": "Notes"},
    {"title": "Tome", "author": "http://testserver/authors/1/"}, {"isbn": "1"}, {"genre": "?"},
    {"name": "Cyd", "slug": "cyd", "books": [{"title": "Inside"}]}, {"name": "Ada"},
    {"name": "Bob"}, {"slug": "ada"}, {"holder": "h1"}, {"holder": "h3"}, {"reader": "new"},
    {"returned": True}, {"id": 77, "label": "id sent", "changed_at": "2020-01-01T00:00Z"},
]  # fmt: skip


def essentials(route):
    """Yield what shows at once that a view set is another one."""
    body = b'{"label": "essential", "name": "essential", "holder": "essential", "reader": "e"}'
    yield from (Request("GET", f"{route}{path}") for path in ("", "?limit=2", "1/"))
    yield from (Request(method, f"{route}1/", body) for method in ("PATCH", "PUT", "DELETE"))
    yield Request("POST", route, body, {"X-Client": "kim"})
    yield Request("DELETE", f"{route}2/")
    yield Request("GET", route)


def reads(route):
    for query in ("", "?limit=2", "?page=2", "?offset=1&limit=1", "?search=bet", "?rank=1",
                  "?ordering=-rank,id",  # two have the same rank: the database would choose
                  "?fields=id,label", "?text", "?after=x", "?cursor=bz0x", "?limit=0",
                  "?format=json", "?cursor=cD00&limit=1", "?limit=2&after=cD00"):  # fmt: skip
        yield Request("GET", f"{route}{query}")
    for accept in ("text/plain", "application/json; indent=2", "text/csv", "application/*",
                   "application/json; version=2", "application/json; version=3", ""):  # fmt: skip
        yield Request("GET", route, headers={"Accept": accept})
        yield Request("GET", f"{route}1/", headers={"Accept": accept})
    for method in ("HEAD", "OPTIONS", "TRACE", "FOO", "PUT", "DELETE"):
        yield Request(method, route)
    for key in KEYS:
        yield Request("GET", f"{route}{key}/")
    for extra in ("1/rank/", "ranks/"):
        yield Request("GET", f"{route}{extra}")


def changes(route):
    for body in BODIES:
        sent = json.dumps(body).encode()
        yield Request("POST", route, sent, {"X-Client": "kim"})
        yield Request("PATCH", f"{route}1/", sent, {"X-Client": "kim"})
        yield Request("PUT", f"{route}2/", sent)
    for key in ("9", "abc", "beta", "1" * 5000):
        yield Request("PUT", f"{route}{key}/", b'{"label": "late"}')
        yield Request("PATCH", f"{route}{key}/", b"[]")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    yield Request("POST", route, b"label=form&name=form&title=form&author=1", form)
    for broken in (b"", b"{", b'{"label": "\xff"}', b'{"label": "a", "label": "bb"}', b"NaN"):
        yield Request("POST", route, broken)
    yield Request("POST", route, b'{"label": "big", "note": "%s"}' % (b"x" * 3_000_000))
    yield Request("POST", route, b'{"label": "basic"}', {"Authorization": BASIC})
    yield Request("POST", f"{route}1/")
    for key in ("3", "3", "1", "9", "abc", "beta", "00000000-0000-0000-0000-000000000001"):
        yield Request("DELETE", f"{route}{key}/")
    yield Request("GET", route)


def everything(name):
    """Return requests of every kind to one view set, those that change it last."""
    route = ROUTES[name]
    return [*reads(route), *changes(route), *essentials(route)]


def some(name):
    """Return the essential ones of them and a few others."""
    route = ROUTES[name]
    others = [*reads(route), *changes(route)]
    return [*others[[*VIEW_SETS].index(name) % SHARE :: SHARE], *essentials(route)]


REASONS = {
    "Shelves": ("destroy", "other rows refer to the model's rows"),
    "DynamicShelves": ("retrieve", "__init__ is its own"),
    "ExpandingShelves": ("retrieve", "to_representation is its own"),
    "CheckedShelves": ("create", "validate_label is its own"),
    "SignedShelves": ("create", "to_internal_value looks at its context"),
    "NumberedShelves": ("list", "lists have a serializer of their own"),
    "CountedShelves": ("create", "run_validation is its own"),
    "RecentShelves": ("list", "get_queryset is its own"),
    "NumberPages": ("list", "not keyset pages"),
    "OtherParameters": ("list", "names of their own"),
    "Searched": ("retrieve", "filter backends"),
    "ReadOnly": ("create", "http_method_names"),
    "Stamped": ("update", "perform_update is its own"),
    "Guarded": ("retrieve", "OddRowsOnly looks at rows"),
    "GuardedByEither": ("destroy", "AND looks at rows"),
    "GuardedByMethod": ("update", "get_permissions is its own"),
    "ByLabel": ("retrieve", "not looked up by their primary key"),
    "PerAction": ("list", "get_serializer_class is its own"),
    "Finishing": ("retrieve", "finalize_response is its own"),
    "Sealed": ("update", "get_serializer is its own"),
    "HeadersOfTheRow": ("create", "looks at the serializer of a row"),
    "RowsOfATenant": ("list", "the queryset has a LeastRank, which is not known"),
    "Authors": ("create", "name has a validator"),
    "NestedAuthors": ("create", "joins tables"),
    "Books": ("retrieve", "genre is a ChoiceField"),
    "LinkedBooks": ("retrieve", "url is no column"),
    "OwnedBooks": ("retrieve", "author is a PrimaryKeyRelatedField"),
    "Tickets": ("retrieve", "the primary key is no integer"),
    "Loans": ("create", "a manager of its own"),
    "WatchedRows": ("update", "listens to the model's signals"),
    "ShoutingRows": ("create", "save is its own"),
}
ON = {"retrieve", "list", "create", "update", "partial_update"}


def test_who_steps_aside_says_why():
    for name, (action, reason) in REASONS.items():
        assert reason in dict(explained(VIEW_SETS[name]))[action], name


@pytest.mark.parametrize("name", ["Shelves", "OrderedShelves", "OpenShelves", "Versioned", "Where"])
def test_what_is_plain_is_answered_by_the_pieces(name):
    reasons = dict(explained(VIEW_SETS[name]))
    assert {action for action, reason in reasons.items() if reason == "on"} == ON


def test_the_express_lane_is_open_here():
    with only(ALL), served():
        assert closed_because() == ""


@pytest.mark.parametrize("pieces", [None, ALL])
def test_a_default_is_asked_for_at_each_row(pieces):
    with only(pieces), served() as application:
        for label in ("one", "two"):
            body = json.dumps({"label": label}).encode()
            assert answer(application, Request("POST", "/shelves/", body))[0] == "201 Created"
    first, second = Shelf.objects.order_by("pk")
    assert first.seen_at < second.seen_at


def test_the_framework_s_answers_are_given_whatever_a_view_set_does(subtests):
    assert_each_same({name: some(name) for name in VIEW_SETS}, ALL, subtests)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("pieces", COMBINATIONS, ids=["none", *ALL, "all"])
def test_each_piece_alone_gives_them_too_to_every_question(pieces, subtests):
    assert_each_same({name: everything(name) for name in VIEW_SETS}, pieces, subtests)


def assert_each_same(conversations, pieces, subtests):
    stock, fast = (told(conversations.values(), which) for which in (None, pieces))
    for name, theirs, ours in zip(conversations, stock, fast, strict=True):
        with subtests.test(name):
            assert_alike(conversations[name], theirs, ours)
