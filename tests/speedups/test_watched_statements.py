"""Who watches the statements of a connection, or may refuse them, is passed by with none."""

from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.db import connection, connections
from django.db.backends.postgresql.base import Cursor
from django.db.backends.utils import CursorWrapper
from django.test import SimpleTestCase
from rest_framework.routers import SimpleRouter

from drf_speedups.answers.view import knowledge
from drf_speedups.database.statements import Statement
from drf_speedups.eligibility import database
from drf_speedups.eligibility.database import OF_CURSORS, is_watched
from tests.speedups.library.comparing import ALL, BODY, Request, answer, only, served
from tests.speedups.library.models import Shelf
from tests.speedups.library.standing_before import Before
from tests.speedups.library.ways_around import Plain

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]
router = SimpleRouter()
router.register("plain", Plain, basename="plain")
urlpatterns = router.urls


@pytest.fixture(autouse=True)
def shelf() -> None:
    Shelf.objects.create(id=900_000, label="one")  # that no sequence gives


def test_a_package_that_stands_before_djangos_cursors_sees_all_statements():
    seen: list[str] = []
    proxy = Before(CursorWrapper.execute, lambda _self, sql, *_: seen.append(sql))
    with only(ALL), served() as application:
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
        with mock.patch.object(CursorWrapper, "execute", proxy):
            assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
    assert any(sql.startswith("SELECT") for sql in seen)


def test_what_stands_before_the_cursors_of_a_connection_sees_all_statements(subtests):
    own = connections["default"]
    with only(ALL), served() as application:
        for name in sorted(OF_CURSORS):
            seen: list[str] = []
            proxy = Before(getattr(own, name), lambda *_, to=seen: to.append("seen"))
            assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
            with subtests.test(name), mock.patch.dict(vars(own), {name: proxy}):
                assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
                assert seen


def test_a_connection_that_got_its_own_cursor_back_is_as_before():
    own = connections["default"]
    with mock.patch.dict(vars(own), cursor=own.cursor):
        assert not is_watched(own)
    with mock.patch.dict(vars(own), cursor=connections.create_connection("default").cursor):
        assert is_watched(own)


class Link:
    """Stands before a driver's connection, as packages have it that trace what goes through one."""

    def __init__(self, within: Any) -> None:
        self.within, self.cursors = within, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.within, name)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor, and count."""
        self.cursors += 1
        return self.within.cursor(*args, **kwargs)


def test_what_stands_before_a_driver_s_connection_sees_all_statements():
    link = Link(connection.connection)
    put = mock.patch.object(connections["default"], "connection", link)
    with only(ALL), served() as application, put:
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
        before = link.cursors
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
        assert link.cursors == before + 1


class NoDatabase(SimpleTestCase):
    pass


def test_a_test_that_may_not_ask_a_database_asks_none():
    with only(ALL), served() as application:
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
        NoDatabase.setUpClass()
        try:
            with pytest.raises(Exception, match="not allowed in SimpleTestCase"):
                knowledge(Plain).actions["retrieve"].statement.rows([900_000])  # type: ignore[union-attr]
        finally:
            NoDatabase.doClassCleanups()
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"


def test_whoever_changes_djangos_cursors_sees_all_statements():
    seen: list[str] = []
    stock = CursorWrapper.execute

    def execute(self: Any, sql: Any, params: Any = None) -> Any:
        seen.append(sql)
        return stock(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", execute), only(ALL), served() as application:
        assert answer(application, Request("POST", "/plain/", BODY))[0] == "201 Created"
    assert any(sql.startswith("INSERT") for sql in seen)


def test_a_driver_s_cursor_of_the_project_s_own_sees_all_statements():
    seen: list[str] = []

    class Own(Cursor):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(query)
            return super().execute(query, *args, **kwargs)  # type: ignore[misc]

    connection.ensure_connection()
    own = mock.patch.object(connection.connection, "cursor_factory", Own)
    with own, only(ALL), served() as application:
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
    assert any(sql.startswith("SELECT") for sql in seen)


def test_statements_wait_where_other_greenlets_go_on_meanwhile():
    def cooperative(*args: Any) -> Any:
        return args

    sent: list[Any] = []
    sending = mock.patch.object(Statement, "execute", lambda *given: sent.append(given))
    # Not in the module itself: threads of other tests wait by it.
    replaced = mock.patch.object(database, "select", SimpleNamespace(select=cooperative))
    with replaced, sending, only(ALL), served() as application:
        assert answer(application, Request("GET", "/plain/900000/"))[0] == "200 OK"
    assert sent == []
