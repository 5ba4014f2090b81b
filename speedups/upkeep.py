"""Django's upkeep around each request, without what has nothing to do.

Django connects four receivers to the signals that begin and end a request: each asks every
database connection and every cache whether it is to be closed. With persistent connections the
answer is no, unless one has erred or has reached its age, and that can be seen by looking.
"""

import time
from typing import Any

from django import db
from django.core import cache, signals
from django.core.handlers.base import reset_urlconf
from django.db import connections

from speedups.stepping_aside import wanted


def look_before_closing() -> None:
    """Replace Django's receivers; call it once, when the application is loaded."""
    if not wanted("upkeep"):
        return
    signals.request_started.disconnect(db.reset_queries)
    signals.request_started.disconnect(db.close_old_connections)
    signals.request_finished.disconnect(db.close_old_connections)
    signals.request_finished.disconnect(cache.close_caches)
    # Only the end needs a look: what happens to a connection happens in a request.
    signals.request_finished.connect(_close_what_needs_it, dispatch_uid="speedups.upkeep")


def alone() -> bool:
    """Tell whether nobody else waits for the begin or the end of a request."""
    return signals.request_started.receivers == [] and (
        len(signals.request_finished.receivers) == len(EXPECTED)
    )


def others() -> bool:
    """Tell the same, by looking at who they are."""
    waiting = {receiver[1]() for receiver in signals.request_finished.receivers}
    return waiting != EXPECTED or not alone()


def close_if_due(alias: str) -> None:
    """Do at the end of a request without error what is due for the one connection it used."""
    connection = connections[alias]
    if connection.close_at is not None:
        connection.close_if_unusable_or_obsolete()


def _close_what_needs_it(**_kwargs: Any) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.queries_logged:
            connection.queries_log.clear()
        if connection.connection is None:
            continue
        aged = connection.close_at is not None and time.monotonic() >= connection.close_at
        odd = connection.errors_occurred or not connection.autocommit
        if aged or odd:
            connection.close_if_unusable_or_obsolete()
    for one in cache.caches.all(initialized_only=True):
        one.close()


# Django's resets what a middleware may have chosen for one request.
EXPECTED = {_close_what_needs_it, reset_urlconf}
