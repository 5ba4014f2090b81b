"""Probes: alive without the database, ready only with it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import OperationalError, connection

from drf_speedups.server import current_worker
from lab.experiments.targets import TARGETS
from project.observability import health, readiness
from tests.forks import serving
from tests.project.production import NOWHERE
from tests.speedups.worker.serving import eventually


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """Probes as in a process that has just started."""
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(health, "_one_at_a_time", pool)
        monkeypatch.setattr(health, "_check", None)
        yield


@pytest.fixture
def database(monkeypatch):
    """Stands for the database's answer to a probe."""
    answer = Mock(return_value="")
    monkeypatch.setattr(health, "_ask_database", answer)
    return answer


def test_alive_asks_no_database(client, database):
    assert client.get("/livez").json() == {"status": "alive"}
    database.assert_not_called()


def test_ready_asks_the_database_once_a_second_however_often_it_is_asked(client, database):
    assert {client.get("/readyz").status_code for _ in range(50)} == {200}
    assert database.call_count < 25  # one, on a machine that is not asleep


def test_unready_without_the_database(client, database):
    database.return_value = "Not ready: there is none."
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["detail"] == "Not ready: there is none."


def test_unready_when_the_database_takes_longer_than_one_may_wait(client, database, monkeypatch):
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    let_go = threading.Event()
    database.side_effect = lambda: let_go.wait(20)
    try:
        started = time.monotonic()
        assert {client.get("/readyz").status_code for _ in range(20)} == {503}
        assert time.monotonic() - started < 0.5  # who asks again does not wait again
        assert database.call_count == 1  # a slow database is not asked again meanwhile
    finally:
        let_go.set()


@pytest.mark.django_db
def test_a_database_that_refuses_is_no_error_of_the_probe(monkeypatch):
    connection = Mock()
    connection.cursor.side_effect = OperationalError("connection refused")
    monkeypatch.setattr(health, "connection", connection)
    monkeypatch.setattr(readiness, "connection", connection)
    monkeypatch.setattr(readiness, "_all_applied", True)
    assert health._ask_database() == (
        "The database does not answer: nothing listens at its address."
    )
    connection.close.assert_called_once()


@pytest.mark.parametrize(("links", "said"), [
    (None, "The database does not answer: it has no connection left."), (object(), ""),
])  # fmt: skip
def test_who_has_connections_stays_ready_when_nobody_else_gets_one(monkeypatch, links, said):
    full = OperationalError("connection failed: FATAL:  sorry, too many clients already")
    monkeypatch.setattr(health, "lacking", Mock(side_effect=full))
    worker = SimpleNamespace(lane=SimpleNamespace(links=SimpleNamespace(connection=links)))
    monkeypatch.setattr(current_worker, "_worker", worker)
    assert health._ask_database() == said


@pytest.fixture
def stranger(database_url) -> Iterator[str]:
    """The name of a role that is no superuser, for whom limits hold."""
    name = f"stranger_of_{connection.settings_dict['NAME']}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name} LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        yield name
        cursor.execute(f"DROP ROLE {name}")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_full_takes_no_traffic_from_who_serves_it(
    database_url, stranger, tmp_path
):
    url = urlsplit(database_url)._replace(netloc=f"{stranger}@").geturl()
    env = {"WEB_CONCURRENCY": "1", "OVERLAP_LINKS": "2", "LOG_LEVEL": "INFO"}
    with serving(TARGETS["django"], url, log=tmp_path / "log", env=env) as server:
        eventually(lambda: sessions(stranger) == 3)  # two links, and one for all others
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER ROLE {stranger} CONNECTION LIMIT 0")
        time.sleep(health.REMEMBERED + 0.2)
        answers = [httpx.get(server.url + path) for path in ("/items/", "/readyz")]
        assert [answer.status_code for answer in answers] == [200, 200]
    assert "Nobody else gets a connection." in (tmp_path / "log").read_text()


def sessions(role: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [role])
        return int(cursor.fetchone()[0])


def test_the_service_starts_without_its_database_and_says_503_until_it_comes(tmp_path):
    target = replace(TARGETS["django"], ready="/livez")
    with serving(target, NOWHERE, log=tmp_path / "log") as server:
        answers = [httpx.get(server.url + path) for path in ("/livez", "/readyz", "/items/1")]
        assert [answer.status_code for answer in answers] == [200, 503, 503]
        assert answers[2].headers["Retry-After"] == "1"
        assert "open-sesame" not in answers[2].text
    assert "open-sesame" not in (tmp_path / "log").read_text()
