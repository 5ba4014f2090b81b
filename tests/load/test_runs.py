"""Runs over time and over processes: whose ids, which schedule, how a run ends."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

import pytest

from tests.load.conftest import Case, Outcome, finish, free_port, start, started, wait_until
from tests.load.log_reader import read_log
from tests.load.stub import Stub

CASES = {
    "steps": Case("-u 10 -r 100 -t 4 --think-time 0.1 --seeded-rows 200 --shape steps"),
    "spike": Case("-u 10 -r 100 -t 5 --think-time 0.1 --seeded-rows 200 --shape spike"),
    "processes": Case(
        "--processes 2 --seeded-rows 300 --mix 1/0/0/4 --think-time 0.01", Stub(rows=300)
    ),
    "rate": Case("-t 4 --think-time 0 --arrival-rate 50 --pace constant", Stub(delay=0.02)),
    "poisson": Case("-t 4 --think-time 0 --arrival-rate 50", Stub(delay=0.02)),
    "sparse": Case("-t 3 --think-time 0 --arrival-rate 6 --seeded-rows 200", users="-u 60 -r 60"),
    "few users": Case("--think-time 0 --arrival-rate 400 --seeded-rows 200", Stub(delay=0.1)),
    "closing": Case("-t 2 --seeded-rows 200", Stub(defects=frozenset({"close"}))),
    "interrupt": Case("-t 60 --seeded-rows 200", Stub(delay=0.7)),
    # The worker learns the mix from its master.
    "master": Case(
        "--master --mix 1/1/1/1 --seeded-rows 200 --max-p95 0.001 --master-bind-port",
        Stub(delay=0.9),
    ),
}


@pytest.fixture(scope="module")
def runs(logs: Path) -> Iterator[dict[str, Outcome]]:
    port = free_port()  # not before: other tests take ports meanwhile
    master = replace(CASES["master"], arguments=f"{CASES['master'].arguments} {port}")
    with started(CASES | {"master": master}, logs) as processes:
        processes["worker"] = start("--worker", "--master-port", port)
        stub = CASES["interrupt"].stub
        wait_until(lambda: stub.finished >= 5 and stub.started > stub.finished)
        os.kill(processes["interrupt"].pid, signal.SIGINT)
        yield {name: finish(process) for name, process in processes.items()}


def test_processes_never_delete_the_same_row(runs: dict[str, Outcome], logs: Path) -> None:
    deletes = CASES["processes"].stub.deletes
    assert len(deletes) == len(set(deletes))
    for process in range(2):  # as many as a busy machine lets through in three seconds
        assert len(list(read_log(logs / f"processes-{process}.csv"))) > 5
    assert not (logs / "processes.csv").exists()


def test_arrival_rate_is_held(runs: dict[str, Outcome], logs: Path) -> None:
    assert runs["rate"].code == 0, runs["rate"].err
    rows = list(read_log(logs / "rate.csv"))
    due = sorted(float(row["intended"]) for row in rows)
    assert len(due) / (due[-1] - due[0]) == pytest.approx(50, rel=0.15)
    assert min(float(row["start"]) - float(row["intended"]) for row in rows) >= 0


def test_arrivals_come_at_random_around_the_rate(runs: dict[str, Outcome], logs: Path) -> None:
    assert runs["poisson"].code == 0, runs["poisson"].err
    due = sorted(float(row["intended"]) for row in read_log(logs / "poisson.csv"))
    gaps = [after - before for before, after in pairwise(due)]
    assert 1 / mean(gaps) == pytest.approx(50, rel=0.35)
    assert 0.6 < stdev(gaps) / mean(gaps) < 1.4  # 1: exponential


def test_nothing_is_due_before_the_load_begins(runs: dict[str, Outcome], logs: Path) -> None:
    """60 users send 6 requests a second: each has ten seconds on average until its next one."""
    assert runs["sparse"].code == 0, runs["sparse"].err
    rows = list(read_log(logs / "sparse.csv"))
    assert 5 < len(rows) < 40
    assert max(float(row["start"]) - float(row["intended"]) for row in rows) < 1.0


def test_too_few_users_show_as_requests_sent_too_late(runs: dict[str, Outcome], logs: Path) -> None:
    rows = read_log(logs / "few users.csv")
    assert max(float(row["start"]) - float(row["intended"]) for row in rows) > 0.5


def test_the_log_says_which_requests_opened_a_connection(
    runs: dict[str, Outcome], logs: Path
) -> None:
    assert {row["opened"] for row in read_log(logs / "closing.csv")} == {"1"}
    kept = [row["opened"] for row in read_log(logs / "steps.csv")]
    assert 1 < kept.count("1") <= 10  # the first one of each user
    assert kept.count("0") > 10


@pytest.mark.parametrize("end", ["interrupt", "few users", "steps", "spike"])
def test_stop_waits_for_requests_in_flight(runs: dict[str, Outcome], logs: Path, end: str) -> None:
    assert runs[end].code == 0, runs[end].err
    stub = CASES[end].stub
    assert stub.started == stub.finished >= 5
    assert len(list(read_log(logs / f"{end}.csv"))) == stub.finished - 1  # the first only listed


def test_steps_only_rise(runs: dict[str, Outcome]) -> None:
    users = asked_for(runs["steps"])
    assert users == sorted(set(users))
    assert users[0] == 2
    assert len(users) > 2


def test_spike_rises_and_falls(runs: dict[str, Outcome]) -> None:
    assert asked_for(runs["spike"]) == [2, 10, 2]


def asked_for(run: Outcome) -> list[int]:
    """The numbers of users that a shape called for, one after the other."""
    assert run.code == 0, run.err
    return [int(number) for number in re.findall(r"updating to (\d+) users", run.err)]


def test_master_judges_all_that_its_workers_sent(runs: dict[str, Outcome]) -> None:
    run, stub = runs["master"], CASES["master"].stub
    assert runs["worker"].code == 0
    assert "POST" in run.err
    answered = re.findall(r"Aggregated +(\d+) ", run.err)
    assert answered[0] == str(stub.finished - 1)  # the last ones too; the first only listed
    assert run.err.count("> --max-p95 0.001") == 1
    assert run.code == 1


def test_a_process_that_ends_first_leaves_its_users_to_none_holds(runs: dict[str, Outcome]) -> None:
    assert runs["processes"].err.count("Sending spawn jobs") == 1
