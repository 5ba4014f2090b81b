"""What stands in the place of the method by which Django reads moments that PostgreSQL sends.

Up to Django 6.0 it is written in Python, with a pattern and arithmetic of zones for each value.
A session in UTC sends a text that Python reads at once. Django 6.1 asks the driver's own C.
"""

import functools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import attrgetter, is_
from typing import Any

from drf_speedups.eligibility import driver
from drf_speedups.eligibility.driver import BaseTzLoader, TimestamptzLoader
from drf_speedups.eligibility.members import is_genuine

OF_THE_DRIVER = "__init__", "load", "_load_iso"
_beside_ours = attrgetter("__getattribute__", "__init__", "_load_iso")
READS_UTC = "_speedups_reads_utc"  # in a loader: there is one for each column of a result
SENT = {memoryview, bytes}  # by the driver in C, and in Python
IN_UTC = re.compile(rb"\d{4}(?:-\d\d){2} (?:[01]\d|2[0-3])(?::\d\d){2}(?:\.\d{1,6})?\+00").fullmatch


def standing_in() -> Iterator[tuple[Any, str, Any]]:
    """Yield the method, if it and what it calls are as Django and psycopg have them."""
    if driver.MISSING or BaseTzLoader.__bases__ != (TimestamptzLoader,):
        return
    kinds = [(BaseTzLoader, "load"), *[(TimestamptzLoader, name) for name in OF_THE_DRIVER]]
    if all(is_genuine(kind, vars(kind).get(name)) for kind, name in kinds):
        yield BaseTzLoader, "load", load


def load(stock: Any) -> Any:
    """Return what makes a moment of what the server sends."""
    as_ever = _code_of(BaseTzLoader)

    @functools.wraps(stock)
    def load(self: Any, data: Any) -> Any:
        plain = vars(self).get(READS_UTC)
        if plain is None:
            kind: Any = type(self)
            same = kind.load is load and kind.__bases__ == (BaseTzLoader,)
            run = same and all(map(is_, _code_of(kind), as_ever))
            plain = vars(self)[READS_UTC] = run and _reads_utc(self)
        if not (plain and type(data) in SENT and IN_UTC(data)):
            return stock(self, data)
        try:
            found = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:  # no day of the calendar
            return stock(self, data)
        zone = self.timezone
        return found if found.tzinfo is zone else found.replace(tzinfo=zone)

    return load


def _code_of(kind: Any) -> tuple[Any, ...]:
    """Return what loaders of a class run beside ours, at this moment."""
    return (*_beside_ours(kind), TimestamptzLoader.load)


def _reads_utc(loader: Any) -> bool:
    """Tell whether a loader is for values in UTC, as a session's, and makes them in UTC."""
    return (
        loader._timezone is UTC
        and loader._load_method is TimestamptzLoader._load_iso
        and loader._load_method.__globals__["datetime"] is datetime  # tests put another there
    )
