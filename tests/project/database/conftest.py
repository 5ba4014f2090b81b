"""One embedded cluster for the tests of each file."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from project.database.embedded import Server
from project.management.commands import postgres
from tests.project.database.embedding import Ended


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that root's stand-in can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster(open_folder: Path) -> Iterator[Server]:
    """One stopped cluster for all tests: `initdb` takes seconds."""
    server = Server(open_folder / "home")
    server.start()
    server.stop()
    yield server
    server.stop()


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """The cluster, stopped before the test and by what the test did."""
    assert not cluster.running()
    yield cluster
    left_running = cluster.running()
    cluster.stop()
    assert not left_running


@pytest.fixture
def manage(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Run `manage.py postgres` in this process, which spares a start, for a server of its own."""

    def run_command(server: Server, *words: str) -> Ended:
        monkeypatch.setattr(postgres, "SERVER", server)
        out = StringIO()
        try:
            call_command("postgres", *words, stdout=out)
        except SystemExit as end:
            return Ended(end.code, out.getvalue())
        except CommandError as error:
            return Ended(1, out.getvalue(), str(error))
        return Ended(0, out.getvalue())

    return run_command
