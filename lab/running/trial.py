"""One trial: fresh table, capped server, load, samples; out comes a record."""

import datetime
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.experiments.plan import Plan, Step
from lab.experiments.services import resolved
from lab.experiments.targets import Target, is_ours, is_url, named
from lab.records.environment import Cap, RoundTrip, Table
from lab.records.trial import Trial
from lab.running import contract_check
from lab.running.caps import Cores, Enforced, enforced, share_out
from lab.running.database import pgstat
from lab.running.database.added_latency import further_away
from lab.running.database.postgres import Database, watched
from lab.running.hosts import inventory
from lab.running.hosts.distributed import load_from
from lab.running.load import Requests
from lab.running.machine import versions
from lab.running.monitoring import Files, Loaded, Watch, load
from lab.running.outer import outer
from lab.running.processes import Program
from lab.running.sampling import Party, Source, machine
from lab.running.servers import Server, prepare, running, serving, settings

ELSEWHERE = "service and load ran on hosts of their own: not pinned, not capped, table not reset"
AS_IT_IS = "its table is not reset by the lab: each trial finds what the one before has left"
BEHIND = (
    "what answers is no process of the command (but a container's, say): its CPU and memory are "
    "not seen, it is not pinned, and a cap is NOT enforced"
)
NOT_OURS = "what answers was running already: not pinned, not capped, its table not reset"


@dataclass(frozen=True)
class Bench:
    """What all trials of a run share. Files go to `folder` when whole, to `scratch` before."""

    plan: Plan
    database: Database | None  # None: only what runs already is measured
    available: tuple[int, ...]  # cores
    machine: Mapping[str, Any]
    folder: Path
    scratch: Path

    def target(self, step: Step) -> Target:
        """Return what a step measures."""
        return named(step.target, self.plan.url_load, self.plan.service)

    def cores(self, step: Step) -> Cores:
        """Return who runs where: database and load at the same place through the whole run.

        PostgreSQL is held and pinned once, and settings that differ in workers differ in no other
        place. A database of somebody else's service stays where it is.
        """
        apart = share_out(self.available, self.plan.most_workers)
        server = apart.server[: step.conditions.workers]
        database = apart.database if is_ours(step.target) else ()
        return replace(apart, server=server, database=database)

    def sources(self) -> dict[str, Source]:
        """Return what is counted of every trial: the machine's cores, and what limits them all."""
        found: dict[str, Source] = {"machine": partial(machine, self.available)}
        if (around := outer()).group:
            found["quota"] = around.counters
        return found

    def log(self, step: Step, what: str) -> Path:
        """Return where one of a step's programs writes."""
        return self.folder / f"{step.name}-{what}.log"

    def files(self, step: Step) -> Files:
        """Return where a step's load writes."""
        kept = self.folder / f"{step.name}-requests.csv.gz"
        return Files(self.log(step, "load"), self.scratch / f"{step.name}.csv", kept)


@dataclass(frozen=True)
class Found:
    """What a trial left, before it is put in order."""

    loaded: Loaded
    cap: Cap
    table: Table | None = None
    round_trip: RoundTrip | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)  # other than the lab's own
    postgresql: Mapping[str, str] = field(default_factory=dict)  # settings of its database


def run_trial(bench: Bench, step: Step, watch: Watch) -> Trial:
    """Measure one step; `watch` is called each second of the load. Raises `LabError`."""
    for left in bench.folder.glob(f"{step.name}-*"):  # by a run that was stopped here
        left.unlink()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    if bench.plan.hosts:
        found = _on_hosts(bench, step, Path(bench.plan.hosts), watch)
    elif is_url(step.target):
        found = _running_already(bench, step, watch)
    else:
        begin = _started_here if is_ours(step.target) else _started_for_another
        with ExitStack() as stack:
            found = begin(bench, step, watch, stack)
    return _record(bench, step, started, found)


def _running_already(bench: Bench, step: Step, watch: Watch) -> Found:
    """Load what answers at a URL; its table is left as it is."""
    server = running(bench.target(step), bench.plan.url_pid)
    parties = {"server": Party(server.pid)} if server.pid else {}
    cores, files = bench.cores(step).load, bench.files(step)
    sources = bench.sources()
    loaded = load(server, step.conditions, None, parties, sources, cores, files, watch)
    return Found(loaded, Cap(None, None, None, (NOT_OURS,)))


def _on_hosts(bench: Bench, step: Step, path: Path, watch: Watch) -> Found:
    """Load what several hosts serve from several hosts."""
    loaded, reported = load_from(
        inventory.read(path),
        step.conditions,
        bench.target(step).load,
        bench.files(step),
        bench.scratch,
        watch,
    )
    return Found(loaded, Cap(None, None, None, (ELSEWHERE,)), machine=reported.facts())


def _started_here(bench: Bench, step: Step, watch: Watch, stack: ExitStack) -> Found:
    """Serve a target on a fresh table under its caps, load it, and return what was found."""
    conditions, cores = step.conditions, bench.cores(step)
    if (database := bench.database) is None:
        raise LabError(f"{step.target} needs a database, and none was prepared")
    database.reset(conditions.rows)
    cap = stack.enter_context(enforced(cores, conditions.cpus, conditions.memory))
    far = further_away(database.url, conditions.db_rtt, bench.log(step, "relay"), cores.database)
    url, relay = stack.enter_context(far)
    server = stack.enter_context(_served(bench, step, url, cap))
    contract_check.check(server, conditions.rows)
    round_trip = pgstat.round_trip(database.url, url)
    before = pgstat.table(database.connection)
    parties = _parties(server, relay, database, cores)
    counters = partial(pgstat.counters, database.connection)
    sources = bench.sources() | {"database": counters, "cap": cap.counters}
    loaded = load(
        server, conditions, database, parties, sources, cores.load, bench.files(step), watch
    )
    return Found(
        loaded=loaded,
        cap=Cap(cap.holds["cpu"], cap.holds["memory"], cap.memory_peak, cap.sentences),
        table=_table(before, pgstat.table(database.connection), loaded.requests),
        round_trip=round_trip,
        postgresql=database.settings,
    )


