"""The service behind a real PgBouncer, as old as Debian 12's and as new as Debian 13's."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from django.db import connection

import drf_speedups.database.pooler
from drf_speedups.database.pooler import SHARED, UNLIMITED, Way
from drf_speedups.database.statements import Slot, Statement, rows_of
from lab.experiments.targets import TARGETS
from tests.deploy.pgbouncer import SETTINGS, Pooler
from tests.forks import serving

DJANGO = TARGETS["django"]
DONE = [201, 200, 200, 200, 200, 204]
SESSION_LIMITS = "DISCARD ALL; SET statement_timeout = 5000"  # as ALTER ROLE would have it


class Behind:
    """Stands for Django's connection, made through a pooler instead."""

    def __init__(self, pooler: Pooler) -> None:
        parts = urlsplit(pooler.url)
        self.changes = {"HOST": parts.hostname, "PORT": parts.port, "NAME": "items",
                        "USER": parts.username, "ENGINE": "drf_speedups.postgresql"}  # fmt: skip

    def copy(self) -> Any:
        made = connection.copy()
        made.settings_dict.update(self.changes)
        return made


@pytest.fixture
def seen(monkeypatch, settings):
    """Returns what the start finds out about a pooler."""

    def seen(pooler: Pooler, *, prepared: bool) -> Way:
        settings.PREPARED_STATEMENTS = prepared
        monkeypatch.setattr(drf_speedups.database.pooler, "connection", Behind(pooler))
        return drf_speedups.database.pooler.way.__wrapped__()

    return seen


@pytest.mark.django_db
def test_a_database_without_a_pooler_has_no_faults():
    assert drf_speedups.database.pooler.way.__wrapped__() == Way()


@pytest.mark.django_db
@pytest.mark.parametrize("pool_size", ["10", "1"])
def test_pooled_transactions_need_a_pooler_that_carries_prepared_statements(
    pooler, kind, seen, pool_size
):
    behind = pooler(default_pool_size=pool_size)
    faults = () if kind.carries_prepared_statements else (SHARED,)
    assert seen(behind, prepared=True) == Way(pooled=True, faults=faults)
    assert seen(behind, prepared=False) == Way(pooled=True)


@pytest.mark.django_db
def test_a_new_pooler_that_may_not_carry_them_is_like_an_old_one(pooler, kind, seen):
    if kind.carries_prepared_statements:
        behind = pooler(max_prepared_statements="0")
        assert seen(behind, prepared=True) == Way(pooled=True, faults=(SHARED,))


def ask_until(told: threading.Event, url: str) -> None:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as client:
        while not told.is_set():
            client.execute("SELECT 1")


@pytest.mark.django_db
def test_what_others_ask_meanwhile_does_not_hide_that_sessions_are_shared(pooler, kind, seen):
    behind, told = pooler(default_pool_size="10"), threading.Event()
    with ThreadPoolExecutor(3) as others:
        asking = [others.submit(ask_until, told, behind.url) for _ in range(3)]
        try:
            ways = {seen(behind, prepared=True) for _ in range(20)}
        finally:
            told.set()
        assert not any(client.result() for client in asking)
    faults = () if kind.carries_prepared_statements else (SHARED,)
    assert ways == {Way(pooled=True, faults=faults)}


@pytest.mark.django_db
@pytest.mark.parametrize("pool_size", ["10", "1"])
def test_pooled_sessions_may_always_prepare(pooler, seen, pool_size):
    behind = pooler(
        pool_mode="session", default_pool_size=pool_size, server_reset_query=SESSION_LIMITS
    )
    assert seen(behind, prepared=True) == Way(pooled=True)


@pytest.mark.django_db
def test_a_pooler_that_drops_the_time_limit_is_a_fault(pooler, seen):
    assert seen(pooler(limits=""), prepared=False) == Way(pooled=True, faults=(UNLIMITED,))


@pytest.mark.django_db
def test_with_the_deployed_authentication_only_the_password_of_the_list_lets_in(pooler, tmp_path):
    with SETTINGS.open() as file:
        assert "auth_type = scram-sha-256\n" in file
    users = tmp_path / "userlist.txt"
    users.write_text('"postgres" "open-sesame"\n')
    behind = pooler(auth_type="scram-sha-256", auth_file=str(users))
    psycopg.connect(behind.url, password="open-sesame").close()
    with pytest.raises(psycopg.OperationalError, match="SASL authentication failed"):
        psycopg.connect(behind.url, password="wrong")


