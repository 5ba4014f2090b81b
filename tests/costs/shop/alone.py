"""What requests cost in the WSGI application, without a server: prints seconds of CPU by name."""

import io
import json
import sys
import time
from typing import Any

from tests.costs.shop.paths import PATHS
from tests.costs.shop.wsgi import application

WARM_UP, REQUESTS, TURNS = 30, 20, 8


def ask(path: str) -> None:
    """Ask as a server does. Raises `SystemExit` for an answer that reports an error."""
    before, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "PATH_INFO": before, "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "HTTP_HOST": "127.0.0.1",
        "HTTP_ACCEPT": "application/json", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
    }  # fmt: skip
    told: list[str] = []
    asked: Any = application
    response = asked(environ, lambda status, _headers: told.append(status))
    body = b"".join(response)
    response.close()
    if not told[0].startswith("200"):
        sys.exit(f"{path}: {told[0]} {body[:200]!r}")


def cost(path: str) -> float:
    """Return the least seconds of CPU that a request took, over some turns."""
    for _ in range(WARM_UP):
        ask(path)
    turns = []
    for _ in range(TURNS):
        before = time.process_time()
        for _ in range(REQUESTS):
            ask(path)
        turns.append((time.process_time() - before) / REQUESTS)
    return min(turns)


if __name__ == "__main__":
    print(json.dumps({name: cost(path) for name, path in PATHS.items()}))  # noqa: T201
