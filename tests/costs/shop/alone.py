"""What requests cost in the WSGI application, without a server.

Reads names of paths from stdin, a line each, and answers with the seconds of CPU of a request.
"""

import io
import sys
import time
from typing import Any

from tests.costs.shop.paths import PATHS
from tests.costs.shop.wsgi import application

WARM_UP, FIRST, REQUESTS = 30, 2, 20


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
    """Return the seconds of CPU that a request takes, of some that follow each other.

    The first find the caches of the processor full of another variant's code: they do not count.
    """
    for _ in range(FIRST):
        ask(path)
    before = time.process_time()
    for _ in range(REQUESTS):
        ask(path)
    return (time.process_time() - before) / REQUESTS


if __name__ == "__main__":
    for every in PATHS.values():
        for _ in range(WARM_UP):
            ask(every)
    for line in sys.stdin:
        print(cost(PATHS[line.strip()]), flush=True)  # noqa: T201
