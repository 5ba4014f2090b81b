"""What every request gets: an id, a few checks before any work, and a line in the log."""

import functools
import logging
import os
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from project.logs import request_id
from project.problems import problem
from speedups.security_headers import add_security_headers

logger = logging.getLogger("project.requests")
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Asked every second by machines, by address instead of host name: not worth a line in the log.
PROBES = {"/livez", "/readyz"}


class RequestContext:
    """The outermost middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        started = time.perf_counter()
        token = request_id.set(_request_id(request))
        try:
            response = self._refusal(request) or self.get_response(request)
            add_security_headers(request, response)
            response["X-Request-ID"] = request_id.get()
            if not response.streaming and response.status_code != 204:
                response["Content-Length"] = str(len(response.content))
            # Lets a load see how its requests spread, and that it asked the right one.
            response["X-Served-By"] = f"django/{os.getpid()}"
            if request.method == "HEAD" and not response.streaming:
                response.content = b""  # its length was told
            _log(request, response, time.perf_counter() - started)
            return response
        finally:
            request_id.reset(token)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        host = request.META.get("HTTP_HOST", request.META.get("SERVER_NAME", ""))
        if not _is_for_us(host) and not _is_probe(request):
            return problem(request, 400, "This is not a host we answer for.", errors=[])
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > limit:
            return problem(request, 413, f"The body is longer than {limit} bytes.")
        return None


def _is_probe(request: HttpRequest) -> bool:
    return request.path.rstrip("/") in PROBES


@functools.lru_cache(256)
def _is_for_us(host: str) -> bool:
    request = HttpRequest()
    request.META["HTTP_HOST"] = host
    try:
        request.get_host()
    except DisallowedHost:  # caught here: Django would log a traceback for each
        return False
    return True


def _request_id(request: HttpRequest) -> str:
    offered = request.META.get("HTTP_X_REQUEST_ID", "")
    return offered if SANE_REQUEST_ID.fullmatch(offered) else os.urandom(16).hex()


def _log(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    if not logger.isEnabledFor(logging.INFO) or _is_probe(request):
        return
    logger.info(
        "%s %s %d %.1f ms", request.method, request.path, response.status_code, seconds * 1000,
        extra={
            "method": request.method, "path": request.path, "status": response.status_code,
            "route": getattr(request.resolver_match, "route", None), "ms": round(seconds * 1000, 3),
        },
    )  # fmt: skip
