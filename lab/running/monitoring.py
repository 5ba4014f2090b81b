"""Load a server and watch: sample every second, stop when something else ends first."""

import errno
import gzip
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.running.database.postgres import Database
from lab.running.load import Ended, Requests, Tail, driving, read_requests
from lab.running.processes import Placement, Program
from lab.running.sampling import Party, Sampler, Samples, Source
from lab.running.servers import Server

SAMPLE_SECONDS = 1.0
BLOCK = 4096  # bytes: with less free space nothing more can be written
# Locust's log lines begin with the time and this machine's name, which does not belong in a report.
WARNING = re.compile(r"(?:\[[^]]*\] \S+/WARNING/\S+: |locust: )(?P<said>.*)")
REFUSED = "locust: error: "
DATABASE_ENDED = "PostgreSQL stopped in the middle of a trial: see database.log"

Watch = Callable[[Sequence[Ended]], None]


@dataclass(frozen=True)
class Files:
    """Where the load writes: its log, and its requests while it runs and once they are whole."""

    log: Path
    requests: Path
    kept: Path  # compressed


@dataclass(frozen=True)
class Loaded:
    """What a load left."""

    requests: Requests
    sampler: Samples
    warnings: tuple[str, ...]  # of the load generator


def load(
    server: Server,
    conditions: Conditions,
    database: Database | None,
    parties: Mapping[str, Party],
    sources: Mapping[str, Source],
    cores: tuple[int, ...],
    files: Files,
    watch: Watch,
) -> Loaded:
    """Send the load until it ends by itself; `watch` is called each second. Raises `LabError`."""
    placement = Placement(cores)
    with driving(server, conditions, files.requests, files.log, placement) as generator:
        own = {
            "generator": Party(generator.pid, cores),
            "lab": Party(os.getpid(), cores, alone=True),
        }
        sampler = Sampler({**parties, **own}, sources)
        tail = Tail(files.requests)
        while generator.exit_code() is None:
            _refuse_what_ended(server, database)
            _sample(sampler)
            watch(tail.news())
            generator.wait(SAMPLE_SECONDS)
        _sample(sampler)
        _refuse_failed_load(generator)
    requests = read_requests(files.requests)
    keep(files.requests, files.kept)
    return Loaded(requests, sampler, complaints(files.log.read_text("utf-8", "replace")))


def _refuse_what_ended(server: Server, database: Database | None) -> None:
    if server.program and (code := server.program.exit_code()) is not None:
        raise LabError(
            f"{server.target.name} ended with exit code {code} under load; "
            f"its last lines:\n{server.program.last_lines()}"
        )
    if database and not database.alive():
        raise LabError(DATABASE_ENDED)


def _sample(sampler: Sampler) -> None:
    try:
        sampler.sample()
    except psycopg.OperationalError as error:
        raise LabError(DATABASE_ENDED) from error
    except psycopg.Error as error:
        said = str(error).splitlines()[0]
        raise LabError(f"PostgreSQL refused in the middle of a trial: {said}") from error


def _refuse_failed_load(load: Program) -> None:
    # 1 is a breach that its last line explains and that becomes a doubt; others did not load.
    if (code := load.exit_code()) not in (0, 1):
        if shutil.disk_usage(load.log.parent).free < BLOCK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(load.log.parent))
        refuse_wrong_options(load.last_lines(1))
        raise LabError(
            f"the load generator ended with exit code {code}; its last lines:\n{load.last_lines()}"
        )


def refuse_wrong_options(said: str) -> None:
    """Raise `LabError` with the line of a load that tried the service and found it another."""
    *_, last = said.splitlines() or [""]
    if last.startswith(REFUSED):
        said = last.removeprefix(REFUSED)
        raise LabError(f"{said} (python -m lab probe URL finds the options of what is running)")


def complaints(said: str) -> tuple[str, ...]:
    """Return what the load generator complained about: Locust's warnings and failed thresholds."""
    return tuple(found["said"] for line in said.splitlines() if (found := WARNING.match(line)))


def keep(log: Path, destination: Path) -> None:
    """Compress a request log to its place, which then holds all of it or is not there."""
    packed = log.with_suffix(".gz")
    with log.open("rb") as source, gzip.open(packed, "wb", compresslevel=5) as file:
        shutil.copyfileobj(source, file)
    packed.replace(destination)
    log.unlink()
