"""Why there is no database: in the log with all that is known, in short for anybody."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import OperationalError

from lab.experiments.targets import TARGETS
from project.database.embedded import Server, places
from project.database.errors import in_short, one_line
from tests.forks import serving
from tests.project.production import NOWHERE

TARGET = replace(TARGETS["django"], ready="/livez")
RULES = "local all locked scram-sha-256\nlocal all all trust\n"
SHORT = "The database does not answer: {}."


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL that asks the role `locked` for a password."""
    folder = Path(tempfile.mkdtemp(prefix="reasons-", dir="/tmp"))
    places.make_private(folder)
    made = Server(folder)
    made.start()
    with psycopg.connect(made.url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
        (made.data / "pg_hba.conf").write_text(RULES)
        admin.execute("SELECT pg_reload_conf()")
    time.sleep(0.2)
    yield made
    made.stop()
    shutil.rmtree(folder)


REASONS = [
    ("postgresql://locked:open-sesame@/crud?host={}", "it does not take the role or its password",
     'password authentication failed for user "locked"'),
    ("postgresql://postgres@/nothing?host={}", "it has no such database",
     'database "nothing" does not exist'),
    ("postgresql://nobody@/crud?host={}", "it has no such role", 'role "nobody" does not exist'),
    ("postgresql://u:open-sesame@no-such-host.invalid/n", "the name of its host has no address",
     "no-such-host.invalid"),
    (NOWHERE, "nothing listens at its address", "Connection refused"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "short", "known"), REASONS)
def test_what_libpq_says_here_is_understood_and_is_no_secret(server, url, short, known):
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(url.format(server.socket_folder))
    error = OperationalError(*refused.value.args)
    assert in_short(error) == short
    assert known in one_line(error)
    assert "open-sesame" not in one_line(error)


@pytest.mark.parametrize(("url", "short", "known"), [REASONS[0], REASONS[3]])  # with passwords
def test_the_reason_is_in_the_log_and_in_short_in_the_probe_and_no_secret_is(
    server, tmp_path, url, short, known
):
    log = tmp_path / "log"
    url = url.format(server.socket_folder)
    with serving(TARGET, url, log=log, env={"LOG_LEVEL": "INFO"}) as service:
        answer = httpx.get(f"{service.url}/readyz")
        assert httpx.get(f"{service.url}/items/").status_code == 503
    assert (answer.status_code, answer.json()["detail"]) == (503, SHORT.format(short))
    lines = [line for line in log.read_text().splitlines() if "database" in line]
    (start,) = [line for line in lines if "workers x" in line]
    assert "database not reachable yet: " in start
    shown = known.replace('"', '\\"')
    assert shown in start
    assert any(shown in line for line in lines if "database trouble" in line)
    assert "open-sesame" not in log.read_text() + answer.text


@pytest.mark.parametrize(("said", "short"), [
    ("server does not support SSL, but SSL was required", "do not agree about TLS"),
    ("SSL error: certificate verify failed", "do not agree about TLS"),
    ('no pg_hba.conf entry for host "10.0.0.1", user "u", database "n", no encryption', "TLS"),
    ('no pg_hba.conf entry for host "10.0.0.1", user "u", database "n", SSL encryption', "TLS"),
    ("FATAL: no pg_hba.conf entry for local", "lets nobody in from here"),
    ("FATAL:  sorry, too many clients already", "no connection left"),
    ("remaining connection slots are reserved for roles with", "no connection left"),
    ("FATAL:  the database system is starting up", "starts or stops"),
    ("connection timeout expired", "nothing answers at its address"),
    ("Der Server sagt etwas anderes", "the connection failed"),
])  # fmt: skip
def test_what_libpq_says_is_understood(said, short):
    assert short in in_short(OperationalError(said))
