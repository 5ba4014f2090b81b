"""What Linux says about processes in /proc, reading no more files than there are members.

psutil looks at every process of the machine to find children, which costs ten times as much, and
counts context switches of a process's first thread only.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")  # per second


@dataclass(frozen=True)
class Stat:
    """One process at one moment; `pid` and `born` (ticks since boot) together are unique."""

    pid: int
    born: int
    parent: int
    name: str
    cpu_seconds: float  # user and system, all threads, children not included
    threads: int


def process_tree(pid: int) -> list[Stat]:
    """Return a process and all its descendants, those that can be seen."""
    found, left = [], [pid]
    while left:
        one = left.pop()
        if stat := stat_of(one):
            found.append(stat)
            left += _children(one)
    return found


def _children(pid: int) -> Iterable[int]:
    for task in _tasks(pid):
        yield from map(int, _read(f"/proc/{pid}/task/{task}/children").split())


def stat_of(pid: int) -> Stat | None:
    """Return what there is to know about a process; None when it is gone."""
    text = _read(f"/proc/{pid}/stat")
    head, _, tail = text.rpartition(")")  # a name may hold anything
    words = tail.split()
    if len(words) < 20:
        return None  # it ended meanwhile
    # proc_pid_stat(5) numbers these 4, 14, 15, 20 and 22; `words` begins with its field 3.
    return Stat(
        pid=pid,
        born=int(words[19]),
        parent=int(words[1]),
        name=head.partition("(")[2],
        cpu_seconds=(int(words[11]) + int(words[12])) / TICKS,
        threads=int(words[17]),
    )


def run_seconds(pid: int) -> float:
    """Return the CPU seconds of all threads that live, as the scheduler counts them: no ticks."""
    spent = (_read(f"/proc/{pid}/task/{task}/schedstat").split() for task in _tasks(pid))
    return sum(int(words[0]) for words in spent if words) / 1e9


def switches(pid: int) -> tuple[int, int]:
    """Return the context switches of all threads so far: voluntary, involuntary."""
    voluntary = involuntary = 0
    for task in _tasks(pid):
        for line in _read(f"/proc/{pid}/task/{task}/status").splitlines()[-2:]:
            name, _, count = line.partition(":")
            voluntary += int(count) if name == "voluntary_ctxt_switches" else 0
            involuntary += int(count) if name == "nonvoluntary_ctxt_switches" else 0
    return voluntary, involuntary


def _tasks(pid: int) -> Iterable[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return ()


def pss(pid: int) -> int | None:
    """Return the proportional set size in bytes: shared pages count by the share of each sharer."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:  # it ended, or is another user's
        return ""
