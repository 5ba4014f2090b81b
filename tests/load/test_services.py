"""Right services of several kinds: a run has no failures and sends the mix."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.load.conftest import Outcome, finish, start_headless
from tests.load.log_reader import read_log
from tests.load.stub import Stub


@dataclass
class Case:
    stub: Stub
    arguments: str = ""


CASES = {
    "default": Case(Stub()),
    "fastapi": Case(Stub(bare=True), "--preset fastapi"),
    "overridden": Case(Stub(bare=True), "--trailing-slash no --list-field ."),
    "empty": Case(Stub(rows=0), "--mix 1/0/0/0"),
    "key": Case(Stub(), "--api-key secret"),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def runs(log: Path) -> Iterator[dict[str, Outcome]]:
    """All at once: most of a run's time is waiting."""
    with ExitStack() as services:
        started = {}
        for name, case in CASES.items():
            stub = services.enter_context(case.stub.serving())
            pace = ("-t", 3, "--think-time", 0.02, "--request-log", log / name)
            started[name] = start_headless(stub, *pace, *case.arguments.split())
        yield {name: finish(process) for name, process in started.items()}


@pytest.mark.parametrize("name", CASES)
def test_right_service_gives_no_failures(runs: dict[str, Outcome], name: str) -> None:
    assert runs[name].code == 0, runs[name].err


def test_mix_is_exact_after_each_round(runs: dict[str, Outcome], log: Path) -> None:
    counts = Counter(row["operation"].removesuffix(" (gone)") for row in read_log(log / "default"))
    rounds = counts.total() / 20
    assert rounds > 5
    shares = {"GET /items/[id]": 12, "GET /items": 3, "POST /items": 4, "DELETE /items/[id]": 1}
    for operation, share in shares.items():
        assert counts[operation] == pytest.approx(share * rounds, abs=12)


def test_log_tells_who_answered_when_and_how_fast(runs: dict[str, Outcome], log: Path) -> None:
    for row in read_log(log / "default"):
        assert row["served_by"] == "stub/1"
        assert row["status"] in {"200", "201", "204", "404"}
        assert row["error"] == ""
        assert row["intended"] == row["start"]
        assert len(row["start"].partition(".")[2]) == 6
        assert 0 < float(row["latency_ms"]) < 3_000
        assert int(row["bytes"]) >= 0


def test_empty_table_is_filled_by_its_readers(runs: dict[str, Outcome], log: Path) -> None:
    operations = Counter(row["operation"] for row in read_log(log / "empty"))
    assert operations["POST /items"] >= 1
    assert operations["GET /items/[id]"] > operations["POST /items"]


def test_key_is_sent_with_every_request(runs: dict[str, Outcome]) -> None:
    assert CASES["key"].stub.keys == {"Bearer secret"}
