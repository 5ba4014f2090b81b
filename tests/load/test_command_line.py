"""What people type: presets, configuration files, options, exit codes."""

import json

import pytest

from tests.load.conftest import ROOT, Serve, finish, headless, locust, start


def test_task_ratio_is_75_reads_20_writes_5_deletes() -> None:
    shown = locust("--show-task-ratio-json")
    [user] = json.loads(shown.out)["total"].values()
    ratio = {name: task["ratio"] for name, task in user["tasks"]["Operations"]["tasks"].items()}
    assert ratio == pytest.approx({"retrieve": 0.6, "list": 0.15, "create": 0.2, "delete": 0.05})


def test_folder_is_no_package() -> None:
    assert not (ROOT / "locust" / "__init__.py").exists()


WRONG = {
    "--mix 1/2": "mix '1/2': must be four weights",
    "--seeded-rows -1": "seeded rows -1",
    "--think-time nan": "think time nan",
    "--think-time 1 --arrival-rate 1": "exclude each other",
    "--base-path items": "base path 'items'",
    "--request-log /no/such/log.csv": "request log '/no/such/log.csv': its folder does not exist",
    "--preset flask": "invalid choice: 'flask'",
    "-H http://127.0.0.1:9": "cannot read the list http://127.0.0.1:9/items/?limit=20",
}


def test_wrong_value_stops_before_the_load_with_a_line_and_code_2() -> None:
    started = {wrong: start("--headless", "-t", 9, *wrong.split()) for wrong in WRONG}
    refused = {wrong: finish(process) for wrong, process in started.items()}
    for wrong, complaint in WRONG.items():
        assert complaint in refused[wrong].err
    assert {outcome.code for outcome in refused.values()} == {2}


def test_wrong_path_stops_before_the_load(serve: Serve) -> None:
    refused = headless(serve(), "--base-path", "/things")
    assert "/things/?limit=20: status 404" in refused.err
    assert refused.code == 2


def test_article_loads_are_config_files_that_flags_override(serve: Serve) -> None:
    flags = ("--headless", "-H", serve().url, "-t", 2, "--think-time", 1)
    started = {
        users: start("--config", f"locust/{users}-users.conf", *flags) for users in (100, 500)
    }
    for users, process in started.items():
        run = finish(process)
        assert f"Ramping to {users} users" in run.err
        assert "Run time limit set to 2 seconds" in run.err
        assert run.code == 0


def test_each_broken_threshold_prints_its_line_and_the_exit_code_is_1(serve: Serve) -> None:
    limits = ("--max-p95", 0.001, "--min-rps", 1_000_000, "--max-fail-ratio", 0.01)
    run = headless(serve(defects=frozenset({"status"})), *limits)
    assert "> --max-p95 0.001" in run.err
    assert "requests per second < --min-rps 1e+06" in run.err
    assert "of requests > --max-fail-ratio 0.01" in run.err
    assert run.code == 1


def test_failures_below_the_limit_are_no_failure_of_the_run(serve: Serve) -> None:
    run = headless(serve(defects=frozenset({"status"})), "--max-fail-ratio", 0.5)
    assert "status 200" in run.err
    assert run.code == 0
