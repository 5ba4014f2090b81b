"""`manage.py migrate`, one at a time: whoever comes second waits, and finds it done."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections

LOCK = 0x6974656D73  # "items"; of a database, so others may migrate another one
PAUSE = 0.5  # seconds between attempts to have it


class Command(migrate.Command):
    """Django's, between a look at the lock and its release."""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Migrate when nobody else does; who only looks waits for nobody."""
        if options["check_unapplied"] or options["plan"]:
            return super().handle(*args, **options)
        with self._alone(options["database"]):
            return super().handle(*args, **options)

    @contextmanager
    def _alone(self, database: str) -> Iterator[None]:
        """Hold the lock in a transaction of another connection: it ends with that, in a pooler too.

        A transaction without a table or a snapshot hinders no migration. Who waits has none: an
        index that is made concurrently would wait for its end.
        """
        holder = connections[database].copy()
        holder.set_autocommit(False)
        try:
            with holder.cursor() as cursor:
                told = False
                while not _has(cursor):
                    if not told:
                        self.stderr.write("Another migrate is under way: waiting for its end.")
                    told = True
                    holder.rollback()
                    time.sleep(PAUSE)
            yield
        finally:
            holder.close()


def _has(cursor: Any) -> bool:
    cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it idles on purpose
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
    return bool(cursor.fetchone()[0])
