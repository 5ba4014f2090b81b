"""What a container may use, as its control groups say, and the workers that fit."""

import os
from pathlib import Path

import pytest

from drf_speedups.server import container

GIGABYTE = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Lay out /sys/fs/cgroup on a machine of 8 CPUs and 64 GB."""
    monkeypatch.setattr(container, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(
        os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * GIGABYTE // 4096}.get
    )

    def lay_out(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = Path(tmp_path, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n")

    return lay_out


V1_QUOTA, V1_PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
V1_MEMORY = "memory/memory.limit_in_bytes"


@pytest.mark.parametrize(("files", "cpus", "gigabytes", "workers"), [
    ({}, 8, 64, 16),
    ({"cpu.max": "max 100000", "memory.max": "max"}, 8, 64, 16),
    ({"cpu.max": "100000 100000", "memory.max": str(GIGABYTE)}, 1, 1, 2),
    ({"cpu.max": "150000 100000"}, 1.5, 64, 3),
    ({"cpu.max": "8000 100000"}, 0.08, 64, 1),
    ({"cpu.max": "9900000 100000"}, 8, 64, 16),
    ({"memory.max": str(GIGABYTE // 2)}, 8, 0.5, 7),
    ({"memory.max": str(GIGABYTE // 16)}, 8, 1 / 16, 1),
    ({"cpu.max": "", "memory.max": "odd"}, 8, 64, 16),
    ({V1_QUOTA: "200000", V1_PERIOD: "100000", V1_MEMORY: str(2 * GIGABYTE)}, 2, 2, 4),
    ({V1_QUOTA: "-1", V1_PERIOD: "100000", V1_MEMORY: "9223372036854771712"}, 8, 64, 16),
    ({V1_QUOTA: "50000"}, 8, 64, 16),
])  # fmt: skip
def test_the_container_is_measured_and_not_its_host(groups, files, cpus, gigabytes, workers):
    groups(files)
    assert container.cpus() == cpus
    assert container.memory() == gigabytes * GIGABYTE
    assert container.default_workers() == workers


def test_pinned_cores_count_where_they_are_fewer_than_the_quota(groups, monkeypatch):
    groups({"cpu.max": "400000 100000"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert container.cpus() == 1


def test_where_cores_cannot_be_pinned_the_machine_counts(groups, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert container.cpus() == 1
