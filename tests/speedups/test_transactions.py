"""Transactions around requests: what a failed request has changed is undone, as without pieces."""

import contextlib
import io
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import path
from rest_framework.exceptions import ValidationError
from rest_framework.routers import SimpleRouter

from drf_speedups.answers import explained
from drf_speedups.express import closed_because, stepped_aside
from drf_speedups.management.commands.speedups import Command
from tests.speedups.library.comparing import ALL, Request, assert_same, only, served
from tests.speedups.library.views import Shelves

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]


class Late(Shelves):
    """Refuses a row when it is there already: only a transaction takes it back."""

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return none. Raises `ValidationError` for a label."""
        if data["label"] == "late":
            raise ValidationError({"label": "too late"})
        return {}


class Unbound(Late):
    """Takes no part in ATOMIC_REQUESTS."""

    @transaction.non_atomic_requests
    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """Answer as usual."""
        return super().dispatch(*args, **kwargs)


class Bound(Late):
    """Has a transaction of its own around each request."""

    @transaction.atomic
    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """Answer as usual."""
        return super().dispatch(*args, **kwargs)


class BoundCreate(Late):
    """Has one around an action."""

    @transaction.atomic
    def create(self, *args: Any, **kwargs: Any) -> Any:
        """Create as usual."""
        return super().create(*args, **kwargs)


class Crashing(Late):
    """Breaks down when the row is there."""

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return none. Raises `RuntimeError` for a label."""
        if data["label"] == "late":
            raise RuntimeError("after the INSERT")
        return {}


router = SimpleRouter()
for view_set in (Late, Unbound, Bound, BoundCreate, Crashing):
    router.register(view_set.__name__.lower(), view_set, basename=view_set.__name__)
WRAPPED = {"unwrapped": transaction.non_atomic_requests, "wrapped": transaction.atomic}
urlpatterns = [
    *router.urls,
    *(path(f"{name}/", around(Late.as_view({"get": "list", "post": "create"})))
      for name, around in WRAPPED.items()),
]  # fmt: skip
ROUTES = [*(f"/{prefix}/" for prefix, _, _ in router.registry), *(f"/{name}/" for name in WRAPPED)]


@contextlib.contextmanager
def atomic_requests(on=True):
    with mock.patch.dict(connection.settings_dict, ATOMIC_REQUESTS=on):
        yield


def conversation(route):
    late, fine, wrong = b'{"label": "late"}', b'{"label": "fine"}', b'{"label": "x", "rank": "y"}'
    yield Request("POST", route, fine)
    yield from (Request("POST", route, body) for body in (late, wrong, b"{"))
    for method in ("PATCH", "PUT"):
        yield from (Request(method, f"{route}1/", body) for body in (late, wrong))
    yield Request("PATCH", f"{route}99/", fine)
    yield from (Request("DELETE", f"{route}{key}/") for key in (2, 2, 3))
    yield from (Request("GET", f"{route}{tail}") for tail in ("1/", "99/", "", "?limit=2"))


@pytest.mark.parametrize("route", ROUTES)
def test_the_framework_s_answers_and_rows_are_left_by_all_pieces(route):
    with atomic_requests():
        answers = assert_same(conversation(route), ALL)
    assert answers[0][0] == "201 Created"
    assert answers[1][0].startswith("500" if "crash" in route else "400")


@pytest.mark.parametrize(("route", "on", "kept"), [
    ("/late/", True, False), ("/late/", False, True), ("/unbound/", True, True),
    ("/unwrapped/", True, True), ("/crashing/", True, False), ("/crashing/", False, True),
])  # fmt: skip
def test_what_a_failed_request_changed_stays_only_where_no_transaction_is(route, on, kept):
    asked = [Request("POST", route, b'{"label": "late"}'), Request("GET", "/late/")]
    with atomic_requests(on):
        for pieces in (ALL, ("answers",)):
            rows = assert_same(asked, pieces)[1][2]
            assert (b'"late"' in rows) is kept


def test_speedups_says_who_left_because_of_transactions():
    with only(ALL), served():
        reasons = dict(stepped_aside())
        assert reasons["wrapped/"] == "something is wrapped around the view"
        assert "unwrapped/" not in reasons
        for name in ("bound", "unbound"):
            assert "dispatch is its own" in reasons[f"^{name}/$"]
        assert "create is its own" in dict(explained(BoundCreate))["create"]
        assert dict(explained(Late))["create"] == "on"
        with atomic_requests():
            assert closed_because() == "ATOMIC_REQUESTS is on"
            said = io.StringIO()
            call_command(Command(), stdout=said)
            assert "express lane: ATOMIC_REQUESTS is on" in said.getvalue()
