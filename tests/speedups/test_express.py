"""The express lane answers as Django does, and lets through to it whatever is not plain."""

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError
from django.test import override_settings
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from rest_framework.permissions import AllowAny, BasePermission

from crud.models import Item
from crud.views import ItemViewSet
from speedups import upkeep
from speedups.express import ExpressLane, closed_because, stepped_aside
from speedups.statements import Statement

MIDDLEWARE = ["project.middleware.RequestContext", "whitenoise.middleware.WhiteNoiseMiddleware"]
PLAIN = {"name": "Desk", "price": "1.50"}
VOLATILE = ("created_at", "updated_at", "id")


@pytest.fixture
def production(settings):
    """Settings and signals as in production."""
    settings.MIDDLEWARE = MIDDLEWARE
    around = (signals.request_started, signals.request_finished)
    before = [(signal, signal.receivers[:]) for signal in around]
    upkeep.look_before_closing()
    yield settings
    for signal, receivers in before:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def lane(db, production):
    """The lane before Django; `left` counts what it leaves to it."""
    django = WSGIHandler()
    seen = SimpleNamespace(left=0, django=django)

    def counted(environ, start_response):
        seen.left += 1
        return django(environ, start_response)

    seen.lane = ExpressLane(counted)
    return seen


@pytest.fixture
def rows(db):
    return [item.pk for item in Item.objects.bulk_create(Item(**PLAIN) for _ in range(30))]


def environ(method, target, body=b"", **more):
    location, _, query = target.partition("?")
    return {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": location, "QUERY_STRING": query,
        "SERVER_NAME": "testserver", "SERVER_PORT": "80", "HTTP_HOST": "testserver",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)) if body else "", "HTTP_X_REQUEST_ID": "mine", **more,
    }  # fmt: skip


def ask(application, *args, **more):
    """Return status, headers and body."""
    told = []
    answer = application(environ(*args, **more), lambda *given: told.append(given))
    body = b"".join(answer)  # not closed: the test's transaction would end with the connection
    ((status, headers),) = told
    return status, sorted(headers), body


READS = [
    "/items/", "/items", "/items/?limit=3", "/items/?limit=0", "/items/?cursor=x", "/items/?x=1",
    "/items/?limit=2&cursor=cD0xMA==", "/items/?cursor=cj0xJnA9NQ==", "/nowhere", "/items/x",
    "/livez", "/items/%C3%A9/", "/items/999999999", "//items/", "/items/0/",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("target", READS)
@pytest.mark.parametrize("headers", [
    {}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": "text/csv"}, {"HTTP_HOST": "elsewhere.example"},
    {"HTTP_COOKIE": "a=b"}, {"HTTP_ACCEPT": "application/json; indent=4"},
], ids=str)  # fmt: skip
def test_a_read_is_answered_as_django_answers_it(lane, rows, target, headers, scheme):
    more = {**headers, "wsgi.url_scheme": scheme}
    for method in ("GET", "HEAD", "OPTIONS"):
        ours = ask(lane.lane, method, target, **more)
        assert ours == ask(lane.django, method, target, **more)


def test_a_row_is_read_in_the_lane(lane, rows):
    answer = ask(lane.lane, "GET", f"/items/{rows[0]}/")
    assert (answer[0], lane.left) == ("200 OK", 0)
    assert answer == ask(lane.django, "GET", f"/items/{rows[0]}/")


BODIES = [json.dumps(PLAIN), '{"name": "A", "price": 1, "quantity": 7, "id": 9}', "{}", "[]", "x",
          '{"name": "", "price": 1}', '{"quantity": 3}', '{"quantity": -3}', '{"price": 1e3}',
          '{"name": " A\\u2028 ", "description": " kept ", "price": "99999999.99"}',
          '{"name": "A", "price": 1, "colour": "red"}', "",
          '{"name": "\\u0000", "price": 1}']  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/json; charset=utf-8"]
)
def test_a_change_is_made_and_answered_as_django_does_it(lane, rows, method, body, kind):
    targets = ["/items/", "/items/"] if method == "POST" else [f"/items/{pk}/" for pk in rows[:2]]
    before = [Item.objects.get(pk=pk).updated_at for pk in rows[:2]]
    applications = (lane.lane, lane.django)
    ours, theirs = (
        _masked(ask(application, method, target, body.encode(), CONTENT_TYPE=kind), target)
        for application, target in zip(applications, targets, strict=True)
    )
    assert ours == theirs
    stored = Item.objects.values("name", "description", "price", "quantity")
    if method in {"PUT", "PATCH"}:
        assert stored.get(pk=rows[0]) == stored.get(pk=rows[1])
        after = [Item.objects.get(pk=pk).updated_at for pk in rows[:2]]
        assert [one > two for one, two in zip(after, before, strict=True)] == 2 * [
            ours[0] == "200 OK"
        ]


