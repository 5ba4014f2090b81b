"""The stock backend, which lets go of connections that are lost and does not wait for lost hosts.

Django finds out by a query per request (CONN_HEALTH_CHECKS) or by an error of the request that
meets a lost connection first. A socket tells without a round trip: the server says hardly anything
unasked to an idle connection except that it ends it.
"""

import re
import select
import time
from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from drf_speedups.postgresql import half_open
from drf_speedups.postgresql.names import with_addresses

TRUSTED = 0.05  # seconds after its last use in which a connection is not looked at
LONG_ATTEMPT = 0.4  # seconds; a host that refuses is faster, one that does not answer slower
NEXT_ATTEMPT = 1.0  # seconds after a long attempt in which requests are told at once

UNITS = {"us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}  # in seconds

IN_TRANSACTION = {TransactionStatus.INTRANS, TransactionStatus.INERROR}

# By alias: until when nobody connects (monotonic seconds), and why the last long attempt failed.
_silent: dict[str, tuple[float, str]] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks at a connection that was idle before it is used.

    Until the request is over whoever has had a cursor keeps that session or is told of its end: it
    may have a lock there, a role or a temporary table, which another one has not.
    """

    health_check_done: bool  # Django's: in this request
    _used_at = _connected_at = 0.0  # monotonic seconds

    def ensure_connection(self) -> None:
        """Connect if there is no connection, or only one that is lost."""
        now = time.monotonic()
        if now - self._used_at > TRUSTED and not self.health_check_done and self._is_lost():
            self.close()
        self._used_at = now
        if self.connection is None:
            super().ensure_connection()
            self.health_check_done = False

    def create_cursor(self, name: str | None = None) -> Any:
        """Let somebody speak for himself in this session."""
        self.health_check_done = True
        return super().create_cursor(name)

    def close_if_unusable_or_obsolete(self) -> None:
        """After an error: close what is lost before Django would connect anew to ask it."""
        if self._is_lost():
            self.close()
        super().close_if_unusable_or_obsolete()

    def _is_lost(self) -> bool:
        if self.connection is None or self._is_in_transaction():
            return False
        if self.connection.closed or half_open.found_since(self._connected_at):
            return True
        poller = select.poll()
        poller.register(self.connection.fileno(), select.POLLIN)
        # Who listens is told something unasked, too.
        return bool(poller.poll(0)) and not self.is_usable()

    def _is_in_transaction(self) -> bool:
        """Tell whether another connection would have the rest of a transaction only."""
        begun = self.connection.pgconn.transaction_status in IN_TRANSACTION
        usual = self.autocommit == self.settings_dict["AUTOCOMMIT"]
        return self.in_atomic_block or begun or not usual

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; right after an attempt that took long and failed, raise at once."""
        started = time.monotonic()
        until, why = _silent.get(self.alias, (started, ""))
        if started < until:
            raise OperationalError(f"{why}, a moment ago: not tried again yet")
        try:
            connection = super().get_new_connection(with_addresses(conn_params))
        except Exception as error:
            # Who waits for a pool most often waits for what others have to give back.
            pooled = self.settings_dict["OPTIONS"].get("pool")
            if not pooled and time.monotonic() - started > LONG_ATTEMPT:
                _silent[self.alias] = time.monotonic() + NEXT_ATTEMPT, str(error)
            raise
        self._connected_at = time.monotonic()
        half_open.watch(connection, statement_limit(conn_params.get("options", "")))
        return connection


def statement_limit(options: str) -> float:
    """Return the seconds that `-c statement_timeout=…` grants a statement; infinite if none.

    What is written in another way counts as none: a statement that is well must not be ended.
    """
    said = re.findall(r"statement_timeout=(\S*)", options)
    last = re.fullmatch(rf"(\d{{1,9}})({'|'.join(UNITS)})?", said[-1]) if said else None
    if last is None or int(last[1]) == 0:
        return float("inf")
    return int(last[1]) * UNITS[last[2] or "ms"]