@pytest.mark.django_db
def test_a_statement_is_answered_after_a_migration_of_its_table(
    pooler, kind, database_url, settings
):
    settings.PREPARED_STATEMENTS = kind.carries_prepared_statements
    ask = Statement("SELECT number FROM numbers WHERE number = %s", [Slot()], "default")
    with (
        psycopg.connect(database_url, autocommit=True) as owner,
        psycopg.connect(pooler().url, autocommit=True) as link,
    ):
        owner.execute("CREATE TABLE numbers AS SELECT 1 AS number")
        try:
            answers = [ask.execute(link, [b"1"])]
            owner.execute("ALTER TABLE numbers ALTER number TYPE bigint")
            answers += [ask.execute(link, [b"1"]) for _ in range(4)]
        finally:
            owner.execute("DROP TABLE numbers")
    assert [rows_of(answer) for answer in answers] == [[(b"1",)]] * 5


def said(log: Path, level: str) -> list[str]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["message"] for line in lines if line["severity"] == level]


def all_operations(url: str) -> list[int]:
    with httpx.Client(base_url=url, timeout=30) as client:
        made = client.post("/items/", json={"name": "Lamp", "price": "1"})
        path = f"/items/{made.json()['id']}/"
        answers = [
            made, client.get(path), client.get("/items/"), client.patch(path, json={"quantity": 3}),
            client.put(path, json={"name": "Desk", "price": "2"}), client.delete(path),
        ]  # fmt: skip
    return [answer.status_code for answer in answers]


@pytest.mark.django_db(transaction=True)
def test_the_start_says_once_what_to_mend_and_the_service_serves_all_the_same(
    pooler, kind, tmp_path
):
    behind, log = pooler(), tmp_path / "log"
    with (
        serving(DJANGO, behind.url, log=log, workers=2, env={"LOG_LEVEL": "INFO"}) as server,
        ThreadPoolExecutor(4) as clients,
    ):
        answers = list(clients.map(all_operations, [server.url] * 4))
    assert answers == [DONE] * 4
    assert said(log, "WARNING") == ([] if kind.carries_prepared_statements else [SHARED])
    (start,) = [line for line in said(log, "INFO") if "workers x" in line]
    assert "10 database connections to a pooler, prepared statements on; " in start


@pytest.mark.torture
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("mode", "prepared"), [
    ("session", True), ("session", False), ("transaction", False),
])  # fmt: skip
def test_every_other_way_of_pooling_serves_in_silence(pooler, tmp_path, mode, prepared):
    behind = pooler(pool_mode=mode, server_reset_query=SESSION_LIMITS)
    env, log = {"PREPARED_STATEMENTS": str(int(prepared))}, tmp_path / "log"
    with (
        serving(DJANGO, behind.url, log=log, workers=2, env=env) as server,
        ThreadPoolExecutor(6) as clients,
    ):
        answers = list(clients.map(all_operations, [server.url] * 30))
    assert answers == [DONE] * 30
    assert said(log, "WARNING") == []
    assert "prepared statement" not in behind.log.read_text()


@pytest.mark.torture
@pytest.mark.django_db(transaction=True)
def test_64_workers_share_10_connections(pooler, kind, database_url, tmp_path):
    behind, log = pooler(), tmp_path / "log"
    # On a small machine 64 processes wait for the CPU: that is no reason to refuse here.
    env = {"PREPARED_STATEMENTS": kind.prepared, "MAX_WAIT_SECONDS": "0"}
    with serving(DJANGO, behind.url, log=log, workers=64, env=env) as server:
        with ThreadPoolExecutor(64) as clients:
            answers = list(clients.map(all_operations, [server.url] * 128))
        (pool,) = [pool for pool in behind.admin("SHOW POOLS") if pool["database"] == "items"]
        with psycopg.connect(database_url) as admin:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            sessions = admin.execute(query).fetchone()
    assert answers == [DONE] * 128
    assert sessions
    assert sessions[0] <= 10 + 2  # this one, and that of the tests themselves
    assert pool["cl_active"] > 10
    assert said(log, "WARNING") == []
