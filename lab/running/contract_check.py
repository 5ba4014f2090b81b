"""Does an implementation answer as the contract says? A handful of requests before it is timed.

The whole contract is `tests/contract`, which every target of the registry passes; this sees that
what was started is that, and that its table is the one that was seeded.
"""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lab.errors import LabError
from lab.running.servers import Server

FIELDS = {"id", "name", "description", "price", "quantity", "created_at", "updated_at"}
NEW = {"name": "parity", "description": "is deleted again", "price": "12.50", "quantity": 3}
PAGE = 20


def check(server: Server, rows: int) -> None:
    """Raise `LabError` with the first difference from the contract; `rows` must be seeded."""
    for difference in _differences(server, rows):
        raise LabError(
            f"{server.target.name} is not timed, because it breaks the contract: {difference}"
        )


def _differences(server: Server, rows: int) -> Iterator[str]:
    yield from _list(server, min(PAGE, rows))
    yield from _item("GET /items/1/", 200, *_ask(server, "GET", "/items/1/"))
    status, created = _ask(server, "POST", "/items/", NEW)
    yield from _item("POST /items/", 201, status, created)
    wrong = [name for name, value in NEW.items() if created.get(name) != value]
    if wrong:
        yield f"POST /items/ gave back another {wrong[0]}: {created.get(wrong[0])!r}"
    path = f"/items/{created.get('id')}/"
    for expected in (204, 404):  # so that the table is as before
        if (status := _ask(server, "DELETE", path)[0]) != expected:
            yield f"DELETE of a created item answered {status}, not {expected}"
    if (status := _ask(server, "POST", "/items/", {"name": ""})[0]) not in (400, 422):
        yield f"POST /items/ of a wrong item answered {status}, not 400"


def _list(server: Server, length: int) -> Iterator[str]:
    what = f"GET /items/?limit={PAGE}"
    status, page = _ask(server, "GET", f"/items/?limit={PAGE}")
    items = page.get("results") if isinstance(page, dict) else None
    if status != 200 or not isinstance(items, list):
        yield f"{what} answered {status} without a list in 'results'"
    elif len(items) != length:
        yield f"{what} gave {len(items)} items, not {length}"
    else:
        yield from _item(what, status, status, items[0])


def _item(what: str, expected: int, status: int, item: Any) -> Iterator[str]:
    if status != expected:
        yield f"{what} answered {status}, not {expected}"
    elif not isinstance(item, dict) or set(item) != FIELDS:
        yield f"{what} has other fields than {', '.join(sorted(FIELDS))}"


def _ask(server: Server, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return the status and the JSON of an answer, {} for a body that is none."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    headers = {"Accept": "application/json"}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body), "application/json"
    try:
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except ValueError:
        return answer.status, {}
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"{server.target.name} did not answer {method} {path}: {error}") from error
    finally:
        connection.close()
