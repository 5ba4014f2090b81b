"""What stands before functions, connections and modules, or in their place, is not passed by."""

import contextlib
import functools
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed, PermissionDenied
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.db.models.sql.compiler import SQLCompiler, SQLDeleteCompiler, SQLInsertCompiler
from django.test import override_settings
from rest_framework import generics, mixins, permissions, renderers
from rest_framework.fields import Field
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.utils import json as rest_json
from rest_framework.views import APIView

from drf_speedups.eligibility import members
from drf_speedups.eligibility.members import STAND_INS, is_genuine, own_members
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.express import ExpressLane
from project.requests.context import RequestContext
from tests.speedups.library.comparing import ALL, BODY, Request, answer, assert_same, only, served
from tests.speedups.library.models import Shelf
from tests.speedups.library.standing_before import Before
from tests.speedups.library.ways_around import Plain, Rows, Titled, refuse

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]
router = SimpleRouter()
for view_set in (Plain, Rows):
    router.register(view_set.__name__.lower(), view_set, basename=view_set.__name__)
urlpatterns = router.urls


def test_what_stands_before_a_framework_s_method_is_not_the_framework_s():
    stock = vars(APIView)["check_permissions"]
    for proxy in (Before(stock, refuse), classmethod(Before(stock, refuse)),
                  property(Before(stock, refuse))):  # fmt: skip
        assert not is_genuine(APIView, proxy)
    assert is_genuine(APIView, stock)


def others_in_a_view():
    """Return the names of what is not REST framework's own in its view."""
    return [name for _, name, _ in own_members(APIView, frozenset(APIView.__mro__))]


def test_a_framework_s_class_that_was_looked_at_is_looked_at_again_when_it_has_changed():
    def get_view_name(self):
        return "theirs"

    stock: Any = APIView.get_view_name
    code = stock.__code__
    assert others_in_a_view() == []
    with mock.patch.object(APIView, "get_view_name", get_view_name):
        assert others_in_a_view() == ["get_view_name"]
        STAND_INS.add(get_view_name)
        assert others_in_a_view() == []
        STAND_INS.discard(get_view_name)
        assert others_in_a_view() == ["get_view_name"]
    assert others_in_a_view() == []
    try:
        stock.__code__ = get_view_name.__code__
        assert others_in_a_view() == ["get_view_name"]
    finally:
        stock.__code__ = code
    assert others_in_a_view() == []


FIELD: Any = Field  # typed without what it counts


def others_in_a_field():
    return [name for _, name, _ in own_members(Field, frozenset(Field.__mro__))]


def test_a_field_that_is_made_has_nobody_look_at_all_of_its_class_again():
    assert others_in_a_field() == []
    with mock.patch.object(members, "is_genuine") as looking:
        made = FIELD._creation_counter
        Field()
        assert FIELD._creation_counter > made
        assert others_in_a_field() == []
    looking.assert_not_called()


@pytest.mark.parametrize("name", ["initial", "get_initial"])
@pytest.mark.parametrize("other", [refuse, property(refuse)])
def test_code_in_the_place_of_a_value_or_a_method_is_seen_though_values_change(name, other):
    assert others_in_a_field() == []
    with mock.patch.object(Field, name, other):
        FIELD._creation_counter += 1
        assert others_in_a_field() == [name]
        assert others_in_a_field() == [name]
    FIELD._creation_counter += 1
    assert others_in_a_field() == []


def test_a_class_whose_method_got_a_proxy_has_changed():
    unchanged, stock = Unchanged([Titled]), Titled.get_success_headers
    assert unchanged
    with mock.patch.object(Titled, "get_success_headers", Before(stock, refuse)):
        assert not unchanged
    with mock.patch.object(Titled, "title", "another value"):
        assert unchanged


def test_a_package_that_stands_before_a_method_of_the_framework_is_asked():
    stock = APIView.check_permissions
    with mock.patch.object(APIView, "check_permissions", Before(stock, refuse)):
        answers = assert_same([Request("GET", "/plain/1/"), Request("POST", "/plain/", BODY)], ALL)
    assert {one[0][:3] for one in answers} == {"403"}


class Enveloped(Response):
    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__({"result": data}, **kwargs)


class Refusing:
    """An object that can be called."""

    __call__ = staticmethod(refuse)


def spread(*args: Any, **kwargs: Any) -> str:
    return json.dumps(*args, **kwargs)


@pytest.mark.parametrize(("module", "name", "other"), [
    (mixins, "Response", Enveloped), (generics, "get_object_or_404", refuse),
    (generics, "get_object_or_404", functools.partial(refuse)),
    (generics, "get_object_or_404", Refusing()), (rest_json, "dumps", spread),
    (renderers, "json", SimpleNamespace(dumps=spread)),
])  # fmt: skip
def test_what_a_project_puts_into_a_module_of_the_framework_is_used(module, name, other):
    with mock.patch.object(module, name, other):
        assert_same([Request("GET", "/plain/1/"), Request("POST", "/plain/", BODY)], ALL)


def test_a_handler_that_got_a_method_of_its_own_closes_the_lane():
    with only(ALL), served():
        django: Any = WSGIHandler()
        assert ExpressLane(django).open().is_open
        django.get_response = refuse
        assert not ExpressLane(django).open().is_open


