"""Ways around what the pieces looked at, of view sets, serializers, columns and decorators."""

from typing import Any
from unittest import mock

import django
import pytest
from django.db import connection, models
from django.test import override_settings
from django.urls import path
from psycopg.types.string import TextLoader
from rest_framework.routers import SimpleRouter

from drf_speedups.database.statements import Statement
from drf_speedups.express import stepped_aside
from tests.speedups.library import ways_around
from tests.speedups.library.comparing import (
    ALL,
    BODY,
    NOW,
    Request,
    answer,
    assert_alike,
    assert_same,
    only,
    served,
    told,
)
from tests.speedups.library.models import Shelf
from tests.speedups.library.odd_models import BigKey
from tests.speedups.library.ways_around import (
    AROUND,
    LIST,
    Computed,
    Computing,
    Made,
    Shelf3,
    urlpatterns,
)

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(ways_around.__name__),
]


WAYS = [
    ("GET", "/joined/1/"), ("GET", "/joined/"), ("PATCH", "/joined/1/"), ("DELETE", "/joined/1/"),
    ("POST", "/capitals/"), ("GET", "/unpaged/"), ("GET", "/negotiating/1/?refused"),
    ("GET", "/chosen/1/"), ("GET", "/chosen/?all"), ("POST", "/titled/"), ("POST", "/named/"),
    ("POST", "/allowing/"), ("GET", "/guarded/"), ("POST", "/guarded/"),
    *((method, f"/{name}/") for name in AROUND for method in ("GET", "POST")),
    ("GET", "/elsewhere/?limit=1"),
]  # fmt: skip


def test_they_are_answered_as_by_the_framework(subtests):
    asked = [
        [Request("GET", to.partition("?")[0]), Request(method, to, BODY), Request(method, to, BODY)]
        for method, to in WAYS
    ]
    for way, requests, theirs, ours in zip(
        WAYS, asked, told(asked, None), told(asked, ALL), strict=True
    ):
        with subtests.test(way):
            assert_alike(requests, theirs, ours)


def test_what_a_serializer_changes_of_what_was_sent_is_changed_once():
    body = b'{"label": "new", "width": "-0"}'
    assert b'"label":"new!"' in assert_same([Request("POST", "/marked/", body)], ALL)[0][2]


def test_a_view_that_cannot_be_made_leaves_the_other_routes_in_the_lane():
    urls: Any = (*urlpatterns, path("made/", Made.as_view(LIST)))
    with only(ALL), served() as application, override_settings(ROOT_URLCONF=urls):
        assert answer(application, Request("GET", "/plain/"))[0] == "200 OK"
        assert answer(application, Request("GET", "/made/"))[0][:3] == "500"
        assert (
            dict(stepped_aside())["made/"] == "its view cannot be made: RuntimeError: nobody asks"
        )


def test_a_row_that_is_not_there_comes_before_whatever_a_validator_raises():
    body = b'{"label": "forbidden"}'
    answers = assert_same([Request("PATCH", "/validated/99/", body)], ALL)
    assert answers[0][0] == "404 Not Found"


def test_a_change_that_failed_in_the_lane_is_not_tried_again_behind_a_mixin_that_stands_last():
    sent: list[str] = []

    def fails(self: Statement, values: Any) -> Any:
        sent.append(self.sql)
        raise RuntimeError("who knows what was done")

    with mock.patch.object(Statement, "rows", fails), only(ALL), served() as application:
        got = answer(application, Request("POST", "/behind/", BODY))
    assert (got[0], sent) == ("201 Created", [])


class Lowered(models.CharField):
    if django.VERSION < (6, 1):

        def get_placeholder(self, *_args: Any) -> str:
            """Return the SQL around a value that is stored."""
            return "lower(%s)"

    else:

        def get_placeholder_sql(self, value: Any, *_args: Any) -> tuple[str, tuple[Any]]:
            """Return the same, and the value."""
            return "lower(%s)", (value,)


def test_a_column_that_is_written_by_sql_of_its_own_is():
    name: Any = BigKey._meta.get_field("name")
    name.__class__ = Lowered
    requests = [Request("POST", "/rows/", b'{"name": "LOUD"}')]
    try:
        for pieces in (None, ALL):
            with only(pieces), served() as application:
                assert answer(application, requests[0])[0] == "201 Created"
    finally:
        name.__class__ = models.CharField
    assert {one.name for one in BigKey.objects.all()} == {"loud"}


class Shouting(TextLoader):
    def load(self, data: Any) -> str:
        """Return a text in capitals."""
        return str(super().load(data)).upper()


def test_values_that_a_project_s_own_adapters_make_are_made_by_them():
    Shelf.objects.create(id=1, label="one")
    connection.ensure_connection()
    adapters = connection.connection.adapters
    stock = adapters.get_loader(1043, 0)
    adapters.register_loader("varchar", Shouting)
    try:
        with only(ALL), served() as application:
            assert b'"label":"ONE"' in answer(application, Request("GET", "/plain/1/"))[2]
    finally:
        adapters.register_loader("varchar", stock)


def test_who_else_goes_through_a_serializer_s_fields_goes_through_its_own():
    with only(("fields",)):
        first: Any = Shelf3(data={"rank": 1})
        for field in first._writable_fields:
            field.required = False
        assert first.is_valid()
        assert not Shelf3(data={"rank": 1}).is_valid()


@pytest.mark.parametrize("pieces", [ALL, ("fields",)])
def test_fields_that_are_named_by_code_are_asked_for_each_time(pieces):
    Shelf.objects.create(id=1, label="one")
    router = SimpleRouter()
    router.register("computed", Computed, basename="computed")
    with override_settings(ROOT_URLCONF=tuple(router.urls)), only(pieces), served() as application:
        got = [answer(application, Request("GET", "/computed/1/"))[2]]
        with mock.patch.object(Computing.Meta, "all_of_them", False):
            got.append(answer(application, Request("GET", "/computed/1/"))[2])
    assert got == [b'{"id":1,"label":"one","rank":3}', b'{"id":1}']


def test_a_column_that_follows_no_change_for_a_while_keeps_its_value():
    requests = [Request("GET", "/shelves/1/"), Request("PATCH", "/shelves/1/", b'{"rank": 7}')]
    changed_at: Any = Shelf._meta.get_field("changed_at")
    assert_same(requests, ALL)
    said = []
    for pieces in (None, ALL):
        Shelf.objects.all().delete()
        Shelf.objects.create(id=1, label="one")
        Shelf.objects.update(changed_at=NOW)
        with only(pieces), served() as application:
            answer(application, requests[1])
            Shelf.objects.update(changed_at=NOW)
            with mock.patch.object(changed_at, "auto_now", False):
                said.append(answer(application, requests[1])[2].split(b'"changed_at"')[1])
    assert said[1] == said[0]
