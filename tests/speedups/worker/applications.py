"""WSGI applications that the worker's tests serve.

Each also answers `/pid` and `/sleep/SECONDS`.
"""

import base64
import contextlib
import json
import os
import signal
import time
from typing import Any

from flask import Flask

from drf_speedups.worker.client_socket import ClientSocket

OURS = "drf_speedups."  # what our worker adds, and no other has
PLAIN = (str, int, bool, tuple)  # what JSON can carry; the rest of an environment is objects


def visible(environ: dict[str, Any]) -> dict[str, Any]:
    """Return what of an environment can be compared, objects by what they are."""
    return {
        name: value if isinstance(value, PLAIN) else _kind(value)
        for name, value in environ.items()
        if not name.startswith(OURS)
    }


def _kind(value: object) -> str:
    if isinstance(value, ClientSocket):
        return "socket"
    return "callable" if callable(value) else type(value).__name__


def echo(environ, start_response):
    """Answer with the environment and the body."""
    seen = visible(environ)
    body = environ["wsgi.input"].read()
    answer = json.dumps({"environ": seen, "body": base64.b64encode(body).decode()}).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def simple(environ, start_response):
    """Answer with the worker's pid, after `/sleep/SECONDS` or, `/big`, with 10 MB."""
    path = environ["PATH_INFO"]
    if path.startswith("/sleep/"):
        time.sleep(float(path[7:]))
    answer = b"x" * 10_000_000 if path == "/big" else str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def failing(*blocks):
    """Give these blocks, then break off."""
    yield from blocks
    raise ValueError("broken")


class Closing:
    """An iterable that counts how often it is closed."""

    def __init__(self, blocks):
        self.blocks = iter(blocks)
        self.closed = 0

    def __iter__(self):
        return self.blocks

    def close(self):
        self.closed += 1


class Forking(Closing):
    """Forks when it is closed, and both processes go on."""

    def close(self):
        if child := os.fork():
            os.waitpid(child, 0)


def answering(blocks, *headers, status="200 OK"):
    """Return an application that answers with these blocks."""

    def application(environ, start_response):
        start_response(status, list(headers))
        return blocks

    return application


opened: list[int] = []


def hostile(environ, start_response):
    """Do what an application may do to the process that it shares with the worker's loop."""
    said, path = str(os.getpid()).encode(), environ["PATH_INFO"]
    if (path, environ["QUERY_STRING"]) == ("/fork", "closes"):
        return answering(Forking([b"forks"]), ("Content-Length", "5"))(environ, start_response)
    if path == "/fork":
        said = _fork(environ["QUERY_STRING"])
    elif path == "/block":
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        said = b"blocked"
    elif path == "/exhaust":
        with contextlib.suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        said = b"x" * 5_000_000  # more than the kernel takes, and no file can be opened for it
    elif path == "/free":
        while opened:
            os.close(opened.pop())
        said = b"freed"
    elif path.startswith("/sleep/"):
        time.sleep(float(path[7:]))
    return answering([said], ("Content-Length", str(len(said))))(environ, start_response)


def _fork(how: str) -> bytes:
    if child := os.fork():
        os.waitpid(child, 0)
        return b"parent"
    match how:
        case "raises":
            raise ValueError("in the child")
        case "exits":
            raise SystemExit(0)
        case "leaves":
            os._exit(0)
    return b"child" * 1000


flask = Flask(__name__)


@flask.post("/sum")
def add() -> dict[str, int]:
    """Return a sum of numbers in JSON."""
    from flask import request

    return {"sum": sum(request.get_json())}
