"""Nothing that can be sent gives a 5xx, HTML, a redirect or a parser's own words."""

import httpx
import pytest

from tests.contract.bad_bodies import BAD_VALUES, NO_ITEM, item_with
from tests.contract.bad_framing import BODIES, HEADERS, REQUEST_LINES
from tests.contract.bad_requests import BAD_PATHS
from tests.contract.expectations import assert_problem, assert_refused
from tests.contract.raw import HOST, exchange, head

CONTENT_TYPE = {"Content-Type": "application/json"}
FRAMING = REQUEST_LINES | HEADERS | BODIES


def writes(item):
    """Return every request that takes a body, as method and path."""
    path = f"/items/{item['id']}/"
    return [("POST", "/items/"), ("PUT", path), ("PATCH", path)]


@pytest.mark.parametrize("case", NO_ITEM)
def test_a_body_that_is_no_object_is_refused_by_every_write(api, item, case):
    for method, path in writes(item):
        answer = api.request(method, path, content=NO_ITEM[case], headers=CONTENT_TYPE)
        assert_refused(answer, 400)
    assert api.get(f"/items/{item['id']}/").json() == item


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_value_outside_the_rules_is_refused_by_every_write(api, item, case):
    body = item_with(*BAD_VALUES[case])
    for method, path in writes(item):
        assert_refused(api.request(method, path, content=body, headers=CONTENT_TYPE), 400)
    assert api.get(f"/items/{item['id']}/").json() == item


@pytest.mark.parametrize("missing", ["name", "price"])
def test_a_missing_field_is_refused_where_the_item_must_be_whole(api, item, missing):
    body = {"name": "x", "price": "1"}
    del body[missing]
    assert_refused(api.post("/items/", json=body), 400)
    assert_refused(api.put(f"/items/{item['id']}/", json=body), 400)


def test_no_body_is_refused_where_the_item_must_be_whole(api, item):
    for method, path in writes(item)[:2]:
        assert_refused(api.request(method, path, headers=CONTENT_TYPE), 400)


def test_the_answer_names_every_faulty_place(ours):
    body = b'{"name": "", "price": "x", "/~": 1}'
    answer = ours.http.post("/items/", content=body, headers=CONTENT_TYPE)
    assert_problem(answer, 400)
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/name", "/price", "/~1~0"}


@pytest.mark.parametrize("path", BAD_PATHS, ids=lambda path: path[:40])
def test_a_path_that_leads_nowhere_is_not_found(service, path):
    for method in ("GET", "DELETE"):
        answer = exchange(service.address, head(f"{method} {path} HTTP/1.1", HOST))
        assert answer is not None
        assert "X-Injected" not in answer.headers
        assert_refused(answer, 404)


@pytest.mark.parametrize("case", FRAMING)
def test_a_message_that_is_no_http_is_refused(ours, case):
    request, status = FRAMING[case]
    answer = exchange(ours.address, request, and_no_more=True)
    if status is None:
        assert answer is None
    else:
        assert isinstance(answer, httpx.Response)
        assert_problem(answer, status)
        assert ours.http.get("/livez").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["X-HTTP-Method-Override: DELETE", "X-Forwarded-Host: evil.com", "X-Original-URL: /livez",
     "X-Request-ID: a b\tc", "If-Match: nonsense", "Range: bytes=5-1", "Cookie: a=\xff; ;;=",
     "Authorization: Bearer \xff", "Accept-Encoding: \xff", "If-Modified-Since: never",
     "Content-Encoding: gzip", "Connection: X-Served-By", "X_Forwarded_For: 1", "Upgrade: h2c"],
)  # fmt: skip
def test_a_strange_header_changes_nothing(ours, header):
    request = head("GET /items/?limit=1 HTTP/1.1", HOST, header)
    answer = exchange(ours.address, request)
    assert answer is not None
    assert answer.status_code == 200
    assert "evil.com" not in answer.text
    assert " " not in answer.headers["X-Request-ID"]
