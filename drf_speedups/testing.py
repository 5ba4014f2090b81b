"""For the tests of a project: its answers are the same without the pieces and with them.

class Answers(TestCase):
    fixtures = ["books"]

    def test_stay_as_they_are(self):
        self.client.force_login(User.objects.get())
        assert_same_answers(self.client, [
            Request("GET", "/books/?page=2"),
            Request("POST", "/books/", {"title": ""}),
        ])
"""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.apps import apps
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import got_request_exception, request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from drf_speedups.framework import import_views

import_views()  # what follows imports REST framework

# ruff: noqa: E402
from rest_framework.test import ForceAuthClientHandler, force_authenticate

from drf_speedups.answers import FinishedAnswers, view
from drf_speedups.database import old_connections
from drf_speedups.eligibility import looked_at
from drf_speedups.eligibility.reasons import PIECES, listed
from drf_speedups.express import ExpressLane
from drf_speedups.queries import QUERIES
from drf_speedups.replaying import alone, from_here
from drf_speedups.representation import ROWS
from drf_speedups.serializers import shared_fields
from drf_speedups.serializers.shared_fields import SharedFields
from drf_speedups.urls import URLS
from drf_speedups.writes import SingleStatementWrites

MIXINS: tuple[type, ...] = (FinishedAnswers, SingleStatementWrites, SharedFields)


@dataclass(frozen=True)
class Request:
    """A request; a body is JSON unless a header says otherwise. What is not bytes is dumped."""

    method: str
    path: str
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def environ(self, client: Client) -> dict[str, Any]:
        """Return it as a server hands it on, with what a client adds to each request."""
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"Content-Type": "application/json", **self.headers}
        content_type = headers.pop("Content-Type")
        factory = RequestFactory()
        factory.defaults = client.defaults
        factory.cookies = client.cookies
        credentials = getattr(client, "_credentials", {})  # of REST framework's client
        request = factory.generic(
            self.method, self.path, body, content_type=content_type, headers=headers, **credentials
        )
        environ: dict[str, Any] = request.environ
        environ["PATH_INFO"] = request.path_info.encode().decode("latin-1")  # as WSGI has it
        return environ


@dataclass(frozen=True)
class Answer:
    """What came of a request, as bytes on the wire; `raised` by the view, if it did."""

    status: str
    headers: tuple[tuple[str, str], ...]  # sorted
    body: bytes
    raised: type[BaseException] | None


Rows = dict[str, list[dict[str, Any]]]


def assert_same_answers(
    client: Client, requests: Iterable[Request], using: str = DEFAULT_DB_ALIAS
) -> list[Answer]:
    """Fail unless the pieces that are on answer as REST framework does, and store the same.

    All requests are sent twice, in order, without pieces and with them. Both times begin with the
    rows, sequences, time and random bytes of now; what they do to the database is undone, and the
    files that they save are deleted. Returns the answers. Raises `AssertionError`, which names the
    first request that is answered otherwise, also where nothing would be compared: without
    requests, or without pieces.
    """
    import_views()  # of the settings of now
    asked, now = list(requests), timezone.now()
    said = listed("SPEEDUPS")
    pieces = PIECES if said is None else said
    if not (asked and pieces):
        missing = "SPEEDUPS lists no piece" if asked else "there are no requests"
        raise AssertionError(f"nothing is compared: {missing}")
    kept = [one for one in pieces if one == "headers"]  # for a middleware that is not in the list
    told: list[tuple[list[Answer], Rows]] = []
    for on, named in ((None, kept), (pieces, pieces)):
        listing = override_settings(SPEEDUPS=tuple(named))
        with from_here(now, using), only(on), listing, application(client) as asking:
            answers = []
            for request in asked:
                with alone(using):
                    answers.append(answer(asking, request.environ(client)))
            told.append((answers, _stored(using)))
    (theirs, left), (ours, also_left) = told
    for request, one, other in zip(asked, theirs, ours, strict=True):
        if one != other:
            raise AssertionError(f"{request}\nwithout pieces: {one}\nwith them: {other}")
    for table, rows in left.items():
        others = also_left[table]
        if rows != others and repr(rows) != repr(others):  # NaN is not equal to itself
            raise AssertionError(f"{table} has other rows with pieces than without them")
    return theirs


@contextlib.contextmanager
def only(pieces: Iterable[str] | None) -> Iterator[None]:
    """Switch on these pieces only; None takes even the mixins' code away: stock REST framework."""
    with contextlib.ExitStack() as undo:
        for ours in (QUERIES, ROWS, URLS):
            if ours.is_installed() and ours.piece not in (pieces or ()):
                undo.callback(ours.install)
                ours.uninstall()
        if pieces is None:
            for mixin in MIXINS:
                for name in [name for name in vars(mixin) if not name.startswith("__")]:
                    undo.enter_context(mock.patch.object(mixin, name))
                    delattr(mixin, name)
        undo.enter_context(override_settings(SPEEDUPS=tuple(pieces or ())))
        forget()
        undo.callback(forget)
        yield


def forget() -> None:
    """Let everything be looked at anew, after a setting or a class has changed."""
    view.knowledge.cache_clear()
    shared_fields._shared.clear()
    looked_at.forget()


class _Forced(WSGIHandler):
    """Lets in whom REST framework's test client has been told to, without asking who it is."""

    def __init__(self, told: Any) -> None:
        super().__init__()
        self._told = told

    def get_response(self, request: Any) -> Any:
        """Answer a request of theirs."""
        force_authenticate(request, self._told._force_user, self._told._force_token)
        return super().get_response(request)


@contextlib.contextmanager
def application(client: Client | None = None) -> Iterator[Any]:
    """Give the WSGI application as in production, the express lane in front of it if it is on.

    A client that takes no cross-site forgery checks along is let through them, as Django does it.
    """
    around = (request_started, request_finished)
    before = [(signal, signal.receivers[:]) for signal in around]
    old_connections.look_before_closing()
    try:
        handler: Any = getattr(client, "handler", None)
        forced = isinstance(handler, ForceAuthClientHandler)
        trusted = not getattr(handler, "enforce_csrf_checks", True)
        with mock.patch.object(WSGIRequest, "_dont_enforce_csrf_checks", trusted, create=True):
            yield ExpressLane(_Forced(handler) if forced else WSGIHandler())
    finally:
        for signal, receivers in before:
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()


def answer(application: Any, environ: dict[str, Any]) -> Answer:
    """Ask an application as a server does."""
    told: list[tuple[str, list[tuple[str, str]]]] = []
    raised: list[type[BaseException] | None] = [None]

    def note(**_kwargs: Any) -> None:
        raised.append(sys.exc_info()[0])

    got_request_exception.connect(note)
    try:
        response = application(environ, lambda *given: told.append(given))
        body = b"".join(response)
        if hasattr(response, "close"):
            response.close()
    finally:
        got_request_exception.disconnect(note)
    ((status, headers),) = told
    return Answer(status, tuple(sorted(headers)), body, raised[-1])


def _stored(using: str) -> Rows:
    """Return all rows of the project's own tables, and of those between two of them."""
    there = set(connections[using].introspection.table_names())
    found = apps.get_models(include_auto_created=True)
    return {
        model._meta.label: [*models.QuerySet(model, using=using).order_by("pk").values()]
        for model in found
        if model._meta.db_table in there
    }
