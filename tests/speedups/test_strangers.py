"""What other projects and their packages put around view sets and under them is not passed by."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, models
from django.urls import path
from django.views.decorators.cache import cache_page
from rest_framework import permissions, renderers, serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.routers import SimpleRouter

from drf_speedups.answers.changing import Create
from tests.speedups.library import comparing
from tests.speedups.library.around import Envelope, LateEnvelope, Looks, marked
from tests.speedups.library.comparing import ALL, Request, answer, assert_same, only, served
from tests.speedups.library.models import Ticket
from tests.speedups.library.odd_models import BigKey, Hiding, Titled
from tests.speedups.library.serializers import ShelfSerializer
from tests.speedups.library.views import Fast, Shelves

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]


def serializer_of(row_class: Any, **more: Any) -> Any:
    meta = {"model": row_class, "fields": ["id", "name", "rank"], **more}
    return type("OfRows", (serializers.ModelSerializer,), {"Meta": type("Meta", (), meta)})


class Named(serializers.CharField):
    """A field with code of its own."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data)


class Rows(Fast):
    queryset = BigKey.objects.all()
    serializer_class = type("OfRows", (serializer_of(BigKey),), {"name": Named(max_length=20)})


class TitledRows(Fast):
    """A serializer that was written for another table."""

    queryset = Titled.objects.all()
    serializer_class = serializer_of(BigKey)


class HiddenRows(Fast):
    """All rows of a model that hides some from everybody else."""

    queryset: Any = models.QuerySet(Hiding).all()
    serializer_class = serializer_of(Hiding)


class Tickets(Fast):
    """A key that clients may change."""

    queryset = Ticket.objects.all()
    serializer_class = serializer_of(
        Ticket,
        fields=["id", "holder"],
        extra_kwargs={name: {"validators": []} for name in ("id", "holder")},
    )


class Shrinking(ShelfSerializer):
    """Takes fewer fields if the client says so."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values."""
        if "short" in data:
            self.fields.pop("rank")
        return super().to_internal_value(data)


class ShrinkingShelves(Shelves):
    serializer_class = Shrinking


router = SimpleRouter()
for view_set in (Rows, TitledRows, HiddenRows, Tickets, Shelves, ShrinkingShelves):
    router.register(view_set.__name__.lower(), view_set, basename=view_set.__name__)
VIEW: Any = Shelves.as_view({"get": "list", "post": "create"})
AROUND: dict[str, Any] = {"marked": marked, "cached": cache_page(60)}
urlpatterns = [*router.urls, *(path(f"{name}/", around(VIEW)) for name, around in AROUND.items())]
BODY = b'{"name": "n", "rank": 9, "label": "new"}'


@pytest.fixture(autouse=True)
def odd_rows() -> None:
    for one in (BigKey, Titled, Hiding):
        models.QuerySet[Any](one).bulk_create([one(id=n, name="n", rank=n) for n in (1, 9)])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT setval('{one._meta.db_table}_id_seq', 9)")


def stored(row_class: Any) -> Any:
    return [*models.QuerySet(row_class).order_by("pk").values()]


def assert_same_rows(row_class: Any, *requests: Request) -> list[tuple[Any, ...]]:
    """Fail unless the pieces answer and leave the rows as stock; return the last answer."""
    told = []
    for pieces in (None, ALL):
        with as_they_were(row_class), only(pieces), served() as application:
            told.append(([answer(application, one) for one in requests], stored(row_class)))
    assert told[1] == told[0]
    return told[0][0]


@contextlib.contextmanager
def as_they_were(row_class: Any) -> Iterator[None]:
    before = stored(row_class)
    yield
    models.QuerySet(row_class)._raw_delete("default")
    models.QuerySet(row_class).bulk_create([row_class(**one) for one in before])


def test_a_serializer_of_another_table_is_read_by_the_framework():
    answers = assert_same_rows(
        Titled, Request("GET", "/titledrows/1/"), Request("GET", "/titledrows/")
    )
    assert answers[0][0] == "200 OK"


def test_a_row_that_django_itself_is_not_shown_is_not_changed():
    body = b'{"name": "x"}'
    answers = assert_same_rows(Hiding, Request("PATCH", "/hiddenrows/9/", body))
    assert answers[0][0][:3] == "409"


def test_a_key_that_is_sent_makes_the_row_that_it_makes_with_stock():
    Ticket.objects.create(id="00000000-0000-0000-0000-000000000001", holder="h")
    body = b'{"id": "00000000-0000-0000-0000-000000000002", "holder": "new"}'
    assert_same_rows(Ticket, Request("PUT", "/tickets/00000000-0000-0000-0000-000000000001/", body))


@contextlib.contextmanager
def kept_by_a_trigger() -> Iterator[None]:
    """Let rows be marked instead of deleted."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                UPDATE library_bigkey SET rank = rank + 100 WHERE id = OLD.id;
                RETURN NULL;
            END $$;
            CREATE TRIGGER keep BEFORE DELETE ON library_bigkey
                FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION keep()""")
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION keep CASCADE")


