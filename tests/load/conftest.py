"""Locust runs as a subprocess: importing it would patch sockets and threads of the tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.load.stub import Stub

ROOT = Path(__file__).parents[2]

Serve = Callable[..., Stub]


@dataclass
class Outcome:
    code: int
    out: str
    err: str  # Locust writes its statistics here too


def start(*arguments: object) -> subprocess.Popen[str]:
    """`locust` in the project's root, untouched by a LOCUST_… variable of the machine."""
    environment = {key: value for key, value in os.environ.items() if "LOCUST" not in key}
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
        out, err = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Outcome(process.returncode, out, err)


def locust(*arguments: object) -> Outcome:
    return finish(start(*arguments))


def headless(stub: Stub, *arguments: object) -> Outcome:
    """Three seconds of load on `stub`: a busy machine may need two to start."""
    return finish(start_headless(stub, *arguments))


def start_headless(stub: Stub, *arguments: object) -> subprocess.Popen[str]:
    common = ("--headless", "--only-summary", "-H", stub.url, "-u", 4, "-r", 4, "-t", 3)
    return start(*common, *arguments)


def wait_until(happened: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a stub service; it stops after the test."""
    with ExitStack() as services:

        def start_stub(**values: Any) -> Stub:
            return services.enter_context(Stub(**values).serving())

        yield start_stub
