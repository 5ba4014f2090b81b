"""How long each request spends in the database: whatever goes there is timed."""

import functools
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from drf_speedups.database.statements import Statement
from drf_speedups.eligibility.members import STAND_INS
from drf_speedups.postgresql.base import DatabaseWrapper

# None of them calls another one, so no second is counted twice.
WAYS = (
    (Statement, "execute"),
    (CursorWrapper, "_execute"),
    (CursorWrapper, "_executemany"),
    (DatabaseWrapper, "get_new_connection"),
    (BaseDatabaseWrapper, "_commit"),
    (BaseDatabaseWrapper, "_rollback"),
)


class _Spent(threading.local):
    seconds = 0.0


spent = _Spent()  # of this thread; whoever asks sets it to 0 before


@functools.cache
def wind_up() -> None:
    """Begin to time, in this process from now on."""
    stand_around(_timed)


def stand_around(put_around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put something around each way, of which the lanes know that all goes as without it."""
    for owner, name in WAYS:
        way = put_around(getattr(owner, name))
        STAND_INS.add(way)
        setattr(owner, name, way)


def _timed(way: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(way)
    def timed(*args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        try:
            return way(*args, **kwargs)
        finally:
            spent.seconds += perf_counter() - started

    return timed
