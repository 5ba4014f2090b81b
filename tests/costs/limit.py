"""PostgreSQL's own limit: our prepared statements, sent by pgbench, beside our service."""

import contextlib
import itertools
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import django

from lab.analysis.formatting import estimated, percent, spread
from lab.analysis.statistics import paired_ratio
from lab.errors import LabError
from lab.report.blocks import Table
from lab.running.database.postgres import Database
from lab.running.processes import Placement, program
from project.database.embedded import EmbeddedError
from project.database.embedded.places import installed_programs
from tests.costs.asking import MIX, PAGE, Mix
from tests.costs.client import Clients, all_at_work
from tests.costs.stage import Found, Stage

CLIENTS = (1, 4, 16)
WORKERS = (1, 4)
REPEATS = 4
SECONDS = 3
ROWS = 100_000
LITERAL = re.compile(r"'((?:[^']|'')*)'")
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
# What the variables of a statement are: the delete takes the rows that were created, in turns.
SETUP: Mapping[str, str] = {
    "retrieve": r"\set id random(1, :rows)",
    "list": "",
    "create": "",
    "delete": "\\set mine :mine + 1\n\\set id :newest + :mine * :clients + :client_id + 1",
}
VALUES = {
    "name": "Folding oak desk", "description": "A folding desk from Lisbon, ready to ship.",
    "price": "12.34", "quantity": "7", "created_at": "2026-01-01 00:00:00+00",
    "updated_at": "2026-01-01 00:00:00+00", "limit": str(PAGE + 1), "mine": "-1",
}  # fmt: skip


def measured(
    stage: Stage,
    clients: Sequence[int] = CLIENTS,
    workers: Sequence[int] = WORKERS,
    repeats: int = REPEATS,
    seconds: int = SECONDS,
    rows: int = ROWS,
) -> Found:
    """Measure pgbench, and the service with one and more workers, in turns. Raises `LabError`."""
    pgbench = program_file()
    rates: dict[tuple[int, int], list[float]] = {}  # by clients and workers; 0: pgbench
    with stage.database() as database:
        database.reset(rows)
        for _, count in itertools.product(range(repeats), clients):
            rate = _pgbench(stage, pgbench, database, count, seconds, rows)
            rates.setdefault((count, 0), []).append(rate)
            for size in workers:
                rate = _service(stage, database, size, count, seconds, rows)
                rates.setdefault((count, size), []).append(rate)
        settings = database.settings
    return Found("PostgreSQL's own limit", [_table(rates, clients, workers)], [
        f"the statements that the service prepares, in the mix 60/15/20/5 over {rows:,} rows, by "
        f"pgbench -M prepared on the server's core; then by the service, asked by as many "
        f"keep-alive connections; {repeats} rounds of {seconds} s in turns",
        "a worker holds one session: with one worker the database does one thing at a time, "
        "however many clients there are",
        "this client shares the database's core, which pgbench did not: the shares are too low "
        "rather than too high",
    ], settings)  # fmt: skip


def program_file() -> Path:
    """Return pgbench: the wheel's, or the system's. Raises `LabError`."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    with contextlib.suppress(EmbeddedError):
        places.insert(0, installed_programs() / "bin")
    path = os.pathsep.join([*map(str, places), os.environ.get("PATH", "")])
    found = shutil.which("pgbench", path=path)
    if found is None:
        raise LabError("there is no pgbench: pip install -r requirements-dev.txt brings one")
    return Path(found)


def statements() -> dict[str, str]:
    """Return the service's statements, with pgbench's variables for their parameters."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from crud.views import ItemViewSet
    from drf_speedups.answers.view import knowledge

    actions: Any = knowledge(ItemViewSet).actions
    columns = [field.name for field in actions["create"].fields]
    return {
        "retrieve": _scripted(actions["retrieve"].statement, ["id"]),
        "list": _scripted(actions["list"].first, ["limit"]),
        "create": _scripted(actions["create"].statement, columns),
        "delete": _scripted(actions["destroy"].statement, ["id"]),
    }


def _scripted(statement: Any, names: Sequence[str]) -> str:
    """Return a statement for pgbench, to which a colon in a literal would be a variable's."""
    sql, given = LITERAL.sub(_without_colons, statement.sql), iter(names)
    return re.sub("%s|%%", lambda at: f":{next(given)}" if at[0] == "%s" else "%", sql)


def _without_colons(literal: re.Match[str]) -> str:
    if not re.search(r":\w", literal[1]) or "\\" in literal[1]:
        return literal[0]
    return "E'" + literal[1].replace(":", r"\x3a") + "'"


def _pgbench(
    stage: Stage, pgbench: Path, database: Database, clients: int, seconds: int, rows: int
) -> float:
    """Return the transactions per second."""
    variables: dict[str, object] = {
        **VALUES,
        "rows": rows,
        "newest": _newest(database),
        "clients": clients,
    }
    command = [str(pgbench), database.url, "-n", "-M", "prepared", "-c", str(clients), "-j", "1"]
    command += ["-T", str(seconds), *(f"-D{name}={value}" for name, value in variables.items())]
    for name, sql in statements().items():
        file = stage.folder / f"{name}.sql"
        file.write_text(f"{SETUP[name]}\n{sql};\n")
        command.append(f"-f{file}@{MIX[name]}")
    log = stage.folder / "pgbench.log"
    log.unlink(missing_ok=True)
    with program(command, log=log, env={}, placement=Placement(stage.cores.server)) as run:
        code = run.wait(seconds + 30)
        tps = TPS.search(log.read_text())
        if code or tps is None:
            raise LabError(f"pgbench failed with exit code {code}: {run.last_lines(3)}")
    return float(tps[1])


def _newest(database: Database) -> int:
    """Return the last key that was given to a row."""
    query = "SELECT last_value FROM crud_item_id_seq"
    return int(database.connection.execute(query).fetchall()[0][0])


def _service(
    stage: Stage, database: Database, workers: int, clients: int, seconds: int, rows: int
) -> float:
    """Return the service's requests per second."""
    mix = Mix(rows)
    with stage.serving("django", database, workers) as server, Clients(server.url, clients) as own:
        all_at_work(server.url, workers)
        for answer in own.ask(itertools.islice(mix.requests(), 200)):
            mix.learn(answer)
        begun = time.monotonic()
        due = itertools.takewhile(lambda _: time.monotonic() < begun + seconds, mix.requests())
        count = 0
        for answer in own.ask(due):
            mix.learn(answer)
            count += 1
        return count / (time.monotonic() - begun)


def _table(
    rates: Mapping[tuple[int, int], list[float]], clients: Sequence[int], workers: Sequence[int]
) -> Table:
    rows = []
    for count in clients:
        limit = rates[count, 0]
        row = [str(count), spread(limit)]
        for size in workers:
            reached = rates[count, size]
            row += [spread(reached), estimated(paired_ratio(reached, limit), percent)]
        rows.append(row)
    header = ["clients", "pgbench, /s"]
    for size in workers:
        header += [f"{size} worker{'s' * (size > 1)}, requests/s", "share of the limit"]
    return Table(header, rows)
