"""Databases of others: none is dropped, and what they refuse is said as it is."""

import os
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from lab.errors import LabError
from lab.running import monitoring
from lab.running.database import pgstat, postgres
from lab.running.sampling import Sampler


@pytest.fixture
def server(database_url, monkeypatch):
    """A server that somebody names by DATABASE_URL, as one who may do everything there."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    with psycopg.connect(database_url, autocommit=True) as admin:
        yield admin


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("made_by_us", [False, True])
def test_a_database_that_the_lab_has_not_made_is_not_dropped(server, tmp_path, made_by_us):
    name = urlsplit(os.environ["DATABASE_URL"]).path[1:] + "_lab"
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    try:
        if made_by_us:
            server.execute(
                SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(name), postgres.MADE)
            )
            postgres._own(server, name, is_theirs=True)  # it may be left by one that was killed
            return
        with (
            pytest.raises(LabError, match=r"has a database .* that the lab has not made"),
            postgres.database(tmp_path / "log", name=name),
        ):
            pass
        known = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        assert known.fetchone()
    finally:
        server.execute(drop)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_the_lab_makes_is_known_to_the_next_one(server):
    name = urlsplit(os.environ["DATABASE_URL"]).path[1:] + "_lab"
    try:
        postgres._own(server, name, is_theirs=True)
        postgres._own(server, name, is_theirs=True)
    finally:
        server.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))


@pytest.mark.django_db(transaction=True)
def test_who_may_only_create_databases_can_measure(server, tmp_path, monkeypatch):
    """As the role that a cloud gives to its customers, who are superusers nowhere."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = f"{parts.path[1:]}_role"
    role = Identifier(name)
    server.execute(SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD 'x'").format(role))
    here = parts._replace(netloc=f"{name}:x@{parts.netloc.rpartition('@')[2]}").geturl()
    monkeypatch.setenv("DATABASE_URL", here)
    try:
        with postgres.database(tmp_path / "log", name=name) as made:
            made.reset(10)
            assert pgstat.table(made.connection)[0] == 10
            assert pgstat.counters(made.connection)["commits"] > 0
    finally:
        server.execute(SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize(("version", "has"), [(130_000, False), (140_000, True), (180_000, True)])
def test_a_server_that_does_not_count_its_wal_is_asked_for_the_rest(version, has):
    query = pgstat._query(version)
    assert ("pg_stat_wal" in query) is has
    assert "xact_commit" in query


@pytest.mark.django_db
def test_counters_are_read_with_each_version_s_words(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert {"commits", "wal_flushes"} <= set(pgstat.counters(connection))
        row = connection.execute(pgstat._query(130_000)).fetchone()
        assert row


@pytest.mark.parametrize(("error", "said"), [
    (psycopg.OperationalError("the connection is lost"), "PostgreSQL stopped in the middle"),
    (psycopg.errors.UndefinedTable("relation does not exist"),
     "PostgreSQL refused in the middle of a trial: relation does not exist"),
])  # fmt: skip
def test_a_database_that_refuses_is_not_said_to_have_stopped(error, said):
    def refuse():
        raise error

    with pytest.raises(LabError, match=said):
        monitoring._sample(Sampler({}, {"machine": refuse}))


@pytest.mark.django_db
def test_counters_that_cannot_be_read_are_said_before_anything_is_measured(
    database_url, tmp_path, monkeypatch
):
    monkeypatch.setattr(pgstat, "DATABASE", "SELECT 1 FROM nowhere{wal}{places}")
    with (
        pytest.raises(LabError, match=r"counters of its database .*: leave --database out"),
        postgres.watched(database_url, tmp_path / "log"),
    ):
        pass


@pytest.mark.django_db
def test_a_process_here_that_has_the_number_of_one_elsewhere_is_not_the_server_s(
    database_url, monkeypatch
):
    with psycopg.connect(database_url, autocommit=True) as connection:
        here = postgres._postmaster(connection)
        assert here is None or "postgres" in psutil.Process(here).name()
        # As PostgreSQL on another machine says it, where that process has lived for a minute more.
        later = postgres.BACKEND.replace("backend_start", "backend_start + interval '1 minute'")
        monkeypatch.setattr(postgres, "BACKEND", later)
        assert postgres._postmaster(connection) is None
