"""`manage.py migrate` may be started by many at once: the pods of a release, two terminals."""

import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from tests.project.production import PRODUCTION, ROOT, run


@pytest.fixture
def empty(database_url: str) -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"{connection.settings_dict['NAME']}_empty"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        yield urlsplit(database_url)._replace(path=f"/{name}").geturl()
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def begin(url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, text=True,
        env={**PRODUCTION, "DATABASE_URL": url, "DJANGO_DEBUG": "1"}, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.django_db
def test_of_many_that_migrate_at_once_one_does_and_the_others_find_it_done(empty):
    begun = [begin(empty) for _ in range(3)]
    for said in [one.communicate()[1].splitlines() for one in begun]:
        assert set(said) <= {"Another migrate is under way: waiting for its end."}
    assert [one.returncode for one in begun] == [0, 0, 0]


@pytest.mark.django_db
def test_who_only_looks_waits_for_nobody(empty):
    with psycopg.connect(empty) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [0x6974656D73])
        env = {**PRODUCTION, "DATABASE_URL": empty}
        assert run("manage.py", "migrate", "--check", **env).returncode == 1
        assert run("manage.py", "migrate", "--plan", **env).returncode == 0
