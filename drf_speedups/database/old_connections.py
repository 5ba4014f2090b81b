"""Django's upkeep around each request, without what has nothing to do.

Django connects four receivers to the signals that begin and end a request: each asks every
database connection and every cache whether it is to be closed. With persistent connections the
answer is no, unless one has erred, has reached its age or is to be checked, and that can be seen by
looking. `CONN_MAX_AGE` and `CONN_HEALTH_CHECKS` hold as ever, before a request and after it.
"""

import functools
import weakref
from typing import Any

from django import db
from django.core import cache, signals
from django.core.handlers.base import reset_urlconf
from django.db import connections

from drf_speedups.eligibility.members import is_framework_s
from drf_speedups.eligibility.reasons import wanted


def look_before_closing() -> None:
    """Put ours in the place of Django's receivers; call it when the application is loaded.

    Ours are known to the signals by the identity of Django's: whoever disconnects one of those, as
    test clients do to keep their connection, disconnects ours.
    """
    if not wanted("upkeep"):
        return
    for signal, stock, ours in IN_PLACE:
        if signal.disconnect(stock):
            signal.connect(ours, dispatch_uid=id(stock))


class Company:
    """Whether somebody else waits for the begin or the end of a request.

    Asking costs a comparison of two lists of the same objects.
    """

    def __init__(self) -> None:
        self._seen: list[Any] = []
        self._alone = False

    def is_none(self) -> bool:
        """Tell whether nobody does."""
        now = [signals.request_started.receivers, signals.request_finished.receivers]
        if now != self._seen:
            self._seen = [[*one] for one in now]
            self._alone = [{_who(one[1]) for one in each} for each in now] == KNOWN
        return self._alone


def _who(receiver: Any) -> Any:
    return receiver() if isinstance(receiver, weakref.ref) else receiver


alone = Company().is_none


def look_at(alias: str) -> None:
    """Do before a request, or after one without an error, what is due for its connection."""
    _look_at(connections[alias], odd=False)


def _forget_queries(**_kwargs: Any) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.queries_logged:
            connection.queries_log.clear()


def _close_what_is_due(**_kwargs: Any) -> None:
    """Do what the time since the last request makes due, or the request, or who was between."""
    for connection in connections.all(initialized_only=True):
        _look_at(connection, _is_odd(connection))


def _is_odd(connection: Any) -> bool:
    """Tell whether a connection has erred, or is left otherwise than it is to be."""
    usual = connection.settings_dict["AUTOCOMMIT"]
    return bool(connection.errors_occurred or connection.autocommit != usual)


def _look_at(connection: Any, odd: bool) -> None:
    connection.health_check_done = False  # nobody has spoken in this session in this request
    due = odd or connection.close_at is not None or connection.health_check_enabled
    kind: Any = type(connection)
    if (due and connection.connection is not None) or _looks_itself(kind):
        connection.close_if_unusable_or_obsolete()


@functools.lru_cache(64)
def _looks_itself(kind: Any) -> bool:
    """Tell whether a backend of somebody else's looks at its connections in its own way."""
    name = "close_if_unusable_or_obsolete"
    return any(name in vars(one) and not is_framework_s(one) for one in kind.__mro__)


def _close_caches(**_kwargs: Any) -> None:
    for one in cache.caches.all(initialized_only=True):
        one.close()


IN_PLACE: tuple[tuple[Any, Any, Any], ...] = (
    (signals.request_started, db.reset_queries, _forget_queries),
    (signals.request_started, db.close_old_connections, _close_what_is_due),
    (signals.request_finished, db.close_old_connections, _close_what_is_due),
    (signals.request_finished, cache.close_caches, _close_caches),
)
AT_THE_BEGIN = {_forget_queries, _close_what_is_due}
# Django's resets what a middleware may have chosen for one request.
AT_THE_END = {_close_what_is_due, _close_caches, reset_urlconf}
KNOWN = [AT_THE_BEGIN, AT_THE_END]
