"""The helper for a project's own tests: it finds what differs, and leaves nothing behind."""

from secrets import token_hex
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from django.utils.crypto import get_random_string

from crud.models import Item
from drf_speedups import replaying
from drf_speedups.answers.action import json_answer
from drf_speedups.testing import Request, assert_same_answers

pytestmark = pytest.mark.django_db
ITEM = {"name": "lamp", "price": "12.50", "quantity": 3}
REQUESTS = [
    Request("POST", "/items/", ITEM),
    Request("GET", "/items/"),
    Request("POST", "/items/", b"{"),
    Request("GET", "/items/", headers={"Accept": "image/png"}),
    Request("DELETE", "/items/0/"),
    Request("GET", "/items/", headers={"Accept": "text/html"}),  # with a cookie and a token
]


def test_answers_that_are_the_same_are_returned(client):
    answers = assert_same_answers(client, REQUESTS)
    assert [one.status[:3] for one in answers] == ["201", "200", "400", "406", "404", "200"]
    assert b"lamp" in answers[1].body


def test_what_it_did_to_the_database_is_undone(client):
    assert_same_answers(client, REQUESTS)
    assert not Item.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('crud_item', 'id'))")
        before = cursor.fetchone()[0]
    assert_same_answers(client, REQUESTS)
    assert Item.objects.create(**ITEM).pk == before + 1


def test_a_request_that_is_answered_otherwise_is_named(client, monkeypatch):
    longer = "drf_speedups.answers.reading.json_answer"
    monkeypatch.setattr(longer, lambda body, *args: json_answer(body + b" ", *args))
    with pytest.raises(AssertionError, match=r"GET.*/items/") as found:
        assert_same_answers(client, REQUESTS)
    assert "without pieces: Answer(status='200 OK'" in str(found.value)


@override_settings(SPEEDUPS=("validation",))
def test_pieces_that_a_project_leaves_out_stay_out(client, monkeypatch):
    monkeypatch.setattr("drf_speedups.answers.reading.json_answer", None)
    assert_same_answers(client, REQUESTS)


@pytest.mark.parametrize(("asked", "pieces", "said"), [
    ([], None, "there are no requests"), (REQUESTS, [], "SPEEDUPS lists no piece"),
    (REQUESTS, "answers", "SPEEDUPS lists no piece"),  # which is a text
])  # fmt: skip
def test_nothing_is_not_the_same(client, settings, asked, pieces, said):
    settings.SPEEDUPS = pieces
    with pytest.raises(AssertionError, match=f"nothing is compared: {said}"):
        assert_same_answers(client, asked)


@pytest.mark.parametrize("make", [timezone.now, lambda: get_random_string(9), uuid4, token_hex])
def test_time_and_random_bytes_are_the_same_for_whoever_asks(make):
    found, now = [], timezone.now()
    for _ in range(2):
        with replaying.from_here(now, "default"):
            found.append(make())
    assert found[0] == found[1]


def test_rows_whose_values_are_no_numbers_are_the_same(client):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO crud_item (name, price) VALUES ('lamp', 'NaN')")
    assert_same_answers(client, [Request("POST", "/items/", ITEM)])
