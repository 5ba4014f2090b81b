import os
import subprocess
import sys
import time

import pytest

from lab import sampling
from lab.sampling import Party, Sampler

BUSY = "import sys\nwhile True: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


@pytest.fixture
def busy_child():
    process = subprocess.Popen([sys.executable, "-c", PARENT], start_new_session=True)
    yield process
    os.killpg(process.pid, 9)
    process.wait()


def test_a_childs_cpu_and_memory_count_for_its_parent(busy_child):
    sampler = Sampler(
        {"server": Party(busy_child.pid, (0,)), "lab": Party(os.getpid(), alone=True)}
    )
    for _ in range(3):
        sampler.sample()
        time.sleep(0.3)
    sampler.sample()
    usage = sampler.usage(sampler.times[0], sampler.times[-1])
    assert usage["server"].cpu_seconds > 0.1
    assert usage["lab"].cpu_seconds < usage["server"].cpu_seconds
    assert usage["server"].cores == (0,)
    assert (usage["server"].peak_pss or 0) > 1_000_000
    assert {"others", "steal"} < set(usage)


def test_cpu_of_a_child_that_ended_stays_counted(busy_child):
    party = Party(busy_child.pid)
    time.sleep(0.3)
    before = party.sample(memory=False)
    os.killpg(busy_child.pid, 9)
    busy_child.wait()
    assert party.sample(memory=True) == before > 0
    assert party.peak_pss is None


def test_usage_is_that_of_the_window_only():
    sampler = Sampler({"server": Party(os.getpid())})
    sampler.times = [0.0, 10.0, 20.0]
    sampler.totals = {
        "server": [0.0, 5.0, 6.0], "machine": [0.0, 8.0, 16.0], "steal": [0.0, 0.0, 1.0],
    }  # fmt: skip
    usage = sampler.usage(10, 20)
    assert usage["server"].cpu_seconds == 1
    assert usage["others"].cpu_seconds == 7
    assert usage["steal"].cpu_seconds == 1


def test_memory_that_cannot_be_read_is_not_invented(monkeypatch):
    monkeypatch.setattr(sampling, "_pss", lambda pid: None)
    party = Party(os.getpid())
    party.sample(memory=True)
    assert party.peak_pss is None