@pytest.mark.parametrize("pieces", [None, ALL, ()])
def test_a_row_that_a_trigger_marks_instead_of_deleting_it_is_marked_once(pieces):
    with kept_by_a_trigger(), only(pieces), served() as application:
        told = answer(application, Request("DELETE", "/rows/1/"))
    assert (told[0], BigKey.objects.get(pk=1).rank) == ("204 No Content", 101)


@pytest.mark.parametrize("middleware", [Envelope, LateEnvelope, Looks])
def test_a_middleware_that_looks_at_data_finds_it(middleware):
    requests = [Request("GET", "/shelves/"), Request("GET", "/shelves/1/"),
                Request("POST", "/shelves/", BODY), Request("PATCH", "/shelves/1/", BODY),
                Request("GET", "/shelves/99/"), Request("DELETE", "/shelves/2/")]  # fmt: skip
    named = [f"{middleware.__module__}.{middleware.__name__}"]
    with mock.patch.object(comparing, "MIDDLEWARE", named):
        assert assert_same(requests, ALL)[0][0] == "200 OK"


def test_fields_that_one_request_takes_away_are_there_for_the_next():
    bodies = [b'{"label": "one", "rank": 7, "short": true}', b'{"label": "two", "rank": 8}']
    requests = [Request("POST", "/shrinkingshelves/", body) for body in bodies]
    assert b'"rank":8' in assert_same(requests, ALL)[1][2]


def test_a_decorator_may_change_data_before_it_is_rendered():
    answers = assert_same([Request("GET", "/marked/"), Request("POST", "/marked/", BODY)], ALL)
    assert all(b'"marked":true' in one[2] for one in answers)


def test_answers_are_kept_in_a_cache():
    then = SimpleNamespace(time=lambda: 1e9)
    places = [mock.patch(f"django.{where}.cache.time", then) for where in ("utils", "middleware")]
    with places[0], places[1]:
        assert_same([Request("GET", "/cached/"), Request("GET", "/cached/")], ALL)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_key_that_the_column_cannot_hold_is_the_key_of_no_row(method):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE library_bigkey ALTER id TYPE integer")
        try:
            answers = assert_same([Request(method, "/rows/9999999999/", BODY)], ALL)
        finally:
            cursor.execute("ALTER TABLE library_bigkey ALTER id TYPE bigint")
    assert answers[0][0] == "404 Not Found"


def test_a_renderer_that_somebody_has_changed_is_asked():
    with mock.patch.object(renderers.JSONRenderer, "charset", "utf-8"):
        answers = assert_same([Request("GET", "/shelves/1/")], ALL)
    assert ("Content-Type", "application/json; charset=utf-8") in answers[0][1]


class Locks:
    """Lets nobody in."""

    def check_permissions(self, _request: Any) -> None:
        """Raise `PermissionDenied`."""
        raise PermissionDenied


def test_a_base_that_somebody_gives_the_framework_s_classes_is_not_the_framework_s():
    before = GenericAPIView.__bases__
    GenericAPIView.__bases__ = (Locks, *before)
    try:
        answers = assert_same([Request("GET", "/shelves/"), Request("POST", "/shelves/")], ALL)
    finally:
        GenericAPIView.__bases__ = before
    assert {one[0][:3] for one in answers} == {"403"}


LATE: dict[str, tuple[Any, str, Any]] = {
    "a view set's method": (Rows, "get_queryset", lambda self: BigKey.objects.none()),
    "its attribute": (Rows, "permission_classes", [permissions.IsAuthenticated]),
    "a serializer's method": (Rows.serializer_class, "to_representation", lambda *_: {"a": 1}),
    "a field's method": (Named, "to_internal_value", lambda *_: "late"),
    "a column's descriptor": (BigKey, "name", property(lambda _: "late", lambda *_: None)),
    "a model's method": (BigKey, "save", lambda *_, **__: None),
    "another of it": (BigKey, "delete", lambda *_: None),
}


@pytest.mark.parametrize("case", LATE)
@pytest.mark.parametrize("pieces", [ALL, ("fields",)])
def test_what_a_test_puts_in_the_place_of_a_method_is_called(case, pieces):
    kind, name, other = LATE[case]
    requests = [Request("GET", "/rows/1/"), Request("PATCH", "/rows/1/", BODY),
                Request("DELETE", "/rows/9/")]  # fmt: skip
    told = []
    for which in (None, pieces):
        with as_they_were(BigKey), only(which), served():
            django = WSGIHandler()
            answer(django, Request("PATCH", "/rows/1/", b'{"rank": 5}'))
            for changed in (mock.patch.object(kind, name, other), contextlib.nullcontext()):
                with changed:
                    told.append([answer(django, one) for one in requests] + stored(BigKey))
    assert told[2:] == told[:2]


@pytest.mark.parametrize("waits", [False, True])
def test_an_insert_may_wait_for_a_rule_that_only_the_database_has(waits):
    with connection.cursor() as cursor:
        if waits:
            cursor.execute("CREATE UNIQUE INDEX once ON library_bigkey (name) WHERE rank > 99")
        try:
            insert = Create(Rows)
            assert insert.table_is_known()
            assert insert.may_wait is waits
        finally:
            cursor.execute("DROP INDEX IF EXISTS once")