def _masked(answer, target):
    status, headers, body = answer
    names = [(name, value) for name, value in headers if name not in {"Location", "Content-Length"}]
    data = json.loads(body) if body else {}
    kept = {name: value for name, value in data.items() if name not in VOLATILE}
    if "instance" in kept:
        kept["instance"] = kept["instance"].replace(target, "")
    return status, names, kept


@pytest.mark.parametrize(("method", "body"), [
    ("GET", None), ("POST", PLAIN), ("PUT", PLAIN), ("PATCH", {"quantity": 4}), ("DELETE", None),
])  # fmt: skip
def test_plain_requests_never_reach_django(lane, rows, method, body):
    target = "/items/" if method == "POST" else f"/items/{rows[0]}/"
    content = json.dumps(body).encode() if body else b""
    assert ask(lane.lane, method, target, content, CONTENT_TYPE="application/json")[0][0] == "2"
    assert lane.left == 0


def test_a_patch_leaves_what_it_does_not_name(lane, rows):
    Item.objects.filter(pk=rows[0]).update(description="kept", quantity=5)
    ask(
        lane.lane,
        "PATCH",
        f"/items/{rows[0]}/",
        b'{"name": "New"}',
        CONTENT_TYPE="application/json",
    )
    item = Item.objects.get(pk=rows[0])
    assert (item.name, item.description, item.quantity) == ("New", "kept", 5)


def test_a_request_without_a_host_is_django_s(lane, rows):
    asked = environ("GET", "/items/", SERVER_PROTOCOL="HTTP/1.0")
    del asked["HTTP_HOST"]
    told = []
    lane.lane(asked, lambda status, headers: told.append(status))
    assert (told, lane.left) == (["200 OK"], 1)


def test_an_error_of_a_statement_is_explained_once_and_not_tried_again(lane, rows, monkeypatch):
    tries = []

    def fail(self, parameters):
        tries.append(parameters)
        raise OperationalError("gone")

    monkeypatch.setattr(Statement, "rows", fail)
    content = json.dumps(PLAIN).encode()
    status, headers, body = ask(
        lane.lane, "POST", "/items/", content, CONTENT_TYPE="application/json"
    )
    assert (status, len(tries)) == ("503 Service Unavailable", 1)
    assert json.loads(body)["request_id"] == dict(headers)["X-Request-ID"] == "mine"


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
    assert (OnlyMine.asked, other_routes.left) == (1, 0)
    assert ask(other_routes.lane, "GET", target, HTTP_AUTHORIZATION="yours")[0][:3] == "403"
    assert ask(other_routes.lane, "GET", target)[0][:3] == "403"
    assert other_routes.left == 2


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
    assert reasons["dispatch/<int:pk>"] == "dispatch is its own"
    assert "SilentPermission" in reasons["unknown/<int:pk>"]


@pytest.mark.parametrize(("change", "reason"), [
    ({"SPEEDUPS": {"answers"}}, "switched off"), ({"DEBUG": True}, "DEBUG"),
    ({"USE_X_FORWARDED_HOST": True}, "USE_X_FORWARDED_HOST is set"),
    ({"MIDDLEWARE": [*MIDDLEWARE, "django.middleware.gzip.GZipMiddleware"]}, "looks at each"),
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