def _started_for_another(bench: Bench, step: Step, watch: Watch, stack: ExitStack) -> Found:
    """Serve somebody's own service under its caps and load it; its table is left as it is."""
    conditions, cores, service = step.conditions, bench.cores(step), bench.target(step).service
    if service is None:
        raise LabError(f"nobody said how to start {step.target}: give --command")
    prepare(service, bench.log(step, "before"))
    database = None
    if service.database:
        url = resolved(service.database)
        database = stack.enter_context(watched(url, bench.log(step, "server")))
    cap = stack.enter_context(enforced(cores, conditions.cpus, conditions.memory))
    server = stack.enter_context(_served(bench, step, "", cap))
    parties = {"server": Party(server.pid, cores.server)} if server.pid else {}
    sources = bench.sources() | {"cap": cap.counters}
    if database:
        sources["database"] = partial(pgstat.counters, database.connection)
        if database.postmaster:
            parties["database"] = Party(database.postmaster)
    loaded = load(
        server, conditions, database, parties, sources, cores.load, bench.files(step), watch
    )
    return Found(loaded, _cap(cap, server), postgresql=database.settings if database else {})


def _cap(cap: Enforced, server: Server) -> Cap:
    """Return what held of the caps of somebody else's service: nothing, if it is not there."""
    if server.pid:
        cpu, memory = cap.holds["cpu"], cap.holds["memory"]
        return Cap(cpu, memory, cap.memory_peak, (*cap.sentences, AS_IT_IS))
    cpu, memory = (None if held is None else False for held in cap.holds.values())
    return Cap(cpu, memory, None, (BEHIND, AS_IT_IS))


def _served(bench: Bench, step: Step, url: str, cap: Enforced) -> AbstractContextManager[Server]:
    return serving(
        bench.target(step),
        url,
        log=bench.log(step, "server"),
        workers=step.conditions.workers,
        threads=step.conditions.threads,
        env=step.env,
        placement=cap.placement,
    )


def _parties(
    server: Server, relay: Program | None, database: Database, cores: Cores
) -> dict[str, Party]:
    parties = {}
    if server.pid:
        parties["server"] = Party(server.pid, cores.server)
    if relay:
        parties["relay"] = Party(relay.pid, cores.database)
    if database.postmaster:
        parties["database"] = Party(database.postmaster, cores.database)
    return parties


def _table(before: tuple[int, int], after: tuple[int, int], requests: Requests) -> Table:
    return Table(
        rows_before=before[0],
        rows_after=after[0],
        bytes_before=before[1],
        bytes_after=after[1],
        created=requests.succeeded("POST"),
        deleted=requests.succeeded("DELETE"),
        unsure=requests.unsure_writes(),
    )


def _record(bench: Bench, step: Step, started: str, found: Found) -> Trial:
    loaded, conditions = found.loaded, step.conditions
    begin = float(loaded.requests.intended.min(initial=time.time())) + conditions.warm_up
    answered = _answered(loaded.requests, begin, conditions.seconds)
    if not answered["served_by"]:
        raise LabError(f"{step.target} answered nothing within {conditions.seconds:g} s of load")
    return Trial(
        number=step.number,
        place=step.place,
        pair=step.pair,
        kind=step.kind,
        target=bench.target(step).name,
        label=step.label,
        title=step.title,
        command=bench.plan.command,
        objective_ms=bench.plan.objective_ms,
        started=started,
        conditions=conditions,
        **answered,
        processes=loaded.sampler.processes(begin),
        cores={name: party.cores for name, party in loaded.sampler.parties.items()},
        counters=loaded.sampler.counters(begin),
        table=found.table,
        round_trip=found.round_trip,
        cap=found.cap,
        warnings=loaded.warnings,
        machine={**bench.machine, **found.machine, "postgresql": found.postgresql},
        settings=_settings(bench, step),
    )


def _answered(requests: Requests, begin: float, seconds: float) -> dict[str, Any]:
    """Return what a trial says of its requests; the window begins at `begin` (epoch seconds)."""
    end = begin + seconds
    window = requests.ending(begin, end)
    return {
        "seconds_of_load": requests.ending(0, end).by_second(begin),
        "inside": requests.inside(begin, seconds),
        "at_least": requests.at_least(begin, seconds),
        "silences": requests.silences(begin, seconds),
        "unanswered": requests.unanswered(end),
        "errors": window.errors(),
        "served_by": window.answered_by(),
        "opened": int(window.opened.sum()),
    }


def _is_told(bench: Bench, target: Target) -> bool:
    """Whether the server is started with as many workers as the conditions say."""
    if bench.plan.hosts:
        served = inventory.read(Path(bench.plan.hosts)).of(inventory.Role.SERVICE)
        return all("{workers}" in host.start for host in served)
    return target.is_ours or (target.service is not None and target.service.uses("workers"))


def _settings(bench: Bench, step: Step) -> dict[str, Any]:
    """Return how the target was started, and of what it is made."""
    target, conditions = bench.target(step), step.conditions
    return {
        "is_told": _is_told(bench, target),
        **settings(target, conditions.workers, conditions.threads, step.env),
        "is_foreign": not target.is_ours,
        "versions": {**versions(target.packages), **target.own_versions()},
    }
