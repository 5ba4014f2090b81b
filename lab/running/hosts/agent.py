"""What the lab runs on another host: it starts a program there, or finds it, and watches it.

It is sent as text to `python3 -`, together with `lab/running/procfs.py`, so a host needs Python
3.10 and nothing of ours. Each line that it prints is a JSON object: one `hello`, then once a second
`at` with all processes, at the end each `file` the program wrote and its `exit` code. It ends when
it is told to (SIGTERM) or when its output is no longer read, and takes the program with it.
"""

import base64
import glob
import json
import os
import signal
import site
import subprocess
import sys
import tempfile
import time
import zlib
from typing import Any

from lab.running import procfs

GRACE = 12.0  # seconds: before the lab loses patience with the agent (lab/running/processes.py)
MEMORY_EVERY, FIRST_MEMORY = 10, 1  # samples, as lab/running/sampling.py
LAST_LINES = 8
Child = subprocess.Popen[bytes]


def main(config: dict[str, Any]) -> None:
    """Start `config["words"]` or find the process of `config["pid_file"]`; watch it to its end."""
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        child = None
        try:
            _say(hello=_hello(), at=time.time())
            child = _started(config["words"], folder, config["env"]) if config["words"] else None
            pid = child.pid if child else _pid_of(config["pid_file"])
            _watch(child, pid)
            _say(exit=child.returncode if child else None, said=_said(folder))
            for path in sorted(glob.glob(f"{folder}/*.csv")):
                _send(path)
        except (OSError, ValueError) as error:
            _say(exit=1, said=str(error))
        finally:
            if child:
                _stop(child)


def _started(words: list[str], folder: str, env: dict[str, str]) -> Child:
    # Of this host's own Locust gets neither variables nor, by another HOME, a file of settings.
    own = {name: said for name, said in os.environ.items() if not name.startswith("LOCUST_")}
    whole = {"PYTHONUSERBASE": site.getuserbase(), **own, **env}
    with open(f"{folder}/output", "wb") as output:
        return subprocess.Popen(
            words, cwd=folder, env=whole, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip


def _pid_of(path: str) -> int:
    with open(path) as file:
        pid = int(file.readline())
    if not procfs.stat_of(pid):
        raise ValueError(f"{path} names process {pid}, which is not there")
    return pid


def _hello() -> dict[str, Any]:
    with open("/proc/sys/kernel/random/boot_id") as file:
        kernel = file.read().strip()
    return {
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "booted": kernel,  # hosts that share it are one machine
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _watch(child: Child | None, pid: int) -> None:
    count, family = 0, procfs.Family(pid)
    while child.poll() is None if child else procfs.stat_of(pid):
        _say(at=time.time(), machine=_machine(), processes=_processes(family, count))
        count += 1
        if child:
            try:
                child.wait(1.0)
            except subprocess.TimeoutExpired:
                continue
        else:
            time.sleep(1.0)


def _machine() -> dict[str, float]:
    """Return the seconds that all cores worked, and those that a hypervisor took."""
    busy, stolen = procfs.worked()
    return {"busy_seconds": busy, "steal_seconds": stolen}


def _processes(family: procfs.Family, count: int) -> list[list[Any]]:
    memory = count % MEMORY_EVERY == FIRST_MEMORY
    return [
        [one.pid, one.born, one.name, one.cpu_seconds, one.threads, *procfs.switches(one.pid),
         procfs.pss(one.pid) if memory else None]
        for one in family.members()
    ]  # fmt: skip


def _said(folder: str) -> str:
    try:
        with open(f"{folder}/output", errors="replace") as file:
            return "\n".join(file.read().strip().splitlines()[-LAST_LINES:])
    except OSError:
        return ""


def _send(path: str) -> None:
    with open(path, "rb") as file:
        text = base64.b64encode(zlib.compress(file.read(), 1)).decode()
    _say(file=os.path.basename(path), data=text)


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def _end(_number: int, _frame: Any) -> None:
    sys.exit(0)  # by way of `finally`


def _stop(child: Child) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(GRACE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
