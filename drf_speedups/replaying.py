"""What lets a conversation be had twice: the same rows, files, caches, time and random bytes."""

import contextlib
import random
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.files.storage import Storage
from django.db import DatabaseError, connections, transaction

SEQUENCES = """
SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value),
       last_value IS NOT NULL
FROM pg_sequences
"""
# Modules that ask for the time by themselves: for cookies, Expires, Age and signatures.
TIMED = (
    "django.http.response",
    "django.utils.cache",
    "django.middleware.cache",
    "django.core.signing",
)


@contextlib.contextmanager
def alone(using: str) -> Iterator[None]:
    """Undo a request whose statement has failed: the next one would meet its transaction."""
    connection: Any = connections[using]
    before = connection.savepoint()
    yield
    failed, connection.needs_rollback = connection.needs_rollback, False
    try:
        if not failed:
            connection.savepoint_commit(before)
    except DatabaseError:
        failed = True
    if failed:
        connection.savepoint_rollback(before)


@contextlib.contextmanager
def from_here(now: Any, using: str) -> Iterator[None]:
    """Begin with what is there now, and leave nothing behind."""
    for one in [caches[DEFAULT_CACHE_ALIAS], *caches.all(initialized_only=True)]:
        one.clear()  # of what throttling has counted
    steady: tuple[Any, ...] = (
        mock.patch("django.utils.timezone.datetime", _clock(now)),  # somebody may have its `now`
        *(mock.patch(f"{module}.time", SimpleNamespace(time=now.timestamp)) for module in TIMED),
        mock.patch("rest_framework.throttling.SimpleRateThrottle.timer", now.timestamp),
        mock.patch("os.urandom", random.Random(0).randbytes),  # noqa: S311  (by uuid4, for one)
        mock.patch("random._urandom", random.Random(0).randbytes),  # noqa: S311  (tokens)
        # Between requests Django would close a connection that is in a transaction.
        mock.patch.object(connections[using], "close_if_unusable_or_obsolete"),
    )
    around: Any = transaction.atomic(using)
    around._from_testcase = True  # so that a change may be durable within
    with _sequences_put_back(using), _files_taken_away(), around, contextlib.ExitStack() as stack:
        for each in steady:
            stack.enter_context(each)
        stack.callback(random.setstate, random.getstate())
        random.seed(0)
        yield
        transaction.set_rollback(True, using)


def _clock(moment: datetime) -> type[datetime]:
    """Return a class for times that says what time it is."""

    class Kind(type(datetime)):  # type: ignore[misc]
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, datetime)

    class Clock(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return moment.astimezone(tz) if tz else moment

    return Clock


@contextlib.contextmanager
def _files_taken_away() -> Iterator[None]:
    """Delete the files that are saved meanwhile: later ones would get other names."""
    save, saved = Storage.save, []

    def noted(self: Storage, *args: Any, **kwargs: Any) -> str:
        name = save(self, *args, **kwargs)
        saved.append((self, name))
        return name

    try:
        with mock.patch.object(Storage, "save", noted):
            yield
    finally:
        for storage, name in saved:
            storage.delete(name)


@contextlib.contextmanager
def _sequences_put_back(using: str) -> Iterator[None]:
    """Undo what no rollback undoes: the numbers that rows have got."""
    if connections[using].vendor != "postgresql":
        yield
        return
    with connections[using].cursor() as cursor:
        cursor.execute(SEQUENCES.replace("%I", "%%I"), [])
        before = cursor.fetchall()
        yield
        cursor.executemany("SELECT setval(%s::regclass, %s, %s)", before)
