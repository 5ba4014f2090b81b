"""A path's view is found as Django finds it, and what it has tried is the same."""

import gc
import os
import re
import warnings
import weakref
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpResponse
from django.test import Client
from django.urls import (
    Resolver404,
    ResolverMatch,
    URLPattern,
    URLResolver,
    clear_url_caches,
    converters,
    include,
    path,
    re_path,
    register_converter,
    resolve,
    resolvers,
)
from django.urls.resolvers import RegexPattern, RoutePattern
from django.utils import translation
from django.utils.functional import lazy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import ViewSet

from drf_speedups.urls import resolving
from tests.speedups.representation.test_moments import languages
from tests.speedups.urls.finding import assert_same, both, found, installed, root

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
ATOMS = [
    *"ab/-", "^", "$", r"\Z", ".", "|", "(", ")", "(?:", "(?i:", "(?x: ", "(?#", "(?P<n>", "(?=",
    "(?!", "[", "]", "[^", "?", "*", "+", "??", "++", "{0}", "{0,1}", "{,2}", "{", "}", ",", "0",
    r"\.", r"\-", r"\|", r"\(", r"\[", r"\]", r"\\", r"\d", r"\b", r"\A", r"\n", "\\\n", "\n", " ",
    r"\ ", "#", r"\é", "é", r"\_", "(?i)", "(?x)", "(?m)", r"\x61", r"\141", r"\1",
]  # fmt: skip
ROUTES = ["", "/", "a", "a/", "b/", "ab/", "a.b/", "a-b/", "<x>", "<x>/", "a/<int:x>/", "a<x>",
          "a/<y>/", "<path:p>", "a/<slug:s>", "a/<uuid:u>/", "<own:o>/", "a/<own:o>/", "é/", "^a$",
          "A/", "a b/", "(a|b)/"]  # fmt: skip
REGEXES = ["", "^", "^$", "^a/$", "^a/", "a/$", "^ab?/$", "^a|b", "^(a|b)/", "^(?P<n>a|b)/",
           "^a/(?P<n>[^/.]+)/$", r"^a\.(?P<format>[a-z0-9]+)/?$", "^a+/", "^a*b", "^a{0}b/",
           "(?i)^A/", "(?x)^ a / $", "^(a)/(b)?", r"^\w/", "^[ab]/$", r"^a\-b/$", r"\Aa/",
           "^a/$|^b/", "^é/"]  # fmt: skip
PATHS = ["", "/", "/a", "/a/", "/b/", "/A/", "/ab/", "/a/a/", "/a/1/", "/a/b/", "/a/a", "/a.b/",
         "/a.json", "/a/12/b/", "/a-b/", "/é/", "/a b/", "/(a|b)/", "/aab/", "/b/a/1/", "//a/",
         "a/", "/a/00000000-0000-0000-0000-000000000001/", "/a/a/a/b/", "/\n", "/a/\n",
         "/^a$"]  # fmt: skip
asked: list[str] = []


class Bad:
    """A converter that is wrong."""

    regex = "("
    to_python = to_url = str


class Own:
    """A converter that somebody watches, and that has no number 1."""

    regex = "[0-9b]+"

    def to_python(self, value):
        """Note what was asked."""
        asked.append(value)
        if value == "1":
            raise ValueError
        return value

    def to_url(self, value):
        return value


@pytest.fixture(autouse=True, scope="module")
def _converter():
    with mock.patch.dict(converters.REGISTERED_CONVERTERS):
        register_converter(Own, "own")
        register_converter(Bad, "bad")
        yield
    modules: Any = converters, resolvers
    modules[0].get_converters.cache_clear()
    modules[1]._route_to_regex.cache_clear()


def view(request, **_kwargs):
    """Answer."""
    return HttpResponse("found")


def missing(request, **_kwargs):
    """Say that there is nothing."""
    raise Http404("missing")


class Things(ViewSet):
    """Has what routers look for."""

    def list(self, request):
        """Answer."""
        return Response([])

    def retrieve(self, request, pk):
        """Answer."""


def compiles(regex):
    try:
        with warnings.catch_warnings(action="ignore"):
            return bool(re.compile(regex))
    except re.error:
        return False


def extra():
    return st.sampled_from([{}, {}, {"x": "y"}, {"z": 1}])


def leaves():
    named = st.sampled_from([None, "one", "other"])
    return st.one_of(
        st.builds(path, st.sampled_from(ROUTES), st.just(view), extra(), named),
        st.builds(re_path, st.sampled_from(REGEXES), st.just(view), extra(), named),
    )


