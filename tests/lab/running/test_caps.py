import os
import shutil
import subprocess
import sys

import pytest

from lab import ROOT
from lab.errors import LabError
from lab.running import caps
from lab.running.caps import CGROUPS, PERIOD_US, Cores, divide, enforced
from lab.running.processes import program

APART = Cores((0,), (1,), (2,))
HALF_A_GIB = 512 * 1024 * 1024


def test_one_core_cannot_be_divided_and_says_so():
    cores = divide((0,), workers=2)
    assert cores == Cores((), (), ())
    assert "nothing is pinned" in cores.sentence


def test_two_cores_part_the_server_from_the_rest():
    cores = divide((0, 1), workers=4)
    assert cores == Cores((0,), (1,), (1,))
    assert "shared: too few cores" in cores.sentence


def test_from_three_cores_on_all_are_apart_and_the_server_gets_what_its_workers_use():
    assert divide((0, 1, 2), workers=4) == Cores((0,), (1,), (2,))
    assert divide((0, 1, 2, 3), workers=4) == Cores((0, 1), (2,), (3,))
    assert divide(tuple(range(8)), workers=2) == Cores((0, 1), (2, 3, 4), (5, 6, 7))
    assert "shared" not in divide((0, 1, 2), workers=1).sentence


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A stand-in for /sys/fs/cgroup, where the lab's own group is /shop/floor."""

    def make(version):
        own = {1: ["memory/shop/floor", "cpu/shop/floor"], 2: ["shop/floor"]}[version]
        for folder in own:
            (tmp_path / folder).mkdir(parents=True)
        if version == 2:
            (tmp_path / "cgroup.controllers").write_text("cpu memory")
        lines = {1: "3:cpu,cpuacct:/shop/floor\n2:memory:/shop/floor\n", 2: "0::/shop/floor\n"}
        own_groups = tmp_path / "proc-self-cgroup"
        own_groups.write_text(lines[version])
        monkeypatch.setattr(caps, "OWN_GROUPS", own_groups)
        monkeypatch.setattr(caps, "_remove", shutil.rmtree)  # its files are real files
        return tmp_path

    return make


def test_version_1_gets_a_group_per_controller_below_the_labs_own(tree):
    root = tree(1)
    with enforced(APART, 0.5, HALF_A_GIB, root) as cap:
        cpu, memory = cap.placement.groups
        assert cpu.parent == root / "cpu/shop/floor"
        assert (cpu / "cpu.cfs_quota_us").read_text() == str(PERIOD_US // 2)
        assert (memory / "memory.limit_in_bytes").read_text() == str(HALF_A_GIB)
        assert "cap of 0.5 CPU enforced by a control group (v1)" in cap.sentences
        assert "cap of 512 MiB of memory enforced by a control group (v1)" in cap.sentences


def test_version_2_gets_one_group_with_both_limits(tree):
    root = tree(2)
    with enforced(APART, 2, HALF_A_GIB, root) as cap:
        (group,) = cap.placement.groups
        assert group.parent == root / "shop/floor"
        assert (group / "cpu.max").read_text() == f"{2 * PERIOD_US} {PERIOD_US}"
        assert (group / "memory.max").read_text() == str(HALF_A_GIB)
        assert "cap of 2 CPU enforced by a control group (v2)" in cap.sentences


def test_the_group_of_a_lab_that_was_killed_is_removed_by_the_next(tree):
    root = tree(2)
    abandoned = root / "shop/floor" / f"lab-{2**22 + 1}-abcdef"
    others = root / "shop/floor" / f"lab-{os.getppid()}-abcdef"
    for group in (abandoned, others):
        group.mkdir()
    with enforced(APART, 1, None, root):
        assert not abandoned.exists()
        assert others.exists()


def test_without_the_right_only_the_pinning_holds_and_it_says_so(tmp_path):
    with enforced(APART, 1, None, tmp_path / "nothing here") as cap:
        assert cap.placement.groups == ()
        assert cap.placement.cores == APART.server
        assert any("cap of 1 CPU NOT enforced" in sentence for sentence in cap.sentences)


def test_no_cap_asked_for_is_none_made(tmp_path):
    with enforced(APART, None, None, tmp_path) as cap:
        assert cap.sentences[1:] == ("no cap on CPU but these cores", "no cap on memory")
    assert not list(tmp_path.iterdir())


def test_a_cpu_cap_holds_on_this_machine(tmp_path):
    with enforced(Cores((), (), ()), 0.25, None) as cap:
        if not cap.placement.groups:
            pytest.skip(cap.sentences[1])
        spin = "import time; end = time.monotonic() + 1\nwhile time.monotonic() < end: pass"
        count = f"{spin}\nprint(time.process_time())"
        log = tmp_path / "log"
        with program([sys.executable, "-c", count], log=log, env={}, placement=cap.placement) as it:
            assert it.wait(30) == 0
        assert float(log.read_text()) < 0.5  # of one second; a quarter was allowed
        counted = cap.counters()  # on a crowded machine it may get less than it is allowed
        assert (
            counted["periods"] >= counted["throttled_periods"] >= 0 <= counted["throttled_seconds"]
        )
        assert counted["periods"] > 0
        (group,) = cap.placement.groups
    assert not group.exists()


def test_a_memory_cap_that_kills_is_blamed_for_what_failed(tmp_path):
    held = "kept = []\nwhile True: kept.append(bytearray(1 << 22))"
    nothing = Cores((), (), ())
    with (
        pytest.raises(LabError, match="cap of 48 MiB of memory killed the server: give it more"),
        enforced(nothing, None, 48 * 1024 * 1024) as cap,
    ):
        if not cap.holds["memory"]:
            pytest.skip(cap.sentences[2])
        log, placement = tmp_path / "log", cap.placement
        with program([sys.executable, "-c", held], log=log, env={}, placement=placement) as it:
            assert it.wait(30) == -9
            assert (cap.memory_peak or 0) > 40 * 1024 * 1024
            raise LabError("the server ended")


def test_counters_are_read_in_the_words_of_both_versions(tree):
    root = tree(2)
    with enforced(APART, 1, HALF_A_GIB, root) as cap:
        (group,) = cap.placement.groups
        (group / "cpu.stat").write_text("nr_periods 9\nnr_throttled 3\nthrottled_usec 500000\n")
        (group / "memory.events").write_text("low 0\noom_kill 2\n")
        (group / "memory.peak").write_text("1048576\n")
        assert cap.counters() == {
            "periods": 9, "throttled_periods": 3, "throttled_seconds": 0.5, "oom_kills": 2,
        }  # fmt: skip
        assert cap.memory_peak == 1048576
        assert cap.holds == {"cpu": True, "memory": True}


def test_a_group_that_refuses_is_a_readable_end_of_the_program(tmp_path):
    launched = subprocess.run(
        [
            sys.executable,
            "-m",
            "lab.running.launch",
            "--group",
            str(tmp_path / "missing"),
            "--",
            "true",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert launched.returncode == 1
    assert launched.stderr.startswith("cannot start true: ")


def test_the_labs_own_group_is_found_on_this_machine():
    if not CGROUPS.is_dir() or os.name != "posix":
        pytest.skip("this system has no control groups")
    assert str(caps.own_group(CGROUPS, "")).startswith(str(CGROUPS))
