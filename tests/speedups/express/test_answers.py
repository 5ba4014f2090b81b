"""The express lane answers as Django does."""

import json
from itertools import cycle, product

import pytest
from django.db import OperationalError

from crud.models import Item
from drf_speedups.database.statements import Statement
from tests.speedups.express.asking import PLAIN, ask

VOLATILE = ("created_at", "updated_at", "id")

READS = [
    "/items/", "/items", "/items/?limit=3", "/items/?limit=0", "/items/?cursor=x", "/items/?x=1",
    "/items/?limit=2&cursor=cD0xMA==", "/items/?cursor=cj0xJnA9NQ==", "/nowhere", "/items/x",
    "/livez", "/items/%C3%A9/", "/items/999999999", "//items/", "/items/0/",
]  # fmt: skip
HEADERS = [
    {}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": "text/csv"}, {"HTTP_HOST": "elsewhere.example"},
    {"HTTP_COOKIE": "a=b"}, {"HTTP_ACCEPT": "application/json; indent=4"},
]  # fmt: skip
METHODS = ["GET", "HEAD", "OPTIONS"]
SCHEMES = ["http", "https"]
KINDS = ["application/json", "text/plain", "application/json; charset=utf-8"]


@pytest.mark.parametrize("target", READS)
def test_a_read_is_answered_as_django_answers_it(lane, rows, target):
    # The methods are odd in number: each two of headers, method and scheme meet.
    for (headers, method), scheme in zip(product(HEADERS, METHODS), cycle(SCHEMES), strict=False):
        more = {**headers, "wsgi.url_scheme": scheme}
        ours = ask(lane.lane, method, target, **more)
        assert (method, more, ours) == (method, more, ask(lane.django, method, target, **more))


def test_a_row_is_read_in_the_lane(lane, rows):
    answer = ask(lane.lane, "GET", f"/items/{rows[0]}/")
    assert (answer[0], lane.left) == ("200 OK", 0)
    assert answer == ask(lane.django, "GET", f"/items/{rows[0]}/")


BODIES = [json.dumps(PLAIN), '{"name": "A", "price": 1, "quantity": 7, "id": 9}', "{}", "[]", "x",
          '{"name": "", "price": 1}', '{"quantity": 3}', '{"quantity": -3}', '{"price": 1e3}',
          '{"name": " A\\u2028 ", "description": " kept ", "price": "99999999.99"}',
          '{"name": "A", "price": 1, "colour": "red"}', "",
          '{"name": "\\u0000", "price": 1}']  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", BODIES)
def test_a_change_is_made_and_answered_as_django_does_it(lane, rows, method, body):
    for kind, two in zip(KINDS, in_pairs(rows), strict=False):
        _assert_changed_alike(lane, two, method, body.encode(), kind)


def in_pairs(rows):
    return zip(rows[::2], rows[1::2], strict=True)


def _assert_changed_alike(lane, rows, method, body, kind):
    """Let the lane change the one row, or make one, and Django the other."""
    targets = ["/items/", "/items/"] if method == "POST" else [f"/items/{pk}/" for pk in rows]
    before = [Item.objects.get(pk=pk).updated_at for pk in rows]
    ours, theirs = (
        _masked(ask(application, method, target, body, CONTENT_TYPE=kind), target)
        for application, target in zip((lane.lane, lane.django), targets, strict=True)
    )
    assert (kind, ours) == (kind, theirs)
    stored = Item.objects.values("name", "description", "price", "quantity")
    if method in {"PUT", "PATCH"}:
        assert stored.get(pk=rows[0]) == stored.get(pk=rows[1])
        after = [Item.objects.get(pk=pk).updated_at for pk in rows]
        assert [one > two for one, two in zip(after, before, strict=True)] == 2 * [
            ours[0] == "200 OK"
        ]


def _masked(answer, target):
    status, headers, body = answer
    names = [(name, value) for name, value in headers if name not in {"Location", "Content-Length"}]
    data = json.loads(body) if body else {}
    kept = {name: value for name, value in data.items() if name not in VOLATILE}
    if "instance" in kept:
        kept["instance"] = kept["instance"].replace(target, "")
    return status, names, kept


@pytest.mark.parametrize(("method", "body"), [
    ("GET", None), ("POST", PLAIN), ("PUT", PLAIN), ("PATCH", {"quantity": 4}), ("DELETE", None),
])  # fmt: skip
def test_plain_requests_never_reach_django(lane, rows, method, body):
    target = "/items/" if method == "POST" else f"/items/{rows[0]}/"
    content = json.dumps(body).encode() if body else b""
    assert ask(lane.lane, method, target, content, CONTENT_TYPE="application/json")[0][0] == "2"
    assert lane.left == 0


def test_a_patch_leaves_what_it_does_not_name(lane, rows):
    Item.objects.filter(pk=rows[0]).update(description="kept", quantity=5)
    ask(
        lane.lane,
        "PATCH",
        f"/items/{rows[0]}/",
        b'{"name": "New"}',
        CONTENT_TYPE="application/json",
    )
    item = Item.objects.get(pk=rows[0])
    assert (item.name, item.description, item.quantity) == ("New", "kept", 5)


def test_an_error_of_a_statement_is_explained_once_and_not_tried_again(lane, rows, monkeypatch):
    tries = []

    def fail(self, parameters):
        tries.append(parameters)
        raise OperationalError("gone")

    monkeypatch.setattr(Statement, "rows", fail)
    content = json.dumps(PLAIN).encode()
    status, headers, body = ask(
        lane.lane, "POST", "/items/", content, CONTENT_TYPE="application/json"
    )
    assert (status, len(tries)) == ("503 Service Unavailable", 1)
    assert json.loads(body)["request_id"] == dict(headers)["X-Request-ID"] == "mine"
