"""The item: its fields and what they take."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

FIELDS = ["id", "name", "description", "price", "quantity", "created_at", "updated_at"]
NEW = {"name": "Lamp", "price": "3"}


def test_an_item_has_these_fields_and_types(item):
    assert list(item) == FIELDS
    assert [type(value) for value in item.values()] == [int, str, str, str, int, str, str]


def test_what_was_left_out_has_its_default(api):
    created = api.post("/items/", json=NEW).json()
    assert (created["description"], created["quantity"]) == ("", 0)


def test_times_are_now_in_utc_and_end_in_z(item):
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", item[name])
        age = datetime.now(UTC) - datetime.fromisoformat(item[name])
        assert abs(age) < timedelta(minutes=2)


ACCEPTED = [
    ("name", "x", "x"),
    ("name", "x" * 100, "x" * 100),
    ("name", f"  {'x' * 100}\t\n", "x" * 100),
    ("name", "é漢😀", "é漢😀"),
    ("name", "'; DROP TABLE crud_item; --", "'; DROP TABLE crud_item; --"),
    ("name", "<b>bold</b>", "<b>bold</b>"),
    ("description", "", ""),
    ("description", "  kept \n", "  kept \n"),
    ("description", "x" * 2000, "x" * 2000),
    ("description", "😀" * 2000, "😀" * 2000),
    ("price", "12.50", "12.50"),
    ("price", "12.5", "12.50"),
    ("price", "0", "0.00"),
    ("price", "-0", "0.00"),
    ("price", "99999999.99", "99999999.99"),
    ("price", 7, "7.00"),
    ("price", 12.5, "12.50"),
    ("price", 0.1, "0.10"),
    ("quantity", 0, 0),
    ("quantity", 2147483647, 2147483647),
    ("id", 2**62, None),  # which no row gets of itself
    ("id", "not even a number", None),
    ("created_at", "1999-12-31T00:00:00Z", None),
    ("updated_at", None, None),
]


@pytest.mark.parametrize(("field", "sent", "stored"), ACCEPTED, ids=lambda value: str(value)[:20])
def test_a_value_within_the_rules_is_stored(api, field, sent, stored):
    answer = api.post("/items/", json=NEW | {field: sent})
    assert answer.status_code == 201, answer.text
    created = answer.json()
    assert created == api.get(f"/items/{created['id']}/").json()
    if stored is None:  # read-only
        assert created[field] != sent
    else:
        assert created[field] == stored


def test_of_duplicate_keys_the_last_one_wins(api):
    body = b'{"name": "first", "price": 1, "name": "last"}'
    answer = api.post("/items/", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["name"] == "last"


def test_what_was_read_can_be_put_back(api, item):
    answer = api.put(f"/items/{item['id']}/", json=item)
    assert answer.status_code == 200
    assert answer.json() | {"updated_at": ""} == item | {"updated_at": ""}


IN_THE_TABLE = [
    ("name", "x", True), ("name", None, False), ("name", " ", False), ("name", "x" * 101, False),
    ("description", "x" * 2000, True), ("description", "x" * 2001, False),
    ("description", None, False), ("price", 0, True), ("price", "-0.01", False),
    ("price", "99999999.99", True), ("price", "100000000", False), ("price", None, False),
    ("quantity", 2147483647, True), ("quantity", -1, False), ("quantity", None, False),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "fits"), IN_THE_TABLE)
def test_the_rules_stand_in_the_table_too(database, column, value, fits):
    row = {"name": "x", "price": 1, "description": "", "quantity": 0, column: value}
    statement = (
        "INSERT INTO crud_item (name, price, description, quantity) "
        "VALUES (%(name)s, %(price)s, %(description)s, %(quantity)s)"
    )
    with psycopg.connect(database.url) as connection:
        if fits:
            connection.execute(statement, row)
        else:
            with pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
                connection.execute(statement, row)
        connection.rollback()
