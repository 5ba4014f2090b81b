"""Who looks at the ways to the database closes no lane to them."""

from functools import partial

import pytest

from crud.views import ItemViewSet
from drf_speedups.answers.view import Knowledge
from drf_speedups.eligibility import StepAside
from project.database import timing
from project.observability import tracing
from tests.project.production import PRODUCTION, run

OFF = """
import sys, threading, project.wsgi
names = "prometheus_client opentelemetry project.database.timing project.observability.middleware"
print([name for name in names.split() if name in sys.modules], threading.active_count())
"""


@pytest.mark.parametrize("around", [timing._timed, partial(tracing._traced, tracer=None)])
def test_what_stands_around_the_ways_to_the_database_lets_no_action_step_aside(monkeypatch, around):
    for owner, name in timing.WAYS:
        monkeypatch.setattr(owner, name, vars(owner)[name])  # to be put back
    timing.stand_around(around)
    actions = Knowledge(ItemViewSet).actions
    assert {name: str(one) for name, one in actions.items() if isinstance(one, StepAside)} == {}


def test_what_is_off_is_not_imported_stands_around_nothing_and_has_no_thread():
    ended = run("-c", OFF, **PRODUCTION)
    assert (ended.stdout, ended.stderr) == ("[] 1\n", "")
