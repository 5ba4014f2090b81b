"""Right services of several kinds: a run has no failures and sends the mix."""

from collections import Counter
from pathlib import Path

import pytest

from tests.load.conftest import PACE, Case, Outcome, locust, run_together
from tests.load.log_reader import read_log
from tests.load.stub import Stub

CASES = {
    "default": Case(),
    "overridden": Case("--trailing-slash no --list-field . --api-key secret", Stub(bare=True)),
    "empty": Case("--mix 9/0/1/0", Stub(rows=0)),
    # Before the first answer to a create there is nothing that may be changed.
    "not ours": Case("--mix 2/1/4/3/2", Stub(delay=0.1), users="-u 40 -r 100"),
}


SECRET = '{"name":"$name","price":"$price","secret":"$unique","lines":[{"sku":"a"}]}'
CASES |= {
    "a token for the next page": Case(
        "--auth-header Authorization:Api-Key --api-key secret", Stub(link="b2Zmc2V0")
    ),
    "a link relative to its page": Case(
        "--auth-header access_token --api-key secret", Stub(link="?limit={size}&cursor={last}")
    ),
    "a prefix": Case("--base-path /läden/items", Stub(prefix="/l%C3%A4den")),
    "mute": Case("--mix 2/1/4/3/2", Stub(defects=frozenset({"mute"}))),
    "kept back": Case(f"--payload {SECRET} --fields id,name"),
}


@pytest.fixture(scope="module")
def runs(logs: Path) -> dict[str, Outcome]:
    return run_together(CASES, logs)


@pytest.mark.parametrize("name", CASES)
def test_right_service_gives_no_failures(runs: dict[str, Outcome], name: str) -> None:
    assert runs[name].code == 0, runs[name].err


def test_mix_is_exact_after_each_round(runs: dict[str, Outcome], logs: Path) -> None:
    counts = Counter(
        row["operation"].removesuffix(" (gone)") for row in read_log(logs / "default.csv")
    )
    rounds = counts.total() / 20
    assert rounds > 2
    shares = {"GET /items/[id]": 12, "GET /items": 3, "POST /items": 4, "DELETE /items/[id]": 1}
    for operation, share in shares.items():
        assert counts[operation] == pytest.approx(share * rounds, abs=12)


def test_log_tells_who_answered_when_and_how_fast(runs: dict[str, Outcome], logs: Path) -> None:
    for row in read_log(logs / "default.csv"):
        assert row["served_by"] == "stub/1"
        assert row["status"] in {"200", "201", "204", "404"}
        assert row["error"] == ""
        assert row["intended"] == row["start"]
        assert len(row["start"].partition(".")[2]) == 6
        assert 0 < float(row["latency_ms"]) < 3_000
        assert int(row["bytes"]) >= 0


def test_empty_table_is_filled_by_its_readers(runs: dict[str, Outcome], logs: Path) -> None:
    operations = Counter(row["operation"] for row in read_log(logs / "empty.csv"))
    assert operations["POST /items"] >= 1
    assert operations["GET /items/[id]"] > operations["POST /items"]


def test_rows_that_were_there_are_neither_changed_nor_deleted(runs: dict[str, Outcome]) -> None:
    stub = CASES["not ours"].stub
    assert min(len(stub.updates), len(stub.deletes)) > 20
    assert min(stub.updates + stub.deletes) > stub.rows


def test_what_has_to_wait_for_a_row_is_made_up_for(runs: dict[str, Outcome], logs: Path) -> None:
    sent = [row["operation"].split()[0] for row in read_log(logs / "not ours.csv")]
    assert sent.index("PUT") > sent.index("POST")
    counts = Counter(sent)
    for method, share in {"GET": 3, "POST": 4, "PUT": 3, "DELETE": 2}.items():
        assert counts[method] == pytest.approx(share * len(sent) / 12, abs=25)


@pytest.mark.parametrize(("name", "sent"), [
    ("overridden", "Bearer secret"),
    ("a token for the next page", "Api-Key secret"),
    ("a link relative to its page", "secret"),
])  # fmt: skip
def test_key_is_sent_with_every_request(runs: dict[str, Outcome], name: str, sent: str) -> None:
    assert CASES[name].stub.keys == {sent}


def test_pages_are_followed_where_they_are_linked(runs: dict[str, Outcome]) -> None:
    assert "Learned 200 ids" in runs["default"].err
    assert "Learned 200 ids" in runs["a link relative to its page"].err
    assert "No more pages of the list are known" in runs["a token for the next page"].err


def test_an_update_that_does_not_tell_is_read_and_what_was_tried_is_taken_away(logs: Path) -> None:
    stub = Stub(defects=frozenset({"mute", "idle"}))
    run = run_together({"idle": Case("--mix 2/1/4/3/2", stub)}, logs)["idle"]
    assert "name is not what it must be" in run.err
    assert run.code == 2
    assert len(stub.items) == stub.rows


def test_next_page_is_below_the_address_of_the_service(logs: Path) -> None:
    """A service that is behind a prefix links its pages with it."""
    stub = Stub(prefix="/api", link="http://elsewhere/api/items/?limit={size}&cursor={last}")
    with stub.serving():
        run = locust("--headless", "-H", f"{stub.url}/api", "-u", 1, "-t", 1, *PACE)
    assert "Learned 200 ids" in run.err
    assert run.code == 0, run.err
