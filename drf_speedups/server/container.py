"""How much CPU and memory this container has, which is not what the host has."""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED_MEMORY = 2**60  # bytes; cgroup v1 writes a number near 2**63 for "no limit"


def cpus() -> float:
    """Return the CPUs this process may use: the least of the affinity and the cgroup's quota."""
    mine = float(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = _quota()
    return min(mine, quota) if quota else mine


def memory() -> int:
    """Return the bytes of memory this process may use: the cgroup's limit or the machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [_number(CGROUPS / name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
    return min([machine, *(limit for limit in limits if limit and limit < UNLIMITED_MEMORY)])


def _quota() -> float | None:
    try:  # cgroup v2: "quota period", both in microseconds
        quota, period = (CGROUPS / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    quota_v1 = _number(CGROUPS / "cpu/cpu.cfs_quota_us")
    period_v1 = _number(CGROUPS / "cpu/cpu.cfs_period_us")
    return quota_v1 / period_v1 if quota_v1 and period_v1 and quota_v1 > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def default_workers(bytes_per_worker: int = 64 * 2**20) -> int:
    """Return a first guess, two workers per CPU as far as memory allows; the lab measures."""
    by_cpu = round(2 * cpus())
    by_memory = memory() // bytes_per_worker - 1  # one share for the master
    return max(1, min(by_cpu, by_memory))
