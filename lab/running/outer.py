"""What a control group around the lab, such as a container's, leaves to all that runs inside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.running.caps import CGROUPS, counted_in, is_v2, own_group

UNLIMITED = ("max", "-1")


@dataclass(frozen=True)
class Outer:
    """Limits from outside; None: there is none, or none that can be seen from here."""

    cpus: float | None = None  # cores, in CPU seconds per second
    memory: int | None = None  # bytes
    group: Path | None = None  # whose CPU is limited

    def counters(self) -> dict[str, float]:
        """Return running totals of what the limit did to all inside."""
        return counted_in(self.group) if self.group else {}


def outer(root: Path = CGROUPS) -> Outer:
    """Return the tightest limits of the lab's own control group and of those around it."""
    quotas = [(quota, group) for group in _around(root, "cpu") if (quota := _quota(group))]
    sizes = [size for group in _around(root, "memory") if (size := _memory(group))]
    cpus, group = min(quotas, default=(None, None))
    return Outer(cpus, min(sizes, default=None), group)


def _around(root: Path, controller: str) -> Iterator[Path]:
    """Yield the lab's own group and all above it, as far as they can be seen.

    In a container the way to its group may be that of the host, which is not there: its own group
    is then the topmost.
    """
    mount, controller = (root, "") if is_v2(root) else (root / controller, controller)
    try:
        group = own_group(root, controller)
    except (OSError, LabError):
        return
    while group.is_relative_to(mount):
        yield group
        group = group.parent


def _quota(group: Path) -> float | None:
    whole = _said(group / "cpu.max") or [
        *_said(group / "cpu.cfs_quota_us"), *_said(group / "cpu.cfs_period_us")
    ]  # fmt: skip
    if len(whole) != 2 or whole[0] in UNLIMITED:
        return None
    return int(whole[0]) / int(whole[1])


def _memory(group: Path) -> int | None:
    said = _said(group / "memory.max") or _said(group / "memory.limit_in_bytes")
    return int(said[0]) if said and said[0] not in UNLIMITED else None


def _said(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []
