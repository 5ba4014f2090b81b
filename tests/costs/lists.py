"""What lists of 20 cost a project of somebody else: as it is, with drf_speedups, with fastdrf."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from statistics import median, quantiles

from lab import ROOT
from lab.analysis.formatting import number
from lab.errors import LabError
from lab.report.blocks import Table
from lab.running import procfs
from tests.costs.client import Clients
from tests.costs.shop.paths import PATHS
from tests.costs.stage import Found, Stage

VARIANTS = ("stock", "ours", "fastdrf")
FASTDRF = ROOT / ".peers" / "django-fastdrf"  # `python -m peers install django-fastdrf`
Place = tuple[str, str]  # a variant, a path
Cost = Callable[[str], float]
ROUNDS, SERVED, TURNS = 4, 4, 8
REQUESTS, WARM_UP = 30, 20
PATIENCE = 30.0  # seconds


def measured(stage: Stage, rounds: int = ROUNDS) -> Found:
    """Measure all variants in turns. Raises `LabError`."""
    python = _python()
    variants = VARIANTS if python != sys.executable else VARIANTS[:2]
    spent, alone = defaultdict[Place, list[float]](list), defaultdict[Place, list[float]](list)
    with stage.database("shop") as database:
        _run(python, database.url, "stock", "tests.costs.shop.seed")
        for _ in range(rounds):
            for found, running, turns in ((spent, _serving, SERVED), (alone, _asking, TURNS)):
                with contextlib.ExitStack() as all_of_them:
                    costs = {
                        variant: all_of_them.enter_context(
                            running(python, database.url, variant, stage)
                        )
                        for variant in variants
                    }
                    for name, _turn, variant in product(PATHS, range(turns), variants):
                        found[variant, name].append(costs[variant](name))
        settings = database.settings
        versions = _run(python, database.url, "stock", "tests.costs.shop.versions").strip()
    tables = [_table("µs of CPU, server and application", spent, variants),
              _table("µs of CPU, application alone", alone, variants)]  # fmt: skip
    return Found("Lists of 20 in a project of somebody else", tables, [
        f"{rounds} rounds, in each new servers, asked in turns: {SERVED} of {WARM_UP} requests to "
        f"warm up and {REQUESTS} that are counted, alone {TURNS} of 20; medians of the turns, and "
        "of the ratios of turns that follow each other, with quartiles",
        f"gunicorn, one sync worker, a new connection for each request; {_told(python)}",
        "a project as startproject leaves it, PageNumber pages with their COUNT; `ours` is one "
        "line in INSTALLED_APPS, `fastdrf` its serializers, dispatch mixin and renderer",
    ], settings, versions)  # fmt: skip


def _python() -> str:
    found = sorted(FASTDRF.rglob("bin/python"))
    return str(found[0]) if found else sys.executable


def _told(python: str) -> str:
    """Return which Python that is, without the path of this machine."""
    inside = Path(python).is_relative_to(FASTDRF)
    return str(Path(python).relative_to(ROOT)) if inside else "the Python of this environment"


def _run(python: str, url: str, variant: str, module: str) -> str:
    done = subprocess.run([python, "-m", module], cwd=ROOT, env=_env(url, variant), check=False,
                          capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        raise LabError(f"{module} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


def _env(url: str, variant: str) -> Mapping[str, str]:
    return {**os.environ, "DATABASE_URL": url, "VARIANT": variant, "PYTHONHASHSEED": "0",
            "DJANGO_SETTINGS_MODULE": "tests.costs.shop.settings"}  # fmt: skip


@contextlib.contextmanager
def _serving(python: str, url: str, variant: str, stage: Stage) -> Iterator[Cost]:
    """Serve a variant; give what asks it and returns the seconds of CPU of a request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = stage.folder / f"{variant}-{port}.log"
    command = [python, "-m", "gunicorn", "--config", "python:tests.costs.shop", "--bind",
               f"127.0.0.1:{port}", "--log-file", str(log), "tests.costs.shop.wsgi"]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, env=_env(url, variant)) as server:
        try:
            if stage.cores.server:
                os.sched_setaffinity(server.pid, stage.cores.server)
            _wait(port, server, log)
            yield lambda name: _cost(f"http://127.0.0.1:{port}", server.pid, PATHS[name])
        finally:
            server.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def _asking(python: str, url: str, variant: str, stage: Stage) -> Iterator[Cost]:
    """Run a variant without a server; give the same."""
    log = stage.log(variant)
    with log.open("w") as told, subprocess.Popen(
        [python, "-m", "tests.costs.shop.alone"], cwd=ROOT, env=_env(url, variant), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told,
    ) as asked:  # fmt: skip
        if stage.cores.server:
            os.sched_setaffinity(asked.pid, stage.cores.server)

        def ask(name: str) -> float:
            assert asked.stdin is not None
            assert asked.stdout is not None
            asked.stdin.write(f"{name}\n")
            asked.stdin.flush()
            answer = asked.stdout.readline()
            if not answer:
                raise LabError(f"the application ended: {log.read_text().strip()[-300:]}")
            return float(answer)

        yield ask


def _wait(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise LabError(f"the project does not serve: {log.read_text()[-300:] if log.exists() else ''}")


def _cost(url: str, pid: int, path: str) -> float:
    """Return the seconds of CPU that a request takes in the server's processes."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n"
    ).encode()
    with Clients(url, 1) as clients:
        clients.done([request] * WARM_UP)
        own = [one.pid for one in procfs.process_tree(pid)]
        before = sum(map(procfs.run_seconds, own))
        clients.done([request] * REQUESTS)
        return (sum(map(procfs.run_seconds, own)) - before) / REQUESTS


def _table(what: str, spent: Mapping[Place, list[float]], variants: tuple[str, ...]) -> Table:
    rows = []
    for name in PATHS:
        usual = [number(1e6 * median(spent[variant, name])) for variant in variants]
        rows.append([name, *usual, *(_ratio(spent, name, variant) for variant in variants[1:])])
    header = [what, *variants, *(f"{variant} / stock" for variant in variants[1:])]
    return Table(header, rows)


def _ratio(spent: Mapping[Place, list[float]], name: str, variant: str) -> str:
    """Return the median of the ratios of turns that follow each other, and the quartiles."""
    turns = zip(spent[variant, name], spent["stock", name], strict=True)
    lower, middle, upper = quantiles((one / stock for one, stock in turns), n=4)
    return f"{middle:.2f} ({lower:.2f} to {upper:.2f})"
