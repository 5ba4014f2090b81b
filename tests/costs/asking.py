"""The requests whose cost is measured, as bytes, and the mix of them."""

import base64
import json
import random
from collections.abc import Iterator

from tests.contract.raw import HOST, JSON, head
from tests.costs.client import Answer

ACCEPT = "Accept: application/json"
PAGE = 20
MIX = {"retrieve": 60, "list": 15, "create": 20, "delete": 5}  # per cent


def _asked(method: str, path: str, sent: object = None) -> bytes:
    if sent is None:
        return head(f"{method} {path} HTTP/1.1", HOST, ACCEPT)
    body = json.dumps(sent).encode()
    length = f"Content-Length: {len(body)}"
    return head(f"{method} {path} HTTP/1.1", HOST, ACCEPT, JSON, length, body=body)


def retrieve(key: int) -> bytes:
    """Return a GET of one row."""
    return _asked("GET", f"/items/{key}/")


def first_page() -> bytes:
    """Return a GET of the newest rows."""
    return _asked("GET", f"/items/?limit={PAGE}")


def deep_page(key: int) -> bytes:
    """Return a GET of the rows below a key, with a cursor as the service gives it out."""
    cursor = base64.b64encode(b"p=%d" % key).decode().replace("=", "%3D")
    return _asked("GET", f"/items/?cursor={cursor}&limit={PAGE}")


def create(number: int) -> bytes:
    """Return a POST of a row."""
    return _asked("POST", "/items/", _item(number))


def patch(key: int, number: int) -> bytes:
    """Return a PATCH of one column."""
    return _asked("PATCH", f"/items/{key}/", {"quantity": number % 1000})


def put(key: int, number: int) -> bytes:
    """Return a PUT of a whole row."""
    return _asked("PUT", f"/items/{key}/", _item(number))


def delete(key: int) -> bytes:
    """Return a DELETE of a row."""
    return _asked("DELETE", f"/items/{key}/")


def _item(number: int) -> dict[str, object]:
    return {
        "name": f"Folding oak desk {number}",
        "description": "A folding desk from Lisbon, ready to ship.",
        "price": f"{number % 10_000}.{number % 100:02d}",
        "quantity": number % 1000,
    }


def new_key(answer: Answer) -> int:
    """Return the key of the row that was created."""
    return int(json.loads(answer.body)["id"])


class Mix:
    """Endless requests in the proportions of `MIX` on rows 1 to `rows`; it deletes its own rows."""

    def __init__(self, rows: int, seed: int = 0) -> None:
        self._rows = rows
        self._random = random.Random(seed)
        self._made: list[int] = []

    def requests(self) -> Iterator[bytes]:
        """Yield them."""
        while True:
            (chosen,) = self._random.choices([*MIX], [*MIX.values()])
            yield self._request(chosen)

    def learn(self, answer: Answer) -> None:
        """Remember a row that may be deleted."""
        if answer.status == 201:
            self._made.append(new_key(answer))

    def _request(self, chosen: str) -> bytes:
        if chosen == "retrieve":
            return retrieve(self._random.randint(1, self._rows))
        if chosen == "list":
            return first_page()
        if chosen == "delete" and self._made:
            return delete(self._made.pop())
        return create(self._random.randrange(10**6))
