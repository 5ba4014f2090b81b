"""What only our implementation promises."""

import json
import re

import pytest

from tests.contract.expectations import assert_problem
from tests.contract.keys import READER, WRITER, bearer

NEW = {"name": "Lamp", "price": "3"}


@pytest.mark.parametrize("path", ["/livez", "/livez/", "/readyz", "/readyz/"])
def test_probes_answer_reads_and_nothing_else(ours, path):
    assert ours.http.get(path).status_code == 200
    assert ours.http.head(path).content == b""
    assert ours.http.get(path, headers={"Host": "10.0.0.1:8000"}).status_code == 200
    assert ours.http.options(path).headers["Allow"] == "GET, HEAD, OPTIONS"
    refused = ours.http.post(path, json={})
    assert_problem(refused, 405)
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_content_type_that_nobody_can_read_fails_no_request(ours):
    for content_type in ("a/b; charset*=foo''%41", "a/b; charset*=idna''x", "a/b; charset=\xff"):
        answer = ours.http.get("/livez", headers={"Content-Type": content_type.encode("latin-1")})
        assert (answer.status_code, len(answer.headers["X-Request-ID"])) == (200, 32)


def test_without_the_database_it_is_alive_but_not_ready(without_database):
    assert without_database.http.get("/livez").status_code == 200
    assert_problem(without_database.http.get("/readyz"), 503)


@pytest.mark.parametrize("path", ["/schema", "/schema/"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/vnd.oai.openapi"])
def test_the_schema_is_served_in_both_notations(guarded, path, accept):
    answer = guarded.http.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert re.search(r"openapi\"?: ?\"?3\.1", answer.text)


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_docs_need_no_network_but_ours(guarded, path):
    answer = guarded.http.get(path)
    assert answer.status_code == 200
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", answer.text)
    assert loaded
    assert all(url.startswith(("/static/", "data:")) for url in loaded)
    for url in loaded:
        assert guarded.http.get(url).status_code == 200


@pytest.mark.parametrize("path", ["/items/", "/items/1/", "/readyz", "/schema/", "/docs/"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_whatever_the_method_it_is_no_error_of_ours(ours, path, accept):
    for method in ("OPTIONS", "HEAD", "PUT", "TRACE", "BREW"):
        answer = ours.http.request(method, path, headers={"Accept": accept})
        assert (method, answer.status_code < 500) == (method, True)
    assert {"GET", "HEAD", "OPTIONS"} <= {*ours.http.options(path).headers["Allow"].split(", ")}


@pytest.mark.parametrize("path", ["/schema/", "/docs/"])
def test_what_describes_the_service_refuses_what_is_no_read(ours, path):
    assert_problem(ours.http.post(path, json={}), 405)
    assert_problem(ours.http.get(path, headers={"Accept": "image/png"}), 406)


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", f"Basic {WRITER}", WRITER, "Bearer \xe9"]
)
def test_without_a_known_key_nothing_is_done(guarded, header):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for answer in (
        guarded.http.get("/items/", headers=headers),
        guarded.http.post("/items/", json=NEW, headers=headers),
    ):
        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_that_may_read_may_not_write(guarded):
    created = guarded.http.post("/items/", json=NEW, headers=bearer(WRITER))
    assert created.status_code == 201
    path = created.headers["Location"]
    assert guarded.http.get(path, headers=bearer(READER)).status_code == 200
    assert_problem(guarded.http.patch(path, json={}, headers=bearer(READER)), 403)
    assert_problem(guarded.http.delete(path, headers=bearer(READER)), 403)
    assert guarded.http.delete(path, headers=bearer(WRITER)).status_code == 204


def test_a_sane_request_id_is_kept_and_another_is_replaced(ours):
    kept = ours.http.get("/items/0/", headers={"X-Request-ID": "abc-123"})
    assert kept.json()["request_id"] == kept.headers["X-Request-ID"] == "abc-123"
    made = ours.http.get("/items/0/", headers={"X-Request-ID": "a b"})
    assert_problem(made, 404)
    assert made.headers["X-Request-ID"] not in {"a b", "-"}


def test_what_nobody_foresaw_is_logged_once_with_its_traceback(without_tables):
    answer = without_tables.http.get("/items/", headers={"X-Request-ID": "unforeseen"})
    assert_problem(answer, 500)
    assert "crud_item" not in answer.text
    lines = [json.loads(line) for line in without_tables.log.read_text().splitlines()
             if "unforeseen" in line]  # fmt: skip
    assert [line["request_id"] for line in lines] == ["unforeseen"]
    assert "UndefinedTable" in lines[0]["exc_info"]


@pytest.mark.parametrize(("unknown", "named", "others"), [
    (20, 20, None), (21, 20, "1 more errors."), (4000, 20, "3980 more errors.")
])  # fmt: skip
def test_of_many_errors_the_first_are_named_and_the_others_counted(ours, unknown, named, others):
    body = {f"field {number:04}": 0 for number in range(unknown)}
    answer = ours.http.post("/items/", json=body | NEW)
    assert_problem(answer, 400)
    errors = answer.json()["errors"]
    assert [one["pointer"] for one in errors[:named]] == [f"/field {n:04}" for n in range(named)]
    last = {"pointer": "", "detail": others, "code": "more"}
    assert errors[named:] == ([last] if others else [])


def test_other_faults_come_before_unknown_names_and_are_counted_with_them(ours):
    body = {f"field {number}": 0 for number in range(25)} | {"name": "", "price": "x"}
    errors = ours.http.post("/items/", json=body).json()["errors"]
    assert [one["pointer"] for one in errors[:2]] == ["/name", "/price"]
    assert (len(errors), errors[-1]["detail"]) == (21, "7 more errors.")


def test_a_long_text_of_the_clients_is_cut_in_the_answer(ours):
    answer = ours.http.post("/items/", json={"~" * 100_000: 0})
    assert_problem(answer, 400)
    assert len(answer.content) < 2000
    assert answer.json()["errors"][-1]["pointer"].endswith("…")


def test_the_schema_is_made_once_and_need_not_be_sent_again(ours):
    for accept in ("*/*", "application/json"):
        answer = ours.http.get("/schema/", headers={"Accept": accept})
        again = {"Accept": accept, "If-None-Match": answer.headers["ETag"]}
        same = ours.http.get("/schema/", headers=again)
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["ETag"] == answer.headers["ETag"]
        assert ours.http.head("/schema/", headers={"Accept": accept}).content == b""
