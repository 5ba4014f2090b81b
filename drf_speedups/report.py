"""What `manage.py speedups` says: which actions are answered fast, and why others are not."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.generics import GenericAPIView

from drf_speedups.answers import FinishedAnswers, explained
from drf_speedups.eligibility import driver
from drf_speedups.express import closed_because, stepped_aside
from drf_speedups.express.lane import Lane
from drf_speedups.overlap import stays_closed
from drf_speedups.queries import QUERIES
from drf_speedups.representation import ROWS
from drf_speedups.representation.explaining import rows_of
from drf_speedups.stand_ins import StandIns
from drf_speedups.urls import URLS

LEGEND = """
on: one prepared statement makes the answer. Anything else is answered by Django REST framework as
without speedups, for the reason given: nothing is wrong, it is only not faster.
rows: who serializes them where the framework answers, as far as classes tell: a query of its own
kind may leave a list to Python. By the database is fastest; by what is known of the class, rows
become objects whose fields are built once.
"X.method is its own": X overrides a method of the framework that this action runs. Leave the method
out, move it to a view set of its own, or keep it.
"""
WORKER = "drf_speedups.worker.BufferedWorker"
LINKS = 4  # where the setting OVERLAP_LINKS does not say how many


def lines() -> Iterator[str]:
    """Yield what is on in this process, and of each view set who answers."""
    yield from _pieces()
    yield from _of_view_sets()
    yield LEGEND.rstrip()


def _pieces() -> Iterator[str]:
    """Yield what is true of all view sets."""
    if driver.MISSING:
        yield f"pieces that need the database step aside: {driver.MISSING}"
    yield f"rows of any view set (representation): {_why_off(ROWS) or 'on'}"
    yield f"queries that differ in values only (queries): {_why_off(QUERIES) or 'on'}"
    yield f"views by their URLs, links of pages (urls): {_why_off(URLS) or 'on'}"
    closed = closed_because()
    yield f"express lane: {closed or 'on'}"
    for route, reason in () if closed else stepped_aside():
        yield f"  not in it: {route} ({reason})"
    alone = stays_closed(Lane(), getattr(settings, "OVERLAP_LINKS", LINKS))
    yield f"requests overlap (under {WORKER}): {alone or 'on'}"


def _of_view_sets() -> Iterator[str]:
    for view_set in dict.fromkeys(_view_sets(get_resolver())):
        yield view_set.__name__
        if ROWS.is_installed():
            yield f"  {'rows':<16}{rows_of(view_set)}"
        for action, state in explained(view_set) if _has_mixin(view_set) else ():
            yield f"  {action:<16}{state}"


def _why_off(ours: StandIns) -> str:
    """Return why the frameworks' methods are in their places, nothing if ours are."""
    left_out = f"the setting SPEEDUPS leaves out {ours.piece!r}"
    return "" if ours.is_installed() else f"off, {ours.stepped_aside or left_out}"


def _has_mixin(view_set: type) -> bool:
    return issubclass(view_set, FinishedAnswers)


def _view_sets(resolver: URLResolver) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _view_sets(pattern)
        elif isinstance(pattern, URLPattern):
            view_set = getattr(pattern.callback, "cls", None)
            if isinstance(view_set, type) and issubclass(view_set, GenericAPIView):
                yield view_set
