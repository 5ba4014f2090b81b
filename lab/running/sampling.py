"""What each party of a trial takes, read once a second from outside."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lab.records.usage import Counters, Process
from lab.running import procfs
from lab.running.procfs import Family, Stat

MEMORY_EVERY = 10  # samples: reading PSS walks page tables, which costs more than all the rest
FIRST_MEMORY = 1  # the second sample: workers have served by then

Source = Callable[[], Mapping[str, float]]  # running totals by name


@dataclass(frozen=True)
class Party:
    """A process and, unless `alone`, all its descendants, also those that come and go."""

    pid: int
    cores: tuple[int, ...] = ()
    alone: bool = False

    def members(self) -> Callable[[], Iterable[Stat]]:
        """Return what tells, each time it is asked, those that live."""
        return self._leader if self.alone else Family(self.pid).members

    def _leader(self) -> list[Stat]:
        leader = procfs.stat_of(self.pid)
        return [leader] if leader else []


@dataclass
class _Column:
    """The samples of one process."""

    party: str
    first: Stat
    rows: list[tuple[float, float, int, int, int, int | None]] = field(default_factory=list)


class Samples(Protocol):
    """What was sampled, here or on other hosts; times are since `begin` (epoch seconds)."""

    @property
    def parties(self) -> Mapping[str, Party]:
        """Who took part, and where."""

    def processes(self, begin: float) -> tuple[Process, ...]:
        """Return the processes of all parties."""

    def counters(self, begin: float) -> dict[str, Counters]:
        """Return the running totals of all sources."""


class Sampler:
    """Samples named parties and sources on a common clock (epoch seconds)."""

    def __init__(self, parties: Mapping[str, Party], sources: Mapping[str, Source]) -> None:
        self.parties = parties
        self.times: list[float] = []
        self._sources = {"machine": machine, "clock": clock, **sources}
        self._totals: dict[str, list[Mapping[str, float]]] = {name: [] for name in self._sources}
        self._columns: dict[tuple[int, int], _Column] = {}
        self._members = {name: party.members() for name, party in parties.items()}

    def sample(self) -> None:
        """Take one sample of all. Raises what a source raises."""
        now = time.time()
        memory = len(self.times) % MEMORY_EVERY == FIRST_MEMORY
        for name, members in self._members.items():
            for stat in members():
                self._note(name, stat, now, memory=memory)
        for name, source in self._sources.items():
            self._totals[name].append(source())
        self.times.append(now)

    def _note(self, party: str, stat: Stat, now: float, *, memory: bool) -> None:
        key = stat.pid, stat.born
        if key not in self._columns:
            self._columns[key] = _Column(party, stat)
            if self.times:  # it is new: all it has used was used since the last sample
                self._columns[key].rows.append((self.times[-1], 0.0, stat.threads, 0, 0, None))
        size = procfs.pss(stat.pid) if memory else None
        row = (now, stat.cpu_seconds, stat.threads, *procfs.switches(stat.pid), size)
        self._columns[key].rows.append(row)

    def processes(self, begin: float) -> tuple[Process, ...]:
        """Return the processes of all parties, with times since `begin`."""
        return tuple(_process(column, begin) for column in self._columns.values())

    def counters(self, begin: float) -> dict[str, Counters]:
        """Return the totals of all sources, with times since `begin`."""
        at = tuple(round(moment - begin, 3) for moment in self.times)
        return {
            name: Counters(at, {key: tuple(row[key] for row in rows) for key in rows[0]})
            for name, rows in self._totals.items()
            if rows
        }


def _process(column: _Column, begin: float) -> Process:
    at, cpu_seconds, threads, voluntary, involuntary, pss = zip(*column.rows, strict=True)
    return Process(
        party=column.party,
        pid=column.first.pid,
        name=column.first.name,
        at=tuple(round(moment - begin, 3) for moment in at),
        cpu_seconds=cpu_seconds,
        threads=threads,
        voluntary=voluntary,
        involuntary=involuntary,
        pss=pss,
    )


def machine(cores: Collection[int] = ()) -> dict[str, float]:
    """Return the CPU seconds that cores (none: all) worked, and those that a hypervisor took.

    Of a machine whose other cores are not for the lab, these are no concern of a trial's.
    """
    busy, stolen = procfs.worked(cores)
    return {"busy_seconds": round(busy, 2), "steal_seconds": round(stolen, 2)}


def clock() -> dict[str, float]:
    """Return by how much the time of day, which all times are in, is ahead of one nobody sets."""
    return {"ahead_seconds": round(time.time() - time.monotonic(), 2)}
