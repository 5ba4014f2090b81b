"""Two roles in a real PostgreSQL, made as the READMEs say: one migrates, the other one serves."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from lab.experiments.targets import TARGETS
from lab.running.servers import serving
from project.database.embedded import Server, places
from tests.deploy.places import DEPLOY
from tests.project.production import PRODUCTION, run

TARGET = replace(TARGETS["django"], ready="/livez")
REMEMBERED = 1.2  # seconds after which /readyz looks again
LIMITS = "&options=-c%20statement_timeout%3D0%20-c%20lock_timeout%3D3s"
NEW = {"name": "Desk", "price": "1.00"}


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL server with nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix="roles-", dir="/tmp"))
    places.make_private(folder)
    made = Server(folder)
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


def url(server: Server, role: str, database: str = "items") -> str:
    return f"postgresql://{role}@/{database}?host={server.socket_folder}"


def follow(server: Server, platform: str) -> None:
    """Run the one `psql` of a README, at this server."""
    readme = (DEPLOY / platform / "README.md").read_text()
    (line,) = re.findall(r"^psql \S+ (.+)$", readme, re.MULTILINE)
    script = shutil.copy(DEPLOY / "roles.sql", server.home)  # where PostgreSQL's account may read
    words = line.replace("deploy/roles.sql", str(script)).split()
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
    time.sleep(REMEMBERED)


def unready(http: httpx.Client) -> str:
    answer = http.get("/readyz")
    assert answer.status_code == 503
    return str(answer.json()["detail"])


@pytest.mark.parametrize("platform", ["kubernetes", "cloudrun"])
def test_done_as_the_readme_says_the_service_may_do_its_work_and_no_more(
    server, platform, tmp_path
):
    follow(server, platform)
    follow(server, platform)  # for who does it twice
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
    follow(server, "kubernetes")
    with (
        serving(TARGET, url(server, "items"), log=tmp_path / "log") as service,
        httpx.Client(base_url=service.url) as http,
    ):
        assert unready(http) == "Not ready: migrations are missing: crud.0001_initial and 1 more."
        migrate(server)
        time.sleep(REMEMBERED)
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
