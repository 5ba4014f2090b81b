"""What holds for every request, before Django looks at it: what middleware would do, for less."""

import io
import os
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from peers.shared.headers import LARGEST_BODY, WITH_BODY, refusal


class Edge:
    """Serves paths with and without the trailing slash, refuses what is not JSON, signs answers."""

    def __init__(self, app: WSGIApplication, name: str) -> None:
        self.app = app
        self.name = name
        self.sign()
        os.register_at_fork(after_in_child=self.sign)  # loaded before the workers are forked

    def sign(self) -> None:
        """Answer with this process's number from now on."""
        self._signature = ("X-Served-By", f"{self.name}/{os.getpid()}")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if path[-1:] == "/" and len(path) > 1:
            environ["PATH_INFO"] = path[:-1]

        def signed(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, self._signature], *rest)

        if refused := _refusal(environ):
            signed(f"{refused} {HTTPStatus(refused).phrase}", [("Content-Length", "0")])
            return [b""]
        return self.app(environ, signed)


def _refusal(environ: WSGIEnvironment) -> int:
    method = environ["REQUEST_METHOD"]
    said = refusal(method, environ.get("HTTP_ACCEPT"), environ.get("CONTENT_TYPE") or None)
    if said or method not in WITH_BODY:
        return said
    return _read_whole(environ)


def _read_whole(environ: WSGIEnvironment) -> int:
    """Read a body, also a chunked one, which Django takes for none. Return 413 for a longer one."""
    source = environ["wsgi.input"]
    body = source.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        for _ in range(64):  # a close while data comes in would take the answer with it
            if not source.read(65_536):
                break
        return 413
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    return 0
