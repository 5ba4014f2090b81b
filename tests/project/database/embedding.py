"""Processes that hold an embedded server, and what is seen of it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from project.database.embedded import Server
from tests.project.production import ROOT

HOLD = "import sys; from pathlib import Path; from project.database.embedded.server import Server; "
HOLD += (
    "server = Server(Path(sys.argv[1])); server.hold(); print(server.url(), flush=True); input()"
)


class Ended(NamedTuple):
    """How a command has ended, and what it printed."""

    code: int | str | None
    out: str
    err: str = ""


def postmaster(server: Server) -> psutil.Process:
    return psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@contextmanager
def using(server: Server) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the server and has said so; in the end it is told to let go."""
    command = [sys.executable, "-c", HOLD, str(server.home)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        try:
            assert first_line(user) == server.url()
            yield user
            if user.poll() is None:
                user.communicate("\n", timeout=60)
        finally:
            user.kill()


def copied(server: Server, home: Path) -> Server:
    """Return a server over a copy of another one's folder, made while that may run."""
    shutil.copytree(server.home, home, ignore=shutil.ignore_patterns(".s.PGSQL*"))
    subprocess.run(["chown", "-R", "--reference", server.data, home], check=True)
    return Server(home)
