"""Advice on what each worker holds: threads, links, connections to the database."""

from dataclasses import replace

from lab.records.trial import Trial
from lab.records.usage import Counters
from tests.lab.analysis.test_workers import BUSY, advice, sweep
from tests.lab.examples import AT, counters


def with_threads(speeds, **settings):
    """A sweep over workers and threads of each."""
    found: list[Trial] = []
    for threads, of_workers in speeds.items():
        for one in sweep(of_workers, repeats=BUSY if threads < 8 else BUSY[::-1]):
            conditions = replace(one.conditions, threads=threads)
            found.append(
                replace(one, number=len(found) + 1, conditions=conditions,
                        settings={**one.settings, **settings})
            )  # fmt: skip
    return found


def test_threads_are_advised_as_workers_are():
    trials = with_threads({
        2: {1: 6_000, 2: 12_000}, 4: {1: 12_000, 2: 24_000}, 8: {1: 12_100, 2: 24_200},
    })  # fmt: skip
    answer = advice(trials)
    assert (answer.numbers["workers"], answer.numbers["threads"]) == (2, 4)
    assert "advice: 2 workers × 4 threads hold 60 users at p95 " in answer.text
    assert "no valid trial had more workers; 8 threads add 1 % (not distinguishable)" in answer.text
    assert "2 × 60 MB of 512 MB; 8 of 100 database connections." in answer.text
    assert (
        "each worker may hold 4 connections: max_connections = 100 is enough for 24 workers "
        "(3 are kept for superusers)"
    ) in answer.evidence


def test_a_pool_is_advised_with_one_worker_count_and_links_by_their_name():
    pooled = {"per_worker": "pooled connection", "at_once": None}
    answer = advice(with_threads({2: {1: 6_000}, 4: {1: 12_000}}, **pooled))
    assert "advice: 1 worker × 4 pooled connections holds 60 users" in answer.text
    assert "no valid trial had more than 4 pooled connections in each" in answer.text
    links = {"at_once": 256, "connections": 5, "per_worker": "link"}
    answer = advice(with_threads({2: {1: 6_000}, 4: {1: 12_000}}, **links))
    assert "1 worker × 4 links holds" in answer.text
    assert "5 of 100 database connections" in answer.text


def test_connections_that_nobody_told_are_those_that_were_seen():
    trials = [
        replace(one, settings={**one.settings, "at_once": None, "is_told": True},
                counters=one.counters | {"database": Counters(AT, {"connections": (1, 21, 30, 9)})})
        for one in sweep({1: 12_000, 2: 24_000})
    ]  # fmt: skip
    assert "up to 29 of 100 database connections were open" in advice(trials).text


def test_threads_are_advised_where_nobody_told_how_many_workers():
    """A command with {threads} and without {workers}: a server of one process, say."""
    told = {"command": "waitress --threads {threads}", "env": {}, "versions": {}, "at_once": 4,
            "per_worker": "thread", "is_told": False, "is_foreign": True}  # fmt: skip
    trials = [
        replace(one, settings=told, served_by={"": one.total.requests},
                conditions=replace(one.conditions, workers=2, threads=one.conditions.workers * 4))
        for one in sweep({1: 12_000, 2: 24_000, 3: 24_100})
    ]  # fmt: skip
    answer = advice(trials)
    assert answer.text.startswith("advice: 8 threads hold 60 users at p95 ")
    assert "worker" not in answer.text
    assert "connections" not in answer.text
    assert answer.numbers["connections"] is None
    assert not trials[0].knows_slots
    assert answer.evidence[0].startswith("4 threads, 60 users: ")


def test_connections_that_were_seen_are_believed_before_those_that_were_told():
    more = counters() | {"database": Counters(AT, {"connections": (31, 31, 31, 31)})}
    theirs = {"is_foreign": True, "is_told": True, "at_once": 4}
    trials = [replace(one, settings={**one.settings, **theirs}, counters=more)
              for one in sweep({1: 12_000, 2: 24_000})]  # fmt: skip
    answer = advice(trials)
    assert "up to 30 of 100 database connections were open" in answer.text
    assert not [line for line in answer.evidence if "each worker may hold" in line]