def including(below):
    spaces = st.sampled_from([None, None, ("app", "space"), ("app", "app")])
    lists = st.lists(below, max_size=5)

    def included(patterns, space, way, begin, extra):
        app, name = space or (None, None)
        return way(begin, (patterns, app, name), extra)

    return st.one_of(
        st.builds(included, lists, spaces, st.just(path), st.sampled_from(ROUTES), extra()),
        st.builds(included, lists, spaces, st.just(re_path), st.sampled_from(REGEXES), extra()),
    )


@settings(max_examples=EXAMPLES or 150)
@given(st.lists(st.recursive(leaves(), including, max_leaves=25), max_size=6))
def test_matches_and_what_was_tried_are_the_same_for_generated_urls(patterns):
    asked.clear()
    stock = [found(root(patterns), one) for one in PATHS]
    asked_by_django = [*asked]
    resolver = root(patterns)
    with installed():
        for _ in range(3):
            asked.clear()
            assert [found(resolver, one) for one in PATHS] == stock
            assert asked == asked_by_django


@settings(max_examples=EXAMPLES or 700)
@given(st.lists(st.sampled_from(ATOMS), max_size=9).map("".join).filter(compiles),
       st.text("ab/-.0 \n#é|([]\\A", max_size=6))  # fmt: skip
@example("^a[]]|b[x]", "bx")
@example(r"^a[\]]|b[x]", "bx")
def test_whatever_a_regular_expression_finds_begins_with_its_plain_text(regex, text):
    with warnings.catch_warnings(action="ignore"):
        compiled = re.compile(regex)
    if compiled.flags == re.UNICODE and compiled.search(text):
        assert text.startswith(resolving.plain_begin(regex))


@pytest.mark.parametrize(("regex", "begin"), [
    ("^api/v2/", "api/v2/"), (r"^move\.(?P<format>[a-z0-9]+)/?$", "move."), ("^move/$", "move/"),
    (r"^a\-b\ \é\_", "a-b é_"), ("^ab?", "a"), (r"^ab\.*", "ab"), ("^ab{2}", "a"), ("^ab+", "a"),
    ("^a?", ""), ("^", ""), ("^ab|c", ""), ("ab", ""), ("^(ab)", ""), (r"^a\d", "a"),
    ("^a[b]", "a"),
])  # fmt: skip
def test_the_plain_text_of_a_regular_expression_is_known(regex, begin):
    assert resolving.plain_begin(regex) == begin


def counted(patterns, *paths):
    """Return how many patterns are asked for paths, after Django has asked all."""
    resolver = root(patterns)
    with installed():
        for one in [*paths, *PATHS] * 2:
            found(resolver, one)
        with mock.patch.object(resolving, "_same", return_value=True):
            counts = []
            for one in paths:
                with (
                    mock.patch.object(RegexPattern, "match", autospec=True,
                                      side_effect=RegexPattern.match) as regexes,
                    mock.patch.object(RoutePattern, "match", autospec=True,
                                      side_effect=RoutePattern.match) as routes,
                ):  # fmt: skip
                    found(resolver, one)
                counts.append(regexes.call_count + routes.call_count)
            return counts


def router_urls():
    router = DefaultRouter()
    for letter in "abcdefghijklmnop":
        router.register(letter * 2, Things, letter)
    return router.urls


def test_only_patterns_that_may_match_are_asked():
    def patterns():
        yield from (path(f"{letter}/", include([path("", view)])) for letter in "klm")
        yield path("a/", include(router_urls()))

    paths = "/a/aa/", "/a/aa/1/", "/a/pp/", "/a/pp/1/", "/a/pq/", "/k/", "/nothing/"
    assert_same([*patterns()], *paths, "/a/pp.json", "/a/", "/a/q/")
    assert counted([*patterns()], *paths) == [3, 4, 3, 4, 4, 3, 1]


def test_what_was_tried_is_said_when_somebody_looks():
    patterns = router_urls()
    with installed():
        resolver = root(patterns)
        for _ in range(3):
            match = resolver.resolve("/pp/")
        with mock.patch.object(resolving.Tried, "__iter__", side_effect=AssertionError):
            match = resolver.resolve("/pp/")
        tried = [*(match.tried or ())]
        assert tried == [[one] for one in patterns[: len(tried)]]
        assert tried[-1][0].name == "p-list"


