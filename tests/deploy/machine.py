"""A fresh machine: Debian in a folder, with its own processes, mounts and, where wanted, network.

It has this machine's files nowhere, and of its settings only those by which pip finds its registry.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import ROOT
from tests.deploy.debian import Debian, ways

BOOT = """
set -e
ip link set lo up
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs tmpfs tmp
chmod 1777 tmp
mount --rbind /dev dev
touch booted
exec chroot . python3 -c "$2"
"""
FIRST_PROCESS = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # buries whoever was left to it, as init does
while True:
    signal.pause()
"""
ORIGIN = "/srv/items.git"  # what is cloned there
NAMESPACES = ("--mount", "--pid", "--root")
LOOPBACK_ONLY = "--net"


@dataclass(frozen=True)
class Person:
    """Who works there, and in which folder of the home the project lies."""

    name: str
    home: str
    project: str

    @property
    def folder(self) -> str:
        """The project's whole path."""
        return f"{self.home}/{self.project}"


ROOT_AT_HOME = Person("root", "/root", "items")
SOMEBODY = Person("somebody", "/home/somebody", "my projects/django under load")


@dataclass(frozen=True)
class Machine:
    """A machine that runs: `pid` is its first process."""

    root: Path
    pid: int

    def words(self, person: Person, script: str, folder: str, *, connected: bool) -> list[str]:
        """Return the words that run a shell script there as somebody, in a folder."""
        kinds = NAMESPACES if connected else (*NAMESPACES, LOOPBACK_ONLY)
        env = {"HOME": person.home, "USER": person.name, "LANG": "C.UTF-8", "TERM": "xterm",
               "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"} | ways()  # fmt: skip
        given = [f"{name}={value}" for name, value in env.items()]
        become = ["setpriv", f"--reuid={person.name}", f"--regid={person.name}", "--init-groups"]
        inside = ["sh", "-c", 'cd "$0" && eval "$1"', folder, script]
        return ["nsenter", f"--target={self.pid}", *kinds, "env", "--ignore-environment",
                "--chdir=/", *given, *become, *inside]  # fmt: skip

    def run(
        self, person: Person, script: str, folder: str = "", *, connected: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a script to its end; in the project's folder unless another is named."""
        words = self.words(person, script, folder or person.folder, connected=connected)
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def done(self, person: Person, script: str, folder: str = "", *, connected: bool = True) -> str:
        """Run a script that has to succeed; return what it printed."""
        ended = self.run(person, script, folder, connected=connected)
        assert ended.returncode == 0, f"{script}\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}"
        return ended.stdout + ended.stderr

    @contextlib.contextmanager
    def running(self, person: Person, script: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a script, cut off from all networks, until the block ends; then send it Ctrl-C."""
        words = self.words(person, script, person.folder, connected=False)
        with log.open("wb") as output, subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        ) as started:  # fmt: skip
            try:
                yield started
            finally:
                os.killpg(started.pid, signal.SIGINT)
                started.wait()
                _wait_until_gone(started.pid)

    def answers(self, url: str, log: Path, seconds: float = 120) -> str:
        """Wait until a URL there is answered with 200; return the answer."""
        asking = f"python3 -c 'import urllib.request as u; print(u.urlopen(\"{url}\").read())'"
        deadline = time.monotonic() + seconds
        while (said := self.run(ROOT_AT_HOME, asking, "/", connected=False)).returncode:
            assert time.monotonic() < deadline, f"{url}: {said.stderr[-500:]}\n{log.read_text()}"
            time.sleep(0.5)
        return said.stdout


@contextlib.contextmanager
def machine(debian: Debian, folder: Path) -> Iterator[Machine]:
    """Start a machine whose file system is made in `folder`; all that runs there ends with it."""
    debian.unpack()
    root = debian.copy(folder / "root")
    clone = ["git", "clone", "--quiet", "--bare", "--no-hardlinks", str(ROOT), f"{root}{ORIGIN}"]
    subprocess.run(clone, check=True)
    boot = ["unshare", *NAMESPACES[:2], LOOPBACK_ONLY, "--fork", "--kill-child", "sh", "-c", BOOT]
    with subprocess.Popen([*boot, "sh", str(root), FIRST_PROCESS]) as unshare:
        try:
            yield Machine(root, _first_process(unshare, root))
        finally:
            unshare.kill()
            unshare.wait()
            _remove(root)


def _remove(root: Path, seconds: float = 60) -> None:
    """Remove gigabytes, beside processes that were killed just now; its mounts go with them."""
    deadline = time.monotonic() + seconds
    while root.exists() and time.monotonic() < deadline:
        shutil.rmtree(root, ignore_errors=True)


def _wait_until_gone(group: int, seconds: float = 30) -> None:
    """Wait for all that a script has started: what entered the machine ends before that."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.1)


def _first_process(unshare: subprocess.Popen[bytes], root: Path) -> int:
    while not (root / "booted").exists():
        assert unshare.poll() is None, "the machine did not start"
        time.sleep(0.05)
    time.sleep(0.5)  # `exec` follows
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text()
    return int(children.split()[0])
