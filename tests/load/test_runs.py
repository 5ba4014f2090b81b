"""Runs over time and over processes: whose ids, which schedule, how a run ends."""

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.load.conftest import (
    Outcome,
    Serve,
    finish,
    free_port,
    headless,
    start,
    start_headless,
    wait_until,
)
from tests.load.log_reader import read_log
from tests.load.stub import Stub


@dataclass
class Case:
    arguments: str
    stub: Stub = field(default_factory=Stub)


CASES = {
    "steps": Case("-u 10 -r 100 -t 4 --think-time 0.1 --shape steps"),
    "spike": Case("-u 10 -r 100 -t 4 --think-time 0.1 --shape spike"),
    "processes": Case("-t 2 --processes 2 --mix 1/0/0/4 --think-time 0.01", Stub(rows=300)),
    "rate": Case("-t 4 --arrival-rate 50", Stub(delay=0.02)),
    "few users": Case("-t 3 --arrival-rate 400 --seeded-rows 200", Stub(delay=0.1)),
    "run time": Case("-t 3 --seeded-rows 200", Stub(delay=0.7)),
    "interrupt": Case("-t 60 --seeded-rows 200", Stub(delay=0.7)),
}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def runs(logs: Path) -> Iterator[dict[str, Outcome]]:
    """All at once: most of a run's time is waiting."""
    with ExitStack() as services:
        started = {}
        for name, case in CASES.items():
            stub = services.enter_context(case.stub.serving())
            arguments = (*case.arguments.split(), "--request-log", logs / f"{name}.csv")
            port = free_port()
            ports = ("--master-bind-port", port, "--master-port", port)
            started[name] = start_headless(stub, *arguments, *ports)
        stub = CASES["interrupt"].stub
        wait_until(lambda: stub.finished >= 5 and stub.started > stub.finished)
        started["interrupt"].send_signal(signal.SIGINT)
        yield {name: finish(process) for name, process in started.items()}


def test_processes_never_delete_the_same_row(runs: dict[str, Outcome], logs: Path) -> None:
    deletes = CASES["processes"].stub.deletes
    assert len(deletes) > 50
    assert len(deletes) == len(set(deletes))
    for process in range(2):
        assert len(list(read_log(logs / f"processes-{process}.csv"))) > 20
    assert not (logs / "processes.csv").exists()


def test_arrival_rate_is_held(runs: dict[str, Outcome], logs: Path) -> None:
    assert runs["rate"].code == 0, runs["rate"].err
    rows = list(read_log(logs / "rate.csv"))
    due = sorted(float(row["intended"]) for row in rows)
    assert len(due) / (due[-1] - due[0]) == pytest.approx(50, rel=0.15)
    assert min(float(row["start"]) - float(row["intended"]) for row in rows) > -0.002


def test_too_few_users_show_as_requests_sent_too_late(runs: dict[str, Outcome], logs: Path) -> None:
    rows = read_log(logs / "few users.csv")
    assert max(float(row["start"]) - float(row["intended"]) for row in rows) > 0.5


@pytest.mark.parametrize("end", ["interrupt", "run time"])
def test_stop_waits_for_requests_in_flight(runs: dict[str, Outcome], logs: Path, end: str) -> None:
    assert runs[end].code == 0, runs[end].err
    stub = CASES[end].stub
    assert stub.started == stub.finished >= 5
    assert len(list(read_log(logs / f"{end}.csv"))) == stub.finished - 1  # the first only listed


@pytest.mark.parametrize(("shape", "users"), [("steps", [2, 4, 6, 8]), ("spike", [2, 10, 2])])
def test_shape_moves_the_users(runs: dict[str, Outcome], shape: str, users: list[int]) -> None:
    assert runs[shape].code == 0, runs[shape].err
    asked = re.findall(r"updating to (\d+) users", runs[shape].err)
    assert [int(number) for number in asked] == users


def test_master_judges_all_that_its_workers_sent(serve: Serve) -> None:
    port, stub = free_port(), serve(delay=0.9)
    worker = start("--worker", "--master-port", port)
    limits = ("--seeded-rows", 200, "-t", 3, "--max-p95", 0.001)
    mix = ("--mix", "1/1/1/1")  # the worker learns it from its master
    run = headless(stub, "--master", "--master-bind-port", port, *mix, *limits)
    assert finish(worker).code == 0
    assert "POST" in run.err
    answered = re.findall(r"Aggregated +(\d+) ", run.err)
    assert answered[0] == str(stub.finished - 1)  # the last ones too; the first only listed
    assert run.err.count("> --max-p95 0.001") == 1
    assert run.code == 1
