import pytest

from lab.errors import LabError
from lab.plan import Conditions, expected_seconds, interleaved


def test_trials_are_interleaved_in_pairs():
    steps = interleaved(["django", "fastapi-sqlalchemy"], 2)
    assert [step.target for step in steps] == ["django", "fastapi-sqlalchemy"] * 2
    assert [(step.number, step.pair) for step in steps] == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_a_target_against_itself_keeps_two_labels():
    labels = [step.label for step in interleaved(["django", "django"], 1)]
    assert labels == ["django", "django #2"]


def test_the_default_comparison_takes_about_five_minutes():
    steps = interleaved(["django", "fastapi-sqlalchemy"], 2)
    assert 240 <= expected_seconds(steps) <= 330


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"seconds": -1.0}, {"cpus": 0.0}])
def test_impossible_conditions_are_refused(wrong):
    with pytest.raises(LabError, match="give a number above 0"):
        Conditions(**wrong)


def test_a_negative_warm_up_and_no_repeats_are_refused():
    with pytest.raises(LabError, match="none can be negative"):
        Conditions(warm_up=-1)
    with pytest.raises(LabError, match="repeats is 0"):
        interleaved(["django"], 0)
