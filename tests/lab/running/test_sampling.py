import contextlib
import os
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
