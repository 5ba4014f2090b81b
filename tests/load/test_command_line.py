"""What people type: presets, configuration files, options, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.load.conftest import ROOT, Case, Outcome, environment, locust, run_together
from tests.load.stub import Stub

WRONG = {  # test_web_ui.py has more of them, of which none needs a process of its own
    "--max-fail-ratio 5": "max fail ratio 5: must be from 0 to 1",
    "--max-p95 nan": "max p95 nan: must be a number, 0 or more",
    "--base-path /things": "/things/?limit=20: expected status 200, got status 404",
    "--request-log /no/such/log.csv": "request log '/no/such/log.csv': its folder does not exist",
    f"--request-log {ROOT}": "': cannot be written there",
    "-H http://127.0.0.1:9": "http://127.0.0.1:9/items/?limit=20: Connection refused; is the servi",
}
STATUS = frozenset({"status"})
CASES = {
    "100 users": Case("--config locust/100-users.conf -t 2 --think-time 1", users=""),
    "500 users": Case("--config locust/500-users.conf -t 2 --think-time 1", users=""),
    "broken": Case(
        "--seeded-rows 200 --max-p95 0.001 --min-rps 1000000 --max-fail-ratio 0.01",
        Stub(defects=STATUS),
    ),
    # Two processes: what one of them counts reaches the other.
    "nearly": Case("--seeded-rows 200 --processes 2 --max-p95 395 -t 3", Stub(delay=0.4)),
    "allowed": Case("--seeded-rows 200 --max-fail-ratio 0.5", Stub(defects=STATUS)),
}


def test_task_ratio_is_75_reads_20_writes_5_deletes() -> None:
    shown = locust("--show-task-ratio-json")
    [user] = json.loads(shown.out)["total"].values()
    ratio = {name: task["ratio"] for name, task in user["tasks"]["Operations"]["tasks"].items()}
    assert ratio == pytest.approx({"retrieve": 0.6, "list": 0.15, "create": 0.2, "delete": 0.05})


def test_help_lists_our_options_with_what_they_mean() -> None:
    command = (sys.executable, "-m", "locust", "--help")  # a fork would know Locust's only
    said = subprocess.run(
        command, cwd=ROOT, env=environment({}), capture_output=True, text=True, check=True
    )
    for option in ("--preset", "--mix", "--list-query", "--auth-header", "--max-p95"):
        assert f"\n  {option}" in said.stdout
    assert "httparena-crud" in said.stdout


def test_folder_is_no_package() -> None:
    assert not (ROOT / "locust" / "__init__.py").exists()


@pytest.fixture(scope="module")
def runs(logs: Path) -> dict[str, Outcome]:
    return run_together(CASES | {wrong: Case(wrong) for wrong in WRONG}, logs)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_value_stops_before_the_load_with_a_line_and_code_2(
    runs: dict[str, Outcome], wrong: str
) -> None:
    assert WRONG[wrong] in runs[wrong].err
    assert "Traceback" not in runs[wrong].err
    assert runs[wrong].code == 2


@pytest.mark.parametrize("users", [100, 500])
def test_article_loads_are_config_files_that_flags_override(
    runs: dict[str, Outcome], users: int
) -> None:
    run = runs[f"{users} users"]
    assert f"Ramping to {users} users" in run.err
    assert "Run time limit set to 2 seconds" in run.err
    assert run.code == 0


def test_each_broken_threshold_prints_its_line_and_the_exit_code_is_1(
    runs: dict[str, Outcome],
) -> None:
    assert "> --max-p95 0.001" in runs["broken"].err
    assert "requests per second < --min-rps 1e+06" in runs["broken"].err
    assert "of requests > --max-fail-ratio 0.01" in runs["broken"].err
    assert runs["broken"].code == 1


def test_a_percentile_just_above_its_limit_is_not_rounded_away(runs: dict[str, Outcome]) -> None:
    assert "95th percentile > --max-p95 395 ms: 100.0% of the requests took" in runs["nearly"].err
    assert runs["nearly"].code == 1


def test_failures_below_the_limit_are_no_failure_of_the_run(runs: dict[str, Outcome]) -> None:
    assert "status 202" in runs["allowed"].err
    assert runs["allowed"].code == 0
