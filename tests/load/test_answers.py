"""A service that answers fast but wrongly must fail the run, with a message that says how."""

from pathlib import Path

import pytest

from tests.load.conftest import Case, Outcome, run_together
from tests.load.stub import Stub

DEFECTS = {
    "status": "POST /items: status 202",
    "redirect": "GET /items/[id]: status 307",
    "value": "POST /items: price is not what it must be",
    "field": "POST /items: item lacks updated_at",
    "other": "GET /items/[id]: id is not what it must be",
    "html": "GET /items/[id]: answer is not JSON",
    "long": "GET /items: list is longer than the page size",
    "drop": "HTTPConnectionClosed",
}
TOGETHER = ("status other long drop", "value html", "field redirect")  # none hides another one


@pytest.fixture(scope="module")
def runs(logs: Path) -> dict[str, Outcome]:
    pace = "--seeded-rows 200"
    cases = {names: Case(pace, Stub(defects=frozenset(names.split()))) for names in TOGETHER}
    cases["missing rows"] = Case("--seeded-rows 100000")
    return run_together(cases, logs)


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_fails_the_run_and_is_named(runs: dict[str, Outcome], defect: str) -> None:
    (run,) = [runs[names] for names in TOGETHER if defect in names.split()]
    assert DEFECTS[defect] in run.err.partition("Error report")[2]
    assert run.code == 1


def test_first_example_of_a_fault_is_logged_with_its_values(runs: dict[str, Outcome]) -> None:
    (run,) = [runs[names] for names in TOGETHER if "value" in names]
    assert run.err.count("price is not what it must be: ") == 1
    assert "got '0.01'" in run.err


def test_many_missing_rows_fail_the_run_though_each_could_be_a_race(
    runs: dict[str, Outcome],
) -> None:
    run = runs["missing rows"]
    assert "reads and deletes answered 404: is the path right" in run.err
    assert "/items/[id] (gone)" in run.err
    assert run.code == 1
