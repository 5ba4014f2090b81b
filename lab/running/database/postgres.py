"""The database under the services: a server to hold, and a database of one's own in it."""

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg.sql import SQL, Identifier

from lab.errors import LabError
from lab.experiments.plan import Step
from lab.experiments.targets import is_ours, named
from lab.running import procfs
from lab.running.database import pgstat
from lab.running.processes import program

CREATE, DROP = SQL("CREATE DATABASE {}"), SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
MADE = "made by python -m lab, which drops it again"  # by this the next run knows it
COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
LOCK = 7_461_989  # any number: who holds this advisory lock with a name owns that database
BACKEND = """
SELECT pid, extract(epoch FROM clock_timestamp() - backend_start)::float8
FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""
SAME_AGE = 1.0  # seconds
CONNECTIONS_OF_OTHERS = 6  # the lab's, a probe, and PostgreSQL's reserve of 3
START_LIMIT = 90.0  # seconds; the first start also creates the cluster
COMMAND_LIMIT = 600.0  # seconds for one manage.py command
REPORTED = (
    "server_version", "max_connections", "shared_buffers", "fsync", "synchronous_commit",
    "wal_sync_method", "full_page_writes", "max_wal_size", "checkpoint_timeout", "autovacuum",
)  # fmt: skip
MANAGE = (sys.executable, "manage.py")


@dataclass(frozen=True)
class Database:
    """The lab's database; `postmaster` is the server's process if it runs on this machine."""

    url: str
    settings: dict[str, str]
    postmaster: int | None
    log: Path
    connection: psycopg.Connection  # the lab's own, for what PostgreSQL counts

    def alive(self) -> bool:
        """Tell whether the server runs, as far as can be seen from here."""
        return self.postmaster is None or psutil.pid_exists(self.postmaster)

    def refuse_too_many_connections(self, steps: Iterable[Step]) -> None:
        """Raise `LabError` when a server would hold more connections than there may be."""
        most = int(self.settings["max_connections"]) - CONNECTIONS_OF_OTHERS
        for step in (step for step in steps if is_ours(step.target)):
            workers = step.conditions.workers
            each = named(step.target).connections(step.conditions.threads, step.env)
            if workers * each > most:
                raise LabError(
                    f"{workers} workers with {each} connections each hold {workers * each} "
                    f"to the database, {most} are there: lower --threads or --workers"
                )

    def reset(self, rows: int) -> None:
        """Make the table hold rows 1 to `rows` and nothing else, as if never touched."""
        _manage(self.url, self.log, "seed", "--rows", str(rows), "--yes")
        with _connected(self.url) as connection:
            connection.execute("VACUUM (ANALYZE) crud_item")
            with _if_allowed():
                connection.execute("CHECKPOINT")  # or it would fall into a measured window


@contextlib.contextmanager
def database(log: Path, cores: tuple[int, ...] = (), *, name: str = "lab") -> Iterator[Database]:
    """Create, migrate and in the end drop the database `name`, in `DATABASE_URL`'s server.

    Without `DATABASE_URL` the embedded server is held; it stops with the last who holds it. A
    server on this machine is pinned to `cores` meanwhile. Raises `LabError`.
    """
    with contextlib.ExitStack() as stack:
        given = os.environ.get("DATABASE_URL")
        server = given or stack.enter_context(_embedded_server(log))
        admin = stack.enter_context(_connected(server))
        _own(admin, name, is_theirs=bool(given))
        stack.callback(_drop, server, name)
        url = urlsplit(server)._replace(path=f"/{name}").geturl()
        _manage(url, log, "migrate", "--verbosity", "0")
        postmaster = _postmaster(admin)
        if postmaster and cores:
            stack.enter_context(_pinned(postmaster, cores))
        _time_flushes(admin, name)
        own = stack.enter_context(_connected(url))
        yield Database(url, _settings(admin), postmaster, log, own)


@contextlib.contextmanager
def watched(url: str, log: Path) -> Iterator[Database]:
    """Look at the database of another's service, which is left as it is. Raises `LabError`."""
    with _connected(url) as own:
        try:
            pgstat.counters(own)
        except psycopg.Error as error:
            said = str(error).splitlines()[0]
            raise LabError(
                f"the counters of its database cannot be read ({said}): leave --database out"
            ) from error
        yield Database(url, _settings(own), _postmaster(own), log, own)


