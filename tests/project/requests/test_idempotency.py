"""A POST that is sent again with its key is answered again and done once."""

from datetime import timedelta
from io import StringIO
from itertools import count
from types import SimpleNamespace

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from crud.models import Item
from crud.views import ItemViewSet
from project.access.keys import parse_keys
from project.access.permissions import BearerKeys, HasScope
from project.management.commands import clear_idempotency_keys
from project.models import IdempotencyKey
from project.requests import idempotency
from tests.project.access.test_permissions import READER, WRITER, entry

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {"name": "Lamp", "price": "3.00"}


@pytest.fixture
def client():
    return APIClient(HTTP_HOST="testserver")


def post(client, key="a key", body=NEW, **headers):
    return client.post("/items/", body, format="json", HTTP_IDEMPOTENCY_KEY=key, **headers)


def test_the_same_request_gets_the_same_answer_and_makes_no_second_row(client):
    first, again = post(client), post(client)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("Allow", "Content-Type", "ETag", "Location", "Vary"):
        assert again[name] == first[name]
    assert again.wsgi_request.resolver_match.route == first.wsgi_request.resolver_match.route
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert again["X-Request-ID"] != first["X-Request-ID"]
    assert Item.objects.count() == 1


def test_another_request_with_the_same_key_is_422(client):
    post(client)
    assert post(client, body=NEW | {"name": "Desk"}).status_code == 422
    assert Item.objects.count() == 1


def test_while_the_first_one_runs_the_second_gets_409(client, monkeypatch):
    monkeypatch.setattr(idempotency, "_lock", lambda name: False)
    answer = post(client)
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert Item.objects.count() == 0


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "é", ""])
def test_a_key_that_cannot_be_one_is_400(client, key):
    assert post(client, key).status_code == 400
    assert post(client, "x" * 255).status_code == 201


def test_a_refused_request_may_be_mended_and_sent_again(client):
    assert post(client, body={"name": ""}).status_code == 400
    assert post(client).status_code == 201
    assert IdempotencyKey.objects.count() == 1


def test_row_and_answer_are_there_together_or_not_at_all(client, monkeypatch):
    def lost(**_values):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(IdempotencyKey.objects, "create", lost)
    assert post(client).status_code == 503
    assert Item.objects.count() == 0
    monkeypatch.undo()
    assert post(client).status_code == 201


def test_a_key_is_forgotten_after_a_day(client):
    post(client)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in post(client)
    assert Item.objects.count() == 2
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    post(client, "another key")
    said = StringIO()
    call_command("clear_idempotency_keys", stdout=said)
    assert said.getvalue() == "1 keys deleted\n"
    assert [one.key for one in IdempotencyKey.objects.all()] == ["another key"]


OLD_KEYS = """
INSERT INTO idempotency_key (client, key, request, status, headers, body, created_at)
SELECT '', n::text, '', 201, '{}', '', now() - interval '25 hours' FROM generate_series(1, 2500) n
"""


@pytest.fixture
def old_keys():
    """2,500 of them, and one of a moment ago."""
    with connection.cursor() as cursor:
        cursor.execute(OLD_KEYS)
    IdempotencyKey.objects.create(key="new", status=201, headers={}, body=b"")


def clear(*options: str) -> str:
    said = StringIO()
    call_command("clear_idempotency_keys", *options, stdout=said)
    return said.getvalue()


def test_old_keys_go_in_batches_with_progress(old_keys, monkeypatch):
    monkeypatch.setattr(clear_idempotency_keys, "PROGRESS", 0.0)
    assert clear("--batch", "1000") == (
        "1000 keys deleted so far\n2000 keys deleted so far\n2500 keys deleted so far\n"
        "2500 keys deleted so far\n2500 keys deleted\n"
    )
    assert [one.key for one in IdempotencyKey.objects.all()] == ["new"]


def test_what_takes_a_statement_too_long_is_tried_with_fewer(old_keys, own_session, monkeypatch):
    delete, tried = clear_idempotency_keys.Command._delete, []

    def slow_for_many(command, size):
        tried.append(size)
        if size > 1000:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '50ms'; SELECT pg_sleep(1)")
        return delete(command, size)

    monkeypatch.setattr(clear_idempotency_keys.Command, "_delete", slow_for_many)
    assert clear("--batch", "4000") == "2500 keys deleted\n"
    assert tried[:3] == [4000, 2000, 1000]


def test_when_its_time_is_up_the_rest_is_left_for_the_next_run(old_keys, monkeypatch):
    clock = count(0, 300)
    monkeypatch.setattr(
        clear_idempotency_keys, "time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    said = clear("--batch", "1000", "--seconds", "540")
    assert said.endswith("1000 keys deleted; time is up, more are left for the next run\n")
    assert IdempotencyKey.objects.count() == 1501


def test_a_row_that_a_request_replaces_at_this_moment_is_left_to_it(old_keys, database_url):
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM idempotency_key WHERE key = '7' FOR UPDATE")
        assert clear() == "2499 keys deleted\n"


@pytest.mark.parametrize("batch", ["0", "-1", "many", "1.5", "9" * 10])
def test_a_wrong_limit_is_refused(batch):
    with pytest.raises(CommandError, match="is no whole number from 1"):
        clear("--batch", batch)


@pytest.fixture
def closed(settings, monkeypatch):
    """Open to two who write and one who reads."""
    settings.API_AUTH = "keys"
    settings.API_KEYS = parse_keys([
        entry("one", WRITER, "write"), entry("two", "another", "write"), entry("x", READER, "read")
    ])  # fmt: skip
    monkeypatch.setattr(ItemViewSet, "authentication_classes", [BearerKeys])
    monkeypatch.setattr(ItemViewSet, "permission_classes", [HasScope])


def test_a_clients_keys_are_its_own_however_it_writes_its_secret(client, closed):
    for shown, replayed in ((f"Bearer {WRITER}", False), ("Bearer another", False),
                            (f"bearer  {WRITER} ", True)):  # fmt: skip
        answer = post(client, HTTP_AUTHORIZATION=shown)
        assert (answer.status_code, answer.has_header("Idempotency-Replayed")) == (201, replayed)


def test_who_may_not_post_or_posts_to_nothing_costs_no_query(client, closed):
    with connection.execute_wrapper(forbidden):
        assert post(client, HTTP_AUTHORIZATION="Bearer stranger").status_code == 401
        assert post(client, HTTP_AUTHORIZATION=f"Basic {WRITER}").status_code == 401
        assert post(client, HTTP_AUTHORIZATION=f"Bearer {READER}").status_code == 403
        known = {"HTTP_AUTHORIZATION": f"Bearer {WRITER}", "HTTP_IDEMPOTENCY_KEY": "a key"}
        assert client.post("/items/1/", NEW, format="json", **known).status_code == 405
        assert client.post("/nowhere/", NEW, format="json", **known).status_code == 404


def test_a_connection_to_a_server_that_takes_no_changes_ends_with_the_request(client, own_session):
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    assert post(client).status_code == 503
    connection.close_if_unusable_or_obsolete()  # as the end of each request does
    assert post(client).status_code == 201


def forbidden(*_arguments):
    raise AssertionError("a stranger asked the database")


def test_a_request_without_a_key_and_another_method_store_nothing(client):
    client.post("/items/", NEW, format="json")
    client.get("/items/", HTTP_IDEMPOTENCY_KEY="a key")
    assert IdempotencyKey.objects.count() == 0
