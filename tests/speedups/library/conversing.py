"""One conversation with a drawn view set: as stock, with the pieces, through the lane."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import override_settings
from django.urls import path
from django.utils import translation
from rest_framework.routers import SimpleRouter

from tests.speedups.library import drawn, letting_in, odd_models
from tests.speedups.library.comparing import HOST, NOW, Request, answer, languages, served
from tests.speedups.library.drawn import Spec
from tests.speedups.library.odd_models import AGE, ODD_MODELS, ODD_ROWS, body

PIECES = ("answers", "fields", "headers", "upkeep", "validation")
LANE = (*PIECES, "express")
WAYS: dict[str, tuple[str, ...] | None] = {"stock": None, "pieces": PIECES, "lane": LANE}
GERMAN: dict[str, Any] = {"Accept-Language": "de"}
Told = tuple[list[tuple[Any, ...]], list[Any], dict[str, int]]


def differences(spec: Spec) -> list[str]:
    """Return what differs from stock, a line each: answers, rows, calls of those who let in."""
    told = {way: _told(spec, pieces) for way, pieces in WAYS.items()}
    answers, rows, calls = told["stock"]
    found = []
    for way in ("pieces", "lane"):
        ours = told[way]
        for theirs, mine in zip(answers, ours[0], strict=False):
            if theirs != mine:
                found.append(f"{way}: {theirs[0]}: stock {theirs[1:]}, ours {mine[1:]}")
        if len(answers) != len(ours[0]):
            found.append(f"{way}: {len(answers)} answers, ours {len(ours[0])}")
        if rows != ours[1]:
            found.append(f"{way}: rows {rows}, ours {ours[1]}")
        if calls != ours[2]:
            found.append(f"{way}: calls {calls}, ours {ours[2]}")
    return found


def _told(spec: Spec, pieces: tuple[str, ...] | None) -> Told:
    _begin(spec)
    view = drawn.view_of(spec, with_pieces=pieces is not None)
    now = mock.patch("django.utils.timezone.now", return_value=NOW)
    with (
        now, languages(),
        override_settings(SPEEDUPS=pieces or (), ROOT_URLCONF=_routes(spec, view)),
        served() as application, translation.override("en"),
    ):  # fmt: skip
        answers = [*_conversation(application, spec)]
    return answers, _rows(spec), dict(letting_in.calls)


def _begin(spec: Spec) -> None:
    table = ODD_MODELS[spec.model]._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} RESTART IDENTITY")
        if spec.model == "Old":
            cursor.execute(AGE)
    odd_models._numbers = itertools.count(1000)
    cache.clear()
    letting_in.forgotten()


def _routes(spec: Spec, view: Any) -> Any:
    if spec.kind in {"set", "read"}:
        router = SimpleRouter()
        router.register("drawn", view, basename="drawn")
        return tuple(router.urls)
    return (path("drawn/" if spec.kind == "rows" else "drawn/<pk>/", view.as_view()),)


def _conversation(application: Any, spec: Spec) -> Iterator[tuple[Any, ...]]:
    ask, model = _asking(application, spec), ODD_MODELS[spec.model]
    for number in (1, 2, 4, 5):
        yield ask("POST", "/drawn/", body(model, number, title=f"n{number}"))
    yield from _pages(ask)
    keys = [row[0] for row in _keys(model)] or [1, 2, 3, 4]
    first, second, last = (f"/drawn/{keys[n]}/" for n in (0, 1, -1))
    yield from _changes(ask, model, first, second)
    yield from _refusals(ask, model, first)
    yield ask("GET", "/drawn/?limit=2", X_Key="no")
    yield ask("DELETE", last, X_Key="no")
    with drawn.listening(spec):
        yield ask("POST", "/drawn/", body(model, 11, title="late"))
        yield ask("PATCH", first, b'{"rank": 3}')
        yield ask("GET", first)
        yield ask("GET", "/drawn/?limit=2")
        yield ask("DELETE", last)
    _make_odd(spec)
    yield ask("GET", first)
    yield ask("GET", "/drawn/?limit=2")
    yield ask("PATCH", first, b'{"rank": 5}')
    for to in (second, second, f"/drawn/{2**40}/", "/drawn/x/"):
        yield ask("DELETE", to)
    yield ask("GET", "/drawn/")
    yield ask("OPTIONS", "/drawn/")
    yield ask("HEAD", first)


def _asking(application: Any, spec: Spec) -> Callable[..., tuple[Any, ...]]:
    """Return what asks and tells: the question, the answer's status, lasting headers and body."""
    numbers = itertools.count(1)

    def ask(method: str, to: str, sent: bytes = b"", **headers: str) -> tuple[Any, ...]:
        key = f"k{next(numbers)}" if spec.who == "once" else "same"
        given = {"X-Key": key, **{name.replace("_", "-"): text for name, text in headers.items()}}
        if given["X-Key"] == "no":
            del given["X-Key"]
        told = answer(application, Request(method, to, sent, given))
        status, given_back, *rest = told
        lasting = [one for one in given_back if one[0] != "Expires"]  # the time of day
        return f"{method} {to} {sent!r} {headers}", status, lasting, *rest

    return ask


def _changes(ask: Any, model: Any, first: str, second: str) -> Iterator[tuple[Any, ...]]:
    yield ask("GET", first)
    yield ask("GET", first, **GERMAN)
    yield ask("PATCH", first, b'{"rank": 10}')
    yield ask("PATCH", second, b'{"name": "new", "price": "-0", "url": "/a\\r\\nb: c/"}')
    yield ask("PUT", second, body(model, 7, title="put"))


def _refusals(ask: Any, model: Any, first: str) -> Iterator[tuple[Any, ...]]:
    """Send what is wrong, or nearly so."""
    for language in ({}, GERMAN):
        yield ask("PATCH", first, b'{"rank": "x", "name": ""}', **language)
        yield ask("POST", "/drawn/", b'{"name": "123456789012345678901"}', **language)
    yield ask("POST", "/drawn/", body(model, 8, title="t", url="/a\r\nb: c/", rank=3))
    yield ask("POST", "/drawn/", body(model, 9, title="t", price="-0.00"))
    yield ask("POST", "/drawn/", b"{")


def _pages(ask: Any) -> Iterator[tuple[Any, ...]]:
    """Follow the links; no page may come again."""
    to, seen = "/drawn/?limit=1", set()
    while to:
        page = ask("GET", to)
        yield page
        found = json.loads(page[3]) if page[1].startswith("200") else {}
        assert to not in seen
        seen.add(to)
        to = (found.get("next") or "").removeprefix(f"http://{HOST}")
        if len(seen) > 9:
            raise AssertionError("pages repeat")


def _keys(model: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {model._meta.db_table} ORDER BY id")
        return list(cursor.fetchall())


def _rows(spec: Spec) -> list[Any]:
    table = ODD_MODELS[spec.model]._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
        return list(cursor.fetchall())


def _make_odd(spec: Spec) -> None:
    with connection.cursor() as cursor, contextlib.suppress(DatabaseError):
        if spec.odd != "none":
            cursor.execute(ODD_ROWS[spec.odd].format(ODD_MODELS[spec.model]._meta.db_table))
