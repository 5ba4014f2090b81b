import re
from dataclasses import replace

import pytest

from lab.analysis.analyse import analyse
from lab.analysis.answers import Kind, Question
from lab.analysis.comparison import gain
from lab.analysis.statistics import Estimate, Interval
from lab.records.conditions import Conditions
from tests.lab.examples import comparison, load, trial


def only(trials, question):
    (answer,) = analyse(trials).answer(question)
    return answer


def rounds(speeds, noise=(0.99, 1.0, 1.02), **changes):
    """Labels with their requests per window, measured in turns."""
    return [
        trial(10 * pair + index, label, pair, round(requests * factor), **changes)
        for pair, factor in enumerate(noise, start=1)
        for index, (label, requests) in enumerate(speeds.items())
    ]


def test_the_faster_one_is_named_with_the_interval():
    answer = only(comparison(), Question.BETTER)
    assert answer.kind is Kind.ANSWER
    assert answer.text.startswith("django serves 0.50 times (0.48 to 0.51) the requests of fastapi")
    assert answer.numbers["demand_ratio"] == pytest.approx(2.0)


def held_back(label, requests, demand=1.6):
    """Users who wait inside the load generator: a tenth of the latency that so many would have."""
    return [
        trial(10 * pair + (-1 if label == "django" else 5), label, pair, round(requests * luck),
              demand=demand, mean_ms=1000 * 40 * 50 / requests / 10)
        for pair, luck in enumerate((0.99, 1.0, 1.02), start=1)
    ]  # fmt: skip


def test_the_pace_of_the_load_generator_is_the_least_that_a_service_serves():
    slow = rounds({"fastapi": 30_000})
    answer = only([*held_back("django", 90_000, 0.4), *slow], Question.BETTER)
    assert answer.kind is Kind.ANSWER
    assert re.match(r"django serves at least 3\.00 times \(.*\) the requests of fastapi, and needs "
                    r"0\.25 times", answer.text)  # fmt: skip
    assert answer.text.endswith("The load generator, not django, set the pace.")
    assert answer.numbers["p95_ratio"] is None
    (answer,) = analyse([*rounds({"a": 30_000}), *held_back("b", 90_000)], objective_ms=5).answer(
        Question.BETTER
    )
    assert answer.text.startswith("a serves at most 0.33 times")
    assert "p95" not in answer.text


def test_a_service_that_was_held_back_and_serves_less_may_serve_more():
    answer = only([*held_back("django", 20_000), *rounds({"fastapi": 30_000})], Question.BETTER)
    assert answer.text.startswith("django needs 1.00 times")
    assert "They do not show which of them serves more" in answer.text
    both = only([*held_back("django", 90_000), *held_back("fastapi", 30_000)], Question.BETTER)
    assert "They do not show which of them serves more" in both.text


def test_a_difference_of_chance_names_no_winner():
    trials = [*rounds({"django": 30_000}), *rounds({"fastapi": 30_100}, noise=(1.02, 0.99, 1.0))]
    answer = only(trials, Question.BETTER)
    assert answer.kind is Kind.EVEN
    assert "not distinguishable in throughput" in answer.text


def paced(label, mean_ms):
    """Users who pause a second: the throughput is theirs, whatever the latency."""
    return [
        trial(10 * pair + len(label), label, pair, 30_000, mean_ms=mean_ms * luck,
              conditions=Conditions(users=600, think_time=0.96))
        for pair, luck in enumerate((0.99, 1.0, 1.02), start=1)
    ]  # fmt: skip


def test_latency_decides_where_the_users_pauses_make_the_throughput():
    trials = [*paced("django", 20.0), *paced("fastapi", 60.0)]
    (answer,) = analyse(trials, objective_ms=80).answer(Question.BETTER)
    assert answer.kind is Kind.ANSWER
    assert answer.text.startswith(
        "django is faster than fastapi at a throughput that the users' pauses set"
    )
    assert "at 0.33 times" in answer.text
    assert answer.text.endswith(
        "A p95 below 80 ms, with its whole interval: django in 1 of 1 setting, fastapi in 0 of 1 "
        "setting."
    )


def test_who_pauses_a_second_makes_nobody_serve_more():
    """One per cent more requests, as surely as can be: 10 ms of latency less for each pause."""
    more = [replace(one, seconds_of_load=load(30_300, 20.0)) for one in paced("django", 20.0)]
    answer = only([*more, *paced("fastapi", 20.5)], Question.BETTER)
    assert answer.kind is Kind.EVEN
    assert "not distinguishable at a throughput that the users' pauses set: 1.01" in answer.text


