"""Keys and scopes: who is refused, with what, and that no secret is repeated anywhere."""

import hashlib
import hmac
import logging
from unittest.mock import Mock

import pytest
from rest_framework.test import APIClient

from crud.views import ItemViewSet
from project.access.keys import find_key, parse_keys
from project.access.permissions import BearerKeys, HasScope

READER, WRITER, STRANGER = "the-reader's-secret", "the-writer's-secret", "a-stranger's-guess"
NEW = {"name": "Desk", "price": "1.00"}


def entry(name: str, secret: str, scope: str) -> str:
    return f"{name}:{hashlib.sha256(secret.encode()).hexdigest()}:{scope}"


KEYS = parse_keys([entry("reader", READER, "read"), entry("writer", WRITER, "write")])


@pytest.fixture
def closed(settings, monkeypatch):
    """The service as production has it: closed to those who show no key."""
    settings.API_KEYS = KEYS
    monkeypatch.setattr(ItemViewSet, "authentication_classes", [BearerKeys])
    monkeypatch.setattr(ItemViewSet, "permission_classes", [HasScope])


def client(authorization: str | None = None) -> APIClient:
    found = APIClient(HTTP_HOST="testserver")
    if authorization is not None:
        found.credentials(HTTP_AUTHORIZATION=authorization)
    return found


# None of these has the mark django_db: a query would fail.


@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", f"Bearer {STRANGER}", f"Basic {WRITER}", WRITER, "Bearer \xff",
    f"Bearer {WRITER} {WRITER}", "Bearer reader", f"Bearer {next(iter(KEYS))}",
])  # fmt: skip
def test_what_is_no_known_key_is_a_401_that_says_how(closed, authorization):
    answer = client(authorization).get("/items/")
    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert answer["WWW-Authenticate"] == 'Bearer realm="items"'


@pytest.mark.parametrize(("method", "path"), [
    ("get", "/items/1/"), ("post", "/items/"), ("put", "/items/1/"), ("patch", "/items/1"),
    ("delete", "/items/1/"), ("options", "/items/"),
])  # fmt: skip
def test_every_operation_asks_for_a_key(closed, method, path):
    assert getattr(client(), method)(path, NEW, format="json").status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_key_that_may_only_read_gets_403_for_a_change(closed, method):
    path = "/items/" if method == "post" else "/items/1/"
    answer = getattr(client(f"Bearer {READER}"), method)(path, NEW, format="json")
    assert (answer.status_code, answer.json()["detail"]) == (
        403, "This key may read but not write."
    )  # fmt: skip


@pytest.mark.django_db
def test_the_scope_read_reads_and_the_scope_write_does_both(closed, django_assert_num_queries):
    assert client(f"bearer {READER}").get("/items/").status_code == 200
    with django_assert_num_queries(1):  # the key itself costs no query
        assert client(f"Bearer {WRITER}").post("/items/", NEW, format="json").status_code == 201
    assert client(f"BEARER  {WRITER}").get("/items/").status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/schema/", "/docs/"])
def test_probes_and_documentation_ask_for_no_key(closed, path):
    assert client().get(path).status_code == 200


@pytest.mark.parametrize("secret", [READER, WRITER, STRANGER, ""])
def test_every_key_is_compared_whole_wherever_the_secret_differs(monkeypatch, secret):
    compare = Mock(side_effect=hmac.compare_digest)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    find_key(secret, KEYS)
    assert [call.args[0] for call in compare.call_args_list] == list(KEYS)


def test_a_secret_stands_in_no_log_line_and_no_answer(closed, caplog):
    with caplog.at_level(logging.DEBUG):
        for authorization in (f"Bearer {STRANGER}", f"Bearer {READER}"):
            answer = client(authorization).delete("/items/1/")
            assert STRANGER not in answer.text
            assert READER not in answer.text
    assert caplog.records
    lines = " ".join(str(vars(record)) for record in caplog.records)
    assert STRANGER not in lines
    assert READER not in lines
