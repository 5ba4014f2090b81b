"""What `startproject` writes, with the lab's header around it."""

import os
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.drf_stock.settings")

stock = get_wsgi_application()
SIGNATURE = ("X-Served-By", f"drf-stock/{os.getpid()}")  # each worker loads its own application


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request, and tell which process did."""

    def signed(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, SIGNATURE], *rest)

    return stock(environ, signed)
