"""A fork is as a Python that has just been started, and who cannot have one is told so."""

import json
import os
import signal
import socket
import sys

import pytest

from lab.running import processes
from tests import forks
from tests.project.production import run

LOOK = """
import json, os, signal, sys
print(json.dumps([sys.argv, sys.stdin.read(), os.getcwd(), dict(os.environ), os.getppid(),
                  os.getsid(0) == os.getpid(), len(os.listdir("/proc/self/fd"))]))
sys.exit("It ends.")
"""

SHARED = """
import sys
ours = [name for name in sys.modules if name.startswith(("drf_speedups", "project", "crud"))]
print(ours, [line for line in open("/proc/self/maps") if "w-s" in line or "wxs" in line])
"""


@pytest.fixture(params=[processes.program, forks.program])
def program(request):
    """A start, and a fork."""
    return request.param


def test_a_fork_is_what_a_start_is(program, tmp_path):
    log, reading = tmp_path / "log", tmp_path / "reading"
    reading.write_text("read")
    command = [sys.executable, "-c", LOOK, "word"]
    place = processes.Placement(folder=tmp_path)
    with program(command, log=log, env={"NAME": "x"}, placement=place, reading=reading) as started:
        assert started.wait(20) == 1
    end, said = log.read_text().splitlines()
    argv, read, folder, environment, parent, leads, files = json.loads(said)
    assert (argv, read, folder, end) == (["-c", "word"], "read", str(tmp_path), "It ends.")
    assert environment["NAME"] == "x"
    assert environment.keys() <= {"NAME", "LC_CTYPE", *processes.INHERITED}
    assert (parent, leads, files) == (os.getpid(), True, 4)  # the fourth is that of /proc


def test_a_fork_ends_by_a_signal_as_a_start_does(program, tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with program(command, log=tmp_path / "log", env={}) as started:
        os.kill(started.pid, signal.SIGKILL)
        assert started.wait(20) == -signal.SIGKILL


def test_forks_share_no_memory_that_one_of_them_can_change():
    """As the workers of one gunicorn do, whose loads all would then see."""
    assert run("-c", SHARED).stdout == "[] []\n"


def test_whoever_cannot_have_a_fork_is_told_so_in_one_line(monkeypatch, tmp_path):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    monkeypatch.setattr(forks, "_forks", lambda: ours)
    with (
        ours,
        pytest.raises(AssertionError) as told,
        forks.program([sys.executable], log=tmp_path / "log", env={}),
    ):
        pass
    assert str(told.value).splitlines()[0] == (
        "`python -m tests.forked` does not fork: [Errno 32] Broken pipe"
    )
