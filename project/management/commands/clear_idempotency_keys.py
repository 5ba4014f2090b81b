"""`manage.py clear_idempotency_keys`: forget the answers that no client will ask for any more."""

import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, connection
from django.utils import timezone

from project.models import IdempotencyKey
from project.requests.idempotency import KEPT

BATCH = 10_000  # keys deleted by one statement, which has to end before `statement_timeout`
LEAST = 100
PATIENCE = 540  # seconds in all; the next hour goes on
PROGRESS = 5.0  # seconds between two lines
TOO_SLOW = {"57014", "55P03"}  # SQLSTATE: a statement, or a lock, took longer than it may

# Requests insert and read meanwhile; what one of them replaces at this moment is left to it.
DELETE = """
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE created_at < %s
    ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class Command(BaseCommand):
    help = "Delete idempotency keys older than a day; schedule it, say once an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        """Read the limits."""
        parser.add_argument("--seconds", type=_positive, default=PATIENCE,
                            help="how long it may take in all (%(default)s)")  # fmt: skip
        parser.add_argument("--batch", type=_positive, default=BATCH,
                            help="keys deleted by one statement (%(default)s)")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete batch after batch; one that takes too long is tried again with half as many."""
        self.before = timezone.now() - KEPT
        started = told_at = time.monotonic()
        size, deleted, found = options["batch"], 0, True
        while found and time.monotonic() - started < options["seconds"]:
            try:
                count = self._delete(size)
            except OperationalError as error:
                if size <= LEAST or getattr(error.__cause__, "sqlstate", None) not in TOO_SLOW:
                    raise
                size = max(LEAST, size // 2)
                continue
            deleted, found = deleted + count, count > 0
            if time.monotonic() - told_at > PROGRESS:
                told_at = time.monotonic()
                self.stdout.write(f"{deleted} keys deleted so far")
        rest = "" if not found else "; time is up, more are left for the next run"
        self.stdout.write(f"{deleted} keys deleted{rest}")

    def _delete(self, size: int) -> int:
        table = connection.ops.quote_name(IdempotencyKey._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(DELETE.format(table=table), [self.before, size])
            return int(cursor.rowcount)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
