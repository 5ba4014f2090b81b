"""Who may use which cores and how much memory, and in words what of it is enforced."""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.errors import LabError
from lab.running.processes import Placement

CGROUPS = Path("/sys/fs/cgroup")
THREADS = Path("/sys/devices/system/cpu")
OWN_GROUPS = Path("/proc/self/cgroup")
PERIOD_US = 100_000  # the kernel's default period of a CPU quota
MIB = 1024 * 1024
FEW = 4  # cores, whose numbers are said one by one
# Name in the records, file of a group, key in it, unit: version 1 and 2 differ in some.
COUNTERS = (
    ("periods", "cpu.stat", "nr_periods", 1.0),
    ("throttled_periods", "cpu.stat", "nr_throttled", 1.0),
    ("throttled_seconds", "cpu.stat", "throttled_time", 1e-9),
    ("throttled_seconds", "cpu.stat", "throttled_usec", 1e-6),
    ("oom_kills", "memory.oom_control", "oom_kill", 1.0),
    ("oom_kills", "memory.events", "oom_kill", 1.0),
)
PEAKS = ("memory.peak", "memory.max_usage_in_bytes")
NO_CAP = {"cpu": "no cap on CPU but these cores", "memory": "no cap on memory"}


@dataclass(frozen=True)
class Cores:
    """The cores of each party; empty tuples mean that nothing is pinned.

    No database: where it runs is not the lab's affair.
    """

    server: tuple[int, ...]
    database: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """Say who runs where, and what is not separate."""
        if not self.server:
            return "nothing is pinned (only one core, or no permission to pin): everything competes"
        apart = "" if self.database != self.load else " (shared: too few cores to separate them)"
        database = f"database on {_listed(self.database)}, " if self.database else ""
        elsewhere = "" if self.database else "; its database, if it has one, is not pinned"
        return (
            f"server on core {_listed(self.server)}, {database}"
            f"load generator and lab on {_listed(self.load)}{apart}{elsewhere}{self._entangled()}"
        )

    def _entangled(self) -> str:
        """Say who runs on the other hyper-thread of a core of the server: both are slower then."""
        parties = {"database": self.database, "load generator": self.load}
        own = set(map(_whole_core, self.server))
        beside = [name for name, cores in parties.items() if own & set(map(_whole_core, cores))]
        who = " and ".join(beside)
        return f"; the server shares a core's two hyper-threads with the {who}" if who else ""


def _whole_core(core: int) -> str:
    """Return what tells the core that a hyper-thread belongs to."""
    try:
        return (THREADS / f"cpu{core}/topology/thread_siblings_list").read_text("ascii").strip()
    except OSError:
        return str(core)


def share_out(available: tuple[int, ...], workers: int) -> Cores:
    """Divide the machine's cores: one hyper-thread of each, where that leaves enough of them."""
    whole = tuple({_whole_core(core): core for core in reversed(available)}.values())
    enough = len(whole) >= workers + 2
    return divide(tuple(sorted(whole)) if enough else available, workers)


def divide(available: tuple[int, ...], workers: int) -> Cores:
    """Give the server what its workers can use, and database and load what is left.

    Two cores: one for the server, one for the rest. From three on all three are separate.
    """
    if len(available) < 2:
        return Cores((), (), ())
    size = max(1, min(workers, len(available) - 2))
    server, rest = available[:size], available[size:]
    if len(rest) == 1:
        return Cores(server, rest, rest)
    half = len(rest) // 2
    return Cores(server, rest[:half], rest[half:])


