"""Locust runs as a subprocess: importing it would patch sockets and threads of the tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.load.stub import Stub

ROOT = Path(__file__).parents[2]

PACE = ("--think-time", 0.05)

Serve = Callable[..., Stub]


@dataclass
class Outcome:
    code: int
    out: str
    err: str  # Locust writes its statistics here too


def start(*arguments: object, **variables: object) -> subprocess.Popen[str]:
    """`locust` in the project's root, untouched by a LOCUST_… variable of the machine."""
    environment = {key: value for key, value in os.environ.items() if "LOCUST" not in key}
    environment |= {key: str(value) for key, value in variables.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "locust", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that finish() ends its worker processes too
    )


def finish(process: subprocess.Popen[str]) -> Outcome:
    try:
        out, err = process.communicate(timeout=60)
    finally:
        end(process)
    return Outcome(process.returncode, out, err)


def end(process: subprocess.Popen[str]) -> None:
    """End what is left of a run."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def locust(*arguments: object, **variables: object) -> Outcome:
    return finish(start(*arguments, **variables))


def start_headless(url: str, *arguments: object, **variables: object) -> subprocess.Popen[str]:
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


@contextmanager
def started(cases: Mapping[str, Case], logs: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All at once, since most of a run's time is waiting; the request logs are `logs`/NAME.csv."""
    with ExitStack() as services:
        runs = {}
        for name, case in cases.items():
            stub = services.enter_context(case.stub.serving())
            log = ("--request-log", logs / f"{name.replace('/', '_')}.csv")
            typed = f"{case.users} {case.arguments}".split()
            runs[name] = start_headless(stub.url, *log, *typed)
            services.callback(end, runs[name])
        yield runs


def run_together(cases: Mapping[str, Case], logs: Path) -> dict[str, Outcome]:
    with started(cases, logs) as runs:
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
