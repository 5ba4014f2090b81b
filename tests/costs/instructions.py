"""Instructions per request, counted by callgrind: the same on a busy machine as on an idle one."""

import dataclasses
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.analysis.formatting import number
from lab.errors import LabError
from lab.experiments.designs import CLIMBED, LADDER
from lab.experiments.targets import TARGETS, Target
from lab.report.blocks import Table
from lab.running.database.postgres import Database
from tests.costs import asking
from tests.costs.client import Clients, worker
from tests.costs.rows import OPERATIONS, Make
from tests.costs.stage import Found, Stage

Cells = Mapping[str, tuple[str, Mapping[str, str]]]  # targets and their environment, by label
PEERS: Cells = {
    name: (name, {}) for name in ("django", "drf-stock", "fastapi-sqlalchemy", "fastapi-asyncpg")
}
RUNGS: Cells = {rung: (CLIMBED, env) for rung, env in LADDER}
ASKED = {"retrieve": "retrieve", "list": "list, first page", "create": "create"}
REQUESTS = 60  # N; then 2 N are counted, too
WARM_UP = 30
CONNECTIONS = 4
ROWS = 1000
PATIENCE = 240.0  # seconds for a start under valgrind
TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def measured(
    stage: Stage,
    cells: Cells = PEERS,
    asked: Mapping[str, str] = ASKED,
    requests: int = REQUESTS,
) -> Found:
    """Count for each implementation, one after the other. Raises `LabError`."""
    for needed in ("valgrind", "callgrind_control"):
        if shutil.which(needed) is None:
            raise LabError(f"there is no {needed}: install valgrind to count instructions")
    counts = {}
    with stage.database() as database:
        database.reset(ROWS)
        for label, (name, env) in cells.items():
            counts[label] = _counted(stage, database, TARGETS[name], env, asked, requests)
        settings = database.settings
    return Found("Instructions per request", [_table(counts, asked)], [
        f"callgrind, user land, the whole worker process (server, framework, driver), one worker, "
        f"PYTHONHASHSEED=0; counted over {requests} and over {2 * requests} requests and "
        "subtracted, so that what happens once is not in it",
        f"{ROWS:,} rows; {CONNECTIONS} connections; pages of {asking.PAGE}",
        "instructions are no time: what the kernel does for a request and what a cache miss costs "
        "is not in them",
    ], settings)  # fmt: skip


def pieces(stage: Stage) -> Found:
    """Count for our service with one piece more each time, as `python -m lab ladder` climbs."""
    return measured(stage, RUNGS)


class Counter:
    """Callgrind in a running process: switched on for what is counted."""

    def __init__(self, pid: int, out: Path) -> None:
        self._pid, self._out = pid, out

    def count(self, clients: Clients, make: Make, requests: int) -> float:
        """Return the instructions of one of these requests."""
        rng = random.Random(0)

        def send(count: int) -> None:
            clients.done([make(rng, ROWS, []) for _ in range(count)])

        send(WARM_UP)
        self._control("--instr=on")
        send(WARM_UP)  # what is compiled or remembered at the first time
        self._control("--zero")
        once, twice = (self._spent(send, count) for count in (requests, 2 * requests))
        self._control("--instr=off")
        return (twice - once) / requests

    def _spent(self, send: Callable[[int], None], count: int) -> int:
        send(count)
        before = set(self._dumps())
        self._control("--dump")  # which also counts from 0 again
        (dump,) = set(self._dumps()) - before
        found = TOTAL.search(dump.read_text())
        if found is None:
            raise LabError("callgrind wrote no total")
        return int(found[1])

    def _dumps(self) -> list[Path]:
        return [*self._out.parent.glob(f"{self._out.name}.{self._pid}.*")]

    def _control(self, what: str) -> None:
        command = ("callgrind_control", what, str(self._pid))
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode or "Error" in done.stdout:
            raise LabError(f"callgrind_control {what} failed: {done.stdout}{done.stderr}".strip())


def _counted(
    stage: Stage,
    database: Database,
    target: Target,
    env: Mapping[str, str],
    asked: Mapping[str, str],
    requests: int,
) -> dict[str, float]:
    """Return the instructions of one request of each operation."""
    out = stage.folder / target.name
    valgrind = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--trace-children=yes",
                f"--callgrind-out-file={out}.%p")  # fmt: skip
    slow = dataclasses.replace(target, command=(*valgrind, *target.command))
    steady = {**env, "PYTHONHASHSEED": "0"}
    with (
        stage.serving(slow, database, env=steady, patience=PATIENCE) as server,
        Clients(server.url, CONNECTIONS) as clients,
    ):
        (first,) = clients.done([asking.retrieve(1)])
        counter = Counter(worker(first), out)
        return {
            name: counter.count(clients, OPERATIONS[kind], requests) for name, kind in asked.items()
        }


def _table(counts: Mapping[str, Mapping[str, float]], asked: Mapping[str, str]) -> Table:
    ours = next(iter(counts))
    rows = [
        [name, *(_cell(found[kind], counts[ours][kind], name == ours) for kind in asked)]
        for name, found in counts.items()
    ]
    return Table(("thousands of instructions", *asked), rows, f"In brackets: ÷ {ours}.")


def _cell(count: float, ours: float, is_ours: bool) -> str:
    return number(count / 1000) + ("" if is_ours else f" ({number(count / ours)} ×)")
