"""`make torture`: every fault, many rounds, both kinds of worker; prints a table."""

import argparse
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults import databases, memory, mixing, processes, races
from tests.faults import overload as swamping
from tests.faults.cluster import Cluster, cluster, url_of
from tests.faults.proxy import proxied
from tests.faults.stage import BUFFERED, HEAD, WORKER_CLASSES, Outcome, staged, survive

RACE_ROUNDS = 1000
SWAMPED = 10.0  # seconds
MIXED = int(os.environ.get("MIXED_ANSWERS", "100000"))
Part = Callable[[Cluster, str, Path], Iterator[Outcome]]


def race(own: Cluster, worker_class: str, folder: Path) -> Iterator[Outcome]:
    """Requests that meet at one row."""
    with staged(own, worker_class, folder / "races.log") as stage:
        for name in races.RACES:
            wrong, acknowledged = races.run(name, stage.server.url, RACE_ROUNDS)
            yield Outcome(name, RACE_ROUNDS, acknowledged, lost=wrong)
        own.admin("TRUNCATE crud_item")


def database(own: Cluster, worker_class: str, folder: Path) -> Iterator[Outcome]:
    """Faults of the database and of the link to it."""
    with staged(own, worker_class, folder / "database.log") as stage:
        for fault in (*databases.DATABASE, *databases.SLOWNESS, databases.stopped_for(5)):
            yield survive(fault, stage, fault.rounds)
        if databases.may_mount():
            yield survive(databases.DISK, stage, databases.DISK.rounds)
    with (
        proxied(own) as proxy,
        staged(own, worker_class, folder / "link.log", proxy=proxy) as stage,
    ):
        for fault in (*databases.LINK, databases.stalled_for(2.5)):
            yield survive(fault, stage, fault.rounds)


def process(own: Cluster, worker_class: str, folder: Path) -> Iterator[Outcome]:
    """Faults of the service's own processes."""
    for fault, arguments in processes.BY_ARGUMENTS:
        log = folder / f"{fault.name}.log"
        with staged(own, worker_class, log, env={"GUNICORN_CMD_ARGS": arguments}) as stage:
            yield survive(fault, stage, fault.rounds)
    with staged(own, worker_class, folder / "stop.log") as stage:
        yield processes.stop_under_load(stage, folder.name)
    with memory.capped() as placement:
        if placement:
            log = folder / "memory.log"
            with staged(own, worker_class, log, placement=placement) as stage:
                fault = memory.out_of_memory(placement)
                yield survive(fault, stage, fault.rounds)


def failover(own: Cluster, worker_class: str, folder: Path) -> Iterator[Outcome]:
    """The primary crashes, a synchronous standby takes over."""
    with cluster("primary") as primary, databases.standby_of(primary) as standby:
        url = url_of(primary, standby, options="&target_session_attrs=read-write")
        with staged(standby, worker_class, folder / "failover.log", url=url) as stage:
            yield survive(databases.failover_from(primary), stage)


def overload(own: Cluster, worker_class: str, folder: Path) -> Iterator[Outcome]:
    """More than it can answer; threads have no limit."""
    if worker_class != BUFFERED:
        return
    with swamping.slowed(own, folder / "overload.log", MAX_WAIT_SECONDS="1") as stage:
        peak = swamping.offer(stage, 1.2 * swamping.CAPACITY, SWAMPED)
        for times in (2, 5):
            found = swamping.offer(stage, times * swamping.CAPACITY, SWAMPED)
            yield Outcome(
                f"{times} times its capacity", rounds=1, acknowledged=int(found.goodput * SWAMPED),
                failed=Counter({"503": int(found.refused * SWAMPED)}),
                broken=swamping.faults(found, 0.9 * peak.goodput, limit=1.0),
            )  # fmt: skip


def mix(own: Cluster, worker_class: str, folder: Path) -> Iterator[Outcome]:
    """Does every answer reach its request, while clients, backends and statements fail?"""
    with staged(own, worker_class, folder / "mixing.log") as stage:
        seen, done = mixing.wreak(own, stage.server.url, MIXED, seed=1)
        troubled = Counter({str(status): count for status, count in seen.answers.items()
                            if status in mixing.TROUBLE})  # fmt: skip
        acknowledged = seen.answers[200] + seen.answers[201]
        lost = seen.mixed_up + mixing.wrong_rows(own, seen)
        yield Outcome("answers mixed up", done.total(), acknowledged, troubled, lost=lost)
        own.admin("TRUNCATE crud_item")


PARTS: dict[str, Part] = {
    "races": race, "database": database, "processes": process, "failover": failover,
    "overload": overload, "mixing": mix,
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run the chosen parts; return 1 if anything was lost or a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--workers", choices=WORKER_CLASSES, help="one kind only")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}; known are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no server behind
    failed = False
    with cluster("torture") as own, tempfile.TemporaryDirectory() as folder:
        for kind in [options.workers] if options.workers else WORKER_CLASSES:
            _say(f"\n{kind} workers\n{HEAD}")
            home = Path(folder) / kind
            home.mkdir()
            for part in options.parts or PARTS:
                for outcome in PARTS[part](own, WORKER_CLASSES[kind], home):
                    failed |= report(outcome)
    return int(failed)


def report(outcome: Outcome) -> bool:
    """Print an outcome; tell whether it is a failure."""
    _say(outcome.line())
    for sentence in [*outcome.lost, *outcome.broken][:10]:
        _say(f"    {sentence[:300]}")
    return bool(outcome.lost or outcome.broken)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
