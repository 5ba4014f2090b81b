"""Requests that are under way while ours are put in their places."""

import pytest

from drf_speedups.representation import ROWS
from drf_speedups.representation.installing import STANDING_IN
from tests.speedups.representation.asking import assert_same, view_of
from tests.speedups.representation.comparing import seed
from tests.speedups.representation.drawn import Spec

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.mark.parametrize("number", range(len(STANDING_IN)))
@pytest.mark.parametrize("pages", ["numbers", "offset"])
def test_a_list_that_meets_the_first_stand_ins_only_is_as_ever(monkeypatch, number, pages):
    seed()
    monkeypatch.setattr(ROWS, "_find", lambda: STANDING_IN[:number])
    assert_same(view_of(Spec(shown=("id", "title", "topics"), pages=pages)))
