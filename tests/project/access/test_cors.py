"""Pages of other origins: who is listed may call the service, and its preflight needs no key."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest

from lab.experiments.targets import TARGETS
from tests.forks import serving

PAGE, STRANGER = "https://shop.example", "https://evil.example"
SECRET = "the-secret-of-the-page"
ENV = {
    "API_AUTH": "keys", "API_KEYS": f"page:{sha256(SECRET.encode()).hexdigest()}:write",
    "CORS_ALLOWED_ORIGINS": PAGE,
}  # fmt: skip
TARGET = replace(TARGETS["django"], ready="/livez")
ALLOWED = "Access-Control-Allow-Origin"
ASKS = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type, if-match",
}


@pytest.fixture(scope="module")
def http(database_url, tmp_path_factory) -> Iterator[httpx.Client]:
    log = tmp_path_factory.mktemp("origins") / "log"
    with (
        serving(TARGET, database_url, log=log, env=ENV) as service,
        httpx.Client(base_url=service.url) as client,
    ):
        yield client


@pytest.mark.django_db
def test_a_preflight_is_answered_without_a_key_to_a_listed_origin_only(http):
    found = http.options("/items/1/", headers={"Origin": PAGE, **ASKS})
    assert (found.status_code, found.headers[ALLOWED], found.content) == (200, PAGE, b"")
    assert "PATCH" in found.headers["Access-Control-Allow-Methods"]
    allowed = found.headers["Access-Control-Allow-Headers"]
    assert {"authorization", "content-type", "if-match", "idempotency-key"} <= set(
        allowed.split(", ")
    )
    assert ALLOWED not in http.options("/items/1/", headers={"Origin": STRANGER, **ASKS}).headers
    assert "Access-Control-Allow-Credentials" not in found.headers


@pytest.mark.django_db
@pytest.mark.parametrize("origin", [PAGE, STRANGER, None])
def test_every_answer_says_who_may_read_it_and_that_it_differs(http, origin):
    said = {} if origin is None else {"Origin": origin}
    for key, status in ((f"Bearer {SECRET}", 200), ("Bearer wrong", 401)):
        answer = http.get("/items/", headers={"Authorization": key, **said})
        assert answer.status_code == status
        assert answer.headers.get(ALLOWED) == (PAGE if origin == PAGE else None)
        assert "origin" in answer.headers["Vary"].lower()
    if origin == PAGE:
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.django_db
def test_without_the_setting_no_origin_hears_anything(database_url, tmp_path):
    env = {**ENV, "CORS_ALLOWED_ORIGINS": ""}
    with serving(TARGET, database_url, log=tmp_path / "log", env=env) as service:
        asked = {"Origin": PAGE, "Authorization": f"Bearer {SECRET}"}
        answer = httpx.get(f"{service.url}/items/", headers=asked)
        assert answer.status_code == 200
        assert ALLOWED not in answer.headers
        assert "origin" not in answer.headers.get("Vary", "").lower()
