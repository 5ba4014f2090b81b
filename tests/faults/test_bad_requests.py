"""A request that can be refused without the database is refused without it."""

import contextlib
from typing import Any

import httpx
import pytest

from tests.faults.cluster import ROLE

JSON = {"Content-Type": "application/json"}
BAD: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "a path that leads nowhere": ("GET", "/nowhere/", {}, 404),
    "a method that is not there": ("FOO", "/items/", {}, 405),
    "OPTIONS": ("OPTIONS", "/items/1/", {}, 200),
    "a page that is none": ("GET", "/items/?limit=0", {}, 400),
    "a cursor that is none": ("GET", "/items/?cursor=x", {}, 400),
    "another media type asked for": ("GET", "/items/1/", {"headers": {"Accept": "image/png"}}, 406),
    "another media type sent": ("POST", "/items/", {"data": {"name": "x"}}, 415),
    "no JSON": ("POST", "/items/", {"content": b"{", "headers": JSON}, 400),
    "no item": ("POST", "/items/", {"json": {"name": ""}}, 400),
    "a long body": ("POST", "/items/", {"content": b" " * 2_000_000, "headers": JSON}, 413),
    "another host": ("GET", "/items/", {"headers": {"Host": "evil.com"}}, 400),
}


@contextlib.contextmanager
def no_connection_left(cluster):
    """Let the database take no connection of the service."""
    cluster.admin(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    cluster.terminate_backends()
    try:
        yield
    finally:
        cluster.admin(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


@pytest.mark.parametrize("worker", ["buffered", pytest.param("gthread", marks=pytest.mark.torture)])
def test_a_bad_request_takes_no_connection(worker, request):
    stage = request.getfixturevalue(worker)
    with no_connection_left(stage.cluster), httpx.Client(base_url=stage.server.url) as client:
        given = {}
        for case, (method, path, sent, _) in BAD.items():
            given[case] = client.request(method, path, **sent).status_code
        assert given == {case: status for case, (*_, status) in BAD.items()}
        assert client.get("/items/1/").status_code == 503
        assert client.get("/livez").status_code == 200
    with httpx.Client(base_url=stage.server.url) as client:
        assert client.get("/items/").status_code == 200
