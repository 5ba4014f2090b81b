"""What processes and counters said, about once a second, and what that makes over a window.

Times are seconds from the start of the measured window: the warm-up is negative.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Usage:
    """What one party (server, database, generator, relay, lab, others) took of the machine."""

    cpu_seconds: float
    cores: tuple[int, ...] = ()  # it was pinned to; empty: it could run anywhere
    peak_pss: int | None = None  # bytes, all its processes together; None: not measured

    def __post_init__(self) -> None:
        if self.cpu_seconds < 0 or (self.peak_pss or 0) < 0:
            raise ValueError(f"negative usage: {self}")


@dataclass(frozen=True)
class Process:
    """One process, one value per sample in every column; it may come late and go early."""

    party: str
    pid: int
    name: str
    at: tuple[float, ...]
    cpu_seconds: tuple[float, ...]  # running total, user and system
    threads: tuple[int, ...]
    voluntary: tuple[int, ...]  # running total of context switches: it waited
    involuntary: tuple[int, ...]  # it was made to wait
    pss: tuple[int | None, ...]  # bytes; None: not read in this sample
    host: str = ""  # that it ran on; empty: the lab's own

    def __post_init__(self) -> None:
        columns = (self.cpu_seconds, self.threads, self.voluntary, self.involuntary, self.pss)
        if not self.at or any(len(column) != len(self.at) for column in columns):
            raise ValueError(f"process {self.pid}: no samples, or columns of unequal length")

    def during(self, column: str, begin: float, end: float) -> float:
        """Return by how much a running total grew between two moments."""
        times, totals = np.asarray(self.at, float), np.asarray(getattr(self, column), float)
        return max(0.0, at(times, totals, end) - at(times, totals, begin))


@dataclass(frozen=True)
class Counters:
    """Running totals of one source: the machine, the database, the server's control group."""

    at: tuple[float, ...]
    totals: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if any(len(column) != len(self.at) for column in self.totals.values()):
            raise ValueError("counters of unequal length")

    def during(self, name: str, begin: float, end: float) -> float | None:
        """Return by how much a total grew between two moments; None when it was not read."""
        if not self.at or name not in self.totals:
            return None
        times, totals = np.asarray(self.at), np.asarray(self.totals[name], float)
        return max(0.0, at(times, totals, end) - at(times, totals, begin))


def party_usage(
    processes: Iterable[Process], cores: tuple[int, ...], begin: float, end: float
) -> Usage:
    """Return what the processes of one party took together between two moments."""
    own = list(processes)
    spent = sum(process.during("cpu_seconds", begin, end) for process in own)
    return Usage(spent, cores, peak_pss(own, end))


def peak_pss(processes: Sequence[Process], end: float) -> int | None:
    """Return the largest memory (bytes) of all together up to a moment; None when not read."""
    return max(pss_over_time(processes, -math.inf, end), default=None)


def pss_over_time(processes: Sequence[Process], begin: float, end: float) -> list[int]:
    """Return the memory (bytes) of all together, each time it was read between two moments."""
    sums: dict[float, int] = {}
    for process in processes:
        for moment, size in zip(process.at, process.pss, strict=True):
            if size is not None and begin <= moment <= end:
                sums[moment] = sums.get(moment, 0) + size
    return [sums[moment] for moment in sorted(sums)]


def at(times: Floats, totals: Floats, moment: float) -> float:
    """Return a running total at `moment`, on the line between the two samples around it."""
    return float(np.interp(moment, times, totals))
