"""The kernel kills a worker because the container's memory is used up; needs root."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lab import ROOT
from lab.running.caps import MIB, Cores, enforced
from lab.running.processes import Placement
from tests.faults.processes import CLIENTS
from tests.faults.stage import Fault, Stage

CAP = 512 * MIB  # bytes
FIRST = "1000"  # oom_score_adj: whom the kernel kills before anybody else
# Uses up what the group still has until the given process is gone.
HOG = """
import os, sys, time
taken = []
while os.path.exists(f"/proc/{sys.argv[1]}") and len(taken) < 4096:
    taken.append(b"x" * 2**20)
    time.sleep(0.001)
"""


@contextlib.contextmanager
def capped() -> Iterator[Placement | None]:
    """Yield where a service has 512 MB of memory; None where nothing can be enforced."""
    with enforced(Cores((), (), ()), None, CAP) as caps:
        yield caps.placement if caps.placement.groups else None


def out_of_memory(placement: Placement | None) -> Fault:
    """Return the fault, for a stage in this placement."""

    def cause(stage: Stage) -> None:
        chosen = stage.workers()[0].pid
        Path(f"/proc/{chosen}/oom_score_adj").write_text(FIRST)
        assert placement
        command = [*placement.launcher(), sys.executable, "-c", HOG, str(chosen)]
        hog = subprocess.Popen(command, cwd=ROOT)
        try:
            assert hog.wait(20) in {0, -signal.SIGKILL}  # killed: it went on until the next look
        finally:
            hog.kill()
            hog.wait()
        while chosen in {worker.pid for worker in stage.workers()}:
            time.sleep(0.01)

    return Fault("a worker killed, out of memory", cause, unanswered=CLIENTS)


def may_cap() -> bool:
    """Tell whether the memory of a service can be capped here."""
    if os.geteuid() != 0:
        return False
    with capped() as placement:
        return placement is not None
