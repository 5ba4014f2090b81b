"""ETag, If-None-Match, If-Match: what a client may rely on when others change the same item."""

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from crud.models import Item
from crud.views import ItemViewSet
from drf_speedups.answers.view import knowledge
from project.access.permissions import BearerKeys, HasScope

pytestmark = pytest.mark.django_db
NEW = {"name": "Lamp", "price": "3.00"}
CHANGES = [("put", NEW), ("patch", {"quantity": 7}), ("delete", None)]


@pytest.fixture
def client():
    return APIClient(HTTP_HOST="testserver")


@pytest.fixture
def path():
    return f"/items/{Item.objects.create(name='Desk', price=1).pk}/"


@pytest.fixture(params=["fast", "framework"])
def way(request, monkeypatch):
    """Finished answers, and the same view set without them."""
    if request.param == "framework":
        without_finished_answers(monkeypatch)
    yield
    monkeypatch.undo()
    knowledge.cache_clear()


def without_finished_answers(monkeypatch):
    monkeypatch.setattr("drf_speedups.eligibility.reasons.wanted", lambda piece: False)
    knowledge.cache_clear()


def change(client, method, path, body, **headers):
    return getattr(client, method)(path, body, format="json", **headers)


def tag_of(client, path):
    return client.get(path)["ETag"]


def test_an_item_has_the_same_tag_whoever_answers(client, path, monkeypatch):
    fast = tag_of(client, path)
    without_finished_answers(monkeypatch)
    assert tag_of(client, path) == fast
    monkeypatch.undo()
    knowledge.cache_clear()


def test_every_answer_that_is_an_item_has_the_tag_of_the_next_get(client, way):
    created = client.post("/items/", NEW, format="json")
    path = created["Location"]
    assert created["ETag"] == tag_of(client, path)
    for method in ("put", "patch"):
        changed = change(client, method, path, NEW | {"quantity": 5})
        assert changed["ETag"] == tag_of(client, path) != created["ETag"]
    assert client.head(path)["ETag"] == changed["ETag"]


def test_what_is_no_item_has_no_tag(client, path):
    for answer in (client.get("/items/"), client.get("/items/999999/"), client.options(path),
                   client.delete(path), client.get("/livez")):  # fmt: skip
        assert "ETag" not in answer


def test_a_client_that_has_the_item_gets_304(client, path):
    tag = tag_of(client, path)
    for listed in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        answer = client.get(path, HTTP_IF_NONE_MATCH=listed)
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
        assert "Content-Length" not in answer
    assert client.get(path, HTTP_IF_NONE_MATCH='"x"').status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "body"), CHANGES)
def test_a_change_is_done_if_the_item_is_what_the_client_has_seen(client, path, method, body, way):
    answer = change(client, method, path, body, HTTP_IF_MATCH=tag_of(client, path))
    assert answer.status_code == (204 if method == "delete" else 200)
    if method != "delete":
        assert answer["ETag"] == tag_of(client, path)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "body"), CHANGES)
def test_a_change_of_another_state_is_412_and_not_done(client, path, method, body, way):
    seen = tag_of(client, path)
    client.patch(path, {"description": "changed"}, format="json")
    left = client.get(path).json()
    answer = change(client, method, path, body, HTTP_IF_MATCH=seen)
    assert (answer.status_code, answer.json()["status"]) == (412, 412)
    assert client.get(path).json() == left


@pytest.mark.django_db(transaction=True)
def test_a_condition_hides_no_other_refusal(client, path):
    anything = {"HTTP_IF_MATCH": "*"}
    assert change(client, "patch", "/items/999999/", {}, **anything).status_code == 404
    assert change(client, "patch", path, {"name": ""}, **anything).status_code == 400
    assert change(client, "patch", path, {"quantity": 4}, **anything).status_code == 200
    assert change(client, "patch", "/nowhere/", {}, **anything).status_code == 404
    assert change(client, "delete", "/items/", None, **anything).status_code == 405


@pytest.mark.parametrize(("method", "body"), CHANGES)
def test_where_it_is_demanded_a_change_without_it_is_428(client, path, method, body, settings):
    settings.REQUIRE_IF_MATCH = True
    assert change(client, method, path, body).status_code == 428
    assert client.get(path).status_code == 200
    assert client.post("/items/", NEW, format="json").status_code == 201


@pytest.mark.parametrize("demanded", [True, False])
@pytest.mark.parametrize(("method", "body"), CHANGES)
def test_strangers_hear_of_their_missing_key_only_and_cost_no_query(
    client, path, method, body, demanded, settings, monkeypatch
):
    settings.REQUIRE_IF_MATCH = demanded
    settings.API_AUTH = "keys"
    monkeypatch.setattr(ItemViewSet, "authentication_classes", [BearerKeys])
    monkeypatch.setattr(ItemViewSet, "permission_classes", [HasScope])
    condition = {} if demanded else {"HTTP_IF_MATCH": "*"}
    with CaptureQueriesContext(connection) as queries:
        assert change(client, method, path, body, **condition).status_code == 401
    assert len(queries) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "body"), CHANGES)
def test_a_lock_is_503_with_a_condition_as_without(
    client, path, method, body, database_url, own_session
):
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE crud_item")
        for condition in ({}, {"HTTP_IF_MATCH": "*"}):
            answer = change(client, method, path, body, **condition)
            assert (answer.status_code, answer["Retry-After"]) == (503, "1")
            assert answer.json()["instance"] == path


def test_a_request_without_conditions_costs_no_query_more(client, path):
    for method, body in (("get", None), *CHANGES):
        with CaptureQueriesContext(connection) as queries:
            change(client, method, path, body)
        assert len(queries) == 1
