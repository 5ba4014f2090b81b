"""What a class gets, or a test sets, between two requests counts from then on, in the lane too."""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpResponse
from django.test import override_settings
from rest_framework import permissions, serializers, throttling
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from drf_speedups.eligibility import unchanged as module
from drf_speedups.eligibility.unchanged import Unchanged
from tests.speedups.library import letting_in
from tests.speedups.library.comparing import ALL, BODY, Request, answer, only, served
from tests.speedups.library.models import Shelf
from tests.speedups.library.standing_before import Before
from tests.speedups.library.views import Shelves
from tests.speedups.library.ways_around import Forced, Plain, Shelf3, refuse

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]


class Open(Plain):
    permission_classes = [permissions.AllowAny]


router = SimpleRouter()
for view_set in (Shelves, Plain, Forced, Open):
    router.register(view_set.__name__.lower(), view_set, basename=view_set.__name__)
urlpatterns = router.urls


@contextlib.contextmanager
def put_in_place(kind: Any, name: str, other: Any) -> Iterator[None]:
    with mock.patch.object(kind, name, other):
        yield


@contextlib.contextmanager
def added_to(listed: list[Any], one: Any) -> Iterator[None]:
    listed.append(one)
    yield
    listed.remove(one)


class Never(throttling.BaseThrottle):
    def allow_request(self, _request: Any, _view: Any) -> bool:
        """Let nobody in."""
        return False


class OnlyFirst:
    """A filter."""

    def filter_queryset(self, _request: Any, rows: Any, _view: Any) -> Any:
        """Return the first row."""
        return rows.filter(pk=1)


MOMENTS: dict[str, Any] = {
    "permissions": lambda: put_in_place(Shelves, "permission_classes", [permissions.IsAdminUser]),
    "throttles": lambda: put_in_place(Shelves, "throttle_classes", [Never]),
    "authentication": lambda: put_in_place(Shelves, "authentication_classes", [letting_in.Breaks]),
    "methods": lambda: put_in_place(Shelves, "http_method_names", ["options"]),
    "a method": lambda: put_in_place(Shelves, "check_permissions", refuse),
    "rows": lambda: put_in_place(Plain, "queryset", Shelf.objects.filter(pk=2)),
    "fields": lambda: put_in_place(Shelf3.Meta, "fields", ["id", "note"]),
    "one field more": lambda: added_to(Shelf3.Meta.fields, "note"),
    "a declared field": lambda: mock.patch.dict(
        Shelf3._declared_fields, label=serializers.CharField(source="note")
    ),
    "a serializer's method": lambda: put_in_place(Shelf3, "to_representation", lambda *_: {"a": 1}),
    "one parser less": lambda: put_in_place(Shelves, "parser_classes", []),
    "a proxy": lambda: put_in_place(Shelves, "get_queryset", Before(Shelves.get_queryset, refuse)),
}


@pytest.mark.parametrize("pieces", [ALL, ("answers", "fields", "validation")])
def test_what_a_class_gets_between_two_requests_counts_in_the_lane_too(pieces, subtests):
    told = [[*conversations(which)] for which in (None, pieces)]
    for moment, theirs, ours in zip(MOMENTS, *told, strict=True):
        with subtests.test(moment):
            assert ours == theirs
            assert theirs[3:6] != theirs[:3]


def conversations(pieces: Any) -> Iterator[list[Any]]:
    """Yield what is answered before each moment, while it lasts and after it."""
    requests = [Request("GET", "/plain/1/"), Request("GET", "/plain/"),
                Request("POST", "/plain/", BODY)]  # fmt: skip
    with only(pieces), served() as application:
        for moment in MOMENTS.values():
            letting_in.forgotten()
            Shelf.objects.all().delete()
            Shelf.objects.bulk_create(Shelf(id=n, label=f"l{n}") for n in (1, 2))
            with connection.cursor() as cursor:
                cursor.execute("SELECT setval('library_shelf_id_seq', 2)")
            got = [answer(application, one) for one in requests]
            with moment():
                got += [answer(application, one) for one in requests]
            yield got + [answer(application, one) for one in requests]


