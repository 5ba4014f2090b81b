"""The express lane in front of Django, as in production, and rows to ask for."""

from types import SimpleNamespace

import pytest
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from crud.models import Item
from drf_speedups.database import old_connections
from drf_speedups.express import ExpressLane
from tests.speedups.express.asking import PLAIN


@pytest.fixture
def production(settings, monkeypatch):
    """Settings and signals as in production, but for what Django's test clients leave out."""
    # Between requests Django closes a connection that is in a transaction, as that of a test is.
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    settings.MIDDLEWARE = [
        "project.requests.context.RequestContext", "whitenoise.middleware.WhiteNoiseMiddleware"
    ]  # fmt: skip
    around = (signals.request_started, signals.request_finished)
    before = [(signal, signal.receivers[:]) for signal in around]
    old_connections.look_before_closing()
    yield settings
    for signal, receivers in before:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


class Counted(ExpressLane):
    """A lane that looks at Django, and leaves what it leaves to somebody who counts."""

    def __init__(self, django, counted):
        super().__init__(django)
        self.django, self.counted = django, counted

    def open(self):
        self.application = self.django
        opened = super().open()
        self.application = self.counted
        return opened


@pytest.fixture
def lane(db, production):
    """The lane before Django; `left` counts what it leaves to it."""
    django = WSGIHandler()
    seen = SimpleNamespace(left=0, django=django)

    def counted(environ, start_response):
        seen.left += 1
        return django(environ, start_response)

    seen.lane = Counted(django, counted)
    return seen


@pytest.fixture
def rows(db):
    return [item.pk for item in Item.objects.bulk_create(Item(**PLAIN) for _ in range(30))]
