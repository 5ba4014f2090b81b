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
    "twice": "GET /items: list holds an item twice",
    "drop": "HTTPConnectionClosed",
    "lose": "GET /items/[id]: lost write: a row that was written is not there",
    "late": "GET /items/[id]: lost write: a row that was written is not there",
    "forget": "GET /items/[id]: lost write: name is not what it must be",
    "undead": "GET /items/[id]: lost write: a row that was deleted is still there",
    "cut": "Incomplete response",
    "silent": "no answer until the end of the load",
}
TOGETHER = (  # none hides another one
    "status other long drop", "value html twice", "field redirect", "lose undead", "late", "forget",
    "silent", "cut",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(logs: Path) -> dict[str, Outcome]:
    pace = "--seeded-rows 200 --stop-timeout 1"
    cases = {names: Case(pace, Stub(defects=frozenset(names.split()))) for names in TOGETHER}
    mix = f"{pace} --mix 60/5/20/15"
    cases["lose undead"] = Case(mix, cases["lose undead"].stub, requests=400)
    cases["missing rows"] = Case("--seeded-rows 100000")
    cases["reuse"] = Case(f"{pace} --mix 12/1/4/3", Stub(defects=frozenset({"reuse"})))
    cases["empty"] = Case("--mix 80/20/0/0", Stub(rows=0))
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


def test_missing_rows_that_nobody_deleted_are_failures_with_a_hint(
    runs: dict[str, Outcome],
) -> None:
    run = runs["missing rows"]
    assert "a row that nobody deleted is not there" in run.err.partition("Error report")[2]
    assert "is the path right, are the rows there (--base-path, --seeded-rows), is this" in run.err
    assert run.code == 1


def test_an_id_that_is_given_again_is_no_row_that_was_not_deleted(runs: dict[str, Outcome]) -> None:
    assert runs["reuse"].code == 0, runs["reuse"].err


def test_a_mix_that_only_reads_creates_nothing_where_nothing_is(runs: dict[str, Outcome]) -> None:
    assert "the list is empty, and the mix only reads" in runs["empty"].err
    assert runs["empty"].code == 2