def test_what_is_put_around_the_views_after_django_has_loaded_the_middleware_closes_the_lane():
    with only(ALL), served():
        chained: Any = WSGIHandler()
        chained._middleware_chain = functools.partial(refuse, chained._middleware_chain)
        assert not ExpressLane(chained).open().is_open
        looked_at: Any = WSGIHandler()
        looked_at._view_middleware.append(refuse)
        assert not ExpressLane(looked_at).open().is_open


class Keeping:
    """Takes part in the lane, and calls what stands within it otherwise than Django does."""

    admits, complete = RequestContext.admits, RequestContext.complete

    def __init__(self, get_response: Any) -> None:
        self.within = get_response

    def __call__(self, request: Any) -> Any:
        """Hand it on."""
        return self.within(request)


def test_a_middleware_within_which_nothing_is_seen_closes_the_lane():
    with only(ALL), served(), override_settings(MIDDLEWARE=[f"{__name__}.Keeping"]):
        lane = ExpressLane(WSGIHandler()).open()
    assert "one has no `get_response`" in lane.closed_because


class Telling(RequestContext):
    """Takes part in the lane, where it is used."""

    admits, complete = RequestContext.admits, RequestContext.complete

    def __init__(self, get_response: Any) -> None:
        if settings.USE_THOUSAND_SEPARATOR:  # any setting
            raise MiddlewareNotUsed
        super().__init__(get_response)


@pytest.mark.parametrize("unused", [True, False])
def test_a_middleware_that_django_leaves_out_does_nothing_in_the_lane_either(unused):
    listed = [f"{__name__}.Telling"]
    with only(ALL), served(), override_settings(MIDDLEWARE=listed, USE_THOUSAND_SEPARATOR=unused):
        assert ExpressLane(WSGIHandler()).open().is_open is not unused


class Renamed(WSGIRequest):
    pass


def test_requests_of_a_class_of_their_own_close_the_lane():
    with only(ALL), served() as application:
        with mock.patch.object(WSGIHandler, "request_class", Renamed):
            assert "a class of their own" in application.open().closed_because
        assert application.open().is_open


def test_other_code_in_a_function_of_the_framework_is_not_the_framework_s():
    def check_permissions(self: Any, request: Any) -> None:
        raise PermissionDenied

    stock: Any = APIView.check_permissions
    code = stock.__code__
    requests = [Request("GET", "/plain/1/"), Request("POST", "/plain/", BODY)]
    stock.__code__ = check_permissions.__code__.replace(co_qualname=code.co_qualname)
    try:
        assert not is_genuine(APIView, stock)
        assert {one[0][:3] for one in assert_same(requests, ALL)} == {"403"}
    finally:
        stock.__code__ = code
    assert is_genuine(APIView, stock)


class Locked:
    """A descriptor that is no property."""

    def __get__(self, _view: Any, _kind: Any) -> Any:
        return [permissions.IsAdminUser]


def test_a_descriptor_in_the_place_of_a_framework_s_value_is_not_the_framework_s():
    assert is_genuine(APIView, vars(APIView)["permission_classes"])
    assert is_genuine(APIView, vars(APIView)["schema"])
    assert not is_genuine(APIView, Locked())


@contextlib.contextmanager
def in_a_part_with_a_trigger() -> Iterator[None]:
    """Let a row lie in a part of its table, which changes what is written."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TABLE part () INHERITS (library_bigkey);
            CREATE FUNCTION louder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.name = upper(NEW.name);
                RETURN NEW;
            END $$;
            CREATE TRIGGER louder BEFORE UPDATE ON part
                FOR EACH ROW EXECUTE FUNCTION louder();
            INSERT INTO part (id, name, rank, price) VALUES (50, 'quiet', 1, 1)""")
        try:
            yield
        finally:
            cursor.execute("DROP TABLE part; DROP FUNCTION louder")


def test_a_part_of_a_table_that_changes_what_is_written_leaves_changes_to_the_framework():
    told = []
    for pieces in (None, ALL):
        with in_a_part_with_a_trigger(), only(pieces), served() as application:
            told.append(answer(application, Request("PATCH", "/rows/50/", b'{"name": "low"}')))
    assert told[1] == told[0]
    assert b'"name":"low"' in told[0][2]


@pytest.mark.parametrize(("kind", "method"), [
    (SQLCompiler, "GET"), (SQLInsertCompiler, "POST"), (SQLDeleteCompiler, "DELETE"),
])  # fmt: skip
def test_who_changes_how_queries_become_sql_changes_it_for_all(kind, method):
    seen: list[str] = []

    def as_sql(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(method)
        return stock(self, *args, **kwargs)

    stock: Any = kind.as_sql
    to = "/plain/" if method == "POST" else "/plain/900000/"
    with only(ALL), served() as application, mock.patch.object(kind, "as_sql", as_sql):
        for _ in range(2):
            Shelf.objects.get_or_create(id=900_000, label="one")  # that no sequence gives
            seen.clear()
            assert answer(application, Request(method, to, BODY))[0][0] == "2"
        assert seen
