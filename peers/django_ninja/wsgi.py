"""Django's WSGI application, and around it what middleware would do for every request."""

import io
import os
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

from peers.shared.headers import LARGEST_BODY, WITH_BODY, refusal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.django_ninja.settings")

django = get_wsgi_application()
signature = ("X-Served-By", "django-ninja/0")  # of the process that serves: see `serving`


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve paths with and without the trailing slash, refuse what is not JSON, sign answers."""
    path = environ["PATH_INFO"]
    if path[-1:] == "/" and len(path) > 1:
        environ["PATH_INFO"] = path[:-1]

    def signed(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, signature], *rest)

    if refused := _refusal(environ):
        signed(f"{refused} {HTTPStatus(refused).phrase}", [("Content-Length", "0")])
        return [b""]
    return django(environ, signed)


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


def sign() -> None:
    """Answer with this process's number from now on."""
    global signature
    signature = ("X-Served-By", f"django-ninja/{os.getpid()}")
