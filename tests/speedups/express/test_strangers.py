"""The express lane jumps over no lock that another project hangs around Django or its routes."""

from typing import Any
from unittest import mock

import pytest
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpResponseForbidden
from django.test import override_settings
from django.urls import URLPattern, include, path, re_path, register_converter
from django.urls.converters import IntConverter
from django.utils import translation
from django.utils.functional import lazy

from crud.views import ItemViewSet
from drf_speedups.express import ExpressLane, closed_because, stepped_aside
from drf_speedups.express.lane import Lane
from project.requests.context import RequestContext
from tests.speedups.express.asking import ask
from tests.speedups.library.comparing import languages


class OneRow(IntConverter):
    """A converter that looks for a row itself."""

    def to_python(self, value: str) -> int:
        """Return the key. Raises `Http404` for all but one."""
        if value == "1":
            raise Http404
        return super().to_python(value)


register_converter(OneRow, "one_row")


def refuse(view: Any) -> Any:
    """Let nobody in."""
    return lambda *_args, **_kwargs: HttpResponseForbidden("no")


def guarded(routes: list[Any]) -> list[Any]:
    """Put a lock around all routes: the recipe for `login_required` around an `include`."""
    for route in routes:
        stock = route.resolve

        def resolve(found: str, stock: Any = stock) -> Any:
            match = stock(found)
            match.func = refuse(match.func)
            return match

        route.resolve = resolve
    return routes


class Guarded(URLPattern):
    """The other recipe."""

    def resolve(self, path: str) -> Any:
        """Return the match, with a lock around its view."""
        match: Any = super().resolve(path)
        if match:
            match.func = refuse(match.func)
        return match


class Strict(RequestContext):
    """Inherits what its base says of the lane, and asks for more."""

    def __call__(self, request: Any) -> Any:
        """Refuse everybody."""
        return HttpResponseForbidden("no")


class Renamed(RequestContext):
    """Has nothing of its own but a name."""


ITEMS = ItemViewSet.as_view({"get": "list"})
ITEM = ItemViewSet.as_view({"get": "retrieve"})
BEHIND: list[Any] = [path("items/", ITEMS), path("items/<int:pk>/", ITEM)]
CLOSED = Guarded(path("closed/", ITEMS).pattern, ITEMS)
AROUND = path("around/", include([path("items/", ITEMS)]))
ROUTES: dict[str, tuple[list[Any], str]] = {
    "a lock in a resolver": (guarded([path("", include(BEHIND))]), "/items/"),
    "a lock in a route": (guarded([path("items/", ITEMS)]), "/items/"),
    "a lock in a route's class": ([CLOSED], "/closed/"),
    "arguments of an include": ([path("x/", include(BEHIND), {"format": "txt"})], "/x/items/"),
    "a converter that refuses": ([path("items/<one_row:pk>/", ITEM)], "/items/1/"),
    "such a converter before": ([path("<one_row:other>/", ITEMS), path("1/", ITEMS)], "/1/"),
    "such a converter around": ([path("<one_row:other>/", include(BEHIND))], "/1/items/"),
}


@pytest.mark.parametrize("case", ROUTES)
def test_a_route_that_is_looked_up_in_a_way_of_its_own_is_django_s(lane, rows, case):
    routes, target = ROUTES[case]
    with override_settings(ROOT_URLCONF=tuple(routes)):
        assert ask(lane.lane, "GET", target) == ask(lane.django, "GET", target)


def test_routes_before_it_stay_in_the_lane_and_those_behind_it_say_why(lane, rows):
    own = path("<one_row:other>/", include(BEHIND))
    routes = (own, path("open/", ITEMS), CLOSED, path("behind/", ITEMS))
    with override_settings(ROOT_URLCONF=routes):
        assert ask(lane.lane, "GET", "/open/")[0] == "200 OK"
        assert lane.left == 0
        assert ask(lane.lane, "GET", "/behind/")[0] == "200 OK"
        assert lane.left == 1
        reasons = dict(stepped_aside())
        within = {f"<one_row:other>/{one.pattern}" for one in BEHIND}
        assert {*reasons} == {*within, "closed/", "behind/"}
        assert {reasons[one] for one in within} == {"the route has converters of its own"}
        assert "Guarded 'closed/'" in reasons["behind/"]


def test_a_translated_route_is_looked_up_in_the_language_of_now(lane, rows):
    route: Any = lazy(lambda: f"^{translation.get_language()}/$", str)()
    with languages(), override_settings(ROOT_URLCONF=(re_path(route, ITEMS),)):
        for language in ("en", "de"):
            with translation.override(language):
                for target in ("/en/", "/de/"):
                    told = ask(lane.lane, "GET", target)
                    assert told == ask(lane.django, "GET", target)


@pytest.mark.parametrize(("name", "is_open"), [("Strict", False), ("Renamed", True)])
def test_what_a_middleware_says_of_the_lane_is_not_said_of_a_subclass(lane, rows, name, is_open):
    with override_settings(MIDDLEWARE=[f"{__name__}.{name}"]):
        said = f"{__name__}.{name} looks at each request"
        assert closed_because() == ("" if is_open else said)


def test_what_stands_behind_the_lane_is_not_passed_by(production):
    def basic_auth(environ: Any, start_response: Any) -> Any:
        start_response("401 Unauthorized", [])
        return [b""]

    class Own(WSGIHandler):
        pass

    for application in (basic_auth, Own()):
        assert "stands behind the lane" in Lane(application).closed_because
    assert ask(ExpressLane(basic_auth), "GET", "/items/")[0] == "401 Unauthorized"
    assert Lane(WSGIHandler()).closed_because == ""


def test_a_package_that_changes_djangos_handler_closes_the_lane(production):
    def get_response(self: Any, request: Any) -> Any:
        return HttpResponseForbidden("no")

    with mock.patch.object(BaseHandler, "get_response", get_response):
        assert "get_response is its own" in closed_because()


def test_files_at_any_path_close_the_lane(production):
    with override_settings(WHITENOISE_ROOT="files"):
        assert "WHITENOISE_ROOT" in closed_because()


@pytest.mark.parametrize(("target", "headers"), [
    ("/items/{}/?" + "&".join("abcdefgh"), {}),
    ("/items/?limit=10", {"CONTENT_TYPE": "application/json; charset=utf-16"}),
    ("/items/?limit=2", {"SCRIPT_URL": "/there/items/"}),
    ("/items/?limit=2", {"SCRIPT_NAME": "/there"}),
])  # fmt: skip
def test_a_query_that_django_reads_in_another_way_is_django_s(lane, rows, target, headers):
    with override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=7):
        assert ask(lane.lane, "GET", "/items/")[0] == "200 OK"  # what it accepts is then known
        asked = target.format(rows[0])
        assert ask(lane.lane, "GET", asked, **headers) == ask(lane.django, "GET", asked, **headers)
