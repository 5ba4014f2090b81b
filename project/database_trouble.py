"""What a client is told when the database refuses or is not there, and what the log says of it."""

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass

from django import db
from django.db import connections

logger = logging.getLogger(__name__)
READ_ONLY = "25006"
NO_STATE = "none"  # there was no connection, or it was lost

Trouble = Counter[tuple[str, int]]  # errors by SQLSTATE and by the status the client got

# SQLSTATE, longest prefix first: (status, what the client may know).
# Classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
UNAVAILABLE = (503, "The database is not available.")
CONFLICT = (409, "The change clashes with other data or with another change.")
BAD_VALUE = (400, "The database does not take this value.")
BY_SQLSTATE = {
    "57014": (504, "The database did not answer in time."),
    "55P03": (503, "The row is locked by another change."),
    READ_ONLY: (503, "The database takes no changes at the moment."),
    "23505": CONFLICT,
    "23503": CONFLICT,
    "23": BAD_VALUE,
    "22": BAD_VALUE,
    "40": CONFLICT,
    "08": UNAVAILABLE,
    "53": UNAVAILABLE,
    "57P": UNAVAILABLE,
}


def explained(error: db.Error) -> tuple[int, str] | None:
    """Return status and detail for the client; nothing for what only a traceback can explain.

    Trouble that is not the client's is logged, once per burst and kind.
    """
    state: str = getattr(error.__cause__, "sqlstate", None) or ""
    found = _found(error, state)
    with _one_at_a_time:
        _trouble[state or NO_STATE, found[0] if found else 500] += 1
    if found and found[0] >= 500:
        _bursts.setdefault(found[1], Burst(found[1])).note(state or "no connection")
    if state == READ_ONLY:
        _let_go()
    return found


def _found(error: db.Error, state: str) -> tuple[int, str] | None:
    if not state and isinstance(error, db.OperationalError | db.InterfaceError):
        return UNAVAILABLE  # no connection, or lost in the middle
    prefix = next((state[:size] for size in (5, 3, 2) if state[:size] in BY_SQLSTATE), None)
    return BY_SQLSTATE[prefix] if prefix else None


def take() -> Trouble:
    """Return what the database has refused since the last time."""
    global _trouble
    with _one_at_a_time:
        taken, _trouble = _trouble, Counter()
    return taken


def _let_go() -> None:
    """Close a connection that looks healthy but leads to a server which is no primary any more.

    In the middle of a transaction it is only marked as too old, for the end of the request to see.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            connection.close_at = 0.0
        else:
            connection.close()


@dataclass
class Burst:
    """Trouble of one kind: worth a line when it begins, and one now and then while it lasts."""

    what: str
    more: int = 0  # requests since the last line
    last_at: float = float("-inf")  # monotonic seconds
    logged_at: float = float("-inf")

    QUIET = 5.0  # seconds without trouble end a burst
    INTERVAL = 10.0  # seconds between the lines of one that lasts

    def note(self, state: str) -> None:
        """Count a request, and log if it is time."""
        with _one_at_a_time:  # or two threads of a worker begin one burst twice
            self._note(state, time.monotonic())

    def _note(self, state: str, now: float) -> None:
        begins = now - self.last_at > self.QUIET
        self.last_at = now
        if not begins and now - self.logged_at < self.INTERVAL:
            self.more += 1
            return
        also = f", after {self.more} more requests" if self.more else ""
        logger.warning("database trouble (%s): %s%s", state, self.what, also)
        self.logged_at, self.more = now, 0


_trouble: Trouble = Counter()
_bursts: dict[str, Burst] = {}
_one_at_a_time = threading.Lock()
