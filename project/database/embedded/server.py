"""One PostgreSQL server out of a PyPI wheel, for development, tests and the lab.

The server runs on its own (it is no child of the command that started it) and is shared: each
process that uses it holds a shared lock on one file, and whoever lets go last stops it. The kernel
drops the lock of a killed process, so a server left behind by one is used and stopped by the next.
Only its owner can reach it: no TCP, a socket only the owner may open, and therefore no password.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

from project.database.embedded import places
from project.database.embedded.errors import EmbeddedError

DATABASE = "crud"
SUPERUSER = "postgres"
LONGEST_SOCKET_PATH = 103  # bytes of sockaddr_un.sun_path, less the closing zero; Linux has 107
START_LIMIT = 60  # seconds
TROUBLE = ("FATAL", "PANIC", "error:")
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",  # no checkpoint in the middle of a short measurement
    "timezone": "UTC",
}


class Server:
    """The server whose data lives under `home` (by preference: see `places.usable_home`).

    All methods raise `EmbeddedError` when the wheel is missing or PostgreSQL refuses.
    """

    def __init__(self, home: Path) -> None:
        self.home = places.usable_home(home)
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self._held: tuple[int, IO[str]] | None = None

    def url(self, database: str = DATABASE) -> str:
        """Return the DATABASE_URL that libpq, Django, asyncpg and SQLAlchemy understand."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_folder))}"

    @functools.cached_property
    def socket_folder(self) -> Path:
        """The folder of the UNIX socket: `home`, or another where a URL cannot name that one."""
        if _can_be_named(self.home):
            return self.home
        return places.private_temporary_folder(self.home)

    def running(self) -> bool:
        """Tell whether the server runs."""
        if not self.data.exists():
            return False
        runs = self._run("pg_ctl", "status", "-D", self.data, check=False) == 0
        return runs and not self._died_unburied()

    # Sharing: hold while in use; the last to let go stops the server.

    def hold(self) -> None:
        """Start the server if need be and keep it until this process ends or calls `release`."""
        if self._held and self._held[0] == os.getpid():
            return
        with self._exclusively():
            self._start()
            lock = (self.home / "users.lock").open("a")
            fcntl.flock(lock, fcntl.LOCK_SH)
        self._held = (os.getpid(), lock)
        atexit.register(self.release)

    def release(self) -> None:
        """Let go; stop the server if nobody else holds it and nobody asked to keep it."""
        if self._held is None or self._held[0] != os.getpid():
            return  # a forked worker carries its parent's lock, which is not its own to drop
        self._held[1].close()
        self._held = None
        if not self.home.exists():  # moved away meanwhile: who uses it there stops it there
            return
        with self._exclusively():
            if not self._keep_mark.exists() and not self._in_use():
                self._stop()

    def start(self) -> None:
        """Start the server and keep it running until `stop`."""
        with self._exclusively():
            self._start()
            self._keep_mark.touch()

    def stop(self) -> None:
        """Stop the server, whoever uses it."""
        with self._exclusively():
            self._keep_mark.unlink(missing_ok=True)
            self._stop()

    @property
    def _keep_mark(self) -> Path:
        return self.home / "keep-running"

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Let one process at a time create, start and stop."""
        places.make_private(self.home)
        with (self.home / "control.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _in_use(self) -> bool:
        with (self.home / "users.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    # PostgreSQL's own programs

    def _start(self) -> None:
        if not self.data.exists():
            self._create()
        self._refuse_another_major_version()
        self._forget_another_time_and_place()
        if self.running():
            return
        places.make_private(self.socket_folder)
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        self._run(
            *("pg_ctl", "start", "-w", "-t", START_LIMIT),
            *("-D", self.data, "-l", self.log, "-o", options),
        )
        self._create_database()

    def _create(self) -> None:
        unfinished = self.home / "data.unfinished"  # renamed when whole: Ctrl-C leaves no half
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            *("initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust", "--no-sync"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            "--builtin-locale=C.UTF-8",
        )
        unfinished.rename(self.data)

    def _create_database(self) -> None:
        there = ("-h", self.socket_folder, "-U", SUPERUSER)
        found = self._output("psql", *there, "-AtXc", "SELECT datname FROM pg_database", SUPERUSER)
        if DATABASE not in found.split():
            self._run("createdb", *there, DATABASE)

    @property
    def _note(self) -> Path:
        """PostgreSQL's own note of which process serves which folder, a line each."""
        return self.data / "postmaster.pid"

    def _forget_another_time_and_place(self) -> None:
        """Stop a server that was started before this folder was moved; forget one that was copied.

        It knows its files by their old paths and would panic at its next checkpoint.
        """
        if not self._note.exists():
            return
        pid, place, *_ = _read(self._note).splitlines()
        dead = self._died_unburied()
        if Path(place) == self.data and not dead:
            return
        original = Path(place, self._note.name)
        if not (dead or (original.exists() and _read(original).startswith(f"{pid}\n"))):
            self._run("pg_ctl", "stop", "-D", self.data, "-m", "immediate", "-w", check=False)
        self._note.unlink(missing_ok=True)
        for left in self.socket_folder.glob(".s.PGSQL.*"):
            left.unlink()

    def _died_unburied(self) -> bool:
        """Tell whether the server is a zombie: a container's first process may bury nobody."""
        try:
            pid = _read(self._note).partition("\n")[0]
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return False

    def _stop(self) -> None:
        if not self.running():
            return
        ended = self._finished("pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", check=False)
        if ended.returncode and self.running():  # one that died meanwhile has stopped as well
            raise EmbeddedError(f"pg_ctl failed: {self._reason(ended)}")

    def _refuse_another_major_version(self) -> None:
        mine = self._output("postgres", "--version").split()[-1].split(".")[0]
        theirs = (self.data / "PG_VERSION").read_text().strip()
        if mine != theirs:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {theirs}, but {mine} is installed: "
                "move that folder away (or delete it, if its rows can be seeded again)"
            )

    def programs(self) -> Path:
        """Return the folder of `psql`, `pg_ctl`, `pgbench` and the rest."""
        return self._installed / "bin"

    @functools.cached_property
    def _installed(self) -> Path:
        return places.runnable_programs(self.home)

    def _output(self, program: str, *arguments: object) -> str:
        return self._finished(program, *arguments).stdout

    def _run(self, program: str, *arguments: object, check: bool = True) -> int:
        return self._finished(program, *arguments, check=check).returncode

    def _finished(
        self, program: str, *arguments: object, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        # Files, not pipes: the server would inherit a pipe and keep its reader waiting.
        with _some_text() as out, _some_text() as err:
            finished = subprocess.run(
                [self.programs() / program, *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                cwd="/", check=False, **places.account(),
            )  # fmt: skip
            out.seek(0), err.seek(0)
            finished.stdout, finished.stderr = out.read(), err.read()
        if check and finished.returncode:
            raise EmbeddedError(f"{program} failed: {self._reason(finished)}")
        return finished

    def _reason(self, finished: subprocess.CompletedProcess[str]) -> str:
        said = (finished.stderr or finished.stdout).strip().splitlines() or ["no message"]
        looked_at, last = said, said[-1]
        if "log output" in last and self.log.exists():  # "Examine the log output."
            looked_at = self.log.read_text(errors="replace").splitlines()[::-1]
        # What a program says after its trouble is what it does about it.
        why = next((line for line in looked_at if any(word in line for word in TROUBLE)), last)
        return f"{why} (the server's log is {self.log})"


def _can_be_named(folder: Path) -> bool:
    """Tell whether libpq finds a socket in a folder that it is told in a URL.

    A name has to be short, and in UTF-8; a comma would part two folders.
    """
    name = os.fsencode(folder / ".s.PGSQL.5432")
    is_utf8 = name.decode(errors="ignore").encode() == name
    return is_utf8 and len(name) <= LONGEST_SOCKET_PATH and b"," not in name


def _some_text() -> IO[str]:
    """Return a file for what programs say, in which paths may have any bytes."""
    return tempfile.TemporaryFile("w+", errors="surrogateescape")


def _read(note: Path) -> str:
    return note.read_text(errors="surrogateescape")
