"""A stand-in for the service: the item contract in memory, with defects to order.

Only what the load looks at is here; defects are spoiled answers, to see that the load notices.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

STAMP = "2026-01-01T00:00:00Z"


@dataclass
class Stub:
    """A table and how to serve it. The defects are names that Handler looks for."""

    rows: int = 200
    bare: bool = False  # a bare list and no trailing slash, as the fastapi preset expects
    defects: frozenset[str] = frozenset()
    delay: float = 0.0  # seconds before each answer
    prefix: str = ""  # of all paths
    link: str = "http://elsewhere/items/?limit={size}&cursor={last}"  # to the next page
    url: str = ""
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    hidden: dict[int, float] = field(default_factory=dict)  # ids and until when (monotonic)
    deletes: list[int] = field(default_factory=list)  # ids asked for, there or not
    updates: list[int] = field(default_factory=list)  # ids of what was changed
    keys: set[str | None] = field(default_factory=set)  # Authorization headers seen
    seen: Counter[str] = field(default_factory=Counter)  # "GET item", "POST items"
    started: int = 0
    finished: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        for number in range(self.rows):
            self.create({"name": f"Item {number}", "price": "1.00"})

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            item = {"id": self._next_id(), "description": "", "quantity": 0, **body}
            item["price"] = f"{Decimal(str(item['price'])):.2f}"
            self.items[item["id"]] = item | {"created_at": STAMP, "updated_at": STAMP}
            return self.items[item["id"]]

    def _next_id(self) -> int:
        if "reuse" not in self.defects:
            return next(self._ids)
        return next(number for number in count(1) if number not in self.items)

    def delete(self, number: int) -> bool:
        with self.lock:
            self.deletes.append(number)
            return self.items.pop(number, None) is not None

    def update(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.updates.append(number)
            if "idle" not in self.defects:
                self.items[number] |= body
            return {"ok": True} if "mute" in self.defects else self.items[number]

    def page(self, size: int, before: int) -> dict[str, Any] | list[Any]:
        with self.lock:
            ids = sorted((i for i in self.items if i < before), reverse=True)[:size]
            results = [self.items[i] for i in ids]
        if self.bare:
            return results
        link = self.link.format(size=size, last=ids[-1]) if ids else None
        return {"next": link, "previous": None, "results": results}

    @contextmanager
    def serving(self) -> Iterator["Stub"]:
        server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"stub": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet where a client is gone: a load that ends does not wait for everything."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    stub: ClassVar[Stub]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        self.stub.started += 1
        number = self.stub.started  # others go on counting while this answer is made
        self.stub.keys.add(self.headers["Authorization"] or self.headers["access_token"])
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        time.sleep(self.stub.delay)
        status, content = self.route(body)
        if "silent" in self.stub.defects and number > 20 and number % 20 == 0:
            time.sleep(20)
        if "drop" in self.stub.defects and number % 20 == 0:
            self.close_connection = True
            return
        self.reply(*self.spoil(status, content))
        self.stub.finished += 1

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def route(self, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(self.path.removeprefix(self.stub.prefix))
        if parts.path.endswith("/") == self.stub.bare or not self.path.startswith(self.stub.prefix):
            return 404, {"detail": "no such path"}
        words = parts.path.strip("/").split("/")
        self.stub.seen[f"{self.command} {'item' if words[1:] else 'items'}"] += 1
        match [self.command, *words]:
            case ["GET", "items"]:
                query = parse_qs(parts.query)
                before = int(query.get("cursor", ["999999999"])[0])
                return 200, self.stub.page(int(query.get("limit", ["20"])[0]), before)
            case ["POST", "items"]:
                item = json.loads(body)
                return (201, self.created(item)) if "price" in item else (400, {})
            case ["GET", "items", number] if found := self.found(int(number)):
                return 200, found
            case ["PUT", "items", number] if self.found(int(number)):
                return 200, self.stub.update(int(number), json.loads(body))
            case ["DELETE", "items", _] if "undead" in self.stub.defects:
                return 204, None
            case ["DELETE", "items", number]:
                return (204, None) if self.stub.delete(int(number)) else (404, {})
        return 404, {"detail": "not found"}

    def created(self, item: dict[str, Any]) -> dict[str, Any]:
        """Every fifth row is lost where that was ordered, or all are late."""
        item.pop("secret", None)
        if lines := item.get("lines"):
            item["lines"] = [{"number": 1, **line} for line in lines]
        found = self.stub.create(item)
        if "lose" in self.stub.defects and found["id"] % 5 == 0:
            self.stub.items.pop(found["id"])
        if "forget" in self.stub.defects and found["id"] % 5 == 0:
            self.stub.items[found["id"]] = found | {"name": "what was there before"}
        if "late" in self.stub.defects:
            self.stub.hidden[found["id"]] = time.monotonic() + 2
        return found

    def found(self, number: int) -> dict[str, Any] | None:
        hidden = self.stub.hidden.get(number, 0.0) > time.monotonic()
        return None if hidden else self.stub.items.get(number)

    def spoil(self, status: int, content: Any) -> tuple[int, Any]:
        """Apply the defect that was ordered."""
        defects = self.stub.defects
        if "status" in defects and self.command == "POST":
            return 202, content
        if "redirect" in defects and self.command == "GET" and "?" not in self.path:
            return 307, content
        if "value" in defects and status == 201:
            return status, content | {"price": "0.01"}
        if "field" in defects and status == 201:
            return status, {key: content[key] for key in content if key != "updated_at"}
        if "html" in defects and status == 200 and "?" not in self.path:
            return status, "<html>welcome</html>"
        if "long" in defects and "?" in self.path:
            return status, content | {"results": content["results"] * 2}
        if "twice" in defects and "?" in self.path:
            return status, content | {"results": [*content["results"][1:], content["results"][1]]}
        if "other" in defects and status == 200 and "?" not in self.path:
            return status, content | {"id": 1_000_000}
        return status, content

    def reply(self, status: int, content: Any) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        body = b"" if content is None else text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        is_cut = (
            "cut" in self.stub.defects and self.stub.started > 20 and self.stub.started % 5 == 0
        )
        self.close_connection |= is_cut
        self.send_header("Content-Length", str(len(body) + 9 * is_cut))
        self.send_header("X-Served-By", "stub/1")
        if status == 307:
            self.send_header("Location", "/items/?limit=1")
        if "close" in self.stub.defects:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""
