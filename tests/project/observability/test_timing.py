"""Who looks at the ways to the database closes no lane to them."""

from functools import partial

import pytest

from crud.views import ItemViewSet
from drf_speedups.answers.view import Knowledge
from drf_speedups.eligibility import StepAside
from project.database import timing
from project.observability import tracing


@pytest.mark.parametrize("around", [timing._timed, partial(tracing._traced, tracer=None)])
def test_what_stands_around_the_ways_to_the_database_lets_no_action_step_aside(monkeypatch, around):
    for owner, name in timing.WAYS:
        monkeypatch.setattr(owner, name, vars(owner)[name])  # to be put back
    timing.stand_around(around)
    actions = Knowledge(ItemViewSet).actions
    assert {name: str(one) for name, one in actions.items() if isinstance(one, StepAside)} == {}
