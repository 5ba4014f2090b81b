"""A PgBouncer of one's own, run with the settings that are deployed."""

import configparser
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

from lab import ROOT
from lab.running.processes import Program, program
from project.database.embedded import places
from tests.deploy.places import DEBIAN_13

SETTINGS = ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini"
KNOWS_PREPARED_STATEMENTS = (1, 21)


@dataclass(frozen=True)
class Kind:
    """A PgBouncer that is installed: the words that run it and its version."""

    command: tuple[str, ...]
    version: tuple[int, int]

    @property
    def name(self) -> str:
        """Return the version for people."""
        return ".".join(map(str, self.version))

    @property
    def carries_prepared_statements(self) -> bool:
        """Tell whether it can follow prepared statements through transaction pooling."""
        return self.version >= KNOWS_PREPARED_STATEMENTS

    @property
    def prepared(self) -> str:
        """Return what PREPARED_STATEMENTS has to say behind it."""
        return "1" if self.carries_prepared_statements else "0"


@functools.cache
def installed() -> tuple[Kind, ...]:
    """Return what there is, oldest first."""
    system = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    found = [_kind(system)] if system else []
    loader = DEBIAN_13 / "usr/lib64/ld-linux-x86-64.so.2"
    if loader.exists():
        libraries = DEBIAN_13 / "usr/lib/x86_64-linux-gnu"
        path = DEBIAN_13 / "usr/sbin/pgbouncer"
        found.append(_kind(str(loader), "--library-path", str(libraries), str(path)))
    return tuple(sorted(found, key=lambda kind: kind.version))


def _kind(*command: str) -> Kind:
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    major, minor = said.stdout.split()[1].split(".")[:2]
    return Kind(command, (int(major), int(minor)))


@dataclass
class Pooler:
    """A PgBouncer in front of `database_url`; a restart changes `program`."""

    kind: Kind
    database_url: str
    folder: Path
    port: int
    program: Program | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        """Return the DATABASE_URL of those behind it."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/items"

    @property
    def log(self) -> Path:
        """Return where it logs."""
        return self.folder / "log"

    @property
    def user(self) -> str:
        """Return the role that it connects as."""
        return urlsplit(self.database_url).username or "postgres"

    def admin(self, command: str) -> list[dict[str, Any]]:
        """Run a command of its console, such as SHOW POOLS."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="pgbouncer", user=self.user, autocommit=True
        ) as console:
            rows = console.execute(command.encode())
            names = [column.name for column in rows.description or ()]
            return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]

    def start(self) -> None:
        """Run it until `stop`."""
        words = [*self.kind.command]
        if os.geteuid() == 0:
            words += ["-u", places.ACCOUNT_INSTEAD_OF_ROOT]
        words.append(str(self.folder / "pgbouncer.ini"))
        self.program = self._stack.enter_context(program(words, log=self.log, env={}))
        self._wait()

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """End it; SIGINT lets transactions end."""
        if self.program and self.program.exit_code() is None:
            os.kill(self.program.pid, by)
            self.program.wait(5)
        self._stack.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)
        raise AssertionError(f"pgbouncer does not listen: {self.log.read_text()}")


def prepare(kind: Kind, database_url: str, folder: Path, **settings: str) -> Pooler:
    """Write the deployed settings, changed where this machine is another and by `settings`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pooler = Pooler(kind, database_url, folder, port)
    changed = configparser.RawConfigParser()
    changed.read(SETTINGS)
    ours = changed["pgbouncer"]
    if not kind.carries_prepared_statements:
        del ours["max_prepared_statements"]
    connect_query = changed["databases"]["items"].partition("connect_query")[2]
    limits = settings.pop("limits", f"connect_query{connect_query}")
    changed["databases"]["items"] = f"{_address(database_url)} {limits}"
    del ours["auth_file"]
    here = {"listen_addr": "127.0.0.1", "listen_port": str(port), "auth_type": "any"}
    ours.update({**here, "admin_users": pooler.user, **settings})
    folder.mkdir()
    with (folder / "pgbouncer.ini").open("w") as file:
        changed.write(file)
    folder.chmod(0o755)
    return pooler


def _address(url: str) -> str:
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    return f"host={host} dbname={parts.path[1:]} user={parts.username} port={parts.port or 5432}"
