import datetime
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lab.analysis.statistics import FEWEST
from lab.errors import LabError
from lab.experiments import plan
from lab.experiments.plan import Plan, PlannedSetting, appended, expected_seconds, shuffled
from lab.records.conditions import Conditions

SETTINGS = [
    PlannedSetting("compare", name, name, Conditions()) for name in ("django", "flask", "fastapi")
]


def order(steps):
    return [(step.number, step.pair, step.label) for step in steps]


def test_every_repeat_has_every_cell_once_in_an_order_of_its_own():
    steps = shuffled(SETTINGS, repeats=6, seed=1)
    rounds = [[s.label for s in steps if s.pair == pair] for pair in range(1, 7)]
    assert all(sorted(one) == ["django", "fastapi", "flask"] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 2
    assert [step.number for step in steps] == list(range(1, 19))
    assert [step.pair for step in steps] == sorted(step.pair for step in steps)


def test_every_step_remembers_the_order_in_which_its_cell_was_asked_for():
    settings = [PlannedSetting("compare", name, name, Conditions()) for name in ("b", "a", "c")]
    steps = shuffled(settings, 3, seed=1)
    assert {(step.label, step.place) for step in steps} == {("b", 1), ("a", 2), ("c", 3)}
    opened = PlannedSetting("open", "b", "b", Conditions(arrival_rate=5.0))
    assert appended(Plan("compare", "", steps), [opened]).steps[-1].place == 4


def test_the_order_is_the_seeds():
    assert order(shuffled(SETTINGS, 3, seed=7)) == order(shuffled(SETTINGS, 3, seed=7))
    assert order(shuffled(SETTINGS, 3, seed=7)) != order(shuffled(SETTINGS, 3, seed=8))


def test_make_bench_takes_about_five_minutes_with_repeats_that_can_name_a_winner():
    settings = [replace(setting, conditions=Conditions(seconds=30)) for setting in SETTINGS[:2]]
    assert 240 <= expected_seconds(shuffled(settings, FEWEST, seed=1)) <= 330


def test_two_runs_that_begin_in_the_same_second_have_a_folder_each(monkeypatch, tmp_path):
    now = datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.UTC)
    clock = SimpleNamespace(UTC=datetime.UTC, datetime=SimpleNamespace(now=lambda _: now))
    monkeypatch.setattr(plan, "datetime", clock)
    wanted = Plan("sweep", "", shuffled(SETTINGS, 1, seed=1))
    folders = [plan.new_folder(tmp_path, wanted) for _ in range(3)]
    names = [folder.name for folder in folders]
    assert names == [f"20261130-120000-sweep{end}" for end in ("", "-2", "-3")]
    assert all(plan.read(folder) == wanted for folder in folders)


def test_open_loads_to_come_are_in_the_expected_time():
    steps = shuffled(SETTINGS, 1, seed=1)
    alone, followed = Plan("sweep", "", steps), Plan("sweep", "", steps, open_shares=(0.5, 0.9))
    assert followed.expected_seconds == alone.expected_seconds + 6 * 70


def test_a_window_of_less_than_a_second_is_refused():
    with pytest.raises(LabError, match=r"seconds is 0.5: give 1 or more"):
        Conditions(seconds=0.5)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"rows": -1}, {"cpus": 0.0}])
def test_impossible_conditions_are_refused(wrong):
    with pytest.raises(LabError, match="give a number above 0"):
        Conditions(**wrong)


def test_conditions_that_exclude_each_other_are_refused():
    with pytest.raises(LabError, match="none can be negative"):
        Conditions(warm_up=-1)
    with pytest.raises(LabError, match="exclude each other"):
        Conditions(think_time=1, arrival_rate=10)
    with pytest.raises(LabError, match="repeats is 0"):
        shuffled(SETTINGS, 0, seed=1)
    with pytest.raises(LabError, match="nothing to measure"):
        Plan("run", "", ())


def test_a_plan_is_read_back_as_it_was_written(tmp_path):
    capped = Conditions(cpus=0.5, memory=512, db_rtt=0.002)
    rung = PlannedSetting("ladder", "django", "+ fields", capped, env={"SPEEDUPS": "fields"})
    wanted = Plan("ladder", "python -m lab ladder", shuffled([*SETTINGS, rung], 2, seed=1), (0.5,))
    plan.write(tmp_path, wanted)
    assert plan.read(tmp_path) == wanted
    longer = appended(wanted, [rung])
    assert longer.steps[-1].number == 9
    assert longer.steps[:-1] == wanted.steps


@pytest.mark.parametrize(("text", "said"), [
    ('{"version": 99}', "later lab"), ("{}", "not the plan"), ("[", "not the plan"),
    (None, "cannot read"),
])  # fmt: skip
def test_a_folder_without_a_plan_of_ours_is_refused(text, said, tmp_path):
    if text:
        (tmp_path / plan.FILE).write_text(text)
    with pytest.raises(LabError, match=said):
        plan.read(tmp_path)


def test_files_are_named_by_the_order_and_what_is_compared():
    (step,) = shuffled(
        [PlannedSetting("compare", "http://127.0.0.1:8001", "django #2", Conditions())], 1, 1
    )
    assert step.name == "01-django-2"
    assert json.dumps(step.name).isascii()
