"""The same request with the framework's own serialization and with ours."""

import contextlib
import functools
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIRequestFactory

from drf_speedups.queries import QUERIES
from drf_speedups.representation import ROWS
from tests.speedups.library.related_models import (
    Article,
    Editor,
    Note,
    Reply,
    Signing,
    Topic,
    Town,
)

factory = APIRequestFactory()
MOMENT = datetime(2026, 3, 29, 0, 59, 59, 120, tzinfo=UTC)


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Let ours stand in the place of the framework's."""
    with override_settings(SPEEDUPS=("queries", "representation")):
        QUERIES.install()
        ROWS.install()
        try:
            yield
        finally:
            ROWS.uninstall()
            QUERIES.uninstall()


def answered(view: Any, path: str = "/", **kwargs: Any) -> tuple[Any, ...]:
    """Return status, headers, body, and the data as whoever looks at it afterwards sees it."""
    headers = {"HTTP_ACCEPT": "application/json", **kwargs.pop("headers", {})}
    Signing.signatures = itertools.count()
    response = view(factory.get(path, **headers), **kwargs)
    response.render()
    return response.status_code, dict(response.headers), response.content, repr(response.data)


def both(view: Any, path: str = "/", **kwargs: Any) -> tuple[Any, Any]:
    """Return what the framework answers, and what it answers with ours."""
    stock = answered(view, path, **kwargs)
    with installed():
        return stock, answered(view, path, **kwargs)


def seed() -> None:
    """Fill the tables with rows that are odd in many ways."""
    with connection.cursor() as cursor:
        cursor.execute(_inserted())


@functools.cache
def _inserted() -> str:
    """Return the statements that write the rows: the ORM takes ten times as long to make them."""
    with transaction.atomic(), CaptureQueriesContext(connection) as made:
        _insert()
        transaction.set_rollback(True)
    return ";".join(one["sql"] for one in made if one["sql"].startswith("INSERT"))


def _insert() -> None:
    towns = [
        Town(id=UUID(int=1), name="Ulm", code="ulm", founded=date(854, 7, 22)),
        Town(id=UUID(int=2), name='Ä"\\/\u2028\x7f\t\x01\x02,"', code="b"),
        Town(id=UUID(int=2**128 - 1), name="Ulm", code="c", founded=date(9999, 12, 31)),
    ]
    Town.objects.bulk_create(towns)
    Topic.objects.bulk_create([
        Topic(id=number, word=word, weight=weight, town=town, icon=("", "icon", "i*")[number % 3])
        for number, word, weight, town in (
            (1, "b", 1.0, towns[0]), (2, "a", 0.1, None), (3, "b", 1e-300, towns[1]),
            (4, "é\U0001f98a", -0.0, towns[0]), (-1, "c", 2.0, None))
    ])  # fmt: skip
    Editor.objects.bulk_create([
        Editor(id=1, name="Ada", town=towns[0], hired=MOMENT, portrait="é %/1.png"),
        Editor(id=2, name="", town=towns[1], chief_id=1, portrait=""),
        Editor(id=3, name="Bob %s %", town=towns[2], chief_id=2),
    ])  # fmt: skip
    numbers = range(1, 8)
    Article.objects.bulk_create([_article(number, towns) for number in numbers])
    through: Any = Article.topics.through
    through.objects.bulk_create([
        through(article_id=number, topic_id=topic)
        for number in numbers for topic in (-1, 1, 2, 3, 4)[: number % 5]
    ])  # fmt: skip
    replies = [(1, 1, None, False), (2, 1, 1, True), (3, 2, 2, False), (4, 3, 1, False)]
    Reply.objects.bulk_create([
        Reply(id=n, article_id=article, answered_id=to, text=f"r{n}", hidden=hidden)
        for n, article, to, hidden in replies
    ])  # fmt: skip
    Note.objects.bulk_create([
        Note(article_id=n, text=f"n{n}", reply_id=1 + n % 4) for n in numbers if n % 2
    ])  # fmt: skip


def _article(number: int, towns: list[Town]) -> Article:
    odd = number % 2
    return Article(
        id=number, editor_id=1 + number % 3, reviewer_id=2 if odd else None,
        place=towns[number % 3] if number % 4 else None, title=f"t{number}'\"\n\u2029",
        body="x" * number, level=1 + odd, mood="gs"[odd] if number % 3 else None,
        price=Decimal(f"{number}.{number}0") if odd else None,
        share=(0.1, 999999999999999.9, 123456789.125, None, 1e-5, 1e14, -7.0)[number % 7],
        big=(-1) ** number * (2**63 - 1),
        is_open=(True, False, None)[number % 3], token=UUID(int=number) if odd else None,
        made_at=MOMENT + timedelta(hours=number, microseconds=-120 * (number % 3)),
        day=date(number, 1, 2) if odd else None, hour=time(number, 0, 5, 1000 * odd),
        takes=timedelta(days=number, microseconds=5) if odd else None,
        words=["a", 'b"'] if odd else [], extra={"b": 1.0, "a": [1]} if odd else None,
        address="::1" if odd else "10.0.0.1",
        cover=(None, "", "a.png", "é ü/100%.png", "\u2028\x07\"\\'?#.png")[number % 5],
    )  # fmt: skip
