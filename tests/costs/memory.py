"""What workers take of the memory, after they have worked."""

import itertools
from collections.abc import Sequence

from lab.analysis.formatting import percent, spread
from lab.analysis.statistics import median
from lab.report.blocks import Table
from lab.running import procfs
from lab.running.machine import MIB
from lab.running.servers import Server
from tests.costs.asking import Mix
from tests.costs.client import Clients, all_at_work
from tests.costs.stage import Found, Stage

WORKERS = (1, 4, 16)
REPEATS = 2
ROWS = 100_000
REQUESTS = 500  # for each worker
CONNECTIONS = 8  # for each worker
OURS, THEIRS = "django", "fastapi-sqlalchemy"
GOALS = {4: (0.5, "at most half of theirs"), 16: (512, "within 512 MB")}


def measured(
    stage: Stage,
    workers: Sequence[int] = WORKERS,
    repeats: int = REPEATS,
    requests: int = REQUESTS,
    rows: int = ROWS,
) -> Found:
    """Measure both in turns with each number of workers. Raises `LabError`."""
    sizes: dict[tuple[str, int], list[float]] = {}
    with stage.database() as database:
        database.reset(rows)
        for _, count, name in itertools.product(range(repeats), workers, (OURS, THEIRS)):
            with stage.serving(name, database, count) as server:
                all_at_work(server.url, count)
                warm_up(server, count, requests, rows)
                sizes.setdefault((name, count), []).append(_megabytes(server))
        settings = database.settings
    return Found("Memory of the workers", [_table(sizes, workers)], [
        f"{repeats} starts each, in turns; {requests} requests of the mix 60/15/20/5 for each "
        f"worker over {CONNECTIONS} connections for each worker, then the proportional set size "
        "(PSS) of the server's processes, the master's with it",
        "MB: 2^20 bytes; median and range of the starts",
    ], settings)  # fmt: skip


def warm_up(server: Server, workers: int, requests: int, rows: int) -> None:
    """Let every worker answer, each over connections of its own."""
    mix = Mix(rows)
    with Clients(server.url, CONNECTIONS * workers) as clients:
        for answer in clients.ask(itertools.islice(mix.requests(), requests * workers)):
            mix.learn(answer)


def _megabytes(server: Server) -> float:
    assert server.pid is not None
    return sum(procfs.pss(one.pid) or 0 for one in procfs.process_tree(server.pid)) / MIB


def _table(sizes: dict[tuple[str, int], list[float]], workers: Sequence[int]) -> Table:
    rows = []
    for count in workers:
        ours, theirs = sizes[OURS, count], sizes[THEIRS, count]
        each = [size / count for size in ours]
        share = median(ours) / median(theirs)
        told = [percent(share), spread(each), _verdict(count, share, max(ours))]
        rows.append([str(count), spread(ours), spread(theirs), *told])
    header = ("workers", f"{OURS}, MB", f"{THEIRS}, MB", "share", "ours per worker, MB", "goal")
    return Table(header, rows)


def _verdict(workers: int, share: float, most: float) -> str:
    if workers not in GOALS:
        return ""
    limit, goal = GOALS[workers]
    found = share if limit < 1 else most
    return f"{goal}: {'yes' if found <= limit else 'NO'}"
