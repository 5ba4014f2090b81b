"""What Linux says about processes in /proc, reading no more files than there are members.

psutil looks at every process of the machine to find children, which costs ten times as much, and
counts context switches of a process's first thread only.
"""

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

TICKS = os.sysconf("SC_CLK_TCK")  # per second
LISTENING = "0A"  # a TCP socket's state
# Not where the kernel was built without it (CONFIG_PROC_CHILDREN), nor in gVisor.
LISTS_CHILDREN = os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")  # noqa: PTH110


@dataclass(frozen=True)
class Stat:
    """One process at one moment; `pid` and `born` (ticks since boot) together are unique."""

    pid: int
    born: int
    parent: int
    name: str
    cpu_seconds: float  # user and system, all threads, children not included
    reaped: float  # the same of its children that have ended, and of theirs
    threads: int

    @property
    def age(self) -> float:
        """Seconds that it has lived, by a clock that nobody sets."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.born / TICKS


class Family:
    """A process and all its descendants, looked at again and again.

    Who lives for less than the time between two looks is never seen: a program that is run for
    one request, a database's process for one connection. What it used is counted with the first
    process: the kernel adds it to its parent when that takes note of its end.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: dict[tuple[int, int], float] = {}  # CPU seconds when last looked at
        self._unseen = 0.0

    def members(self) -> list[Stat]:
        """Return those that live now, and can be seen."""
        found = process_tree(self._pid)
        self._seen |= {(one.pid, one.born): one.cpu_seconds for one in found}
        whole = sum(one.cpu_seconds + one.reaped for one in found)
        self._unseen = max(self._unseen, whole - sum(self._seen.values()))
        return [
            replace(one, cpu_seconds=one.cpu_seconds + self._unseen)
            if one.pid == self._pid
            else one
            for one in found
        ]


def process_tree(pid: int) -> list[Stat]:
    """Return a process and all its descendants, those that can be seen."""
    children = _children if LISTS_CHILDREN else _by_parent()
    found, left = [], [pid]
    while left:
        one = left.pop()
        if stat := stat_of(one):
            found.append(stat)
            left += children(one)
    return found


def _children(pid: int) -> Iterable[int]:
    for task in _entries(f"/proc/{pid}/task"):
        yield from map(int, _read(f"/proc/{pid}/task/{task}/children").split())


def _by_parent() -> Callable[[int], Iterable[int]]:
    """Ask all processes who their parent is."""
    found: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, _entries("/proc")):
        if stat := stat_of(int(name)):
            found.setdefault(stat.parent, []).append(stat.pid)
    return lambda pid: found.get(pid, ())


def stat_of(pid: int) -> Stat | None:
    """Return what there is to know about a process; None when it is gone."""
    text = _read(f"/proc/{pid}/stat")
    head, _, tail = text.rpartition(")")  # a name may hold anything
    words = tail.split()
    if len(words) < 20:
        return None  # it ended meanwhile
    # proc_pid_stat(5) numbers these 4, 14 to 17, 20 and 22; `words` begins with its field 3.
    return Stat(
        pid=pid,
        born=int(words[19]),
        parent=int(words[1]),
        name=head.partition("(")[2],
        cpu_seconds=(int(words[11]) + int(words[12])) / TICKS,
        reaped=(int(words[13]) + int(words[14])) / TICKS,
        threads=int(words[17]),
    )


def worked(cores: Collection[int] = ()) -> tuple[float, float]:
    """Return the CPU seconds that these cores worked (none: all), and lost to a hypervisor."""
    busy = stolen = 0
    for line in _read("/proc/stat").splitlines():
        name, *ticks = line.split()
        if not name.startswith("cpu"):
            break
        if (int(name[3:] or -1) in cores) if cores else name == "cpu":
            # guest time, which follows these, is counted in user as well
            user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
            busy += user + nice + system + irq + softirq
            stolen += steal
    return busy / TICKS, stolen / TICKS


def listens(pid: int, port: int) -> bool | None:
    """Return whether a process or a descendant listens on a TCP port; None: nobody can tell."""
    rows = [line.split() for name in ("tcp", "tcp6")
            for line in _read(f"/proc/net/{name}").splitlines()[1:]]  # fmt: skip
    if not rows:
        return None
    sockets = {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port
    }
    hidden = False
    for one in process_tree(pid):
        try:
            for number in os.listdir(f"/proc/{one.pid}/fd"):  # noqa: PTH208
                with contextlib.suppress(FileNotFoundError):  # it is closed again
                    if os.readlink(f"/proc/{one.pid}/fd/{number}") in sockets:  # noqa: PTH115
                        return True
        except FileNotFoundError:
            continue  # it ended
        except OSError:
            hidden = True  # it is another user's
    return None if hidden else False


def run_seconds(pid: int) -> float:
    """Return the CPU seconds of all threads that live, as the scheduler counts them: no ticks."""
    spent = (
        _read(f"/proc/{pid}/task/{task}/schedstat").split()
        for task in _entries(f"/proc/{pid}/task")
    )
    return sum(int(words[0]) for words in spent if words) / 1e9


def switches(pid: int) -> tuple[int, int]:
    """Return the context switches of all threads so far: voluntary, involuntary."""
    voluntary = involuntary = 0
    for task in _entries(f"/proc/{pid}/task"):
        for line in _read(f"/proc/{pid}/task/{task}/status").splitlines()[-2:]:
            name, _, count = line.partition(":")
            voluntary += int(count) if name == "voluntary_ctxt_switches" else 0
            involuntary += int(count) if name == "nonvoluntary_ctxt_switches" else 0
    return voluntary, involuntary


def _entries(folder: str) -> Iterable[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
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
