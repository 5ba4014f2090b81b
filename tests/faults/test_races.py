"""Requests that meet at one row: none is lost, none revives a row, none deletes twice."""

import pytest

from tests.faults.races import RACES, run

ROUNDS = 10


@pytest.mark.parametrize("race", RACES)
def test_a_race_ends_as_if_one_had_come_after_the_other(buffered, race):
    wrong, acknowledged = run(race, buffered.server.url, ROUNDS)
    assert wrong == []
    assert acknowledged >= 2 * ROUNDS


@pytest.mark.torture
@pytest.mark.parametrize("race", RACES)
def test_a_race_between_threads_ends_so_too(gthread, race):
    wrong, acknowledged = run(race, gthread.server.url, ROUNDS)
    assert wrong == []
    assert acknowledged >= 2 * ROUNDS
