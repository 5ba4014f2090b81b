"""Programs the lab starts: each in a session of its own, each ended with all its children."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen

from lab import ROOT
from lab.errors import LabError
from lab.running import procfs

GRACE = 15.0  # seconds to drain after SIGTERM; gunicorn.conf.py promises 10
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Placement:
    """Where a program runs: these cores, cgroup folders and folder; empty means anywhere."""

    cores: tuple[int, ...] = ()
    groups: tuple[Path, ...] = ()
    folder: Path | None = None  # None: the project's root

    def launcher(self) -> list[str]:
        """Return the words that, put before a command, place it."""
        words = [sys.executable, "-m", "lab.running.launch", "--parent", str(os.getpid())]
        if self.cores:
            words += ["--cores", ",".join(map(str, self.cores))]
        for group in self.groups:
            words += ["--group", str(group)]
        if self.folder:
            words += ["--folder", str(self.folder.resolve())]
        return [*words, "--"]


@dataclass(frozen=True)
class Program:
    """A running program: `pid` is also its process group; `log` holds both its outputs."""

    pid: int
    log: Path

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        # WNOWAIT leaves the zombie, so its process group's number cannot be given to another.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def wait(self, seconds: float) -> int | None:
        """Wait up to `seconds` for the end; return what `exit_code` then says."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return code

    def last_lines(self, count: int = 8) -> str:
        """Return the end of the log, for a person."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "\n".join(lines[-count:]) or "(its log is empty)"


@contextlib.contextmanager
def program(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    placement: Placement | None = None,
    reading: Path = Path(os.devnull),
    strays: bool = False,
) -> Iterator[Program]:
    """Run `command` in the project's root until the block ends, then end its whole group.

    Its standard input is what is in the file `reading`. With `strays` descendants that left its
    group are ended, too, as what sends itself to the background does.

    Of this process's environment it sees `INHERITED` only, then `env`: a stray variable must
    not change what is measured. Raises `LabError` when the command cannot be started.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    adopting = _adopting() if strays else contextlib.nullcontext()
    with adopting, log.open("ab") as output, reading.open("rb") as text:
        try:
            process = Popen(
                [*(placement or Placement()).launcher(), *command],
                env=inherited | dict(env),
                cwd=ROOT,
                stdin=text,
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,  # Ctrl-C is the lab's, which then stops in order
            )
        except OSError as error:
            raise LabError(f"cannot run {command[0]}: {error.strerror}") from error
        started = Program(pid=process.pid, log=log)
        try:
            yield started
        finally:
            _stop(started, process)


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """End what is left of all that was started in the block, wherever it went.

    A process whose parent has ended becomes this one's child meanwhile, instead of the system's.
    """
    before = {(one.pid, one.born) for one in procfs.process_tree(os.getpid())}
    adopt(True)
    try:
        yield
    finally:
        left = procfs.process_tree(os.getpid())
        adopt(False)  # what these have started the system may have
        for one in left:
            if (one.pid, one.born) not in before:
                with contextlib.suppress(OSError):  # it ended just now, or is another user's
                    os.kill(one.pid, signal.SIGKILL)
                    os.waitpid(one.pid, 0)


def adopt(whether: bool) -> None:
    """Be the parent of descendants whose own has ended, or no longer."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux only
        prctl(PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0)


def _stop(started: Program, process: Popen[bytes]) -> None:
    """Ask the leader to end, then end whatever is left of its group, and reap."""
    try:
        if started.exit_code() is None:
            os.kill(started.pid, signal.SIGTERM)
            started.wait(GRACE)
    finally:  # a second Ctrl-C must not leave anything behind either
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        process.wait()
        _wait_until_gone(started.pid)


def _wait_until_gone(group: int, seconds: float = 2.0) -> None:
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):  # none of those that were adopted
                os.waitpid(-group, os.WNOHANG)
            os.killpg(group, 0)
            time.sleep(0.01)
