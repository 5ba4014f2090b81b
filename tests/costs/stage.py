"""What every measurement of costs needs: cores, a database, servers, a meter, a report."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.experiments.targets import TARGETS, Target
from lab.report.blocks import Bullets, Table
from lab.running import procfs
from lab.running.caps import Cores, available_cores, divide
from lab.running.database.postgres import Database, database
from lab.running.machine import allow_open_files, facts, versions
from lab.running.processes import Placement
from lab.running.servers import Server, serving

GIB = 2**30
BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Stage:
    """Where the programs run and where they write; nothing of it is left behind."""

    folder: Path
    cores: Cores

    def database(self, name: str = "costs") -> contextlib.AbstractContextManager[Database]:
        """Create a database that is dropped when the block ends. Raises `LabError`."""
        return database(self.log(name), self.cores.database, name=name)

    def serving(
        self,
        target: str | Target,
        to: Database,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
        patience: float = 60.0,
        url: str = "",
    ) -> contextlib.AbstractContextManager[Server]:
        """Serve an implementation until the block ends, by `url` if that leads to the database.

        Raises `LabError`.
        """
        chosen = TARGETS[target] if isinstance(target, str) else target
        return serving(
            chosen, url or to.url, log=self.log(chosen.name), workers=workers, env=env,
            placement=Placement(self.cores.server), patience=patience,
        )  # fmt: skip

    def log(self, name: str) -> Path:
        """Return a new file for what a program prints."""
        return self.folder / f"{len([*self.folder.iterdir()])}-{name}.log"


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Divide the cores as the lab does, and keep this process off the server's."""
    allow_open_files()
    cores = divide(available_cores(), 1)
    before = available_cores()
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        try:
            if cores.load:
                os.sched_setaffinity(0, cores.load)
            yield Stage(Path(folder), cores)
        finally:
            if cores.load:
                os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Spent:
    """CPU seconds of a server and of the sessions it holds."""

    server: float
    database: float

    @property
    def both(self) -> float:
        """Return the sum."""
        return self.server + self.database


@contextlib.contextmanager
def metered(server: Server, of: Database, requests: int, into: list[Spent]) -> Iterator[None]:
    """Append what each of so many requests costs, which the block sends."""
    if server.pid is None:
        raise LabError("the server's process cannot be seen")
    own = [one.pid for one in procfs.process_tree(server.pid)]
    sessions = [pid for (pid,) in of.connection.execute(BACKENDS).fetchall()]
    before = sum(map(procfs.run_seconds, own)), sum(map(procfs.run_seconds, sessions))
    yield
    after = sum(map(procfs.run_seconds, own)), sum(map(procfs.run_seconds, sessions))
    into.append(Spent(*((b - a) / requests for a, b in zip(before, after, strict=True))))


@dataclass(frozen=True)
class Found:
    """What a measurement says: tables, and how it was made."""

    title: str
    tables: Sequence[Table]
    conditions: Sequence[str]
    settings: Mapping[str, str]  # PostgreSQL's
    versions: str = ""  # of what was measured, where another Python ran it


def circumstances(found: Found, stage: Stage, packages: Sequence[str]) -> Bullets:
    """Return how it was measured, on what, and by which code."""
    m = facts()
    changed = m.get("changed_files", 0)
    state = f"{changed} files changed since" if changed else "nothing changed since"
    database = ", ".join(f"{name} {value}" for name, value in found.settings.items())
    tools = ", ".join(f"{name} {value}" for name, value in versions(packages).items())
    return Bullets([
        *found.conditions,
        stage.cores.sentence,
        f"{m['cpu']}, {m['cores']} cores, {m['memory'] / GIB:.0f} GiB, {m['kernel']}",
        found.versions or f"Python {m['python']}, {tools}",
        f"PostgreSQL: {database}",
        f"commit {m.get('commit', 'unknown')}, {state}",
    ])  # fmt: skip