def test_a_list_that_is_added_to_in_its_place_counts():
    listed: list[Any] = []
    requests = [Request("GET", "/plain/2/")]
    patched = mock.patch.object(Shelves, "filter_backends", listed)
    with patched, only(ALL), served() as application:
        Shelf.objects.bulk_create(Shelf(id=n, label=f"l{n}") for n in (1, 2))
        assert answer(application, requests[0])[0] == "200 OK"
        with added_to(listed, OnlyFirst):
            assert answer(application, requests[0])[0] == "404 Not Found"


def test_who_was_let_in_by_force_is_not_remembered():
    Shelf.objects.create(id=1, label="one")
    view: Any = Forced.as_view({"get": "retrieve"})
    with only(ALL), served() as application:
        assert answer(application, Request("GET", "/forced/1/"))[0][:3] == "403"
        asked = APIRequestFactory().get("/forced/1/")
        force_authenticate(asked, user=letting_in.USER)
        assert view(asked, pk="1").status_code == 200
        assert answer(application, Request("GET", "/forced/1/"))[0][:3] == "403"


def forbid(*_args: Any) -> HttpResponse:
    return HttpResponse(status=403)


LATER: dict[str, Any] = {
    "a handler": (BaseHandler, "get_response", forbid),
    "a view": (APIView, "check_permissions", refuse),
    "a permission": (permissions.AllowAny, "has_permission", lambda *_: False),
    "rows": (QuerySet, "get", refuse),
}


def test_what_a_package_changes_of_the_framework_later_counts_too(monkeypatch, subtests):
    monkeypatch.setattr(module, "LOOK", 0.0)
    to = [Request("GET", "/open/1/")] * 2
    for pieces in (ALL, ("answers",)):
        with only(pieces), served() as application:
            Shelf.objects.get_or_create(id=1, label="one")
            for moment in LATER:
                with subtests.test(moment):
                    assert [answer(application, one)[0] for one in to] == ["200 OK"] * 2
                    with put_in_place(*LATER[moment]):
                        assert [answer(application, one)[0][:3] for one in to] == ["403"] * 2
                    assert [answer(application, one)[0] for one in to] == ["200 OK"] * 2


def test_what_the_framework_counts_in_its_classes_is_no_change(monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.0)
    unchanged = Unchanged([Shelf3])
    serializers.CharField()
    assert unchanged


def test_a_host_that_is_taken_from_the_list_is_refused_from_then_on():
    Shelf.objects.create(id=1, label="one")
    with only(ALL), served() as application:
        assert answer(application, Request("GET", "/plain/"))[0] == "200 OK"
        with mock.patch.object(settings, "ALLOWED_HOSTS", ["another"]):
            assert answer(application, Request("GET", "/plain/"))[0] == "400 Bad Request"
        assert answer(application, Request("GET", "/plain/"))[0] == "200 OK"


SETTINGS: dict[str, dict[str, Any]] = {
    "time zone": {"TIME_ZONE": "Asia/Tokyo"},
    "numbers": {"REST_FRAMEWORK": {**settings.REST_FRAMEWORK, "COERCE_DECIMAL_TO_STRING": False}},
    "pieces": {"SPEEDUPS": ()},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("pieces", [ALL, ("answers", "fields", "validation")])
def test_a_setting_that_a_test_changes_counts_from_then_on(setting, pieces):
    Shelf.objects.create(id=1, label="one", width="1.5")
    requests = [Request("GET", "/shelves/1/"), Request("GET", "/shelves/")]
    told = []
    for which in (None, pieces):
        with only(which), served() as application:
            got = [answer(application, one) for one in requests]
            with override_settings(**SETTINGS[setting]):
                got += [answer(application, one) for one in requests]
            got += [answer(application, one) for one in requests]
        told.append(got)
    assert told[1] == told[0]
