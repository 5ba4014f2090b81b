"""One trial: fresh table, capped server, load, samples; out comes a record."""

import datetime
import gzip
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lab import pgstat
from lab.caps import Cores, Enforced, divide, enforced
from lab.errors import LabError
from lab.load import Requests, Tail, driving, read_requests
from lab.machine import versions
from lab.plan import Step
from lab.postgres import Database
from lab.processes import Placement, Program
from lab.records import Cap, RoundTrip, Table, Trial
from lab.sampling import Party, Sampler, Source
from lab.servers import Server, serving, settings
from lab.targets import named

SAMPLE_SECONDS = 1.0
# Locust's log lines begin with the time and this machine's name, which is nobody's business.
WARNING = re.compile(r"(?:\[[^]]*\] \S+/WARNING/\S+: |locust: )(?P<said>.*)")

Watch = Callable[[Tail], None]


@dataclass(frozen=True)
class Bench:
    """What all trials of a run share. Files go to `folder` when whole, to `scratch` before."""

    database: Database
    available: tuple[int, ...]  # cores
    machine: Mapping[str, Any]
    folder: Path
    scratch: Path


def run_trial(bench: Bench, step: Step, watch: Watch) -> Trial:
    """Measure one step; `watch` is called each second of the load. Raises `LabError`."""
    requests_csv = bench.scratch / f"{step.name}.csv"
    bench.database.reset(step.conditions.rows)
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with ExitStack() as stack:
        found = _measured(bench, step, requests_csv, watch, stack)
    return _record(bench, step, started, found)


def _measured(
    bench: Bench, step: Step, requests_csv: Path, watch: Watch, stack: ExitStack
) -> "Found":
    """Start what a step needs, load it, and return what was found; `stack` ends all of it."""
    target, conditions = named(step.target), step.conditions
    cores = divide(bench.available, conditions.workers)
    cap = stack.enter_context(enforced(cores, conditions.cpus, conditions.memory))
    server = stack.enter_context(
        serving(
            target,
            bench.database.url,
            log=bench.folder / f"{step.name}-server.log",
            workers=conditions.workers,
            threads=conditions.threads,
            env=step.env,
            placement=cap.placement,
        )
    )
    round_trip = pgstat.round_trip(bench.database.url, bench.database.url)
    before = pgstat.table(bench.database.connection)
    load_log = bench.folder / f"{step.name}-load.log"
    load = stack.enter_context(
        driving(server, conditions, requests_csv, load_log, Placement(cores.load))
    )
    sampler = _sampler(bench, cores, server, load, cap)
    _watch(load, server, bench.database, sampler, partial(watch, Tail(requests_csv)))
    _refuse_failed_load(load)
    requests = read_requests(requests_csv)
    _keep(requests_csv, bench.folder / f"{step.name}-requests.csv.gz")
    return Found(
        requests=requests,
        sampler=sampler,
        table=_table(before, pgstat.table(bench.database.connection), requests),
        round_trip=round_trip,
        cap=Cap(cap.holds["cpu"], cap.holds["memory"], cap.memory_peak, cap.sentences),
        warnings=_warnings(load_log),
    )


@dataclass(frozen=True)
class Found:
    """What a trial left, before it is put in order."""

    requests: Requests
    sampler: Sampler
    table: Table
    round_trip: RoundTrip
    cap: Cap
    warnings: tuple[str, ...]


def _table(before: tuple[int, int], after: tuple[int, int], requests: Requests) -> Table:
    return Table(
        rows_before=before[0],
        rows_after=after[0],
        bytes_before=before[1],
        bytes_after=after[1],
        created=requests.succeeded("POST"),
        deleted=requests.succeeded("DELETE"),
    )


def _sampler(bench: Bench, cores: Cores, server: Server, load: Program, cap: Enforced) -> Sampler:
    parties = {
        "server": Party(server.program.pid, cores.server),
        "generator": Party(load.pid, cores.load),
        "lab": Party(os.getpid(), cores.load, alone=True),
    }
    if bench.database.postmaster:
        parties["database"] = Party(bench.database.postmaster, cores.database)
    sources: dict[str, Source] = {
        "database": partial(pgstat.counters, bench.database.connection),
        "cap": cap.counters,
    }
    return Sampler(parties, sources)


def _watch(
    load: Program,
    server: Server,
    database: Database,
    sampler: Sampler,
    each_second: Callable[[], None],
) -> None:
    """Sample until the load ends. Raises `LabError` when server or database end before it."""
    while load.exit_code() is None:
        if (code := server.program.exit_code()) is not None:
            raise LabError(
                f"{server.target.name} ended with exit code {code} under load; "
                f"its last lines:\n{server.program.last_lines()}"
            )
        if not database.alive():
            raise LabError("PostgreSQL ended in the middle of a trial: see its log")
        sampler.sample()
        each_second()
        load.wait(SAMPLE_SECONDS)
    sampler.sample()


def _refuse_failed_load(load: Program) -> None:
    # 1 is a breach that its last line explains and that becomes a doubt; others did not load.
    if (code := load.exit_code()) not in (0, 1):
        raise LabError(
            f"the load generator ended with exit code {code}; its last lines:\n{load.last_lines()}"
        )


def _record(bench: Bench, step: Step, started: str, found: Found) -> Trial:
    target, conditions, requests = named(step.target), step.conditions, found.requests
    begin = float(requests.intended.min(initial=time.time())) + conditions.warm_up
    end = begin + conditions.seconds
    window = requests.ending(begin, end)
    if not len(window.end):
        raise LabError(f"{target.name} answered nothing within {conditions.seconds:g} s of load")
    return Trial(
        number=step.number,
        pair=step.pair,
        kind=step.kind,
        target=target.name,
        label=step.label,
        title=step.title,
        started=started,
        conditions=conditions,
        seconds_of_load=requests.ending(0, end).by_second(begin),
        in_flight=requests.in_flight(begin, conditions.seconds),
        errors=window.errors(),
        served_by=window.answered_by(),
        processes=found.sampler.processes(begin),
        cores={name: party.cores for name, party in found.sampler.parties.items()},
        counters=found.sampler.counters(begin),
        table=found.table,
        round_trip=found.round_trip,
        cap=found.cap,
        warnings=found.warnings,
        machine={**bench.machine, "postgresql": bench.database.settings},
        settings={
            **settings(target, conditions.workers, conditions.threads, step.env),
            "versions": versions(target.packages),
        },
    )


def _warnings(log: Path) -> tuple[str, ...]:
    """Return what the load generator complained about: Locust's warnings and failed thresholds."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(found["said"] for line in lines if (found := WARNING.match(line)))


def _keep(log: Path, destination: Path) -> None:
    """Compress a request log to its place, which then holds all of it or is not there."""
    packed = log.with_suffix(".gz")
    with log.open("rb") as source, gzip.open(packed, "wb", compresslevel=5) as file:
        shutil.copyfileobj(source, file)
    packed.replace(destination)
    log.unlink()
