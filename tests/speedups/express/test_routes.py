"""The express lane leaves to Django whatever is not plain, and says why."""

from typing import Any

import pytest
from django.core import signals
from django.test import override_settings
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from rest_framework.permissions import AllowAny, BasePermission

from crud.views import ItemViewSet
from drf_speedups.express import closed_because, stepped_aside
from tests.speedups.express.asking import ask, environ


class OnlyMine(BasePermission):
    decides_by = ("HTTP_AUTHORIZATION",)
    asked = 0

    def has_permission(self, request, view):
        OnlyMine.asked += 1
        return request.headers.get("Authorization") == "mine" and view.action == "retrieve"


class Guarded(ItemViewSet):
    permission_classes = [OnlyMine]


class Open(ItemViewSet):
    pass


class SilentPermission(BasePermission):
    pass


class Unknown(ItemViewSet):
    permission_classes = [SilentPermission]


class OwnDispatch(ItemViewSet):
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)


class Nobody(BasePermission):
    decides_by = ()

    def has_permission(self, request, view):
        return False


class Closed(ItemViewSet):
    permission_classes = [Nobody]


class ToAll(ItemViewSet):
    permission_classes = [AllowAny]


READING: Any = {"get": "retrieve"}
urlpatterns = [
    path("guarded/<int:pk>", Guarded.as_view(READING)),
    path("wrapped/<int:pk>", never_cache(ItemViewSet.as_view(READING))),
    path("dispatch/<int:pk>", OwnDispatch.as_view(READING)),
    path("unknown/<int:pk>", Unknown.as_view(READING)),
    path("given/<int:pk>", ItemViewSet.as_view(READING, lookup_field="id")),
    path("closed/<int:pk>", Closed.as_view(READING)),
    path("to-all/<int:pk>", ToAll.as_view(READING)),
    path("open/<int:pk>", Open.as_view(READING)),
    path("open/<int:pk>/extra", Open.as_view(READING), {"more": 1}),
]


@pytest.fixture
def other_routes(lane, settings):
    settings.ROOT_URLCONF = __name__
    return lane


def test_a_verdict_that_a_header_decides_is_asked_once_per_header(other_routes, rows):
    OnlyMine.asked = 0
    target = f"/guarded/{rows[0]}"
    for _ in range(3):
        assert ask(other_routes.lane, "GET", target, HTTP_AUTHORIZATION="mine")[0] == "200 OK"
    assert (OnlyMine.asked, other_routes.left) == (1, 1)
    assert ask(other_routes.lane, "GET", target, HTTP_AUTHORIZATION="yours")[0][:3] == "403"
    assert ask(other_routes.lane, "GET", target)[0][:3] == "403"
    assert other_routes.left == 3


@pytest.mark.parametrize(("route", "left"), [
    ("open/{}", 0), ("wrapped/{}", 1), ("dispatch/{}", 1), ("unknown/{}", 1), ("given/{}", 1),
    ("open/{}/extra", 1), ("closed/{}", 1), ("to-all/{}", 0),
])  # fmt: skip
def test_what_the_lane_does_not_know_is_django_s(other_routes, rows, route, left):
    target = "/" + route.format(rows[0])
    assert ask(other_routes.lane, "GET", target) == ask(other_routes.django, "GET", target)
    assert other_routes.left == left


def test_each_route_that_stays_out_of_the_lane_says_why(other_routes):
    reasons = dict(stepped_aside())
    assert set(reasons) == {"wrapped/<int:pk>", "dispatch/<int:pk>", "unknown/<int:pk>",
                            "given/<int:pk>", "open/<int:pk>/extra"}  # fmt: skip
    assert reasons["dispatch/<int:pk>"] == "OwnDispatch.dispatch is its own"
    assert "SilentPermission" in reasons["unknown/<int:pk>"]


@pytest.mark.parametrize(("change", "reason"), [
    ({"SPEEDUPS": {"answers"}}, "the setting SPEEDUPS leaves out"), ({"DEBUG": True}, "DEBUG"),
    ({"USE_X_FORWARDED_HOST": True}, "USE_X_FORWARDED_HOST is set"),
    ({"MIDDLEWARE": ["django.middleware.gzip.GZipMiddleware"]}, "looks at each"),
])  # fmt: skip
def test_a_closed_lane_says_why_and_leaves_everything_to_django(lane, rows, change, reason):
    with override_settings(**change):
        assert reason in closed_because()
        assert ask(lane.lane, "GET", f"/items/{rows[0]}/")[0] == "200 OK"
    assert lane.left == 1


def test_who_waits_for_a_request_s_signals_gets_them(lane, rows):
    def hear(**kwargs):
        pass

    assert ask(lane.lane, "GET", "/items/")[0] == "200 OK"
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(hear)
        assert ask(lane.lane, "GET", "/items/")[0] == "200 OK"
        assert "others wait" in closed_because()
        signal.disconnect(hear)
    assert lane.left == 2


def test_an_activated_timezone_is_django_s(lane, rows):
    with timezone.override("Europe/Tallinn"):
        target = f"/items/{rows[0]}/"
        assert ask(lane.lane, "GET", target) == ask(lane.django, "GET", target)
    assert lane.left == 1


def test_a_request_without_a_host_is_django_s(lane, rows):
    asked = environ("GET", "/items/", SERVER_PROTOCOL="HTTP/1.0")
    del asked["HTTP_HOST"]
    told = []
    lane.lane(asked, lambda status, headers: told.append(status))
    assert (told, lane.left) == (["200 OK"], 1)
