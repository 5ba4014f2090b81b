"""Two results at different times: a change is named, and chance is not."""

from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.baseline import Change, differences, welch
from lab.analysis.settings import by_setting
from lab.errors import LabError
from lab.report.baseline import blocks
from lab.report.blocks import Bullets
from tests.lab.examples import load, trial


def result(*latencies, failures=0):
    """Trials of one setting, of which each has a mean latency (ms) of 60 users who never pause."""
    return by_setting(
        replace(one(latency, failures), number=number, pair=number)
        for number, latency in enumerate(latencies, start=1)
    )


def one(latency, failures=0):
    requests = int(60 * 50_000 / latency)
    found = trial(requests=requests)
    return replace(found, seconds_of_load=load(requests, latency, failures=failures))


def changes(found):
    return {one.figure: one.change for one in found.compared}


def test_the_same_is_not_distinguishable_in_anything():
    found = differences(result(100, 105, 102), result(102, 104, 101))
    assert set(changes(found).values()) == {Change.EVEN}
    assert found.circumstances == ()


def test_a_comparison_that_could_not_show_a_doubling_says_so():
    wild, steady = (50, 100, 200), (100, 105, 102)
    blind, sees = differences(result(*wild), result(*wild)), differences(*[result(*steady)] * 2)
    assert set(changes(blind).values()) == {Change.EVEN}
    assert "throughput" in {one.figure for one in blind.too_wide}
    assert not sees.too_wide
    said = blocks(blind, "old", "new")[1]
    assert isinstance(said, Bullets)
    assert "could not show a doubling" in said.items[1]


def test_slower_answers_are_worse_and_faster_ones_better_in_each_operation():
    slow, fast = result(150, 152, 149, 151), result(100, 102, 99, 101)
    worse, better = changes(differences(fast, slow)), changes(differences(slow, fast))
    for figure in ("all operations, p95", "POST /items, p50", "GET /items/[id], p95"):
        assert worse[figure] is Change.WORSE
        assert better[figure] is Change.BETTER
    assert worse["throughput"] is Change.WORSE
    assert worse["CPU per request"] is Change.EVEN


def test_a_change_within_the_tolerance_is_none():
    found = differences(result(100, 100.1, 99.9), result(103, 103.1, 102.9))
    assert changes(found)["throughput"] is Change.EVEN
    found = differences(result(100, 100.1, 99.9), result(103, 103.1, 102.9), tolerance=0.01)
    assert changes(found)["throughput"] is Change.WORSE


def test_two_repeats_tell_nothing():
    found = differences(result(100, 105), result(200, 205, 210))
    assert set(changes(found).values()) == {Change.UNKNOWN}
    assert found.compared[0].why == "2 trials measured it before, 3 are the least"


def test_what_was_valid_and_is_no_longer_fails():
    broken = result(100, 101, 102, failures=900)
    found = differences(result(100, 105, 110), broken)
    assert found.failed == list(found.compared)
    assert "requests failed" in found.compared[0].why


def test_another_machine_is_named():
    trials = [t for setting in result(100, 105, 110) for t in setting.trials]
    now = by_setting(replace(t, machine={**t.machine, "cpu": "Other"}) for t in trials)
    found = differences(result(100, 105, 110), now)
    assert "cpu: before Example CPU, now Other" in found.circumstances


def test_results_with_nothing_in_common_are_refused_with_the_reason():
    other = [replace(one, conditions=replace(one.conditions, users=7)) for one in result(100)]
    with pytest.raises(LabError, match="users: before 60, now 7"):
        differences(result(100), other)


def test_an_interval_holds_what_it_says_in_95_of_100():
    rng = np.random.default_rng(3)
    draws = np.exp(rng.normal(0, 0.05, (400, 2, 4)))
    held = sum(1 in welch(ours, theirs, 0.95)[1] for ours, theirs in draws)
    assert 0.93 <= held / 400 <= 0.99


@pytest.mark.torture
def test_noise_fails_few_builds_and_a_fifth_more_latency_nearly_all():
    rng = np.random.default_rng(5)

    def worse(times):
        noise = np.exp(rng.normal(0, 0.03, (2, 5)))
        return bool(differences(result(*100 * noise[0]), result(*100 * times * noise[1])).failed)

    assert sum(worse(1.0) for _ in range(40)) <= 2
    assert sum(worse(1.2) for _ in range(20)) >= 18


def test_trials_that_are_invalid_now_fail_although_others_are_as_before():
    before, now = result(100, 101, 102, 99), result(100, 101, 102, 99)
    (setting,) = by_setting([replace(one(100, failures=600), number=5, pair=5), *now[0].trials])
    found = differences(before, [setting])
    (worse,) = found.failed
    assert (worse.figure, worse.change) == ("trials", Change.INVALID)
    assert worse.why.startswith("1 of 5 trials are invalid now: ")
    assert not differences([setting], [setting]).failed
