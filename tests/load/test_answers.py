"""A service that answers fast but wrongly must fail the run, with a message that says how."""

from contextlib import ExitStack

import pytest

from tests.load.conftest import Outcome, Serve, finish, headless, start_headless
from tests.load.stub import Stub

DEFECTS = {
    "status": "POST /items: status 200",
    "value": "POST /items: price is not what it must be",
    "field": "POST /items: item lacks updated_at",
    "other": "GET /items/[id]: id is not what it must be",
    "html": "GET /items/[id]: answer is not JSON",
    "long": "GET /items: list is longer than the page size",
    "drop": "HTTPConnectionClosed",
}


@pytest.fixture(scope="module")
def runs() -> dict[str, Outcome]:
    """All at once: most of a run's time is waiting."""
    with ExitStack() as services:
        started = {}
        for defect in DEFECTS:
            stub = services.enter_context(Stub(defects=frozenset({defect})).serving())
            pace = ("-t", 10, "--seeded-rows", 200, "--think-time", 0.02)
            started[defect] = start_headless(stub, *pace)
        return {defect: finish(process) for defect, process in started.items()}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_fails_the_run_and_is_named(runs: dict[str, Outcome], defect: str) -> None:
    assert DEFECTS[defect] in runs[defect].err
    assert runs[defect].code == 1


def test_first_example_of_a_fault_is_logged_with_its_values(runs: dict[str, Outcome]) -> None:
    assert runs["value"].err.count("price is not what it must be: ") == 1
    assert "got '0.01'" in runs["value"].err


def test_many_missing_rows_fail_the_run_though_each_could_be_a_race(serve: Serve) -> None:
    run = headless(serve(rows=200), "--seeded-rows", 100_000)
    assert "reads and deletes answered 404: is the path right" in run.err
    assert "/items/[id] (gone)" in run.err
    assert run.code == 1
