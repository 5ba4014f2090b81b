"""A PostgreSQL server that faults may stop, starve and promote: nobody else's."""

import contextlib
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.rows import tuple_row

from project.database.embedded import Server
from tests.forks import program
from tests.project.production import PRODUCTION

ROLE = "service"  # no superuser, whom hardly any limit concerns


class Cluster:
    """An embedded server in a folder of its own; `url` is what the service is started with."""

    def __init__(self, name: str) -> None:
        # Directly below the temporary folder, which PostgreSQL's account can enter.
        self.home = Path(tempfile.gettempdir()) / f"faults-{name}-{uuid.uuid4().hex[:8]}"
        self.server = Server(self.home)

    @property
    def url(self) -> str:
        """Return the DATABASE_URL of the service's role."""
        return url_of(self)

    def create(self) -> None:
        """Start, and make the service's role and tables."""
        self.server.start()
        self.set(fsync="off")  # faults end processes, not the machine: nothing written is lost
        self.admin(f"CREATE ROLE {ROLE} LOGIN", f"ALTER DATABASE crud OWNER TO {ROLE}")
        env = {**PRODUCTION, "DATABASE_URL": self.url}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        with program(migrate, log=self.home / "migrate.log", env=env) as command:
            assert command.wait(60) == 0, command.last_lines()

    def start(self) -> None:
        """Start again."""
        self.server.start()

    def stop(self, mode: str = "fast") -> None:
        """Stop; `immediate` is a crash, after which the server has to recover."""
        self._run("pg_ctl", "stop", "-D", self.server.data, "-m", mode, "-w")

    def restart(self, mode: str = "fast") -> None:
        """Stop and start at once."""
        self.stop(mode)
        self.start()

    def admin(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the superuser, each for itself; return the last one's rows."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.server.url(), autocommit=True, row_factory=tuple_row) as to:
            for statement in statements:
                found = to.execute(statement.encode())
                rows = found.fetchall() if found.description else []
        return rows

    def have_item_one(self) -> None:
        """Make sure that `/items/1/` is there to be read."""
        self.admin(
            "INSERT INTO crud_item (id, name, price) OVERRIDING SYSTEM VALUE VALUES (1, 'one', 1)"
            " ON CONFLICT DO NOTHING",
            "SELECT nextval(pg_get_serial_sequence('crud_item', 'id'))",  # the next is not 1, too
        )

    def set(self, **settings: str) -> None:
        """Change settings of the running server for all its sessions."""
        changes = [f"ALTER SYSTEM SET {name} = {value}" for name, value in settings.items()]
        self.admin(*changes, "SELECT pg_reload_conf()")

    def reset(self, *settings: str) -> None:
        """Take such changes back."""
        self.admin(*[f"ALTER SYSTEM RESET {name}" for name in settings], "SELECT pg_reload_conf()")

    def terminate_backends(self) -> int:
        """End all sessions of the service; return how many there were."""
        mine = "FROM pg_stat_activity WHERE usename = 'service'"
        return len(self.admin(f"SELECT pg_terminate_backend(pid) {mine}"))

    def sessions(self) -> int:
        """Return how many sessions the service holds."""
        rows = self.admin("SELECT count(*) FROM pg_stat_activity WHERE usename = 'service'")
        return int(rows[0][0])

    def follow(self, primary: "Cluster") -> None:
        """Become the primary's synchronous standby: what is acknowledged stands on both."""
        self.server.home.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.home, "nobody")
        self.home.chmod(0o700)
        there = ("-h", primary.server.socket_folder, "-U", "postgres")
        self._run("pg_basebackup", *there, "-D", self.server.data, "-R", "-c", "fast")
        self.server.start()
        primary.set(synchronous_standby_names="'*'")

    def promote(self) -> None:
        """Stop following: become the primary."""
        self._run("pg_ctl", "promote", "-D", self.server.data, "-w")

    def remove(self) -> None:
        """End the server and leave nothing behind."""
        if self.server.running():
            self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, *command: object) -> None:
        self.server._run(*command)  # type: ignore[arg-type]


def url_of(*clusters: Cluster, options: str = "") -> str:
    """Return a DATABASE_URL that names the servers in the order in which they are tried."""
    hosts = ",".join(str(cluster.server.socket_folder) for cluster in clusters)
    return f"postgresql://{ROLE}@/crud?host={quote(hosts)}{options}"


@contextlib.contextmanager
def cluster(name: str) -> Iterator[Cluster]:
    """Make a cluster with the service's tables; remove it when the block ends."""
    made = Cluster(name)
    try:
        made.create()
        yield made
    finally:
        made.remove()
