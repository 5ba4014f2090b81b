"""Every status that the schema documents is one the service gives, for each operation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Literal

from tests.contract.conftest import OURS, Serve, Service
from tests.contract.expectations import assert_problem
from tests.contract.keys import READER, bearer

NEW = {"name": "taken", "price": "1"}
MISSING = 2**63 - 1


@dataclass(frozen=True)
class Way:
    """How to provoke a status: which service (a fixture) is asked, and how."""

    service: str = "ours"
    headers: Mapping[str, str] = field(default_factory=dict)
    item: int | None = None
    content: bytes | None = None

    def answer(self, service: Service, method: str, path: str, item: int) -> httpx.Response:
        """Send one request of the operation."""
        sent: dict[str, Any] = {"headers": self.headers}
        if self.content is not None:
            sent["content"] = self.content
        elif method in {"post", "put", "patch"}:
            sent["json"] = NEW
        return service.http.request(method, path.format(id=self.item or item), **sent)


WAYS = {
    200: Way(),
    201: Way(),
    204: Way(),
    304: Way(headers={"If-None-Match": "*"}),
    400: Way(headers={"Host": "evil.com"}),
    401: Way("guarded"),
    403: Way("guarded", headers=bearer(READER)),
    404: Way(item=MISSING),
    406: Way(headers={"Accept": "application/xml"}),
    409: Way("clashing"),
    412: Way(headers={"If-Match": '"of another state"'}),
    413: Way(content=b" " * (1_048_576 + 1)),
    415: Way(headers={"Content-Type": "text/plain"}),
    422: Way("keyed", headers={"Idempotency-Key": "documented"}),
    428: Way("demanding"),
    500: Way("without_tables"),
    503: Way("without_database"),
    504: Way("locked"),
}


@pytest.fixture(scope="module")
def documented(ours) -> list[tuple[str, str, set[int]]]:
    """Method, path and statuses of each operation, as the running service tells them."""
    paths = ours.http.get("/schema/", headers={"Accept": "application/json"}).json()["paths"]
    return [
        (method, path, {int(status) for status in operation["responses"]})
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


@pytest.fixture
def item(ours) -> int:
    return int(ours.http.post("/items/", json={"name": "Desk", "price": "1"}).json()["id"])


@pytest.fixture
def clashing(ours, item, database) -> Iterator[Service]:
    """Ours, while the item is referred to and the name it is to get is taken."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("INSERT INTO crud_item (name, price) VALUES ('taken', 1)")
        connection.execute("CREATE TABLE referring (item bigint REFERENCES crud_item)")
        connection.execute("INSERT INTO referring VALUES (%s)", (item,))
        unique = SQL("CREATE UNIQUE INDEX clash ON crud_item (name) WHERE id >= {}")
        connection.execute(unique.format(Literal(item)))
        try:
            yield ours
        finally:
            connection.execute("DROP INDEX clash")
            connection.execute("DROP TABLE referring")


@pytest.fixture
def keyed(ours: Service) -> Service:
    """Ours, when another request has used the key."""
    first = {"name": "first", "price": "1"}
    ours.http.post("/items/", json=first, headers={"Idempotency-Key": "documented"})
    return ours


@pytest.fixture
def demanding(serve: Serve, database) -> Service:
    """Ours, which takes no change of an unknown state."""
    service: Service = serve(OURS, database.url, REQUIRE_IF_MATCH="1")
    return service


@pytest.fixture
def locked(serve: Serve, database) -> Iterator[Service]:
    """Ours with little patience, while somebody else has the table."""
    options = f"options={quote('-c statement_timeout=200ms')}"
    service = serve(OURS, f"{database.url}{'&' if '?' in database.url else '?'}{options}")
    with psycopg.connect(database.url) as connection:
        connection.execute("LOCK TABLE crud_item")
        yield service
        connection.rollback()


@pytest.mark.parametrize("status", WAYS)
def test_a_documented_status_is_given_by_every_operation_that_has_it(
    request, documented, item, status
):
    way = WAYS[status]
    operations = [(method, path) for method, path, statuses in documented if status in statuses]
    assert operations
    service = request.getfixturevalue(way.service)
    for method, path in operations:
        answer = way.answer(service, method, path, item)
        if status < 400:
            assert answer.status_code == status
        else:
            assert_problem(answer, status)


def test_no_other_status_is_documented(documented):
    assert set().union(*(statuses for _, _, statuses in documented)) == set(WAYS)
