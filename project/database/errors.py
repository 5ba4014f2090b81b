"""What a client is told when the database refuses or is not there, and what the log says of it."""

import logging
import re
import threading
from collections import Counter

from django import db
from django.db import connections

from project.observability.log_bursts import Burst

logger = logging.getLogger(__name__)
READ_ONLY = "25006"
NO_STATE = "none"  # there was no connection, or it was lost

Trouble = Counter[tuple[str, int]]  # errors by SQLSTATE and by the status the client got

FULL = "it has no connection left"
# What libpq says of a connection that it does not get, and in short for anybody; first match first.
REASONS = {
    "password authentication failed|no password supplied|authentication failed": (
        "it does not take the role or its password"),
    'database ".*" does not exist': "it has no such database",
    'role ".*" (does not exist|is not permitted to log in)': "it has no such role",
    "has no address|resolve host|translate host name": "the name of its host has no address",
    "SSL|certificate|, no encryption": "it and the service do not agree about TLS",
    r"pg_hba\.conf": "its pg_hba.conf lets nobody in from here",
    "too many (clients|connections)|connection slots|no more connections allowed": (
        FULL),
    "starting up|shutting down|recovery mode|not yet accepting": "it starts or stops",
    "refused|No such file": "nothing listens at its address",
    "timeout|timed out|did not answer": "nothing answers at its address",
}  # fmt: skip
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
        warn(found[1], state or f"no connection: {one_line(error)}")
    if state == READ_ONLY:
        _let_go()
    return found


def warn(what: str, why: str) -> None:
    """Log trouble, once per burst and kind."""
    _bursts.setdefault(what, Burst(logger, "database trouble", what)).note(why)


def one_line(error: db.Error) -> str:
    """Return all that is known about why there is no connection; libpq names no password."""
    return " ".join(str(error).split())


def in_short(error: db.Error) -> str:
    """Return the same for anybody to know."""
    text = one_line(error)
    return next((short for known, short in REASONS.items() if re.search(known, text)),
                "the connection failed")  # fmt: skip


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


_trouble: Trouble = Counter()
_bursts: dict[str, Burst] = {}
_one_at_a_time = threading.Lock()
