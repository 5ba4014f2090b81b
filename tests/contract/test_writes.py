"""POST, PUT, PATCH and DELETE."""

import pytest

from tests.contract.expectations import assert_refused

MEGABYTE = 1_048_576
NEW = {"name": "Lamp", "price": "3"}
JSON = {"Content-Type": "application/json"}


def padded(size):
    """Return an item of exactly `size` bytes."""
    body = b'{"name": "x", "price": 1}'
    return body + b" " * (size - len(body))


def chunks(body):
    """Return an iterator, which httpx sends chunked."""
    return (body[start : start + 50_000] for start in range(0, len(body), 50_000))


def test_a_created_item_is_where_location_says(api):
    answer = api.post("/items/", json=NEW)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/items/{answer.json()['id']}/"
    assert api.get(answer.headers["Location"]).json() == answer.json()


def test_put_replaces_all_that_can_be_written(api, item):
    answer = api.put(f"/items/{item['id']}/", json=NEW)
    assert answer.status_code == 200
    left = {name: item[name] for name in ("id", "created_at")}
    new = {"name": "Lamp", "price": "3.00", "description": "", "quantity": 0}
    assert answer.json() == left | new | {"updated_at": answer.json()["updated_at"]}
    assert answer.json()["updated_at"] > item["updated_at"]
    assert api.get(f"/items/{item['id']}/").json() == answer.json()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "New"), ("description", ""), ("price", "0.01"), ("quantity", 0)],
)
def test_patch_sets_what_was_sent_and_nothing_else(api, item, field, value):
    answer = api.patch(f"/items/{item['id']}/", json={field: value})
    assert answer.status_code == 200
    assert answer.json() == item | {field: value, "updated_at": answer.json()["updated_at"]}


def test_an_empty_patch_changes_nothing(api, item):
    answer = api.patch(f"/items/{item['id']}/", json={})
    assert answer.status_code == 200
    assert answer.json() == item | {"updated_at": answer.json()["updated_at"]}


def test_an_invalid_change_of_a_missing_item_is_not_found(ours):
    for method in ("PUT", "PATCH"):
        answer = ours.http.request(method, f"/items/{2**62}/", json={"quantity": "many"})
        assert_refused(answer, 404)


def test_delete_says_nothing_and_the_item_is_gone(api, item):
    answer = api.delete(f"/items/{item['id']}/")
    assert answer.status_code == 204
    assert answer.content == b""
    for method in ("GET", "DELETE"):
        assert_refused(api.request(method, f"/items/{item['id']}/"), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_chunked_body_is_a_body(api, item, method):
    path = "/items/" if method == "POST" else f"/items/{item['id']}/"
    answer = api.request(
        method, path, content=iter([b'{"name": "chu', b'nked", "price": 1}']), headers=JSON
    )
    assert answer.status_code == (201 if method == "POST" else 200), answer.text
    assert api.get(f"/items/{answer.json()['id']}/").json()["name"] == "chunked"


def test_a_body_of_a_megabyte_is_read(api):
    assert api.post("/items/", content=padded(MEGABYTE), headers=JSON).status_code == 201
    assert api.post("/items/", content=chunks(padded(MEGABYTE)), headers=JSON).status_code == 201


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("size", [MEGABYTE + 1, 2 * MEGABYTE])
def test_a_longer_body_is_refused_however_it_is_framed(api, item, method, size):
    path = "/items/" if method == "POST" else f"/items/{item['id']}/"
    for content in (padded(size), chunks(padded(size))):
        assert_refused(api.request(method, path, content=content, headers=JSON), 413)
