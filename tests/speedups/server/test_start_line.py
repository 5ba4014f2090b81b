"""The first line in the log says how the service runs, and warns of what does not fit."""

import pytest

from drf_speedups.database import pooler
from drf_speedups.server import start_line


@pytest.fixture(autouse=True)
def no_pooler(monkeypatch):
    monkeypatch.setattr(pooler, "way", pooler.Way)
    monkeypatch.setattr(start_line, "reserved_connections", lambda: 0, raising=False)


def test_what_postgresql_keeps_for_superusers_is_no_room(monkeypatch):
    monkeypatch.setattr(start_line, "max_connections", lambda: 10)
    for reserved, warnings in ((2, 0), (3, 1)):
        monkeypatch.setattr(start_line, "reserved_connections", lambda many=reserved: many)
        said = start_line.connection_warnings(2, 4)
        assert len(said) == warnings
    assert said[0].startswith(
        "8 database connections are needed but max_connections is 10, 3 of them reserved: lower "
    )


@pytest.mark.parametrize(("most", "warning"), [
    (None, ""), (8, ""), (7, "8 database connections are needed but max_connections is 7: lower "),
])  # fmt: skip
def test_only_connections_that_do_not_fit_are_warned_of(monkeypatch, most, warning):
    monkeypatch.setattr(start_line, "max_connections", lambda: most)
    assert "".join(start_line.connection_warnings(2, 4)).startswith(warning)
    assert len(start_line.connection_warnings(2, 4)) == bool(warning)


def test_behind_a_pooler_the_database_is_not_asked_for_room_but_the_pooler_for_its_faults(
    monkeypatch,
):
    monkeypatch.setattr(start_line, "max_connections", lambda: 1)
    monkeypatch.setattr(pooler, "way", lambda: pooler.Way(pooled=True, faults=("mend this",)))
    assert start_line.connection_warnings(2, 4) == ("mend this",)
    assert "8 database connections to a pooler, prepared statements on; " in start_line.describe(
        2, 4
    )


def test_the_service_starts_and_says_so_while_the_database_is_away(monkeypatch):
    monkeypatch.setattr(start_line, "max_connections", lambda: None)
    line = start_line.describe(2, 4)
    assert line.startswith("2 workers x 4 threads, 8 database connections, database not reachable")
