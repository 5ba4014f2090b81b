"""How many requests and connections a worker of an implementation holds."""

import pytest

from lab.experiments.targets import BUFFERED, MOST_UNDER_WAY, TARGETS


@pytest.mark.parametrize(("env", "at_once", "connections"), [
    ({}, MOST_UNDER_WAY, 5),
    ({"SPEEDUPS": "answers,express,overlap"}, MOST_UNDER_WAY, 5),
    ({"SPEEDUPS": "answers,express"}, 1, 1),
    ({"GUNICORN_WORKER_CLASS": "gthread"}, 4, 4),
    ({"GUNICORN_WORKER_CLASS": "sync"}, 1, 1),
])  # fmt: skip
def test_only_our_own_worker_holds_more_requests_than_connections(env, at_once, connections):
    django = TARGETS["django"]
    assert django.worker_class == BUFFERED
    assert (django.at_once(4, env), django.connections(4, env)) == (at_once, connections)
    assert django.env["OVERLAP_LINKS"] == "{threads}"  # as many as the pools of its rivals


def test_a_rival_holds_as_many_as_its_pool():
    rival = TARGETS["fastapi-asyncpg"]
    assert (rival.at_once(4, {}), rival.connections(4, {})) == (4, 4)


def test_what_threads_are_has_a_name():
    django = TARGETS["django"]
    assert django.per_worker({}) == "link"
    assert django.per_worker({"SPEEDUPS": "none"}) == ""  # one request at a time
    assert django.per_worker({"GUNICORN_WORKER_CLASS": "gthread"}) == "thread"
    assert TARGETS["fastapi-sqlalchemy"].per_worker({}) == "pooled connection"
    assert TARGETS["drf-stock"].per_worker({}) == ""


def test_the_most_under_way_is_what_the_lane_allows():
    from drf_speedups.overlap.lane import MOST

    assert MOST == MOST_UNDER_WAY
