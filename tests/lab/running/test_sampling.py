import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from lab.records.usage import party_usage
from lab.running import procfs
from lab.running.sampling import Party, Sampler

BUSY = "import sys\nwhile True: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


@pytest.fixture
def busy_child():
    process = subprocess.Popen([sys.executable, "-c", PARENT], start_new_session=True)
    yield process
    with contextlib.suppress(ProcessLookupError):  # the test may have ended both
        os.killpg(process.pid, 9)
    process.wait()


def used_by(sampler, party):
    begin, end = sampler.times[0], sampler.times[-1]
    own = [process for process in sampler.processes(begin) if process.party == party]
    return party_usage(own, (), 0, end - begin)


def test_a_childs_cpu_and_memory_count_for_its_parent(busy_child):
    sampler = Sampler({"server": Party(busy_child.pid), "lab": Party(os.getpid(), alone=True)}, {})
    for _ in range(3):
        sampler.sample()
        time.sleep(0.3)
    sampler.sample()
    assert used_by(sampler, "server").cpu_seconds > 0.1
    assert used_by(sampler, "lab").cpu_seconds < used_by(sampler, "server").cpu_seconds
    assert used_by(sampler, "server").peak_pss > 1_000_000
    (one,) = [process for process in sampler.processes(0) if process.party == "lab"]
    assert (one.pid, len(one.at)) == (os.getpid(), 4)


def test_cpu_of_a_child_that_ended_stays_counted(busy_child):
    sampler = Sampler({"server": Party(busy_child.pid)}, {})
    sampler.sample()
    time.sleep(0.4)
    sampler.sample()
    os.killpg(busy_child.pid, 9)
    busy_child.wait()
    sampler.sample()
    assert used_by(sampler, "server").cpu_seconds > 0.05


def test_all_that_a_new_process_used_was_used_since_the_last_sample():
    sampler = Sampler({"lab": Party(os.getpid())}, {})
    sampler.sample()
    count = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", count])
    try:
        deadline = time.monotonic() + 20
        while sum(psutil.Process(process.pid).cpu_times()[:2]) < 0.2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        sampler.sample()
    finally:
        process.kill()
        process.wait()
    (late,) = [one for one in sampler.processes(sampler.times[0]) if one.pid == process.pid]
    assert late.at[0] == 0
    assert late.during("cpu_seconds", 0, late.at[-1]) >= 0.2


def test_context_switches_of_all_threads_are_counted():
    before, _ = procfs.switches(os.getpid())
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    voluntary, involuntary = procfs.switches(os.getpid())
    done.set()
    for thread in threads:
        thread.join()
    assert voluntary >= before + 3
    assert involuntary >= 0


def test_psutil_agrees_about_this_process():
    stat, theirs = procfs.stat_of(os.getpid()), psutil.Process()
    assert stat
    assert (stat.parent, stat.threads) == (theirs.ppid(), theirs.num_threads())
    assert stat.cpu_seconds == pytest.approx(sum(theirs.cpu_times()[:2]), abs=0.1)
    assert {child.pid for child in theirs.children(recursive=True)} == {
        one.pid for one in procfs.process_tree(os.getpid())
    } - {os.getpid()}


def test_sources_are_read_with_each_sample():
    totals = iter([{"commits": 5.0}, {"commits": 9.0}])
    sampler = Sampler({}, {"database": lambda: next(totals)})
    sampler.sample()
    sampler.sample()
    counters = sampler.counters(sampler.times[0])
    assert counters["database"].totals == {"commits": (5.0, 9.0)}
    assert counters["machine"].at[0] == 0
    assert set(counters["machine"].totals) == {"busy_seconds", "steal_seconds"}


def test_memory_that_cannot_be_read_is_not_invented(monkeypatch):
    monkeypatch.setattr(procfs, "pss", lambda pid: None)
    sampler = Sampler({"lab": Party(os.getpid(), alone=True)}, {})
    for _ in range(3):
        sampler.sample()
    assert used_by(sampler, "lab").peak_pss is None


def test_a_process_that_is_gone_has_no_figures():
    assert procfs.switches(2**22 + 1) == (0, 0)
    assert procfs.pss(2**22 + 1) is None
    assert procfs.process_tree(2**22 + 1) == []


BURN = "import time\nwhile time.process_time() < 0.15: pass"
BRIEF = f"""
import subprocess, sys
print("ready", flush=True)
sys.stdin.readline()
for _ in range(4):
    subprocess.run([sys.executable, "-c", {BURN!r}])
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def brief():
    """A process that, when told, has four others work for 0.15 s each, one after the other."""
    with subprocess.Popen(
        [sys.executable, "-c", BRIEF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_children_that_live_between_two_samples_count_for_their_parent(brief):
    sampler = Sampler({"server": Party(brief.pid)}, {})
    sampler.sample()
    print(file=brief.stdin, flush=True)
    brief.stdout.readline()
    sampler.sample()
    assert len(sampler.processes(0)) == 1  # none of them was seen
    assert 0.5 < used_by(sampler, "server").cpu_seconds < 1.5


def test_a_child_that_was_seen_counts_once_when_it_has_ended(brief):
    family = procfs.Family(brief.pid)
    (before,) = family.members()
    seen: dict[tuple[int, int], float] = {}
    print(file=brief.stdin, flush=True)
    while not select.select([brief.stdout], [], [], 0.02)[0]:
        seen |= {(one.pid, one.born): one.cpu_seconds for one in family.members()}
    (after,) = family.members()
    del seen[before.pid, before.born]
    assert len(seen) >= 2
    grown = after.cpu_seconds - before.cpu_seconds
    spent = after.reaped - before.reaped
    assert grown + sum(seen.values()) == pytest.approx(spent, abs=0.15)


def test_without_lists_of_children_everybody_is_asked_for_a_parent(busy_child, monkeypatch):
    deadline = time.monotonic() + 20
    while len(procfs.process_tree(busy_child.pid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    listed = {one.pid for one in procfs.process_tree(busy_child.pid)}
    monkeypatch.setattr(procfs, "LISTS_CHILDREN", False)
    assert {one.pid for one in procfs.process_tree(busy_child.pid)} == listed


STAT = """\
cpu  300 30 60 9000 5 6 3 9 100 0
cpu0 200 20 40 4000 5 4 2 9 100 0
cpu2 100 10 20 5000 0 2 1 0 0 0
intr 1 2 3
"""


def test_cores_that_are_not_for_the_lab_are_no_concern_of_it(monkeypatch):
    monkeypatch.setattr(procfs, "_read", lambda path: STAT)
    monkeypatch.setattr(procfs, "TICKS", 1)
    assert procfs.worked() == (399, 9)
    assert procfs.worked((0,)) == (266, 9)
    assert procfs.worked((0, 2)) == (399, 9)


def test_who_listens_on_a_port_is_known():
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        assert procfs.listens(os.getpid(), port) is True
        with subprocess.Popen(["sleep", "60"]) as other:
            try:
                assert procfs.listens(other.pid, port) is False
            finally:
                other.kill()
    assert procfs.listens(os.getpid(), port) is False


def test_a_clock_that_is_set_is_seen_by_one_that_nobody_sets(monkeypatch):
    sampler, now = Sampler({}, {}), time.time
    sampler.sample()
    monkeypatch.setattr(time, "time", lambda: now() - 3)
    sampler.sample()
    before, after = sampler.counters(0.0)["clock"].totals["ahead_seconds"]
    assert before - after == pytest.approx(3, abs=0.2)
