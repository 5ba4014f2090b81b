"""The URLs of other pages are those that REST framework writes."""

import itertools
import os
from unittest import mock

import pytest
import wrapt
from django.utils.safestring import mark_safe
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rest_framework import pagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.utils import urls

from drf_speedups.urls import links
from tests.speedups.urls.finding import installed

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
STOCK = urls.replace_query_param, urls.remove_query_param
PARTS = ["page=2", "limit=20", "a=1", "a=2", "b=", "b", "=c", "", "page", "=", "a=b=c", "e=b=c",
         "e+=1", "e-=1", "e=+a+b+", "d=%20", "d=+", "d=%7E", "d=~", "d=é", "limit=%32", "pages=1",
         "page=", "x.y-z_=~", "a;b=1", "d=/", "P=1", "[=1"]  # fmt: skip
BASES = ["http://testserver/", "https://a.b:80/c/d/", "http://[::1]/", "HTTP://a/", "//a/b", "/a/b",
         "", "a", "http://a", "http://a//b", "http://a/%20;b", "http://a/é", "http://é/",
         " http://a/", "http://a/b\n", "http://a/\t", "http:///a", "http://u:p@a/", "http://a/[b]",
         "mailto:a", "http://a\\b/", "http://a/b c", "http://a/x#", "ftp://a/",
         "http://]/"]  # fmt: skip
OTHERS = st.text("ab=&?#/%+:;[]@.~ \né\ud800", max_size=12)
ODD_KEYS = ["page", "limit", "a", "", "a b", "é", b"page", 1, "page=", "[", "~"]
KEYS = st.one_of(st.sampled_from(ODD_KEYS), OTHERS)
ODD_VALUES = [None, b"2", True, 1.5, "cD0x=", "", "a&b"]
VALUES = st.one_of(st.integers(), OTHERS, st.sampled_from(ODD_VALUES))


def urls_drawn():
    queries = st.lists(st.one_of(st.sampled_from(PARTS), OTHERS), max_size=5).map("&".join)
    ends = st.sampled_from(["", "", "", "#x", "#", "?"])
    bases = st.one_of(st.sampled_from(BASES), OTHERS)
    sign = st.sampled_from(["?", "?", "?", "", "??"])
    plain = st.lists(st.sampled_from(PARTS[:5]), max_size=5).map("&".join)
    return st.one_of(
        st.builds("{}{}{}{}".format, bases, sign, queries, ends),
        st.builds("{}?{}".format, st.sampled_from(BASES[:2]), plain),
    )


def outcome(function, *args):
    try:
        found = function(*args)
    except Exception as error:  # noqa: BLE001
        return type(error), str(error)
    return type(found), found


@settings(max_examples=EXAMPLES or 700)
@given(urls_drawn(), KEYS, VALUES)
@example("http://a/?a=1&b=2&a=3&a-=0&a.=1", "a", 1)
def test_a_parameter_is_put_in_or_taken_away_as_the_framework_does_it(url, key, value):
    for function, args in (("replace_query_param", (value,)), ("remove_query_param", ())):
        stock = outcome(getattr(urls, function), url, key, *args)
        assert outcome(getattr(links, function), url, key, *args) == stock


@pytest.mark.parametrize("base", BASES)
def test_no_part_of_a_url_makes_a_difference(base):
    for query in ["", *map("&".join, itertools.product(PARTS, PARTS))]:
        url = f"{base}?{query}"
        assert outcome(links.remove_query_param, url, "a") == outcome(STOCK[1], url, "a")


@pytest.mark.parametrize("url", [b"http://a/?a=1", mark_safe("http://a/?a=1"), None, 1])
def test_a_url_may_be_anything_that_has_a_text(url):
    assert outcome(links.remove_query_param, url, "a") == outcome(STOCK[1], url, "a")


class ByPage(pagination.PageNumberPagination):
    page_size = 2
    page_size_query_param = "size"


class ByOffset(pagination.LimitOffsetPagination):
    default_limit = 2


class ByCursor(pagination.CursorPagination):
    page_size = 2
    ordering = "id"

    def paginate_queryset(self, queryset, request, view=None):
        """Know what the framework knows after it has asked the database."""
        self.base_url = request.build_absolute_uri()
        return queryset

    def get_next_link(self):
        return self.encode_cursor(pagination.Cursor(0, False, 7))

    get_previous_link = get_next_link


PLAIN = ["", "page=2", "page=3&b=1&a=2&a=1", "offset=4", "limit=3&offset=3&z=", "offset=2&limit=2",
         "offset=4&q=a+b", "cursor=a&b=1", "size=1&page=9"]  # fmt: skip
QUERIES = [*PLAIN, "page=2&q=%C3%A9", "offset=4&q=a=b", "page=2&"]


def pages(kind, queries):
    for query in queries:
        request = Request(APIRequestFactory().get(f"/rows/?{query}"))
        paginator = kind()
        page = paginator.paginate_queryset(range(10), request)
        response = paginator.get_paginated_response([*page])
        assert type(response) is Response
        yield response.data["next"], response.data["previous"]


@pytest.mark.parametrize("kind", [ByPage, ByOffset, ByCursor])
def test_links_of_pages_are_the_framework_s(kind):
    stock = [*pages(kind, QUERIES)]
    with installed():
        assert [*pages(kind, QUERIES)] == stock
        with mock.patch.object(urls, "parse", side_effect=AssertionError):
            assert [*pages(kind, PLAIN)] == stock[: len(PLAIN)]


def proxy(url, *_args):
    """Write a link in another way."""
    return f"{url}#own"


WRAPPED = wrapt.FunctionWrapper(STOCK[0], lambda _stock, _of, args, _kwargs: proxy(*args))


@pytest.mark.parametrize("own", [proxy, WRAPPED])
def test_functions_that_somebody_puts_there_later_are_used(monkeypatch, own):
    with installed():
        assert [*pages(ByPage, [""])] == [("http://testserver/rows/?page=2", None)]
        with monkeypatch.context() as patch:
            patch.setattr(pagination, "replace_query_param", own)
            assert [*pages(ByPage, [""])] == [("http://testserver/rows/#own", None)]
        assert [*pages(ByPage, [""])] == [("http://testserver/rows/?page=2", None)]


@pytest.mark.parametrize("where", [[pagination], [pagination, urls]])
def test_functions_that_somebody_has_put_there_before_are_used(monkeypatch, where):
    for module in where:
        monkeypatch.setattr(module, "replace_query_param", proxy)
    with installed():
        assert [*pages(ByPage, [""])] == [("http://testserver/rows/#own", None)]


def test_a_function_that_somebody_puts_where_paginators_do_not_look_is_not_used():
    with installed(), mock.patch.object(urls, "replace_query_param", side_effect=AssertionError):
        assert [*pages(ByPage, ["q=%C3%A9"])] == [("http://testserver/rows/?page=2&q=%C3%A9", None)]


def test_a_cursor_may_be_given_by_its_name():
    paginator = ByCursor()
    paginator.base_url = "http://a/b"
    stock = paginator.encode_cursor(cursor=pagination.Cursor(0, False, 7))
    with installed():
        assert paginator.encode_cursor(cursor=pagination.Cursor(0, False, 7)) == stock


def test_a_paginator_s_own_links_are_its_own():
    class Own(ByPage):
        page_query_param = "number"

        def get_next_link(self):
            """Say it in another way."""
            return f"{super().get_next_link()}!"

    with installed():
        (said,) = pages(Own, [""])
    assert said == ("http://testserver/rows/?number=2!", None)
