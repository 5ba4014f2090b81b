"""Two roles in a real PostgreSQL, made as the READMEs say: one migrates, the other one serves."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from lab.experiments.targets import TARGETS
from project.database.embedded import Server, places
from tests.deploy.places import DEPLOY
from tests.forks import serving
from tests.project.production import PRODUCTION, changing, run

TARGET = replace(TARGETS["django"], ready="/livez")
LIMITS = "&options=-c%20statement_timeout%3D0%20-c%20lock_timeout%3D3s"
NEW = {"name": "Desk", "price": "1.00"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A PostgreSQL server, which takes seconds to make."""
    folder = Path(tempfile.mkdtemp(prefix="roles-", dir="/tmp"))
    places.make_private(folder)
    made = Server(folder)
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """The same with nothing in it."""
    yield cluster
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin:
        for made in ("DATABASE {} items WITH (FORCE)", "ROLE {} items", "ROLE {} owner"):
            admin.execute(f"DROP {made.format('IF EXISTS')}".encode())


def url(server: Server, role: str, database: str = "items") -> str:
    return f"postgresql://{role}@/{database}?host={server.socket_folder}"


def words_for_psql(platform: str) -> str:
    """Return what a README gives its one `psql`, but for the address."""
    readme = (DEPLOY / platform / "README.md").read_text()
    (line,) = re.findall(r"^psql \S+ (.+)$", readme, re.MULTILINE)
    return str(line)


def follow_the_readme(server: Server) -> None:
    """Do what it says, at this server."""
    script = shutil.copy(DEPLOY / "roles.sql", server.home)  # where PostgreSQL's account may read
    words = words_for_psql("kubernetes").replace("deploy/roles.sql", str(script)).split()
    command = [server.programs() / "psql", url(server, "postgres", "postgres"), *words]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, cwd="/tmp",
        timeout=60, **places.account(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def migrate(server: Server) -> None:
    done = run("manage.py", "migrate", "-v0",
               **PRODUCTION | {"DATABASE_URL": url(server, "owner") + LIMITS})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def change(server: Server, statement: str) -> None:
    with psycopg.connect(url(server, "owner"), autocommit=True) as connection:
        connection.execute(statement.encode())


def unready(http: httpx.Client) -> str:
    answer = http.get("/readyz")
    assert answer.status_code == 503
    return str(answer.json()["detail"])


def test_every_platform_has_the_same_roles():
    assert words_for_psql("cloudrun") == words_for_psql("kubernetes")


def test_done_as_the_readme_says_the_service_may_do_its_work_and_no_more(server, tmp_path):
    follow_the_readme(server)
    follow_the_readme(server)  # for who does it twice
    migrate(server)
    with (
        serving(TARGET, url(server, "items"), log=tmp_path / "log") as service,
        httpx.Client(base_url=service.url) as http,
    ):
        assert http.get("/readyz").json() == {"status": "ready"}
        item = http.post("/items/", json=NEW, headers={"Idempotency-Key": "1"}).headers["Location"]
        assert http.get("/items/").json()["results"]
        assert http.patch(item, json={"quantity": 2}).json()["quantity"] == 2
        assert http.delete(item).status_code == 204
    with psycopg.connect(url(server, "items"), autocommit=True) as connection:
        for forbidden in ("DROP TABLE crud_item", "CREATE TABLE mine ()", "TRUNCATE crud_item"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden.encode())
    clear = run("manage.py", "clear_idempotency_keys",
                **PRODUCTION | {"DATABASE_URL": url(server, "items")})  # fmt: skip
    assert (clear.returncode, clear.stdout) == (0, "0 keys deleted\n")


def test_what_a_request_would_miss_is_named_and_nobody_is_sent_there(server, tmp_path):
    follow_the_readme(server)
    env = changing(tmp_path, "project.observability.health", "REMEMBERED", 0)
    with (
        serving(TARGET, url(server, "items"), log=tmp_path / "log", env=env) as service,
        httpx.Client(base_url=service.url) as http,
    ):
        assert unready(http) == "Not ready: migrations are missing: crud.0001_initial and 1 more."
        migrate(server)
        assert http.get("/readyz").status_code == 200
        for right, verb in (("SELECT", "read"), ("DELETE", "delete from")):
            change(server, f"REVOKE {right} ON crud_item FROM items")
            assert unready(http) == f"Not ready: role items may not {verb} crud_item."
            change(server, f"GRANT {right} ON crud_item TO items")
            assert http.get("/readyz").status_code == 200
        change(server, "ALTER TABLE crud_item RENAME quantity TO amount")
        assert "crud_item has no column quantity" in unready(http)
        change(server, "ALTER TABLE crud_item RENAME amount TO quantity")
        # No request needs the list of migrations.
        change(server, "REVOKE ALL ON django_migrations FROM items")
        assert http.get("/readyz").status_code == 200
        change(server, "ALTER TABLE idempotency_key RENAME TO another")
        assert "there is no idempotency_key" in unready(http)
    assert "role items may not read crud_item" in (tmp_path / "log").read_text()
