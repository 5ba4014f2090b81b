"""The package of `drf_speedups`: what it says of itself, and that it is whole.

The long test installs the wheel into environments that have nothing else of ours, where a project
made by `startproject` (`stranger.py`) compares its own answers without the pieces and with them.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import tomllib
import venv
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import dj_database_url
import pytest

import drf_speedups
from lab import ROOT
from tests.speedups import stranger

PACKAGE = ROOT / "drf_speedups"
SAID = tomllib.loads((PACKAGE / "pyproject.toml").read_text())
OLDEST = ["Django==5.2.*", "djangorestframework==3.16.*", "psycopg[binary]==3.2.*"]
WORKER = "drf_speedups.worker.BufferedWorker"
SQLITE: dict[str, object] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}


def test_the_repository_around_it_cannot_be_installed():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text()).keys() == {"tool"}


def test_it_says_its_name_its_licence_and_what_it_needs():
    project = SAID["project"]
    assert project["name"].replace("-", "_") == PACKAGE.name
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert project["dependencies"] == ["Django>=5.2", "djangorestframework>=3.16"]
    assert project["requires-python"] == ">=3.11"
    assert (PACKAGE / "py.typed").exists()


def test_its_version_is_written_once():
    assert SAID["project"]["dynamic"] == ["version"]
    assert SAID["tool"]["hatch"]["version"]["path"] == "__init__.py"
    assert drf_speedups.__version__.count(".") == 2


def test_every_folder_of_it_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


class Environment(NamedTuple):
    """A Python of its own, and how it reaches which database."""

    folder: Path
    database: dict[str, object]

    @property
    def python(self) -> Path:
        """The environment's own."""
        return self.folder / "venv" / "bin" / "python"

    def env(self, **more: str) -> dict[str, str]:
        """Return the variables that a program of the project gets."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {"DATABASES": json.dumps({"default": self.database})} | more

    def run(self, *arguments: str, **more: str) -> str:
        """Return what Python prints, both ways."""
        done = subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=self.env(**more),
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def manage(self, *arguments: str, **more: str) -> str:
        """Return what a command of the project prints."""
        return self.run("manage.py", *arguments, **more)

    @contextlib.contextmanager
    def served(self, application: str) -> Iterator[int]:
        """Serve an application by our worker; give its port."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"fd://{listener.fileno()}"
            command = (self.python, "-m", "gunicorn", "-k", WORKER, "-b", address, application)
            with subprocess.Popen(
                command, cwd=self.folder, env=self.env(), pass_fds=[listener.fileno()]
            ) as gunicorn:
                try:
                    yield listener.getsockname()[1]
                finally:
                    gunicorn.terminate()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made of the source distribution, as an index would get both."""
    folder = tmp_path_factory.mktemp("build")
    venv.create(folder / "venv", with_pip=True)
    maker = Environment(folder, {})
    maker.run("-m", "pip", "install", "--quiet", "build")
    maker.run("-m", "build", "--outdir", str(folder / "dist"), str(PACKAGE))
    assert [*(folder / "dist").glob("*.tar.gz")]
    (made,) = (folder / "dist").glob("*.whl")
    return made


def started(folder: Path, database: dict[str, object], *packages: str) -> Environment:
    """Make an environment with these packages, and a project in it."""
    venv.create(folder / "venv", with_pip=True)
    made = Environment(folder, database)
    made.run("-m", "pip", "install", "--quiet", *packages)
    made.run("-m", "django", "startproject", "site_of", ".")
    for name, text in stranger.FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, text in stranger.APPENDED.items():
        with (folder / name).open("a") as file:
            file.write(text)
    made.manage("makemigrations", "shop")
    return made


def postgresql(url: str) -> dict[str, object]:
    """Return how a project reaches the tests' own server, by Django's own backend."""
    return {**dj_database_url.parse(url)}


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.django_db
@pytest.mark.parametrize("versions", [[], OLDEST], ids=["newest", "oldest"])
def test_a_project_of_somebody_else_gets_it_and_keeps_its_answers(
    wheel, database_url, tmp_path, versions
):
    package = f"drf-speedups[psycopg,gunicorn] @ {wheel.as_uri()}"
    project = started(tmp_path, postgresql(database_url), package, *versions)
    assert "no issues" in project.manage("check")
    said = project.manage("speedups")
    assert "rows of any view set (representation): on" in said
    assert re.search(r"^  rows +lists by the database$", said, re.MULTILINE)
    assert WORKER in said
    assert "off" in project.manage("speedups", SPEEDUPS="fields").splitlines()[0]
    assert "OK" in project.manage("test", "shop")
    project.run("-m", "gunicorn", "--check-config", "-k", WORKER, "site_of.wsgi")
    told = project.run("-c", "import drf_speedups; print(drf_speedups.__file__)")
    assert str(tmp_path) in told


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.django_db
def test_requests_of_somebody_else_s_project_overlap_under_our_worker(
    wheel, database_url, tmp_path
):
    package = f"drf-speedups[psycopg,gunicorn] @ {wheel.as_uri()}"
    project = started(tmp_path, postgresql(database_url), package)
    fast = {"DJANGO_SETTINGS_MODULE": "site_of.fast"}
    assert f"requests overlap (under {WORKER}): on" in project.manage("speedups", **fast)
    project.manage("migrate", **fast)
    with (
        project.served("site_of.fast_wsgi") as port,
        contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client,
    ):
        told = []
        for method, path, body in (
            ("POST", "/authors/", '{"name": "Kim"}'), ("GET", "/authors/", None),
            ("GET", "/authors/1/", None), ("GET", "/authors/0/", None),
        ):  # fmt: skip
            client.request(method, path, body, {"Content-Type": "application/json"})
            answer = client.getresponse()
            told.append((answer.status, answer.read()))
            client.sock.settimeout(1)  # it has started; and ends idle connections after longer
    assert [status for status, _ in told] == [201, 200, 200, 404]
    assert told[2][1] == b'{"id":1,"name":"Kim"}'


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.django_db
@pytest.mark.parametrize(("packages", "backend", "warning"), [
    (["psycopg2-binary"], "postgresql", "drf_speedups.W002"),
    ([], "sqlite", "drf_speedups.W001"),
])  # fmt: skip
def test_without_psycopg_3_all_works_and_a_warning_says_that_nothing_is_faster(
    wheel, database_url, tmp_path, packages, backend, warning
):
    database = SQLITE if backend == "sqlite" else postgresql(database_url)
    project = started(tmp_path, database, str(wheel), *packages)
    assert warning in project.manage("check")
    assert "psycopg 3 is not installed" in project.manage("speedups")
    assert "OK" in project.manage("test", "shop")


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_a_setting_that_says_nothing_stops_a_command(wheel, tmp_path):
    project = started(tmp_path, SQLITE, str(wheel))
    with pytest.raises(AssertionError, match=r"drf_speedups\.E001"):
        project.manage("check", SPEEDUPS="express,fields")
