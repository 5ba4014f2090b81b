"""Many connections: how they are spread over the workers, and what half-sent requests cost."""

import math
import time
from collections import Counter
from collections.abc import Iterator

from lab.analysis.formatting import hundredths, spread
from lab.report.blocks import Table
from lab.running.servers import Server
from tests.costs import asking
from tests.costs.client import Clients, all_at_work, worker
from tests.costs.stage import Found, Stage
from tests.faults.hostile import HALF_SENT, half_sent

WORKERS = 4
CONNECTIONS = 500
REPEATS = 5
REQUESTS = 600  # of the others, whose 99th percentile is told
PHASES = "before", "as 500 arrive", "while they stay", "as they hang up"
ARRIVAL = 0.5  # seconds after which all have been accepted
OURS, THEIRS = "django", "fastapi-sqlalchemy"


def measured(
    stage: Stage, connections: int = CONNECTIONS, repeats: int = REPEATS, requests: int = REQUESTS
) -> Found:
    """Measure how connections are spread, and the others' latency. Raises `LabError`."""
    with stage.database() as database:
        database.reset(1000)
        spreads = {}
        for name in (OURS, THEIRS):
            with stage.serving(name, database, WORKERS) as server:
                all_at_work(server.url, WORKERS)
                spreads[name] = [_spread(server, connections) for _ in range(repeats)]
        with stage.serving(OURS, database, WORKERS) as server:
            all_at_work(server.url, WORKERS)
            latencies = [_others(server, requests) for _ in range(repeats)]
        settings = database.settings
    tables = [_spread_table(spreads), _latency_table(latencies)]
    return Found("500 connections, and 500 half-sent requests", tables, [
        f"{connections} keep-alive connections over {WORKERS} workers, opened anew {repeats} "
        "times; each asks for one row, and X-Served-By tells which worker has it",
        f"{HALF_SENT} connections that stop in the middle of a head or of a body; 8 "
        f"other connections send {requests} GETs of one row: before; as they arrive; {ARRIVAL} s "
        "later; as they hang up",
    ], settings)  # fmt: skip


def _spread(server: Server, connections: int) -> list[int]:
    """Return how many connections each worker holds."""
    with Clients(server.url, connections) as clients:
        asked = [asking.retrieve(1)] * connections
        held = sorted(Counter(map(worker, clients.done(asked))).values())
    return [0] * (WORKERS - len(held)) + held


def _others(server: Server, requests: int) -> list[float]:
    """Return the others' 99th percentile in ms in each of `PHASES`."""
    with Clients(server.url, 2 * WORKERS) as clients:
        return list(_phases(clients, requests))


def _phases(clients: Clients, requests: int) -> Iterator[float]:
    yield _p99(clients, requests)
    with half_sent(clients.address):
        yield _p99(clients, requests)
        time.sleep(ARRIVAL)
        yield _p99(clients, requests)
    yield _p99(clients, requests)


def _p99(clients: Clients, requests: int) -> float:
    answers = clients.done([asking.retrieve(1)] * requests)
    return 1000 * sorted(answer.seconds for answer in answers)[int(0.99 * requests) - 1]


def _spread_table(spreads: dict[str, list[list[int]]]) -> Table:
    rows = [
        [
            name,
            "; ".join("/".join(map(str, counts)) for counts in found),
            spread([uneven(counts) for counts in found], hundredths),
        ]
        for name, found in spreads.items()
    ]
    return Table(("", "connections of each worker", "busiest ÷ idlest (goal: 1.3)"), rows)


def uneven(counts: list[int]) -> float:
    """Return how many times as many the busiest worker holds as the idlest."""
    return counts[-1] / counts[0] if counts[0] else math.inf


def _latency_table(latencies: list[list[float]]) -> Table:
    phases = list(zip(*latencies, strict=True))
    ratios = [
        spread([now / calm for calm, now in zip(phases[0], phase, strict=True)], hundredths)
        for phase in phases[1:]
    ]
    rows = [["p99 of the others, ms", *map(spread, phases)], ["÷ before (goal: 2)", "", *ratios]]
    return Table(("", *PHASES), rows)
