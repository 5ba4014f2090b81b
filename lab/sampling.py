"""How much CPU and memory each party of a trial takes, read once a second from outside."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from lab.records import Usage
from lab.statistics import at

MEMORY_EVERY = 5  # samples: reading PSS walks page tables, which costs more than all the rest


@dataclass
class Party:
    """A process and, unless `alone`, all its descendants, also those that have come and gone.

    CPU is a running total in seconds: what an ended child had used when last seen stays in it.
    """

    pid: int
    cores: tuple[int, ...] = ()
    alone: bool = False
    peak_pss: int | None = None
    _seen: dict[psutil.Process, float] = field(default_factory=dict)

    def sample(self, *, memory: bool) -> float:
        """Return the CPU seconds so far; with `memory` also note the memory of now."""
        members = list(self._members())
        for member in members:
            try:
                spent = member.cpu_times()
                self._seen[member] = spent.user + spent.system
            except psutil.Error:
                continue
        if memory:
            self._note_memory(members)
        return sum(self._seen.values())

    def _members(self) -> Iterable[psutil.Process]:
        try:
            leader = psutil.Process(self.pid)
            return [leader] if self.alone else [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return []

    def _note_memory(self, members: Iterable[psutil.Process]) -> None:
        sizes = [size for member in members if (size := _pss(member.pid)) is not None]
        if sizes:
            self.peak_pss = max(self.peak_pss or 0, sum(sizes))


class Sampler:
    """Samples named parties, and the machine as a whole, on a common clock (epoch seconds)."""

    def __init__(self, parties: Mapping[str, Party]) -> None:
        self.parties = parties
        self.times: list[float] = []
        self.totals: dict[str, list[float]] = {name: [] for name in (*parties, "machine", "steal")}

    def sample(self) -> None:
        """Take one sample of all."""
        memory = len(self.times) % MEMORY_EVERY == 0
        self.times.append(time.time())
        for name, party in self.parties.items():
            self.totals[name].append(party.sample(memory=memory))
        spent = psutil.cpu_times()
        self.totals["machine"].append(sum(spent) - _not_working(spent))
        self.totals["steal"].append(getattr(spent, "steal", 0.0))

    def usage(self, begin: float, end: float) -> dict[str, Usage]:
        """Return what each party took between two moments; `others` is the machine's rest.

        `steal` is what a hypervisor took from this machine while it wanted to run.
        """
        spent = {name: max(0.0, self._spent(name, begin, end)) for name in self.totals}
        found = {
            name: Usage(spent[name], party.cores, party.peak_pss)
            for name, party in self.parties.items()
        }
        known = sum(usage.cpu_seconds for usage in found.values())
        found["others"] = Usage(max(0.0, spent["machine"] - known))
        found["steal"] = Usage(spent["steal"])
        return found

    def _spent(self, name: str, begin: float, end: float) -> float:
        times, totals = np.asarray(self.times), np.asarray(self.totals[name])
        return at(times, totals, end) - at(times, totals, begin)


def _not_working(spent: object) -> float:
    # guest time is counted in user as well
    idle = ("idle", "iowait", "steal", "guest", "guest_nice")
    return sum(getattr(spent, name, 0.0) for name in idle)


def _pss(pid: int) -> int | None:
    """Return the proportional set size in bytes: shared pages count by the share of each sharer."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None
