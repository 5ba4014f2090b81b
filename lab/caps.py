"""Who may use which cores and how much memory, and in words what of it is enforced."""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.processes import Placement

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
PERIOD_US = 100_000  # the kernel's default period of a CPU quota
MIB = 1024 * 1024
NO_CAP = {"cpu": "no cap on CPU but these cores", "memory": "no cap on memory"}


@dataclass(frozen=True)
class Cores:
    """The cores of each party; empty tuples mean that nothing is pinned."""

    server: tuple[int, ...]
    database: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """Say who runs where, and what is not separate."""
        if not self.server:
            return "nothing is pinned: one core only, or no right to pin; all compete"
        apart = "" if self.database != self.load else " (shared: too few cores to part them)"
        return (
            f"server on core {_listed(self.server)}, database on {_listed(self.database)}, "
            f"load generator and lab on {_listed(self.load)}{apart}"
        )


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
    """Where to start the server so that the caps hold, and what holds, in words."""

    placement: Placement
    sentences: tuple[str, ...]


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
    wishes = {"cpu": cpus, "memory": memory}
    try:
        for controller, limit in wishes.items():
            if limit is None:
                sentences.append(NO_CAP[controller])
                continue
            sentences.append(_limit(root, controller, limit, groups))
        yield Enforced(Placement(cores.server, tuple(groups)), tuple(sentences))
    finally:
        for group in groups:
            _remove(group)


def _limit(root: Path, controller: str, limit: float, groups: list[Path]) -> str:
    cap = f"{limit:g} CPU" if controller == "cpu" else f"{limit / MIB:.0f} MiB of memory"
    try:
        group = _made(root, controller, groups)
        for name, value in _values(root, controller, limit).items():
            (group / name).write_text(value)
    except (OSError, LabError) as error:
        return f"cap of {cap} NOT enforced: {error}"
    return f"cap of {cap} enforced by a control group (v{2 if _is_v2(root) else 1})"


def _made(root: Path, controller: str, groups: list[Path]) -> Path:
    """Make the server's group for a controller, or find it: version 2 has one for all."""
    name = f"lab-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    if not _is_v2(root):
        group = _own_group(root, controller) / name
    else:
        parent = _own_group(root, "")
        (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        if groups:
            return groups[0]
        group = parent / name
    group.mkdir()
    groups.append(group)
    return group


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
    if _is_v2(root):
        if controller == "cpu":
            return {"cpu.max": f"{quota} {PERIOD_US}"}
        return {"memory.max": f"{limit:.0f}", "memory.swap.max": "0"}
    if controller == "cpu":
        return {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": quota}
    return {"memory.limit_in_bytes": f"{limit:.0f}"}


def _is_v2(root: Path) -> bool:
    return (root / "cgroup.controllers").exists()


def _own_group(root: Path, controller: str) -> Path:
    """Return this process's group. Version 2 has one hierarchy, whose controller is empty."""
    for line in OWN_GROUPS.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            mount = root / controller if controller else root
            return mount / path.lstrip("/")
    raise LabError(f"this machine has no control group for {controller}")


def _listed(cores: tuple[int, ...]) -> str:
    return ", ".join(map(str, cores))