def test_the_patterns_of_a_match_are_those_of_its_time():
    patterns = [path("a/", view), path("b/", view)]
    with installed():
        resolver = root(patterns)
        for _ in range(2):
            match = resolver.resolve("/b/")
        before = [*patterns]
        patterns.clear()
        assert match.tried == [[one] for one in before]


def test_patterns_that_are_changed_in_place_are_looked_at_again():
    def changes():
        patterns = [path("a/", view), path("b/", view)]
        resolver = root(patterns)
        for change in (lambda: None, lambda: patterns.append(path("c/", view)),
                       lambda: patterns.__setitem__(0, path("c/", missing)),
                       lambda: patterns.reverse(), patterns.clear):  # fmt: skip
            change()
            for one in ("/a/", "/b/", "/c/") * 2:
                match = found(resolver, one)
                yield [match[0], *match[1:2]] if match[0] == "404" else match[2]

    stock = [repr(one) for one in changes()]
    with installed():
        assert [repr(one) for one in changes()] == stock


def test_resolvers_that_live_for_a_request_are_let_go():
    with installed():
        resolver = root([path("a/", view), path("b/", include([path("a/", view)]))])
        for _ in range(3):
            match = resolver.resolve("/b/a/")
        assert match.tried
        gone = weakref.ref(resolver)
        del resolver, match
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("kind", [tuple, lambda patterns: Again(patterns)])
def test_patterns_may_stand_in_anything_that_is_gone_through(kind):
    patterns = [path("a/", view), path("b/", include([path("", view)]))]
    assert_same(kind(patterns), "/a/", "/b/", "/c/")


class Again:
    """Can be gone through."""

    def __init__(self, patterns):
        self.patterns = patterns

    def __iter__(self):
        return iter(self.patterns)


class OtherUrls:
    """Stands where a module may stand."""

    urlpatterns = (path("a/", missing, name="other"),)


urlpatterns = (path("", include(router_urls())), path("a/", view), path("m/", missing))


def test_another_root_of_urls_counts_at_once(settings):
    settings.ROOT_URLCONF = __name__
    with installed():
        assert resolve("/a/").func is view
        settings.ROOT_URLCONF = OtherUrls
        assert [resolve("/a/").func for _ in range(3)] == [missing] * 3
        assert [resolve("/a/", __name__).func for _ in range(3)] == [view] * 3
        clear_url_caches()
        assert [resolve("/a/").func for _ in range(3)] == [missing] * 3


@pytest.mark.parametrize("debug", [True, False])
def test_pages_of_what_is_not_found_are_the_same(settings, debug):
    settings.DEBUG, settings.ROOT_URLCONF = debug, __name__
    paths = "/m/", "/nothing/", "/a/", "/aa/", "/"

    def pages():
        client = Client(raise_request_exception=False)
        for one in paths * 3:
            response = client.get(one)
            yield response.status_code, response.content

    stock = [*pages()]
    clear_url_caches()
    with installed():
        assert [*pages()] == stock
    assert {status for status, _ in stock} == {200, 404}


def test_prefixes_and_routes_of_a_language_are_those_of_the_request(settings):
    def all_found(resolver):
        for language in ("en", "de", "en"):
            with translation.override(language):
                for one in ("/en/a/", "/de/a/", "/haus/", "/house/", "/house/a/", "/a/"):
                    yield repr(found(resolver, one))

    with languages(settings):
        word = lazy(lambda: "haus/" if translation.get_language() == "de" else "house/", str)()
        patterns = [
            *i18n_patterns(path("a/", view)), path(word, view), re_path(word, view),
            path(word, include([path("a/", view)])),
        ]  # fmt: skip
        resolver = root(patterns)
        stock = [*all_found(resolver)]
        assert len(set(stock)) > 8
        with installed():
            assert [*all_found(resolver)] == stock == [*all_found(resolver)]


@pytest.mark.parametrize(("wrong", "error"), [
    (lambda: re_path("^b/(", view), ImproperlyConfigured),
    (lambda: path("b/<bad:x>", view), re.error),
])  # fmt: skip
def test_a_wrong_regular_expression_is_an_error_where_it_is_reached_and_nowhere_else(wrong, error):
    patterns = [re_path("^a/", view), wrong(), re_path("^c/", view)]
    stock = [pair[0] for pair in both(patterns, "/a/", "/c/")]
    assert stock[1][0] is error
    assert_same(patterns, "/a/", "/c/", "/b/", "/a/")


