"""What a request costs with few and with many rows: flat, if all work is done by indexes."""

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence

from lab.analysis.formatting import estimated, number
from lab.analysis.statistics import median, paired_ratio
from lab.report.blocks import Table
from lab.running.database.postgres import Database
from lab.running.servers import Server
from tests.costs import asking
from tests.costs.client import Answer, Clients
from tests.costs.stage import Found, Spent, Stage, metered

SIZES = (1_000, 100_000, 10_000_000)
ROUNDS = 6
REQUESTS = 1500  # of an operation on a table in a round
WARM_UP = 200
CONNECTIONS = 16
GOAL = 1.1

Make = Callable[[random.Random, int, list[int]], bytes]  # from the rows, and the keys just created
Costs = dict[tuple[str, int], list[Spent]]

# DELETE takes the rows that POST has made, so that each table keeps its size.
OPERATIONS: Mapping[str, Make] = {
    "retrieve": lambda rng, rows, new: asking.retrieve(rng.randint(1, rows)),
    "list, first page": lambda rng, rows, new: asking.first_page(),
    "list, deep page": lambda rng, rows, new: asking.deep_page(rng.randint(22, rows // 2)),
    "patch": lambda rng, rows, new: asking.patch(rng.randint(1, rows), rng.randrange(10**6)),
    "put": lambda rng, rows, new: asking.put(rng.randint(1, rows), rng.randrange(10**6)),
    "create": lambda rng, rows, new: asking.create(rng.randrange(10**6)),
    "delete": lambda rng, rows, new: asking.delete(new.pop()),
}


class Side:
    """A table of one size, and the server that works on it in this round."""

    def __init__(self, rows: int, database: Database, server: Server, clients: Clients) -> None:
        self.rows = rows
        self._database, self._server, self._clients = database, server, clients
        self._new: list[int] = []

    def send(self, make: Make, requests: int, rng: random.Random) -> list[Answer]:
        """Return the answers to so many requests; keep what they created."""
        answers = self._clients.done([make(rng, self.rows, self._new) for _ in range(requests)])
        self._new += [asking.new_key(answer) for answer in answers if answer.status == 201]
        return answers

    def measure(self, make: Make, requests: int, rng: random.Random, into: list[Spent]) -> None:
        """Note what one of them costs."""
        with metered(self._server, self._database, requests, into):
            self.send(make, requests, rng)


def measured(
    stage: Stage, sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, requests: int = REQUESTS
) -> Found:
    """Measure every operation on tables of all sizes in turns. Raises `LabError`."""
    costs: Costs = {(name, size): [] for name in OPERATIONS for size in sizes}
    with contextlib.ExitStack() as stack:
        tables = {size: stack.enter_context(stage.database(f"costs_{size}")) for size in sizes}
        for size, database in tables.items():
            database.reset(size)
        for turn in range(rounds):
            _round(stage, tables, turn, requests, costs)
        settings = tables[sizes[0]].settings
    return Found("Cost per request and rows in the table", [_table(costs, sizes)], [
        f"{rounds} rounds; in each a new server process for each table, {WARM_UP} requests to warm "
        f"up, then {requests} requests of an operation on one table after the other, in random "
        f"order, over {CONNECTIONS} keep-alive connections",
        "keys are uniformly random; the page of 20 lies anywhere in the older half; PATCH sets one "
        "column; DELETE takes the rows that POST has just made",
        "server: one worker; database: the session it holds, as the scheduler counts them; "
        "checkpoints, autovacuum and the WAL writer are nobody's",
        "ratios: geometric mean over the rounds with its 95 % interval",
    ], settings)  # fmt: skip


def _round(
    stage: Stage, tables: Mapping[int, Database], turn: int, requests: int, costs: Costs
) -> None:
    rng = random.Random(turn)
    with contextlib.ExitStack() as stack:
        sides = []
        for size, database in tables.items():  # new ones: no process's luck goes into all rounds
            server = stack.enter_context(stage.serving("django", database))
            clients = stack.enter_context(Clients(server.url, CONNECTIONS))
            sides.append(Side(size, database, server, clients))
        for make in OPERATIONS.values():
            for side in sides:
                side.send(make, min(WARM_UP, requests), rng)
        for name, make in OPERATIONS.items():
            for side in rng.sample(sides, len(sides)):
                side.measure(make, requests, rng, costs[name, side.rows])


def _table(costs: Costs, sizes: Sequence[int]) -> Table:
    least, *larger = sizes
    header = [
        "µs of CPU, server + database",
        *(f"{size:,} rows" for size in sizes),
        *(f"{size:,} ÷ {least:,}" for size in larger),
        "server alone",
        f"at most {GOAL} ×",
    ]
    return Table(header, [_row(name, costs, sizes) for name in OPERATIONS])


def _row(name: str, costs: Costs, sizes: Sequence[int]) -> list[str]:
    least, *larger = sizes
    both = {size: [spent.both for spent in costs[name, size]] for size in sizes}
    ratios = [paired_ratio(both[size], both[least]) for size in larger]
    alone = paired_ratio(
        [spent.server for spent in costs[name, sizes[-1]]],
        [spent.server for spent in costs[name, least]],
    )
    return [
        name,
        *(_parts(costs[name, size]) for size in sizes),
        *map(estimated, ratios),
        estimated(alone),
        "yes" if ratios[-1].middle <= GOAL else "NO",
    ]


def _parts(spent: Sequence[Spent]) -> str:
    server = median([1e6 * one.server for one in spent])
    database = median([1e6 * one.database for one in spent])
    return f"{number(server)} + {number(database)}"