@contextlib.contextmanager
def _embedded_server(log: Path) -> Iterator[str]:
    # `exec` holds the server while its command lives: killed or not, the lab lets go of it.
    already = log.stat().st_size if log.exists() else 0  # a resumed run's, with another URL
    keep = ("sh", "-c", 'echo "url $DATABASE_URL"; exec tail -f /dev/null')
    with program([*MANAGE, "postgres", "exec", "--", *keep], log=log, env={}) as holder:
        deadline = time.monotonic() + START_LIMIT
        while (url := _printed_url(log, already)) is None:
            if holder.exit_code() is not None or time.monotonic() > deadline:
                raise LabError(f"PostgreSQL did not start: {holder.last_lines(2)}")
            time.sleep(0.05)
        yield url


def _printed_url(log: Path, already: int) -> str | None:
    lines = log.read_bytes()[already:].decode(errors="replace").splitlines(keepends=True)
    whole = (line.split() for line in lines if line.endswith("\n"))
    return next((words[1] for words in whole if words[:1] == ["url"]), None)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=10,
            prepare_threshold=None,  # PgBouncer may give each statement another connection
        )  # fmt: skip
    except psycopg.Error as error:
        raise LabError(f"PostgreSQL cannot be reached: {str(error).splitlines()[-1]}") from error
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise LabError(f"PostgreSQL refused: {str(error).splitlines()[0]}") from error


def _own(admin: psycopg.Connection, name: str, *, is_theirs: bool) -> None:
    lock = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
    if admin.execute(lock, (LOCK, name)).fetchone() != (True,):
        raise LabError(f"another run uses the database {name!r} of this server: wait until it ends")
    said = admin.execute(COMMENT, (name,)).fetchone()
    if is_theirs and said and said[0] != MADE:
        raise LabError(
            f"the server of DATABASE_URL has a database {name!r} that the lab has not made, and "
            "would drop: rename it, or give another server"
        )
    admin.execute(DROP.format(Identifier(name)))  # left by one that was killed
    admin.execute(CREATE.format(Identifier(name)))
    admin.execute(SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(name), MADE))


def _time_flushes(admin: psycopg.Connection, name: str) -> None:
    with _if_allowed():  # else they are counted only
        admin.execute(SQL(pgstat.TIMED_FLUSHES).format(Identifier(name)))


def _if_allowed() -> contextlib.suppress:
    """Go on where a role may not do what makes figures better: nobody is superuser of a cloud's."""
    return contextlib.suppress(psycopg.errors.InsufficientPrivilege)


def _drop(server: str, name: str) -> None:
    # The server may be what failed: what the lab then has to say is said already.
    with contextlib.suppress(LabError), _connected(server) as admin:
        admin.execute(DROP.format(Identifier(name)))


def _settings(admin: psycopg.Connection) -> dict[str, str]:
    found = admin.execute(
        "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", (list(REPORTED),)
    )
    return dict(found.fetchall())


def _postmaster(admin: psycopg.Connection) -> int | None:
    """Return the server's first process, or None when it runs elsewhere or cannot be seen.

    Elsewhere, as in a container, other processes have the same numbers: one that has lived for as
    long as PostgreSQL says, whatever the clocks say, is the one.
    """
    ((pid, lived),) = admin.execute(BACKEND).fetchall()
    backend = procfs.stat_of(pid)
    if backend is None or abs(backend.age - lived) > SAME_AGE:
        return None
    parent = procfs.stat_of(backend.parent)
    return parent.pid if parent and "postgres" in parent.name else None


@contextlib.contextmanager
def _pinned(postmaster: int, cores: tuple[int, ...]) -> Iterator[None]:
    before = _affinity(postmaster)
    _pin(postmaster, cores)
    try:
        yield
    finally:
        _pin(postmaster, before)


def _affinity(pid: int) -> tuple[int, ...]:
    return tuple(os.sched_getaffinity(pid)) if hasattr(os, "sched_getaffinity") else ()


def _pin(postmaster: int, cores: tuple[int, ...]) -> None:
    """Move a server and its processes; those still to come inherit it from the first."""
    with contextlib.suppress(psutil.Error, OSError):  # not ours to move: usage says where it was
        leader = psutil.Process(postmaster)
        for process in (leader, *leader.children(recursive=True)):
            os.sched_setaffinity(process.pid, cores)


def _manage(url: str, log: Path, *words: str) -> None:
    """Run a manage.py command against a database. Raises `LabError` with its last line."""
    env = {"DATABASE_URL": url, "DJANGO_DEBUG": "1", "LOG_LEVEL": "WARNING"}
    with program([*MANAGE, *words], log=log, env=env) as command:
        if code := command.wait(COMMAND_LIMIT):
            raise LabError(
                f"manage.py {words[0]} failed with exit code {code}: {command.last_lines(1)}"
            )
        if code is None:
            raise LabError(f"manage.py {words[0]} took longer than {COMMAND_LIMIT:.0f} s")
