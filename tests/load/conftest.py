"""Locust has processes of its own: importing it would patch sockets and threads of the tests."""

import atexit
import functools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.load.forked import CODE, ERR, OUT
from tests.load.stub import Stub

ROOT = Path(__file__).parents[2]

PACE = ("--think-time", 0.05)

Serve = Callable[..., Stub]


@dataclass
class Outcome:
    code: int
    out: str
    err: str  # Locust writes its statistics here too


@dataclass
class Run:
    """`locust`: its process, which leads its group, and the folder in which is what it prints."""

    pid: int
    folder: Path

    def wait(self) -> None:
        with suppress(ProcessLookupError):  # it has ended
            alive = os.pidfd_open(self.pid)
            try:
                assert select.select([alive], [], [], 60)[0], "it does not end"
            finally:
                os.close(alive)


def environment(variables: Mapping[str, object]) -> dict[str, str]:
    """These variables, and those of the machine but for LOCUST_…."""
    kept = {key: value for key, value in os.environ.items() if "LOCUST" not in key}
    return kept | {key: str(value) for key, value in variables.items()}


def start(*arguments: object, **variables: object) -> Run:
    """`locust` in the project's root."""
    folder, forks = tempfile.mkdtemp(), _forks()
    assert forks.stdin
    assert forks.stdout
    asked = [list(map(str, arguments)), environment(variables), folder]
    print(json.dumps(asked), file=forks.stdin, flush=True)
    return Run(int(forks.stdout.readline()), Path(folder))


@functools.cache
def _forks() -> subprocess.Popen[str]:
    forks = subprocess.Popen(
        [sys.executable, "-m", "tests.load.forked"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests
    )
    atexit.register(forks.communicate)  # it ends with its input
    return forks


def finish(run: Run) -> Outcome:
    try:
        run.wait()
        code, out, err = ((run.folder / name).read_text() for name in (CODE, OUT, ERR))
    finally:
        end(run)
    return Outcome(int(code), out, err)


def end(run: Run) -> None:
    """End what is left of a run."""
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    shutil.rmtree(run.folder, ignore_errors=True)


def locust(*arguments: object, **variables: object) -> Outcome:
    return finish(start(*arguments, **variables))


def start_headless(url: str, *arguments: object, **variables: object) -> Run:
    """Three seconds of a load that leaves the machine its breath; flags that come later win."""
    port = free_port()  # of --processes; Locust's own may be taken
    ports = ("--master-bind-port", port, "--master-port", port)
    common = ("--headless", "--only-summary", "-H", url, "-t", 3, *PACE)
    return start(*common, *ports, *arguments, **variables)


@dataclass
class Case:
    """A run: what is typed, and the service it meets."""

    arguments: str = ""
    stub: Stub = field(default_factory=Stub)
    users: str = "-u 4 -r 4"
    requests: int = 0  # end after so many, not by time: some faults are looked for rarely


@contextmanager
def started(cases: Mapping[str, Case], logs: Path) -> Iterator[dict[str, Run]]:
    """All at once, since most of a run's time is waiting; the request logs are `logs`/NAME.csv."""
    with ExitStack() as services:
        runs = {}
        for name, case in cases.items():
            stub = services.enter_context(case.stub.serving())
            log = ("--request-log", logs / f"{name.replace('/', '_')}.csv")
            enough = ("-t", 60) if case.requests else ()
            typed = f"{case.users} {case.arguments}".split()
            runs[name] = start_headless(stub.url, *log, *enough, *typed)
            services.callback(end, runs[name])
        yield runs


def run_together(cases: Mapping[str, Case], logs: Path) -> dict[str, Outcome]:
    with started(cases, logs) as runs:
        for name, case in cases.items():
            if case.requests:
                wait_until(lambda: case.stub.started >= case.requests)  # noqa: B023
                os.kill(runs[name].pid, signal.SIGTERM)
        return {name: finish(run) for name, run in runs.items()}


def wait_until(happened: Callable[[], bool], every: float = 0.02) -> None:
    limit = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < limit
        time.sleep(every)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a stub service; it stops after the test."""
    with ExitStack() as services:

        def start_stub(**values: Any) -> Stub:
            return services.enter_context(Stub(**values).serving())

        yield start_stub
