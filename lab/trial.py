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

from lab.caps import Cores, Enforced, enforced
from lab.errors import LabError
from lab.load import Requests, Tail, driving, read_requests
from lab.machine import versions
from lab.plan import Conditions, Step
from lab.postgres import Database
from lab.processes import Placement, Program
from lab.records import Trial
from lab.sampling import Party, Sampler
from lab.servers import Server, serving, settings
from lab.targets import Target, named

SAMPLE_SECONDS = 1.0
# Locust's log lines begin with the time and this machine's name, which is nobody's business.
WARNING = re.compile(r"(?:\[[^]]*\] \S+/WARNING/\S+: |locust: )(?P<said>.*)")

Watch = Callable[[Tail], None]


@dataclass(frozen=True)
class Bench:
    """What all trials of a run share. Files go to `folder` when whole, to `scratch` before."""

    database: Database
    conditions: Conditions
    cores: Cores
    machine: Mapping[str, Any]
    folder: Path
    scratch: Path


def run_trial(bench: Bench, step: Step, watch: Watch) -> Trial:
    """Measure one step; `watch` is called each second of the load. Raises `LabError`."""
    target, conditions = named(step.target), bench.conditions
    name = f"{step.number:02}-{step.label.replace(' ', '')}"
    requests_csv, load_log = bench.scratch / f"{name}.csv", bench.folder / f"{name}-load.log"
    bench.database.reset(conditions.rows)
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with ExitStack() as stack:
        cap = stack.enter_context(enforced(bench.cores, conditions.cpus, conditions.memory))
        server = stack.enter_context(
            serving(
                target,
                bench.database.url,
                log=bench.folder / f"{name}-server.log",
                workers=conditions.workers,
                threads=conditions.threads,
                placement=cap.placement,
            )
        )
        load = stack.enter_context(
            driving(server, conditions, requests_csv, load_log, Placement(bench.cores.load))
        )
        sampler = _sampler(bench, server, load)
        each_second = partial(watch, Tail(requests_csv))
        _watch(load, server, bench.database, sampler, each_second)
        _refuse_failed_load(load)
    requests = read_requests(requests_csv)
    _keep(requests_csv, bench.folder / f"{name}-requests.csv.gz")
    return _record(bench, step, target, started, requests, sampler, cap, _warnings(load_log))


def _sampler(bench: Bench, server: Server, load: Program) -> Sampler:
    parties = {
        "server": Party(server.program.pid, bench.cores.server),
        "generator": Party(load.pid, bench.cores.load),
        "lab": Party(os.getpid(), bench.cores.load, alone=True),
    }
    if bench.database.postmaster:
        parties["database"] = Party(bench.database.postmaster, bench.cores.database)
    return Sampler(parties)


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


def _record(
    bench: Bench,
    step: Step,
    target: Target,
    started: str,
    requests: Requests,
    sampler: Sampler,
    cap: Enforced,
    warnings: tuple[str, ...],
) -> Trial:
    conditions = bench.conditions
    begin = float(requests.start.min(initial=time.time())) + conditions.warm_up
    end = begin + conditions.seconds
    window = requests.ending(begin, end)
    if not len(window.start):
        raise LabError(f"{target.name} answered nothing within {conditions.seconds:g} s of load")
    return Trial(
        number=step.number,
        pair=step.pair,
        target=target.name,
        label=step.label,
        started=started,
        seconds=conditions.seconds,
        conditions=conditions,
        operations=window.operations(),
        errors=window.errors(),
        served_by=window.answered_by(),
        usage=sampler.usage(begin, end),
        seconds_of_load=requests.by_second(begin),
        machine={**bench.machine, "postgresql": bench.database.settings},
        settings={
            **settings(target, conditions.workers, conditions.threads),
            "versions": versions(target.packages),
        },
        caps=cap.sentences,
        warnings=warnings,
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
