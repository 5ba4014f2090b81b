"""The same requests with no piece, with each and with all of them, from the same rows."""

import contextlib
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import AutoField
from django.test import Client, override_settings
from django.utils import translation

from drf_speedups import testing
from drf_speedups.testing import Request, forget, only
from tests.speedups.library.models import (
    Author,
    Book,
    Loan,
    Member,
    Shelf,
    Shouting,
    Ticket,
    Watched,
)

__all__ = ["Request", "forget", "only"]

ALL = tuple(settings.SPEEDUPS)
BODY = b'{"label": "new", "rank": 9, "width": "1.5"}'  # of a shelf
NOW = datetime(2026, 5, 4, 3, 2, 1, 987_000, tzinfo=UTC)
HOST = "testserver"
MIDDLEWARE: list[str] = []
CLIENT = Client(HTTP_HOST=HOST)


@dataclass(frozen=True)
class Told:
    """The answer to each request of a conversation, and all rows after the last."""

    answers: list[tuple[Any, ...]]
    rows: dict[str, list[dict[str, Any]]]


def answer(application: Any, asked: Request) -> tuple[Any, ...]:
    """Return status, headers and body, and what the view raised."""
    got = testing.answer(application, asked.environ(CLIENT))
    return got.status, got.headers, got.body, got.raised


@contextlib.contextmanager
def served() -> Iterator[Any]:
    """Give the WSGI application as in production, the lane in front of it where it is wanted."""
    logging.disable()
    try:
        with (
            override_settings(DEBUG=False, MIDDLEWARE=MIDDLEWARE, ALLOWED_HOSTS=[HOST]),
            testing.application() as application,
        ):
            yield application
    finally:
        logging.disable(logging.NOTSET)


def stored() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the library."""
    return {one.__name__: [*one._base_manager.order_by("pk").values()] for one in tables()}


def tables() -> list[Any]:
    """Return the library's models, without those of `odd_models`."""
    found = apps.get_app_config("library").get_models()
    return [one for one in found if one.__module__ == Shelf.__module__]


def seed() -> None:
    """Fill the library with the same rows each time."""
    with connection.cursor() as cursor:  # TRUNCATE would make dozens of new files
        for model in reversed(tables()):
            table = model._meta.db_table
            cursor.execute(f"DELETE FROM {table}")
            if isinstance(model._meta.pk, AutoField) and not model._meta.parents:
                cursor.execute(f"SELECT setval('{table}_id_seq', 1, false)")
    Shelf.objects.bulk_create([
        Shelf(label="alpha", note=None, width="0.1000", whole=5, rank=1, made_at=NOW),
        Shelf(label="beta", note="two\nlines \u2028", width=None, is_open=False, is_lit=True),
        Shelf(label="beta", width="-99999.9999", serial=-(2**63), rank=-32768, is_lit=False),
        Shelf(label="hidden", serial=2**63 - 1, made_at=datetime(1, 1, 1, tzinfo=UTC), rank=4),
        Shelf(label="Ünï \U0001f98a", code=uuid.UUID(int=2**128 - 1), whole=-3),
    ])  # fmt: skip
    Author.objects.bulk_create([
        Author(name="Ada", slug="ada", email="a@example.org", born=date(1815, 12, 10)),
        Author(name="Bob", slug=None, site="https://example.org/?a=b"),
    ])  # fmt: skip
    Book.objects.bulk_create([
        Book(author_id=1, title="Notes", isbn="1", tags=["a", ""], extra={"b": [1, None]}),
        Book(author_id=1, title="Poems", genre="v", published=date(1843, 9, 1), rating=0.1,
             opens_at=time(9, 30), takes=timedelta(days=1, seconds=2), address="::1"),
        Book(author_id=2, title="Notes", rating=1e300, owner="bob"),
    ])  # fmt: skip
    Ticket.objects.bulk_create([Ticket(id=uuid.UUID(int=n), holder=f"h{n}") for n in (1, 2)])
    Loan.everything.bulk_create([
        Loan(shelf_id=1, reader="kim"), Loan(shelf_id=1, reader="lee", returned=True)
    ])  # fmt: skip
    Watched.objects.bulk_create([Watched(name="w")])
    Shouting.objects.bulk_create([Shouting(name="quiet")])
    Member.objects.create(name="Moe")


@contextlib.contextmanager
def languages() -> Iterator[None]:
    """Switch translations on, which the service does without."""
    chosen: Any = vars(translation)["_trans"]
    with override_settings(USE_I18N=True):
        vars(chosen).clear()  # what it remembers of the other setting
        yield
    vars(chosen).clear()


def told(conversations: Iterable[Sequence[Request]], pieces: Iterable[str] | None) -> list[Told]:
    """Return what came of each conversation; all begin with the same rows.

    One application has all of them: to look at every view set anew takes longer than to talk.
    """
    now = mock.patch("django.utils.timezone.now", return_value=NOW)
    with only(pieces), now, served() as application:
        return [_told(application, requests) for requests in conversations]


def _told(application: Any, requests: Sequence[Request]) -> Told:
    seed()
    cache.clear()  # of what throttling has counted
    return Told([answer(application, asked) for asked in requests], stored())


def assert_same(requests: Iterable[Request], pieces: Iterable[str]) -> list[tuple[Any, ...]]:
    """Fail unless these pieces give the framework's answers and rows; return the answers."""
    asked = list(requests)
    (theirs,), (ours,) = told([asked], None), told([asked], pieces)
    assert_alike(asked, theirs, ours)
    return theirs.answers


def assert_alike(requests: Sequence[Request], theirs: Told, ours: Told) -> None:
    """Fail unless both got the same answers and left the same rows."""
    for asked, one, other in zip(requests, theirs.answers, ours.answers, strict=True):
        assert (asked, other) == (asked, one)
    assert ours.rows == theirs.rows