def test_latencies_that_hardly_differ_name_no_winner():
    answer = only([*paced("django", 20.0), *paced("fastapi", 21.0)], Question.BETTER)
    assert answer.kind is Kind.EVEN


def test_what_is_invalid_says_why_and_only_once():
    broken = [replace(one, served_by={"other/1": 30_000}) for one in comparison()]
    (answer,) = [a for a in analyse(broken).answers if a.about == "django"]
    assert answer.text.startswith(
        "I cannot tell anything, because no trial is valid: 30,000 answers"
    )


def test_the_first_that_was_asked_for_is_compared_whatever_was_measured_first():
    asked = {"fastapi": 1, "django": 2}
    trials = [replace(one, place=asked[one.label]) for one in comparison()]
    assert only(trials, Question.BETTER).text.startswith("fastapi serves 2.02 times")


def test_the_same_thing_twice_names_no_winner_however_different():
    twice = rounds({"django": 30_000, "django #2": 33_000})
    answer = only(twice, Question.BETTER)
    assert answer.kind is Kind.EVEN
    assert "the same thing twice: the noise floor is 10.0 %" in answer.text
    assert answer.numbers["noise_floor"] == pytest.approx(0.1, abs=0.001)


def test_one_target_started_in_two_ways_is_not_the_same_thing_twice():
    twice = rounds({"django": 30_000, "django with metrics": 27_000})
    other = {"command": "serve", "env": {"METRICS_PORT": "0"}, "versions": {}}
    told = [replace(one, settings=other) if "metrics" in one.label else one for one in twice]
    assert "serves 1.11 times" in only(told, Question.BETTER).text


def test_an_effect_within_the_noise_floor_names_no_winner():
    speeds = {"django": 30_000, "django #2": 33_000, "fastapi": 31_500}
    answers = analyse(rounds(speeds)).answer(Question.BETTER)
    assert [answer.kind for answer in answers] == [Kind.EVEN, Kind.EVEN]
    without = analyse(rounds({"django": 30_000, "fastapi": 31_500})).answer(Question.BETTER)
    assert [answer.kind for answer in without] == [Kind.ANSWER]


def test_two_pairs_name_no_winner():
    two = [one for one in comparison() if one.pair < 3]
    answer = only(two, Question.BETTER)
    assert answer.kind is Kind.UNKNOWN
    assert "it looks like" in answer.text


def test_a_refused_trial_takes_its_pair_with_it():
    trials = [trial(failures=2_000), *comparison()[1:]]
    assert only(trials, Question.BETTER).kind is Kind.UNKNOWN


def test_over_several_settings_wins_are_counted():
    more = [
        replace(one, number=50 + one.number, conditions=replace(one.conditions, threads=8))
        for one in rounds({"django": 30_000, "fastapi": 30_000})
    ]
    answer = only(comparison() + more, Question.BETTER)
    assert answer.text == (
        "django serves more than fastapi in 0 of 2 settings, less in 1, not distinguishable in 1: "
        "0.50 to 1.00 times the throughput. Its p95 is lower in 0, higher in 1."
    )
    assert len(answer.evidence) == 2


def test_a_ladder_says_what_each_rung_bought_per_cpu_second():
    spent = {"stock": 1.5, "+ serializer": 1.0, "+ json": 1.0}  # ms per request
    served = {"django/1": 1, "django/2": 1}
    trials = [
        trial(10 * pair + place, rung, pair, demand=demand * noise, kind="ladder",
              target="django", served_by=served)
        for pair, noise in enumerate((0.99, 1.0, 1.02), start=1)
        for place, (rung, demand) in enumerate(spent.items())
    ]  # fmt: skip
    answer = only(trials, Question.BOUGHT)
    assert "all together 1.50 times" in answer.text
    assert "+ serializer adds 50 % (" in answer.text
    assert "+ json adds 0 % (not distinguishable)" in answer.text
    assert not analyse(trials).answer(Question.BETTER)


def test_a_gain_is_said_with_what_is_known_of_it():
    assert gain(Estimate(1.2, Interval(1.1, 1.3), 3), None) == "adds 20 % (10 % to 30 %)"
    assert gain(Estimate(0.8, Interval(0.7, 0.9), 3), None) == "costs 20 % (10 % to 30 %)"
    assert gain(Estimate(1.2, Interval(0.9, 1.5), 3), None) == "adds 20 % (not distinguishable)"
    assert gain(Estimate(1.2, None, 2), None) == "adds 20 % (in 2 repeats: no interval)"
    assert gain(None, None) == "was not measured beside it"
