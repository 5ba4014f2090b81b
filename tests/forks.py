"""Starts of Python without the imports that take most of them: `tests.forked` has them and forks.

What is about the start itself, or measures it, has to start a Python of its own.
"""

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

from lab import ROOT
from lab.running import processes, servers

INHERITED = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


class Fork:
    """A Python that was forked, for those who would start one: `subprocess.Popen` in short."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path,
        stdin: BinaryIO, stdout: BinaryIO, stderr: BinaryIO | int, **_how: Any,
    ) -> None:  # fmt: skip
        """Start `python …`, the leader of a session of its own."""
        files = [stdin, stdout, stdout if stderr == subprocess.STDOUT else stderr]
        numbers = [one if isinstance(one, int) else one.fileno() for one in files]
        start = json.dumps([command[1:], dict(env), str(cwd)]).encode()
        processes.adopt(True)
        try:
            self.pid = _asked(start, numbers)
        finally:
            processes.adopt(False)

    def wait(self) -> int:
        """Return the exit code, when there is one."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Let the lab fork what it starts in this block, if it is Python.

    Where memory is counted in a group, nobody may have some of another's.
    """

    def popen(command: Sequence[str], **how: Any) -> Any:
        place, program = command[: command.index("--")], command[command.index("--") + 1]
        may_fork = program == sys.executable and "--group" not in place
        return (Fork if may_fork else subprocess.Popen)(command, **how)

    with mock.patch.object(processes, "Popen", popen):
        yield


@contextlib.contextmanager
def serving(*args: Any, **how: Any) -> Iterator[servers.Server]:
    """Serve as `lab.running.servers` does."""
    with contextlib.ExitStack() as until:
        with forking():
            server = until.enter_context(servers.serving(*args, **how))
        yield server


@contextlib.contextmanager
def program(*args: Any, **how: Any) -> Iterator[processes.Program]:
    """Run a program as `lab.running.processes` does."""
    with contextlib.ExitStack() as until:
        with forking():
            started = until.enter_context(processes.program(*args, **how))
        yield started


def inherited() -> dict[str, str]:
    """Return what a service that is started by hand has of our environment."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _asked(start: bytes, files: list[int]) -> int:
    """Return the process id of a new fork."""
    try:
        socket.send_fds(_forks(), [start], files)
        answer = _forks().recv(100)
    except OSError as error:
        answer = str(error).encode()
    assert answer.isdigit(), f"`python -m tests.forked` does not fork: {answer.decode() or 'ended'}"
    return int(answer)


@functools.cache
def _forks() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(60)  # seconds, most of them for its imports
    words = [sys.executable, "-m", "tests.forked", str(theirs.fileno())]
    with theirs:
        forks = subprocess.Popen(
            words, cwd=ROOT, env=inherited(), pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the tests
        )  # fmt: skip
    atexit.register(forks.wait)
    atexit.register(ours.close)  # first: it ends then
    return ours