def available_cores() -> tuple[int, ...]:
    """Return the cores this process may run on; none where the system cannot pin."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Enforced:
    """Where to start the server so that the caps hold, and what holds."""

    placement: Placement
    sentences: tuple[str, ...]
    holds: Mapping[str, bool | None]  # by controller, cpu and memory; None: not asked for

    def counters(self) -> dict[str, float]:
        """Return running totals of what the caps did to the server; none without a group."""
        found: dict[str, float] = {}
        for group in self.placement.groups:
            found |= counted_in(group)
        return found

    @property
    def memory_peak(self) -> int | None:
        """The most the group held at once, in bytes, page cache included."""
        for group in self.placement.groups:
            for name in PEAKS:
                for peak in _read(group / name):
                    return int(peak)
        return None


@contextlib.contextmanager
def enforced(
    cores: Cores, cpus: float | None, memory: int | None, root: Path = CGROUPS
) -> Iterator[Enforced]:
    """Cap a server at `cpus` cores and `memory` bytes by control groups, while the block lasts.

    The groups lie below the lab's own, so every outer limit goes on to hold. Without the right to
    make them only the pinning holds, and the sentences say so.
    """
    groups: list[Path] = []
    sentences = [cores.sentence]
    holds: dict[str, bool | None] = {}
    try:
        for controller, limit in {"cpu": cpus, "memory": memory}.items():
            holds[controller], said = _limit(root, controller, limit, groups)
            sentences.append(said)
        cap = Enforced(Placement(cores.server, tuple(groups)), tuple(sentences), holds)
        with _blaming(cap, memory):
            yield cap
    finally:
        for group in groups:
            _remove(group)


@contextlib.contextmanager
def _blaming(cap: Enforced, memory: int | None) -> Iterator[None]:
    """Say so when what failed inside had been killed for its memory: its own log cannot."""
    try:
        yield
    except LabError as error:
        if memory and cap.counters().get("oom_kills"):
            raise LabError(
                f"the cap of {memory / MIB:.0f} MiB of memory killed the server: "
                "give it more, or fewer workers"
            ) from error
        raise


def _limit(
    root: Path, controller: str, limit: float | None, groups: list[Path]
) -> tuple[bool | None, str]:
    """Return whether a limit holds, and the same in words."""
    if limit is None:
        return None, NO_CAP[controller]
    cap = f"{limit:g} CPU" if controller == "cpu" else f"{limit / MIB:.0f} MiB of memory"
    try:
        group = _made(root, controller, groups)
        for name, value in _values(root, controller, limit).items():
            (group / name).write_text(value)
    except (OSError, LabError) as error:
        return False, f"cap of {cap} NOT enforced: {error}"
    return True, f"cap of {cap} enforced by a control group (v{2 if is_v2(root) else 1})"


def counted_in(group: Path) -> dict[str, float]:
    """Return running totals of what a group did to those in it, as far as it counts them."""
    return {
        name: value * unit
        for name, file, key, unit in COUNTERS
        if (value := _read(group / file).get(key)) is not None
    }


def _read(path: Path) -> dict[str, float]:
    """Return the numbers of a group's file: `key value` lines, or one value as its own key."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    words = [line.split() for line in lines]
    return {line[0]: float(line[-1]) for line in words if line and line[-1].isdigit()}


def _made(root: Path, controller: str, groups: list[Path]) -> Path:
    """Make the server's group for a controller, or find it: version 2 has one for all."""
    name = f"lab-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    if not is_v2(root):
        group = own_group(root, controller) / name
    else:
        parent = own_group(root, "")
        (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        if groups:
            return groups[0]
        group = parent / name
    _remove_abandoned(group.parent)
    group.mkdir()
    groups.append(group)
    return group


def _remove_abandoned(parent: Path) -> None:
    """Remove the groups of labs that were killed; the kernel keeps those with processes."""
    for group in parent.glob("lab-*-*"):
        if not psutil.pid_exists(int(group.name.split("-")[1])):
            with contextlib.suppress(OSError):
                group.rmdir()


def _remove(group: Path, seconds: float = 2.0) -> None:
    """Remove a group as soon as the kernel has seen its last process go."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.02)


def _values(root: Path, controller: str, limit: float) -> dict[str, str]:
    quota = f"{limit * PERIOD_US:.0f}"
    if is_v2(root):
        if controller == "cpu":
            return {"cpu.max": f"{quota} {PERIOD_US}"}
        return {"memory.max": f"{limit:.0f}", "memory.swap.max": "0"}
    if controller == "cpu":
        return {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": quota}
    return {"memory.limit_in_bytes": f"{limit:.0f}"}


def is_v2(root: Path) -> bool:
    return (root / "cgroup.controllers").exists()


def own_group(root: Path, controller: str) -> Path:
    """Return this process's group. Version 2 has one hierarchy, whose controller is empty."""
    for line in OWN_GROUPS.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            mount = root / controller if controller else root
            return mount / path.lstrip("/")
    raise LabError(f"this machine has no control group for {controller}")


def _listed(cores: tuple[int, ...]) -> str:
    """Return cores as 0, 1, 2; many that follow one another as 2-31."""
    first, last = cores[0], cores[-1]
    if len(cores) > FEW and cores == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    return ", ".join(map(str, cores))
