"""Runs over time and over processes: whose ids, which schedule, how a run ends."""

import re
import signal
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


def test_processes_never_delete_the_same_row(serve: Serve, tmp_path: Path) -> None:
    stub = serve(rows=300)
    log = tmp_path / "log.csv"
    port = free_port()
    pace = ("--mix", "1/0/0/4", "--think-time", 0.01, "--request-log", log)
    run = headless(stub, "--processes", 2, *pace, "--master-bind-port", port, "--master-port", port)
    assert "/items/[id]" in run.err
    assert len(stub.deletes) > 100
    assert len(stub.deletes) == len(set(stub.deletes))
    for process in range(2):
        assert len(list(read_log(tmp_path / f"log-{process}.csv"))) > 20
    assert not log.exists()


def test_master_judges_what_its_workers_sent(serve: Serve) -> None:
    port = free_port()
    worker = start("--worker", "--master-port", port)
    mix = ("--mix", "1/1/1/1", "--max-p95", 0.001)  # a worker learns the mix from its master
    run = headless(serve(), "--master", "--master-bind-port", port, *mix)
    assert finish(worker).code == 0
    assert "POST" in run.err
    assert run.err.count("> --max-p95 0.001") == 1
    assert run.code == 1


def test_arrival_rate_is_held(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    run = headless(serve(delay=0.02), "-t", 3, "--arrival-rate", 50, "--request-log", log)
    assert run.code == 0, run.err
    rows = list(read_log(log))
    due = sorted(float(row["intended"]) for row in rows)
    assert len(due) / (due[-1] - due[0]) == pytest.approx(50, rel=0.15)
    assert min(float(row["start"]) - float(row["intended"]) for row in rows) > -0.002


def test_too_few_users_show_as_requests_sent_too_late(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    headless(
        serve(delay=0.1), "-t", 2, "--arrival-rate", 400, "--request-log", log, "--seeded-rows", 200
    )
    assert max(float(row["start"]) - float(row["intended"]) for row in read_log(log)) > 0.5


@pytest.mark.parametrize("how", ["interrupt", "run time"])
def test_stop_waits_for_requests_in_flight(serve: Serve, tmp_path: Path, how: str) -> None:
    stub = serve(delay=0.7)
    log = tmp_path / "log.csv"
    duration = 2 if how == "run time" else 60
    process = start_headless(stub, "-t", duration, "--seeded-rows", 200, "--request-log", log)
    if how == "interrupt":
        wait_until(lambda: stub.finished >= 5 and stub.started > stub.finished)
        process.send_signal(signal.SIGINT)
    run = finish(process)
    assert run.code == 0, run.err
    assert stub.started == stub.finished
    assert len(list(read_log(log))) == stub.finished - 1  # the first one only read the list


def test_shapes_move_the_users(serve: Serve) -> None:
    pace = ("-u", 10, "-r", 100, "-t", 4, "--think-time", 0.1)
    stub = serve()
    steps, spike = (start_headless(stub, *pace, "--shape", shape) for shape in ("steps", "spike"))
    assert users_of(finish(steps)) == [2, 4, 6, 8]
    assert users_of(finish(spike)) == [2, 10, 2]


def users_of(run: Outcome) -> list[int]:
    """The numbers of users that a shape asked for, one after the other."""
    assert run.code == 0, run.err
    return [int(users) for users in re.findall(r"updating to (\d+) users", run.err)]
