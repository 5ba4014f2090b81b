"""Writes that meet each other in the real database."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from rest_framework.test import APIClient

from crud.models import Item

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def item():
    return Item.objects.create(name="Desk", description="Oak", price="12.50", quantity=3)


@contextmanager
def row_held(url, item, writers):
    """Hold the row until `writers` requests wait for it; yield the transaction that does so."""
    with psycopg.connect(url) as holder:
        holder.execute("SELECT 1 FROM crud_item WHERE id = %s FOR UPDATE", (item.pk,))
        yield holder
        deadline = time.monotonic() + 20
        while waiting() < writers:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def waiting():
    """Return how many requests wait for a lock. (Inside a transaction the answer is frozen.)"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def request(method, item, body=None):
    client = APIClient(HTTP_HOST="testserver")
    return getattr(client, method)(f"/items/{item.pk}/", body, format="json").status_code


def request_aside(*args):
    """Send a request from a thread of its own, with a connection of its own."""
    try:
        return request(*args)
    finally:
        connection.close()


def test_two_patches_of_different_fields_at_once_both_survive(item, database_url):
    with ThreadPoolExecutor(2) as pool:
        with row_held(database_url, item, writers=2):
            name = pool.submit(request_aside, "patch", item, {"name": "Lamp"})
            quantity = pool.submit(request_aside, "patch", item, {"quantity": 9})
        assert (name.result(20), quantity.result(20)) == (200, 200)
    item.refresh_from_db()
    assert (item.name, item.quantity, item.description) == ("Lamp", 9, "Oak")


@pytest.mark.parametrize("method", ["patch", "put", "delete"])
def test_a_write_that_waited_for_a_delete_finds_nothing_and_revives_nothing(
    item, database_url, method
):
    with ThreadPoolExecutor(1) as pool:
        with row_held(database_url, item, writers=1) as holder:
            holder.execute("DELETE FROM crud_item WHERE id = %s", (item.pk,))
            late = pool.submit(request_aside, method, item, {"name": "Back", "price": 1})
        assert late.result(20) == 404
    assert not Item.objects.exists()


def test_of_several_deletes_at_once_exactly_one_finds_the_row(item, database_url):
    with ThreadPoolExecutor(3) as pool:
        with row_held(database_url, item, writers=3):
            deletes = [pool.submit(request_aside, "delete", item) for _ in range(3)]
        assert sorted(delete.result(20) for delete in deletes) == [204, 404, 404]


@contextmanager
def sacrificed(times, sqlstate):
    """Let the database give up the next `times` changes of the table for another transaction."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE attempts")
        cursor.execute(f"""
            CREATE FUNCTION sacrifice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('attempts') <= {times} THEN
                    RAISE EXCEPTION 'sacrificed' USING ERRCODE = '{sqlstate}';
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER sacrifice BEFORE INSERT OR UPDATE OR DELETE ON crud_item
                FOR EACH STATEMENT EXECUTE FUNCTION sacrifice()""")
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION sacrifice CASCADE; DROP SEQUENCE attempts")


@pytest.mark.parametrize("sqlstate", ["40P01", "40001"])
@pytest.mark.parametrize(("method", "success"), [("patch", 200), ("put", 200), ("delete", 204)])
def test_a_deadlock_is_tried_once_more_and_then_a_409(item, method, success, sqlstate):
    new = {"name": "Lamp", "price": 2}
    with sacrificed(2, sqlstate):
        assert request(method, item, new) == 409
    with sacrificed(1, sqlstate):
        assert request(method, item, new) == success


def test_a_create_is_tried_once_more_too():
    client = APIClient(HTTP_HOST="testserver")
    with sacrificed(1, "40P01"):
        answer = client.post("/items/", {"name": "Lamp", "price": 2}, format="json")
    assert answer.status_code == 201
    assert Item.objects.count() == 1


def test_another_error_is_not_tried_again(item):
    with sacrificed(1, "57014"):
        assert request("patch", item, {"quantity": 1}) == 504
    assert Item.objects.get().quantity == 3
