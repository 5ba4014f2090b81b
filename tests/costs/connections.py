"""Many connections: how they are spread over the workers, and what half-sent requests cost."""

import math
from collections import Counter
from collections.abc import Iterator

from lab.blocks import Table
from lab.servers import Server
from lab.words import hundredths, spread
from tests.costs import asking
from tests.costs.client import Clients, all_at_work, worker
from tests.costs.stage import Found, Stage
from tests.faults.hostile import HALF_SENT, half_sent

WORKERS = 4
CONNECTIONS = 500
REPEATS = 5
REQUESTS = 600  # of the others, whose 99th percentile is told
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
        f"{HALF_SENT} connections that stop in the middle of a head or of a body; meanwhile 8 "
        f"other connections send {requests} GETs of one row; the same right before and right after",
    ], settings)  # fmt: skip


def _spread(server: Server, connections: int) -> list[int]:
    """Return how many connections each worker holds."""
    with Clients(server.url, connections) as clients:
        asked = [asking.retrieve(1)] * connections
        held = sorted(Counter(map(worker, clients.done(asked))).values())
    return [0] * (WORKERS - len(held)) + held


def _others(server: Server, requests: int) -> tuple[float, float, float]:
    """Return the others' 99th percentile in ms: before, during, after."""
    with Clients(server.url, 2 * WORKERS) as clients:
        return tuple(_phases(server, clients, requests))  # type: ignore[return-value]


def _phases(server: Server, clients: Clients, requests: int) -> Iterator[float]:
    yield _p99(clients, requests)
    with half_sent(clients.address):
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


def _latency_table(latencies: list[tuple[float, float, float]]) -> Table:
    before, during, after = (list(column) for column in zip(*latencies, strict=True))
    ratios = [slow / calm for calm, slow in zip(before, during, strict=True)]
    row = ["p99 of the others, ms", *map(spread, (before, during, after))]
    note = f"During ÷ before: {spread(ratios, hundredths)} (goal: 2). After: 500 have just hung up."
    return Table(("", "before", "during", "after"), [row], note)
