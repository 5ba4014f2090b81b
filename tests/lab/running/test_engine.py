"""A run of which one setting cannot be measured."""

import contextlib
from types import SimpleNamespace

import pytest

from lab.errors import LabError
from lab.experiments import plan
from lab.experiments.plan import Plan, PlannedSetting, shuffled
from lab.records.conditions import Conditions
from lab.records.jsonlines import completed
from lab.running import engine
from tests.lab.examples import trial


class Progress:
    def __init__(self):
        self.failed = []

    def replan(self, plan):
        pass

    def begin(self, step):
        pass

    def tick(self, news):
        pass

    def end(self, trial):
        pass

    def fail(self, error):
        self.failed.append(str(error))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Carry out a sweep over 1, 2 and 3 workers, thrice each, of which some fail."""

    def carried_out(*broken, seed):
        settings = [PlannedSetting("sweep", "django", "django", Conditions(workers=count))
                    for count in (1, 2, 3)]  # fmt: skip
        plan.write(tmp_path, Plan("sweep", "", shuffled(settings, 3, seed)))
        tried, progress = [], Progress()

        def measured(bench, step, watch):
            tried.append(step.conditions.workers)
            if step.conditions.workers in broken:
                raise LabError(f"{step.conditions.workers} workers answered nothing")
            return trial(step.number, pair=step.pair, conditions=step.conditions)

        @contextlib.contextmanager
        def bench(wanted, folder):
            yield SimpleNamespace(folder=folder, database=None)

        monkeypatch.setattr(engine, "run_trial", measured)
        monkeypatch.setattr(engine, "_bench", bench)
        shown = contextlib.nullcontext(progress)
        with pytest.raises(LabError) as caught:
            engine.carry_out(tmp_path, lambda *_: shown)
        return tried, progress.failed, str(caught.value)

    return carried_out


@pytest.mark.parametrize("comes_first", [False, True])
def test_a_setting_that_cannot_be_measured_does_not_end_the_others(run, tmp_path, comes_first):
    seed = next(seed for seed in range(99) if (_first(seed) == 3) is comes_first)
    tried, failed, said = run(3, seed=seed)
    assert tried.count(3) == 1  # its repeats are left out
    assert len(completed(tmp_path)) == 6
    assert failed == ["3 workers answered nothing"]
    assert said == (
        "1 of the settings could not be measured, all others were: 3 workers answered nothing"
    )


def test_what_no_setting_survives_ends_the_run_with_the_second(run):
    tried, _, said = run(1, 2, 3, seed=1)
    assert len(tried) == 2
    assert said.endswith("workers answered nothing")


def _first(seed):
    settings = [PlannedSetting("sweep", "django", "django", Conditions(workers=count))
                for count in (1, 2, 3)]  # fmt: skip
    return shuffled(settings, 1, seed)[0].conditions.workers


def test_two_labs_do_not_measure_in_one_folder(tmp_path):
    with (
        engine._scratch(tmp_path),
        pytest.raises(LabError, match="another lab measures in"),
        engine._scratch(tmp_path),
    ):
        pass
    with engine._scratch(tmp_path) as again:
        assert again.exists()
