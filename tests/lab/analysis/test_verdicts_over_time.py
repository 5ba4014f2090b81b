"""Defects that show in the course of a trial: stalls, drifts, an end too soon, users that wait."""

from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.rules.trials import little_residual, stalls
from lab.analysis.verdicts import Level, verdict
from lab.records.conditions import Conditions
from lab.records.usage import Counters
from tests.lab.analysis.test_verdicts import reason
from tests.lab.examples import load, trial
from tests.lab.simulated import Service, simulated


def test_users_that_wait_inside_the_generator_are_suspect():
    slow_generator = trial(mean_ms=80.0)
    assert little_residual(slow_generator) == pytest.approx(0.2)
    assert "Little's law misses 20 % of the users" in reason(slow_generator).text


def test_latencies_in_a_wrong_unit_break_little_s_law():
    assert little_residual(trial(mean_ms=0.1)) == pytest.approx(0.999)


def test_answers_in_bursts_that_the_window_cuts_break_no_law():
    slow = simulated(100, 100, service=Service(100, hold=20.0), think_time=0.1)
    by_those_that_ended = slow.throughput * (slow.total.mean_ms / 1000 + 0.1)
    assert abs(by_those_that_ended / 100 - 1) > 0.1
    assert little_residual(slow) < 0.02


def test_think_time_counts_for_little_s_law():
    thinking = trial(conditions=Conditions(users=120, think_time=0.1))
    assert little_residual(thinking) == pytest.approx(0)


def test_little_s_law_binds_no_users_of_an_open_load():
    opened = Conditions(users=500, arrival_rate=600.0)
    assert verdict(trial(conditions=opened, inside=(60.0,) * 50)).level is Level.VALID


def test_a_second_without_answers_is_suspect_in_a_closed_load_too():
    found = reason(trial(silences=((12.3, 1.02), (20.0, 0.95), (31.0, 0.6))))
    assert found.level is Level.SUSPECT
    assert found.text == "no answer came for 1.0 s (2 times for 0.9 s or longer)"


def test_a_stall_of_a_second_is_always_seen_and_a_stationary_queue_is_never_accused():
    for seed in range(1, 11):
        stalling = simulated(2, 20, pair=seed, service=Service(2, 0.02, stall=20.0))
        assert stalls(stalling) == pytest.approx([1.0], abs=0.08)
        assert stalls(simulated(2, 40, pair=seed, think_time=0.4)) == ()


def test_answers_that_come_in_bursts_are_no_stalls():
    assert stalls(trial(silences=tuple((float(at), 0.95) for at in range(50)))) == ()


def test_an_arrival_rate_that_was_not_reached_is_suspect():
    wanted = Conditions(users=500, arrival_rate=200.0)
    texts = [one.text for one in verdict(trial(requests=3_850, conditions=wanted)).reasons]
    assert "77.0 of 200 requests/s were answered: the arrival rate was not reached" in texts
    assert verdict(trial(requests=9_900, conditions=wanted)).level is Level.VALID


def test_a_load_that_was_ended_early_is_invalid():
    half = tuple(one for one in load(30_000, 100.0) if one.at < 20)
    ended = trial(seconds_of_load=half, inside=(60.0,) * 20 + (0.0,) * 30)
    texts = [one.text for one in verdict(ended).reasons]
    assert "the load ended 30 s before its window did" in texts


def test_a_stall_up_to_the_end_of_the_window_is_no_load_that_ended():
    until = tuple(one for one in load(30_000, 100.0) if one.at < 45)
    stalled = trial(seconds_of_load=until, silences=((45.0, 5.0),), inside=(60.0,) * 50)
    rules = {one.rule for one in verdict(stalled).reasons}
    assert "silence" in rules
    assert "cut_short" not in rules
    killed = replace(stalled, silences=(), inside=(60.0,) * 45 + (0.0,) * 5)
    assert "cut_short" in {one.rule for one in verdict(killed).reasons}


def rising(first, last):
    """A trial whose latency goes evenly from first to last, at the same throughput."""
    middle = (first + last) / 2
    steps = first + (last - first) * (np.arange(50) + 0.5) / 50
    seconds = tuple(
        replace(one, mean_ms=steps[max(one.at, 0)], max_ms=4 * last) for one in load(30_000, middle)
    )
    return trial(seconds_of_load=seconds, inside=tuple(60 * steps / middle))


def test_latency_that_grows_is_suspect_with_its_cause():
    found = reason(rising(60.0, 140.0))
    assert found.level is Level.SUSPECT
    assert "latency changed by 133 % (" in found.text
    assert found.text.endswith("growing because the queue grows")


def test_a_drift_that_does_not_matter_is_borne():
    assert verdict(rising(98.0, 102.0)).level is Level.VALID


def test_a_drift_is_no_objection_where_drift_is_the_question():
    assert verdict(rising(60.0, 140.0)).without("drift") is Level.VALID


def test_a_lab_that_did_not_look_says_so():
    def seen(*at):
        return {"counters": {"machine": Counters(at, {"busy_seconds": at, "steal_seconds": at})}}

    found = reason(trial(**seen(-1.0, 0.0, 10.0, 340.0)))
    assert found.rule == "unwatched"
    assert "the lab did not look for 330 s where the window begins or ends" in found.text
    for fine in (seen(-1.0, 0.2, 10.0, 49.0, 50.1), seen(0.1, 49.9), seen(-1.0, 0.0, 20.0, 50.0)):
        assert not [one for one in verdict(trial(**fine)).reasons if one.rule == "unwatched"]
