"""Paths, methods and what HTTP says about them."""

import os

import pytest

from tests.contract.expectations import assert_refused

OF_THE_LIST = {"GET", "HEAD", "OPTIONS", "POST"}
OF_AN_ITEM = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}
NEW = {"name": "Lamp", "price": "3"}


def allowed(answer):
    return {method.strip() for method in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_operation_works_at_both_forms_of_its_path(api, slash):
    created = api.post(f"/items{slash}", json=NEW)
    assert created.status_code == 201
    path = f"/items/{created.json()['id']}{slash}"
    assert api.get(f"/items{slash}").status_code == 200
    assert api.get(f"/items{slash}?limit=1").status_code == 200
    assert api.get(path).status_code == 200
    assert api.put(path, json=NEW).status_code == 200
    assert api.patch(path, json={"quantity": 1}).status_code == 200
    assert api.delete(path).status_code == 204


@pytest.mark.parametrize("path", ["/items", "/items/", "/items/{id}", "/items/{id}/"])
def test_head_answers_as_get_without_the_body(api, item, path):
    path = path.format(id=item["id"])
    head, get = api.head(path), api.get(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Type", "Content-Length"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/items/", OF_THE_LIST), ("/items", OF_THE_LIST), ("/items/{id}/", OF_AN_ITEM)],
)
def test_options_tells_the_methods(api, item, path, methods):
    answer = api.options(path.format(id=item["id"]))
    assert answer.status_code == 200
    assert allowed(answer) == methods


@pytest.mark.parametrize(
    ("method", "path", "methods"),
    [
        *[(method, "/items/", OF_THE_LIST) for method in ("PUT", "PATCH", "DELETE", "TRACE")],
        *[(method, "/items/{id}/", OF_AN_ITEM) for method in ("POST", "TRACE", "PROPFIND")],
    ],
)
def test_another_method_is_refused_with_the_ones_there_are(api, item, method, path, methods):
    answer = api.request(method, path.format(id=item["id"]), json=NEW)
    assert_refused(answer, 405)
    assert allowed(answer) == methods


def test_a_missing_item_is_not_found_by_any_method(api):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = None if method in {"GET", "DELETE"} else NEW
        assert_refused(api.request(method, f"/items/{2**63 - 1}/", json=body), 404)


def test_every_answer_tells_who_gave_it(service):
    name, _, pid = service.http.get("/items/").headers["X-Served-By"].partition("/")
    assert name == service.name
    os.kill(int(pid), 0)  # raises unless it is a process


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*", "application/json", "text/html, */*;q=0.1", "APPLICATION/JSON"],
)
def test_json_is_sent_to_whoever_takes_it(api, accept):
    answer = api.get("/items/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("accept", ["application/xml", "text/html", "image/*", "text/*;q=0.5"])
def test_who_takes_no_json_gets_406(api, method, accept):
    body = NEW if method == "POST" else None
    assert_refused(api.request(method, "/items/", json=body, headers={"Accept": accept}), 406)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"',
     "APPLICATION/JSON"],
)  # fmt: skip
def test_json_in_utf8_is_read_however_it_is_called(api, content_type):
    body = '{"name": "é", "price": 1}'.encode()
    answer = api.post("/items/", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 201
    assert answer.json()["name"] == "é"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/x-www-form-urlencoded",
     "multipart/form-data", "application/merge-patch+json", "application/json; charset=latin-1",
     "application/json; charset=utf-16", "application/json; charset=bogus", "json", "/", "a/b/c",
     "application/json; charset*=foo''%41", "application/json; charset*=utf-8''%00"],
)  # fmt: skip
def test_any_other_content_type_is_refused(api, item, method, content_type):
    path = "/items/" if method == "POST" else f"/items/{item['id']}/"
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = api.request(method, path, content=b'{"name": "x", "price": 1}', headers=headers)
    assert_refused(answer, 415)
