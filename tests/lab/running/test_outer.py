"""What a container leaves to the lab and to all that it starts."""

from types import SimpleNamespace

import pytest

from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.running import caps, machine
from lab.running.outer import Outer, outer


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A tree of control groups in which the lab is somewhere."""

    def made(own, files):
        (tmp_path / "own").write_text(own)
        monkeypatch.setattr(caps, "OWN_GROUPS", tmp_path / "own")
        root = tmp_path / "cgroup"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    return made


def test_version_2_has_the_tightest_of_all_groups_around_the_lab(groups):
    root = groups("0::/pod/box\n", {
        "cgroup.controllers": "cpu memory",
        "pod/cpu.max": "150000 100000", "pod/memory.max": "1073741824",
        "pod/box/cpu.max": "max 100000", "pod/box/memory.max": "max",
        "pod/cpu.stat": "usage_usec 9\nnr_periods 40\nnr_throttled 7\nthrottled_usec 2500000\n",
    })  # fmt: skip
    found = outer(root)
    assert (found.cpus, found.memory) == (1.5, 1073741824)
    assert found.counters() == {
        "periods": 40, "throttled_periods": 7, "throttled_seconds": 2.5,
    }  # fmt: skip


def test_version_1_is_found_in_a_container_that_sees_only_its_own_group(groups):
    root = groups("5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n", {
        "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": "536870912",
    })  # fmt: skip
    assert (outer(root).cpus, outer(root).memory) == (0.5, 536870912)


@pytest.mark.parametrize("files", [
    {}, {"cgroup.controllers": "cpu"}, {"cpu/cpu.cfs_quota_us": "-1"},
    {"cgroup.controllers": "cpu", "cpu.max": "max 100000"},
])  # fmt: skip
def test_where_nothing_limits_nothing_is_said(groups, files):
    assert outer(groups("0::/\n1:cpu:/\n", files)) == Outer()


def test_a_cap_above_what_the_container_has_is_refused(monkeypatch):
    monkeypatch.setattr(machine, "outer", lambda: Outer(0.5, 256 * 2**20))
    with pytest.raises(LabError, match=r"a cap of 1 CPUs has no effect: this machine has 0\.5"):
        machine.refuse_impossible(Conditions(cpus=1))
    with pytest.raises(LabError, match="and this machine has 256"):
        machine.refuse_impossible(Conditions(memory=512 * 2**20))


def test_the_cores_of_a_machine_are_those_that_the_lab_may_use(monkeypatch):
    monkeypatch.setattr(machine, "outer", lambda: Outer(1.5))
    found = machine.facts((4, 5))
    assert (found["cores"], found["quota"]) == (2, 1.5)


def test_a_checkout_of_something_else_around_the_lab_is_not_its_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "ROOT", tmp_path / "copy")
    said = {"--show-toplevel": str(tmp_path), "HEAD": "0" * 40}
    monkeypatch.setattr(machine, "run", lambda words, **_: SimpleNamespace(
        stdout=said.get(words[-1], "")))  # fmt: skip
    assert "commit" not in machine.facts()
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.facts()["commit"] == "0" * 40
