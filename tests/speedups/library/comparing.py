"""The same requests with no piece, with each and with all of them, from the same rows."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import AutoField
from django.http import Http404
from django.test import RequestFactory, override_settings
from django.urls import resolve

from speedups import shared_fields
from speedups.answers import FinishedAnswers, view
from speedups.shared_fields import SharedFields
from speedups.writes import SingleStatementWrites
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

MIXINS: tuple[type, ...] = (FinishedAnswers, SingleStatementWrites, SharedFields)
NOW = datetime(2026, 5, 4, 3, 2, 1, 987_000, tzinfo=UTC)
HOST = "testserver"


@dataclass(frozen=True)
class Asked:
    """A request; a body is JSON unless a header says otherwise."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self) -> Any:
        """Return what the view answers: status, headers and body, or the exception's name."""
        request = RequestFactory(HTTP_HOST=HOST).generic(
            self.method, self.path, self.body,
            content_type=self.headers.get("Content-Type", "application/json"),
            headers={k: v for k, v in self.headers.items() if k != "Content-Type"},
        )  # fmt: skip
        try:
            found = resolve(request.path_info)
            response = found.func(request, *found.args, **found.kwargs)
            if hasattr(response, "render"):
                response.render()
        except Http404:
            return "no such route"
        except Exception as error:  # noqa: BLE001  (it is a part of the answer)
            return f"raised {type(error).__name__}"
        return response.status_code, dict(response.items()), response.content


def stored() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the library."""
    models = apps.get_app_config("library").get_models()
    return {one.__name__: [*one._base_manager.order_by("pk").values()] for one in models}


def seed() -> None:
    """Fill the library with the same rows each time."""
    with connection.cursor() as cursor:  # TRUNCATE would make dozens of new files
        for model in reversed([*apps.get_app_config("library").get_models()]):
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
def only(pieces: Iterable[str] | None) -> Iterator[None]:
    """Switch on these pieces only; None takes even the mixins' code away: stock REST framework."""
    with contextlib.ExitStack() as undo:
        if pieces is None:
            for mixin in MIXINS:
                for name in [name for name in vars(mixin) if not name.startswith("__")]:
                    undo.enter_context(mock.patch.object(mixin, name))
                    delattr(mixin, name)
        chosen = tuple(settings.SPEEDUPS if pieces is None else pieces)
        undo.enter_context(override_settings(SPEEDUPS=chosen))
        forget()
        undo.callback(forget)
        yield


def forget() -> None:
    """Let everything be looked at anew."""
    view.knowledge.cache_clear()
    shared_fields._shared.clear()


def told(requests: Iterable[Asked], pieces: Iterable[str] | None) -> tuple[list[Any], Any]:
    """Return the answer to each request and all rows after the last."""
    with only(pieces), mock.patch("django.utils.timezone.now", return_value=NOW):
        seed()
        return [asked.answer() for asked in requests], stored()


def assert_same(requests: Iterable[Asked], pieces: Iterable[str]) -> list[Any]:
    """Fail unless these pieces give the framework's answers and rows; return them."""
    asked = list(requests)
    stock, fast = told(asked, None), told(asked, pieces)
    for one, theirs, ours in zip(asked, stock[0], fast[0], strict=True):
        assert (one, ours) == (one, theirs)
    assert fast[1] == stock[1]
    return stock[0]
