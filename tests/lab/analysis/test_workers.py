from dataclasses import replace

import pytest

from lab.analysis.analyse import analyse
from lab.analysis.answers import Kind, Question
from lab.records.conditions import Conditions
from lab.records.trial import Trial
from tests.lab.examples import MACHINE, MIB, counters, trial
from tests.lab.simulated import swept

BUSY = (0.99, 1.0, 1.01)  # what a machine does to three repeats


def advice(trials, objective_ms=None):
    (answer,) = analyse(trials, objective_ms).answer(Question.WORKERS)
    return answer


def sweep(speeds, repeats=BUSY, users=60, **conditions):
    """A sweep over worker counts with these requests per window, one CPU, a cap on memory."""
    found: list[Trial] = []
    for pair, noise in enumerate(repeats, start=1):
        for workers, requests in speeds.items():
            count = round(requests * noise * (1 + 0.01 * (pair * workers % 5 - 2)))
            found.append(
                trial(
                    len(found) + 1, pair=pair, requests=count, demand=0.6,
                    conditions=Conditions(workers, 4, users, memory=512 * MIB, **conditions),
                    served_by={f"django/{pid}": count // workers for pid in range(workers)},
                    machine=MACHINE | {"postgresql": {"max_connections": "100"}},
                )
            )  # fmt: skip
    return found


def test_the_advice_is_the_smallest_count_tied_with_the_best():
    answer = advice(sweep({1: 12_000, 2: 24_000, 3: 36_000, 4: 36_200}))
    assert answer.kind is Kind.ANSWER
    assert answer.numbers["workers"] == 3
    assert "3 workers hold 60 users at p95 " in answer.text
    assert "a 4th adds 1 % (not distinguishable)" in answer.text
    assert "57 % CPU to spare" in answer.text
    assert "3 × 40 MB of 512 MB" in answer.text
    assert "12 of 100 database connections" in answer.text


def test_the_evidence_names_every_count_and_the_law():
    answer = advice(sweep({1: 12_000, 2: 24_000, 3: 36_000, 4: 36_200}))
    assert [line.partition(":")[0] for line in answer.evidence[:2]] == [
        "1 worker × 4 threads, 60 users", "2 workers × 4 threads, 60 users",
    ]  # fmt: skip
    assert "Universal Scalability Law: contention" in answer.evidence[4]
    assert "do not extrapolate beyond 4 workers" in answer.evidence[4]


def test_more_workers_that_cost_throughput_are_said_to():
    answer = advice(sweep({2: 24_000, 4: 36_000, 8: 30_000}))
    assert answer.numbers["workers"] == 4
    assert "8 workers cost 17 % (" in answer.text


def test_an_objective_is_met_by_more_workers_than_the_fastest_need():
    slow_and_slower = sweep({1: 12_000, 2: 24_000, 4: 36_000})
    answer = advice(slow_and_slower, objective_ms=200)
    assert answer.numbers["workers"] == 4
    assert "p95 < 200 ms" in answer.text


def test_an_objective_that_nobody_meets_is_said():
    answer = advice(sweep({1: 12_000, 2: 24_000}), objective_ms=5)
    assert "none of the worker counts measured holds 60 users at p95 < 5 ms" in answer.text


def test_an_objective_within_the_interval_is_not_said_to_be_missed():
    widely = sweep({1: 12_000, 2: 24_000})
    p95 = analyse(widely).settings[-1].p95
    assert p95.interval
    between = (p95.middle + p95.interval.high) / 2
    answer = advice(widely, objective_ms=between)
    assert "none of the worker counts measured surely holds 60 users at p95 < " in answer.text


def test_two_repeats_are_too_few_for_an_advice_but_their_figures_are_shown():
    answer = advice(sweep({1: 12_000, 2: 24_000}, repeats=(1.0, 1.01)))
    assert answer.kind is Kind.UNKNOWN
    assert "--repeats 3 is the least" in answer.text
    assert len(answer.evidence) == 2


def test_a_setting_with_few_valid_trials_is_neither_the_best_nor_advised():
    trials = sweep({1: 12_000, 2: 24_000, 4: 48_000})
    kept = [one for one in trials if one.conditions.workers != 4 or one.pair == 1]
    assert advice(kept).numbers["workers"] == 2
    few = [one for one in trials if one.pair == 1]
    assert "1 worker × 4 threads, 60 users has 1 valid trial, too few to" in advice(few).text


def test_noise_is_no_tie():
    # One worker gives 30 % less, but its repeats are wild: that is no reason to advise it.
    trials = sweep({2: 36_000}) + [
        one for one in sweep({1: 25_000}, repeats=(0.7, 1.0, 1.4)) if one.conditions.workers == 1
    ]
    assert advice(trials).numbers["workers"] == 2


def test_a_refused_trial_is_no_evidence():
    trials = sweep({1: 12_000, 2: 24_000, 4: 48_000})
    broken = [
        trial(one.number, pair=one.pair, requests=48_000, conditions=one.conditions, failures=9_000)
        if one.conditions.workers == 4
        else one
        for one in trials
    ]
    answer = advice(broken)
    assert answer.numbers["workers"] == 2
    assert "no valid trial had more workers" in answer.text
    assert "4 workers × 4 threads, 60 users: no valid trial" in answer.evidence


def test_nothing_is_advised_on_a_machine_that_others_filled():
    full = counters(busy=95.0)
    trials = [replace(one, counters=full) for one in sweep({1: 12_000, 2: 24_000})]
    assert advice(trials).text.startswith(
        "I cannot tell, because other programs filled the machine: they used 1.25 of 2.00 cores"
    )
    assert len(advice(trials).evidence) == 2


def test_one_setting_with_valid_trials_beside_refused_ones_advises_nothing():
    lame = {"warnings": ("CPU usage above 90%",)}
    trials = [replace(one, **lame) if one.conditions.workers == 2 else one
              for one in sweep({1: 12_000, 2: 24_000})]  # fmt: skip
    assert advice(trials).text == (
        "I cannot tell, because valid trials are of 1 worker × 4 threads, 60 users only: measure "
        "other worker counts, or more repeats."
    )


def test_one_worker_count_asks_no_question():
    assert not analyse(sweep({2: 24_000})).answer(Question.WORKERS)


def test_the_largest_load_that_is_held_is_advised_for():
    light, heavy = sweep({1: 12_000, 2: 24_000}), sweep({1: 12_000, 2: 24_000}, users=120)
    heavy = [trial(100 + one.number, pair=one.pair, requests=one.total.requests, demand=0.6,
                   mean_ms=2 * one.total.mean_ms, conditions=one.conditions,
                   served_by=one.served_by) for one in heavy]  # fmt: skip
    answer = advice(light + heavy, objective_ms=300)
    assert answer.numbers["users"] == 60
    assert "120 users: none of the worker counts measured holds them" in answer.evidence
    assert "to spare; none of the worker counts measured holds 120; " in answer.text
    assert advice(light + heavy).numbers["users"] == 120


@pytest.fixture(scope="module")
def slots():
    """A service of which all is known: each worker holds a request for 20 ms."""
    return analyse(swept((1, 2, 4, 8)))


def test_a_known_service_gives_back_its_capacity_and_parameters(slots):
    (answer,) = slots.answer(Question.WORKERS)
    assert answer.numbers["workers"] == 8
    assert answer.numbers["throughput_per_s"] == pytest.approx(8 / 0.02, rel=0.02)
    assert "contention 0 (0 to 0.000" in answer.evidence[4]
    assert "no peak was reached" in answer.evidence[4]


def test_a_known_service_gives_back_its_demand_and_knee(slots):
    (demand,) = slots.demands
    assert demand.cpu["server"] == pytest.approx(0.002, rel=0.01)
    assert demand.held == pytest.approx(0.02, rel=0.03)
    (plan,) = slots.answer(Question.PLAN)
    assert "a capacity of 50.2 requests/s, reached from 1.04 users on" in plan.evidence[0]


def test_a_known_service_is_predicted_at_every_setting(slots):
    assert [one.is_flagged for one in slots.predictions] == [False] * 4
    assert sum(one.is_calibration for one in slots.predictions) == 1


def test_the_article_s_lesson_is_said_in_its_words(slots):
    (answer,) = slots.answer(Question.LIMIT)
    assert "CPU at 1 % while 40 requests queue for 1 slot: too few workers" in answer.text


def test_users_that_think_are_held_by_few_workers():
    trials = swept((1, 2, 4), users=50, think_time=1.0)
    answer = advice(trials, objective_ms=100)
    assert answer.numbers["workers"] == 2
    assert "--p95 300ms decides by both" in advice(trials).evidence[-1]
    assert "the users' think time, not the workers, sets the pace" in answer.evidence[3]


def test_cores_that_others_use_are_not_to_spare():
    shared = [replace(one, cores={"server": (), "database": (), "generator": ()})
              for one in sweep({1: 12_000, 2: 24_000, 3: 24_100})]  # fmt: skip
    # Of two cores the server has 0.29, the database 0.10, the load generator 0.40, others 0.02.
    assert "60 % CPU to spare" in advice(shared).text


def test_without_a_valid_trial_the_reason_is_said_and_nothing_is_advised():
    few = [
        replace(one, warnings=("CPU usage above 90%!",)) for one in sweep({1: 12_000, 2: 24_000})
    ]
    answer = advice(few)
    assert answer.kind is Kind.UNKNOWN
    assert "because no trial is valid: the load generator said: CPU usage above 90%!" in answer.text


def test_a_database_of_the_service_does_not_forbid_advice():
    full = counters(busy=99.0)
    theirs = {"is_foreign": True, "is_told": True, "at_once": None}
    trials = [replace(one, settings={**one.settings, **theirs}, counters=full,
                      cores={"server": (0,), "generator": (1,)})
              for one in sweep({1: 12_000, 2: 24_000})]  # fmt: skip
    assert "2 workers hold 60 users" in advice(trials).text
    ours = [replace(one, counters=full) for one in sweep({1: 12_000, 2: 24_000})]
    assert "other programs filled the machine" in advice(ours).text


def test_advice_on_fewer_cores_than_workers_says_so():
    said = "the server was kept to 1 core: on more, more workers may pay"
    assert said in advice(sweep({1: 12_000, 2: 24_000})).evidence
    assert said not in advice(sweep({1: 12_000, 2: 24_000}, cpus=1.0)).evidence


def test_what_failed_in_some_trials_is_not_advised_for_the_others():
    trials = sweep({1: 12_000, 2: 24_000, 4: 36_000}, repeats=(0.98, 0.99, 1.0, 1.01))
    failing = next(one for one in trials if one.conditions.workers == 4)
    worse = trial(
        failing.number, pair=failing.pair, requests=failing.total.requests, failures=400,
        demand=0.6, conditions=failing.conditions, served_by=failing.served_by,
        machine=failing.machine,
    )  # fmt: skip
    trials[trials.index(failing)] = worse
    answer = advice(trials)
    assert answer.numbers["workers"] == 2
    (said,) = [line for line in answer.evidence if "is not advised" in line]
    assert said.startswith("4 workers × 4 threads, 60 users is not advised")
    assert "requests failed" in said
