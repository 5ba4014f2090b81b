"""One worker beside its rivals: CPU of server and database, throughput and latency, in turns."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from lab.analysis.formatting import estimated, hundredths, spread
from lab.analysis.statistics import paired_ratio
from lab.experiments.targets import TARGETS
from lab.report.blocks import Table
from lab.running.database.added_latency import further_away
from lab.running.database.postgres import Database
from lab.running.servers import Server
from tests.costs import asking
from tests.costs.client import Clients
from tests.costs.stage import Found, Spent, Stage, metered

OURS = "django"
CELLS: Mapping[str, tuple[str, Mapping[str, str]]] = {  # targets and their environment, by label
    OURS: (OURS, {}),
    "django, one request at a time": (OURS, {"OVERLAP_LINKS": "0"}),
    **{name: (name, {}) for name in ("fastapi-asyncpg", "go-pgx", "fastify-postgres")},
}
REPEATS = 5
ROWS = 100_000
WARM_UP = 1000  # requests
LOCKED = 1  # the row that somebody else locks, again and again
LOCK = 0.1  # seconds
ONE_IN = 100  # requests changes that row


@dataclass(frozen=True)
class Load:
    """What is asked in one table: so many `requests` over so many `connections`.

    `rate`: requests/s at random times, 0 for as soon as a connection is free; `far`: seconds that
    a round trip to the database takes longer; `locks`: one request in `ONE_IN` waits for a row.
    """

    title: str
    connections: int
    requests: int
    rate: float = 0.0
    far: float = 0.0
    locks: bool = False


LOADS = (
    Load("the database next door, 16 connections", 16, 12_000),
    Load("the database 2 ms away, 64 connections", 64, 4_000, far=0.002),
    Load("the database 2 ms away, 1,000 requests/s, 500 connections", 500, 4_000, 1000, 0.002),
    Load("the database next door, 1,000 requests/s, 64 connections", 64, 4_000, rate=1000),
    Load("the same, 1 % of the requests wait for a locked row", 64, 4_000, rate=1000, locks=True),
)


@dataclass
class Measured:
    """Of one implementation, one value for each round."""

    spent: list[Spent] = field(default_factory=list)  # for each request
    throughput: list[float] = field(default_factory=list)  # requests/s
    p95: list[float] = field(default_factory=list)  # ms; without those that wait for the row
    p99: list[float] = field(default_factory=list)


def measured(
    stage: Stage, loads: Sequence[Load] = LOADS, repeats: int = REPEATS, rows: int = ROWS
) -> Found:
    """Measure all that are installed under each load, in turns. Raises `LabError`."""
    left = {name: TARGETS[name].lacking() for name, _ in CELLS.values()}
    able = {label: cell for label, cell in CELLS.items() if not left[cell[0]]}
    tables = []
    with stage.database() as database:
        database.reset(rows)
        for load in loads:
            found = {label: Measured() for label in able}
            for _, (label, (name, env)) in itertools.product(range(repeats), able.items()):
                with _served(stage, database, name, env, load) as server:
                    _measure(server, database, load, rows, found[label])
            tables.append(_table(load, found))
        settings = database.settings
    return Found("One worker beside its rivals", tables, [
        f"one worker each with four connections to the database, the mix 60/15/20/5 over {rows:,} "
        f"rows, {repeats} rounds in turns, a new server in each; median and range, in brackets the "
        "rival ÷ ours of the same round with its 95 % interval",
        "CPU: user and system time of all the server's processes, and of its database sessions",
        f"a locked row: one request in {ONE_IN} changes a row that somebody else locks for "
        f"{1000 * LOCK:.0f} ms, again and again; the percentiles are those of the others",
        "the client shares the database's core: throughput next door is what both allow",
        *filter(None, left.values()),
    ], settings)  # fmt: skip


@contextlib.contextmanager
def _served(
    stage: Stage, database: Database, name: str, env: Mapping[str, str], load: Load
) -> Iterator[Server]:
    """Serve as the load wants it: the database far away, a row of it locked."""
    log = stage.log("relay")
    with (
        further_away(database.url, load.far, log, stage.cores.database) as (url, _),
        stage.serving(name, database, env=env, url=url) as server,
        _locked(database.url) if load.locks else contextlib.nullcontext(),
    ):
        yield server


def _measure(server: Server, database: Database, load: Load, rows: int, into: Measured) -> None:
    mix = asking.Mix(rows)
    seconds = []
    with Clients(server.url, load.connections) as clients:
        for answer in clients.ask(itertools.islice(mix.requests(), WARM_UP)):
            mix.learn(answer)
        asked = itertools.islice(_asked(mix, locks=load.locks), load.requests)
        begun = time.perf_counter()
        with metered(server, database, load.requests, into.spent):
            for answer in clients.paced(asked, load.rate) if load.rate else clients.ask(asked):
                mix.learn(answer)
                if not _waited_for_the_row(answer.body):
                    seconds.append(answer.seconds)
        into.throughput.append(load.requests / (time.perf_counter() - begun))
    seconds.sort()
    into.p95.append(1000 * seconds[int(0.95 * len(seconds)) - 1])
    into.p99.append(1000 * seconds[int(0.99 * len(seconds)) - 1])


def _asked(mix: asking.Mix, *, locks: bool) -> Iterator[bytes]:
    for number, request in enumerate(mix.requests()):
        yield asking.patch(LOCKED, number) if locks and number % ONE_IN == 0 else request


def _waited_for_the_row(body: bytes) -> bool:
    return body.startswith(b'{"id":%d,' % LOCKED)


@contextlib.contextmanager
def _locked(url: str) -> Iterator[None]:
    """Lock a row for `LOCK` seconds at a time, as another program would."""
    is_over = threading.Event()

    def lock() -> None:
        with psycopg.connect(url) as connection:
            while not is_over.is_set():
                connection.execute("SELECT FROM crud_item WHERE id = %s FOR UPDATE", [LOCKED])
                is_over.wait(LOCK)
                connection.commit()

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _table(load: Load, found: Mapping[str, Measured]) -> Table:
    ours = found[OURS]

    def cell(values: Sequence[float], own: Sequence[float]) -> str:
        beside = "" if values is own else f" ({estimated(paired_ratio(values, own), hundredths)})"
        return spread(values) + beside

    def cpu(of: Measured, part: str) -> list[float]:
        return [1e6 * getattr(one, part) for one in of.spent]

    own = {part: cpu(ours, part) for part in ("server", "database")}
    rows = [
        [
            name,
            *(cell(own[part] if one is ours else cpu(one, part), own[part]) for part in own),
            cell(one.throughput, ours.throughput),
            cell(one.p95, ours.p95),
            cell(one.p99, ours.p99),
        ]
        for name, one in found.items()
    ]
    header = (load.title, "server CPU, µs", "database CPU, µs", "requests/s", "p95, ms", "p99, ms")
    return Table(header, rows)
