"""`manage.py speedups`: which actions are answered fast, and why others are not."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.viewsets import GenericViewSet

from drf_speedups.answers import FinishedAnswers, explained
from drf_speedups.database.old_connections import look_before_closing
from drf_speedups.eligibility import driver
from drf_speedups.express import closed_because, stepped_aside
from drf_speedups.express.lane import Lane
from drf_speedups.overlap import stays_closed
from drf_speedups.representation.installing import is_installed

LEGEND = """
on: one prepared statement makes the answer. Anything else is answered by Django REST framework as
without speedups, for the reason given: nothing is wrong, it is only not faster.
"X.method is its own": X overrides a method of the framework that this action runs. Leave the method
out, move it to a view set of its own, or keep it.
"""
WORKER = "drf_speedups.worker.BufferedWorker"
LINKS = 4  # where the setting OVERLAP_LINKS does not say how many


class Command(BaseCommand):
    help = "List each view set's actions: on, or the reason why Django REST framework answers."

    def handle(self, *args: Any, **options: Any) -> None:
        if driver.MISSING:
            self.stdout.write(f"pieces that need the database step aside: {driver.MISSING}")
        rows = "on" if is_installed() else "off"
        self.stdout.write(f"rows of any view set (representation): {rows}")
        look_before_closing()  # as whoever has an express lane does it
        self.stdout.write(f"express lane: {closed_because() or 'on'}")
        for route, reason in stepped_aside():
            self.stdout.write(f"  not in it: {route} ({reason})")
        alone = stays_closed(Lane(), getattr(settings, "OVERLAP_LINKS", LINKS))
        self.stdout.write(f"requests overlap (under {WORKER}): {alone or 'on'}")
        others = 0
        for view_set in dict.fromkeys(_view_sets(get_resolver())):
            if not issubclass(view_set, FinishedAnswers):
                others += 1
                continue
            self.stdout.write(view_set.__name__)
            for action, state in explained(view_set):
                self.stdout.write(f"  {action:<16}{state}")
        if others:
            self.stdout.write(f"view sets without the mixin FinishedAnswers: {others}")
        self.stdout.write(LEGEND.rstrip())


def _view_sets(resolver: URLResolver) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _view_sets(pattern)
        elif isinstance(pattern, URLPattern):
            view_set = getattr(pattern.callback, "cls", None)
            if isinstance(view_set, type) and issubclass(view_set, GenericViewSet):
                yield view_set