def test_warnings_of_regular_expressions_are_given_when_django_gives_them():
    def warned(number):
        patterns = [re_path("^a/", view), re_path(f"^b/[[]{{{number}}}", view)]
        resolver = root(patterns)
        for one in ("/a/", "/a/", "/b/["):
            with warnings.catch_warnings(record=True, action="always") as given:
                found(resolver, one)
            yield [str(one.message) for one in given]

    stock = [*warned(1)]
    assert [len(one) for one in stock] == [0, 0, 1]
    with installed():
        assert [*warned(2)] == stock


def all_of(kind: Any) -> Any:
    """Return a subclass that takes all paths."""

    class Odd(kind):
        def resolve(self, path):
            """Match."""
            return ResolverMatch(missing, (), {"odd": path}, route="odd")

        def match(self, path):
            """Match."""
            return "", (), {"odd": path}

    return Odd


def odd_patterns() -> Iterator[Any]:
    """Return patterns that match where their text says that they do not."""
    one: Any = path("x/", view)
    other: Any = path("x/", view)
    included: Any = path("x/", include([path("", view)]))
    looked: Any = re_path("^x/", view)
    yield all_of(URLPattern)(RoutePattern("x/"), view)
    yield all_of(URLResolver)(RoutePattern("x/"), [])
    yield URLPattern(all_of(RoutePattern)("x/"), view)
    yield URLPattern(all_of(RegexPattern)("^x/"), view)
    yield URLResolver(all_of(RegexPattern)("^x/"), [path("", view)])
    one.resolve = all_of(URLPattern)(None, None).resolve
    yield one
    other.pattern.match = all_of(RoutePattern)("").match
    yield other
    included.resolve = one.resolve
    yield included
    looked.pattern.regex = re.compile("^B/", re.IGNORECASE)
    yield looked
    text = type("Text", (str,), {})
    yield path(text("x/"), view)
    yield re_path(text("^x/"), view)


@pytest.mark.parametrize("odd", [*odd_patterns()], ids=lambda _one: "odd")
def test_patterns_of_a_project_s_own_are_asked_for_every_path(odd):
    for patterns in ([path("a/", view), odd, path("b/", view)], [path("", include([odd]))]):
        assert_same(patterns, "/a/", "/b/", "/c/", "/x/", "/")


def test_what_a_pattern_of_a_project_s_own_raises_is_what_is_raised():
    class Refusing(RoutePattern):
        def match(self, path):
            """Raise what somebody may raise."""
            raise Resolver404({"tried": [["own"]]} if path.startswith("b") else {"path": path})

    class Failing(RoutePattern):
        def match(self, path):
            """Raise an error."""
            raise LookupError(path)

    refusing, failing = Refusing("b"), Failing("f/")
    patterns = [
        path("a/", view), URLPattern(refusing, view), URLResolver(refusing, [path("", view)]),
        path("c/", view), path("d/", include([URLResolver(failing, [])])),
        path("d/", include([URLResolver(refusing, []), path("c/", view)])),
    ]  # fmt: skip
    assert_same(patterns, "/a/", "/b/", "/c/", "/d/c/", "/e/")
    assert_same(patterns[:4] + patterns[5:], "/a/", "/b/", "/d/c/", "/d/b/", "/e/")


@pytest.mark.parametrize("odd", ["/a/", 1, lazy(lambda: "/b/", str)(), b"/a/", None])
def test_a_path_may_be_anything_that_has_a_text(odd):
    assert_same([path("a/", view), path("b/", view)], odd)


@pytest.mark.parametrize(("kind", "name"), [
    (RoutePattern, "match"), (URLPattern, "resolve"), (URLResolver, "_join_route"),
    (ResolverMatch, "__init__"),
])  # fmt: skip
def test_code_that_somebody_puts_there_later_is_run_for_all_patterns(monkeypatch, kind, name):
    patterns = [path("a/", view), path("b/", include([path("c/", view)]))]
    resolver, stock = root(patterns), vars(kind)[name]
    calls = []

    def noted(*args, **kwargs):
        calls.append(args[1:])
        return getattr(stock, "__func__", stock)(*args, **kwargs)

    own = staticmethod(noted) if isinstance(stock, staticmethod) else noted

    def notes():
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(kind, name, own)
            found(resolver, "/b/c/")
        return [*map(repr, calls)]

    without = notes()
    with installed():
        for _ in range(2):
            found(resolver, "/b/c/")
        vars(resolving._same())["_again_at"] = 0  # a second later
        assert len(notes()) == len(without) > 0
