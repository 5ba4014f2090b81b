"""How long a process takes from its start to its first answer, and what CPU."""

import itertools
import time
from collections.abc import Sequence

from lab.analysis.formatting import estimated, spread
from lab.analysis.statistics import paired_ratio
from lab.report.blocks import Table
from lab.running import procfs
from tests.costs.stage import Found, Stage

WORKERS = (1, 4)
REPEATS = 6
OURS, THEIRS = "django", "fastapi-sqlalchemy"
Times = list[tuple[float, float]]  # wall and CPU, seconds


def measured(stage: Stage, workers: Sequence[int] = WORKERS, repeats: int = REPEATS) -> Found:
    """Start both in turns with each number of workers. Raises `LabError`."""
    times: dict[tuple[str, int], Times] = {}
    with stage.database() as database:
        database.reset(1000)
        for turn, count in itertools.product(range(repeats + 1), workers):
            for name in (OURS, THEIRS)[:: (-1) ** turn]:
                begun = time.monotonic()
                with stage.serving(name, database, count) as server:
                    wall = time.monotonic() - begun
                    assert server.pid is not None
                    cpu = sum(
                        procfs.run_seconds(one.pid) for one in procfs.process_tree(server.pid)
                    )
                    if turn:  # before the first one, the disk had yet to be read
                        times.setdefault((name, count), []).append((wall, cpu))
        settings = database.settings
    return Found("From the start of the process to the first answer", [_table(times, workers)], [
        f"{repeats} starts each, in turns, after one that warmed up the disk's cache; the answer "
        "is a page of one row out of the database; asked every 10 ms",
        "CPU: of all processes that live then; both columns hold the launcher that pins the "
        "server (another Python, the same for both)",
    ], settings)  # fmt: skip


def _table(times: dict[tuple[str, int], Times], workers: Sequence[int]) -> Table:
    rows = []
    for count in workers:
        for what, index in (("wall", 0), ("CPU", 1)):
            ours = [one[index] for one in times[OURS, count]]
            theirs = [one[index] for one in times[THEIRS, count]]
            ratio = estimated(paired_ratio(ours, theirs))
            rows.append([f"{count}, {what}", spread(ours), spread(theirs), ratio])
    return Table(("workers, seconds", OURS, THEIRS, "ours ÷ theirs"), rows)
