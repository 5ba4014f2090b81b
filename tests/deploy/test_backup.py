"""What docs/operations.md says of backups and of major versions, done for real."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from lab import ROOT
from lab.analysis.limits import NOTHING, UNSEEN
from lab.analysis.models.network import SERVER
from lab.analysis.rules import parts
from project.database.embedded import Server, places
from tests.forks import program
from tests.project.production import PRODUCTION

ROWS = 500
WHOLE = "SELECT count(*), md5(string_agg(crud_item::text, '' ORDER BY id)) FROM crud_item"
FILL = f"""
INSERT INTO crud_item (name, price, quantity)
SELECT 'item ' || n, n / 100.0, n FROM generate_series(1, {ROWS}) n
"""
INSERT = "INSERT INTO crud_item (name, price) VALUES ('next', 1) RETURNING id"
GUIDE = (ROOT / "docs" / "operations.md").read_text()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    made = Path(tempfile.mkdtemp(prefix="backup-", dir="/tmp"))
    places.make_private(made)
    yield made
    shutil.rmtree(made)


def manage(url: str, log: Path, *words: str) -> None:
    env = {**PRODUCTION, "DATABASE_URL": url}
    with program([sys.executable, "manage.py", *words], log=log, env=env) as command:
        assert command.wait(60) == 0, command.last_lines()


def value(url: str, query: str):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchone()


def change(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def run(*words: object) -> None:
    """Run a program of PostgreSQL as its account."""
    said = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, cwd="/tmp",
        stdin=subprocess.DEVNULL, timeout=100, **places.account(),
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.django_db
def test_a_restored_backup_is_the_same_table_and_goes_on_counting(database_url, folder):
    here = Server(ROOT / ".postgres")
    programs, log = here.programs(), folder / "log"
    original, restored = (
        urlsplit(database_url)._replace(path=f"/{name}").geturl() for name in ("kept", "restored")
    )
    with psycopg.connect(database_url, autocommit=True) as admin:
        for name in ("kept", "restored"):
            admin.execute(f"DROP DATABASE IF EXISTS {name}".encode())
            admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            manage(original, log, "migrate", "--verbosity", "0")
            change(original, FILL)
            run(programs / "pg_dump", "--format=custom", f"--file={folder}/items.dump", original)
            run(programs / "pg_restore", "--exit-on-error", f"--dbname={restored}",
                folder / "items.dump")  # fmt: skip
            assert value(restored, WHOLE) == value(original, WHOLE)
            assert value(restored, INSERT) == (ROWS + 1,)
            manage(restored, log, "migrate", "--check")
            with pytest.raises(psycopg.errors.CheckViolation):
                change(restored, "INSERT INTO crud_item (name, price) VALUES ('', -1)")
        finally:
            for name in ("kept", "restored"):
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def programs_of(folder: Path) -> tuple[Path, Path]:
    """Return the wheel's programs of 16 and of 18, where PostgreSQL's account reaches them."""
    installed = places.installed_programs().parent
    libraries = installed.with_name(f"{installed.name}.libs")  # beside, by relative paths
    for part in (installed, libraries):
        shutil.copytree(part, folder / part.name, symlinks=True)
    copy = folder / installed.name
    return copy / "pginstall" / "bin", copy / "pginstall18" / "bin"


@contextmanager
def serving(programs: Path, data: Path) -> Iterator[str]:
    """Run a server over a data folder; yield its DATABASE_URL."""
    options = f"-c listen_addresses='' -c unix_socket_directories={data.parent}"
    run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", f"{data}.log", "-o", options)
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(data.parent))}"
    finally:
        run(programs / "pg_ctl", "stop", "-w", "-D", data, "-m", "fast")


@pytest.mark.torture
@pytest.mark.parametrize("way", ["dump", "pg_upgrade"])
def test_a_new_major_version_takes_over_the_rows_of_the_old(folder, way):
    old, new = programs_of(folder)
    before, after, log = folder / "16", folder / "18", folder / "log"
    created = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    run(old / "initdb", "-D", before, *created)
    # 18 makes checksums by default and pg_upgrade wants both alike.
    run(new / "initdb", "-D", after, *created, "--no-data-checksums")
    with serving(old, before) as url:
        manage(url, log, "migrate", "--verbosity", "0")
        change(url, FILL)
        whole = value(url, WHOLE)
        if way == "dump":
            run(new / "pg_dump", "--format=custom", f"--file={folder}/items.dump", url)
    if way == "pg_upgrade":
        run(new / "pg_upgrade", "-b", old, "-B", new, "-d", before, "-D", after, "-U", "postgres",
            "--socketdir", folder)  # fmt: skip
    with serving(new, after) as url:
        if way == "dump":
            run(new / "pg_restore", "--exit-on-error", f"--dbname={url}", folder / "items.dump")
        assert value(url, WHOLE) == whole
        assert value(url, "SHOW server_version_num")[0].startswith("18")
        assert value(url, INSERT) == (ROWS + 1,)
        manage(url, log, "migrate", "--check")
        run(new / "vacuumdb", "--analyze-in-stages", "--missing-stats-only", f"--dbname={url}")


@pytest.mark.parametrize("command", [
    "pg_dump --format=custom", "pg_restore --exit-on-error", "--no-data-checksums",
    "vacuumdb --all --analyze-in-stages --missing-stats-only", "migrate --check",
])  # fmt: skip
def test_the_guide_says_what_is_tried_here(command):
    assert command in GUIDE


def test_the_guide_names_every_limit_that_the_lab_can_name():
    written = re.findall(r'Part\("(.+?)"', Path(parts.__file__).read_text())
    constants = {one for name, one in vars(parts).items() if name.isupper() and type(one) is str}
    named = {*constants, *written, SERVER, UNSEEN, NOTHING}
    table = GUIDE.partition("## When the lab names a limit")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| ([a-z A-Z']+) \|", table, re.MULTILINE)) - {"limit"}
    assert rows == named, f"docs/operations.md lacks {named - rows} and need not say {rows - named}"
