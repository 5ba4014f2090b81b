"""The five operations: what they answer and that each is one statement."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from crud.models import Item

pytestmark = pytest.mark.django_db


def test_retrieve_is_one_query(client, item, django_assert_num_queries):
    with django_assert_num_queries(1):
        answer = client.get(f"/items/{item.pk}/")
    assert answer.status_code == 200
    assert answer.json()["price"] == "12.50"


def test_list_is_one_query_newest_first(client, django_assert_num_queries):
    Item.objects.bulk_create(Item(name=f"n{n}", price=n) for n in range(30))
    with django_assert_num_queries(1):
        answer = client.get("/items/?limit=7").json()
    ids = [row["id"] for row in answer["results"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 7


def test_create_is_one_query(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        answer = client.post("/items/", {"name": " Lamp ", "price": "3"}, format="json")
    assert answer.status_code == 201
    assert answer.json()["name"] == "Lamp"
    assert answer["Location"] == f"/items/{answer.json()['id']}/"


def test_patch_is_one_query_and_sets_only_what_was_sent(client, item, django_assert_num_queries):
    Item.objects.filter(pk=item.pk).update(description="changed meanwhile")
    with django_assert_num_queries(1):
        answer = client.patch(f"/items/{item.pk}/", {"quantity": 9}, format="json")
    assert answer.status_code == 200
    assert (answer.json()["quantity"], answer.json()["description"]) == (9, "changed meanwhile")


def test_put_replaces_the_whole_item(client, item):
    answer = client.put(f"/items/{item.pk}", {"name": "New", "price": 1}, format="json")
    assert answer.status_code == 200
    item.refresh_from_db()
    assert (item.name, item.price, item.description, item.quantity) == ("New", Decimal(1), "", 0)


def test_delete_is_one_query_and_finds_the_row_once(client, item, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert client.delete(f"/items/{item.pk}/").status_code == 204
    assert client.delete(f"/items/{item.pk}/").status_code == 404


def test_patch_never_revives_a_deleted_row(client, item):
    Item.objects.all().delete()
    assert client.patch(f"/items/{item.pk}/", {"quantity": 1}, format="json").status_code == 404
    assert not Item.objects.exists()


@pytest.mark.parametrize("body", [
    {"name": "", "price": 1}, {"name": 5, "price": 1}, {"name": "x" * 101, "price": 1},
    {"name": "x", "price": -1}, {"name": "x", "price": "1.001"}, {"name": "x", "price": True},
    {"name": "x", "price": 1, "quantity": "1"}, {"name": "x", "price": 1, "quantity": 2**31},
    {"name": "x", "price": 1, "colour": "red"}, {"name": "x\0", "price": 1}, [], None,
])  # fmt: skip
def test_an_invalid_body_is_refused_with_the_faulty_places(client, body):
    answer = client.post("/items/", body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=cD1hYmM="]
)
def test_a_wrong_limit_or_cursor_is_refused(client, query):
    assert client.get(f"/items/?{query}").status_code == 400


@pytest.mark.parametrize("key", ["1_0", "+1", "%EF%BC%91", "9" * 20, "abc"])
def test_an_id_that_is_none_is_not_found(client, key):
    assert client.get(f"/items/{key}/").status_code == 404


def test_an_id_past_the_column_is_not_found_for_every_method(client):
    for method in (client.get, client.delete):
        assert method(f"/items/{'9' * 19}/").status_code == 404
    assert client.patch(f"/items/{'9' * 19}/", {"quantity": 1}, format="json").status_code == 404


@pytest.mark.parametrize("values", [
    {"name": " ", "price": 1}, {"name": "x", "price": -1},
    {"name": "x", "price": 1, "description": "x" * 2001}, {"name": "x", "price": 1, "quantity": -1},
])  # fmt: skip
def test_the_database_itself_refuses_a_row_that_breaks_a_rule(values):
    with pytest.raises(IntegrityError):
        Item.objects.create(**values)
