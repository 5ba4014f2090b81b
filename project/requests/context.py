"""What every request gets: an id, a few checks before any work, and a line in the log."""

import functools
import logging
import os
import random
import re
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from drf_speedups.answers.light_request import Answer, LightRequest
from drf_speedups.security_headers import add_security_headers, security_headers
from drf_speedups.server.current_worker import client_address
from project.access.permissions import key_name
from project.observability.log_bursts import Burst
from project.observability.logs import request_id
from project.requests.problems import LONGEST, problem

logger = logging.getLogger("project.requests")
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
LISTS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")  # which the express lane leaves to Django anyway
LONGEST_LIST = 4096  # characters: a hundred entity tags
# Asked every second by machines, by address instead of host name: not worth a line in the log.
PROBES = {"/livez", "/readyz"}
refused_hosts = Burst(logger, "refused host", "DJANGO_ALLOWED_HOSTS does not list it")

Environ = dict[str, Any]


class RequestContext:
    """The outermost middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        started = time.perf_counter()
        token = request_id.set(_request_id(request.META))
        try:
            response = self._refusal(request) or self.get_response(request)
            add_security_headers(request, response)
            response["X-Request-ID"] = request_id.get()
            if not response.streaming and response.status_code not in {204, 304}:
                response["Content-Length"] = str(len(response.content))
            response["X-Served-By"] = _served_by()
            if request.method == "HEAD" and not response.streaming:
                response.content = b""  # its length was told
            route = getattr(request.resolver_match, "route", None)
            _log(
                request.META,
                str(request.method),
                request.path,
                response.status_code,
                route,
                started,
            )
            return response
        finally:
            request_id.reset(token)

    @staticmethod
    def admits(environ: Environ) -> bool:
        """Leave to Django what is to be refused."""
        return _is_for_us(_host(environ)) and not _is_too_long(environ)

    @staticmethod
    def complete(request: LightRequest, answer: Answer) -> None:
        """Do the same for an answer of the express lane."""
        identity = _request_id(request.META)
        answer.headers += security_headers(request.META["wsgi.url_scheme"] == "https")
        answer.headers += (("X-Request-ID", identity), ("X-Served-By", _served_by()))
        if answer.status != 204:
            answer.headers.append(("Content-Length", str(len(answer.body))))
        if logger.isEnabledFor(logging.INFO):
            token = request_id.set(identity)
            try:
                _log(
                    request.META, request.method, request.path, answer.status, answer.route,
                    request.started,
                )  # fmt: skip
            finally:
                request_id.reset(token)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if not _is_for_us(_host(request.META)) and not _is_probe(request.path):
            refused_hosts.note(repr(_host(request.META)[:LONGEST]))
            return problem(request, 400, "This is not a host we answer for.", errors=[])
        if _is_too_long(request.META):
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return problem(request, 413, f"The body is longer than {limit} bytes.")
        if any(len(request.META.get(name, "")) > LONGEST_LIST for name in LISTS):
            return problem(request, 431, "If-Match and If-None-Match may list a few tags only.")
        return None


def _host(environ: Environ) -> str:
    return str(environ.get("HTTP_HOST", environ.get("SERVER_NAME", "")))


def _is_too_long(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH")
    if not length or not length.isdigit():
        return False
    return int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _is_probe(path: str) -> bool:
    return path.rstrip("/") in PROBES


@functools.lru_cache(256)
def _is_for_us(host: str) -> bool:
    request = HttpRequest()
    request.META["HTTP_HOST"] = host
    try:
        request.get_host()
    except DisallowedHost:  # caught here: Django would log a traceback for each
        return False
    return True


def _request_id(environ: Environ) -> str:
    offered: str | None = environ.get("HTTP_X_REQUEST_ID")
    if offered and SANE_REQUEST_ID.fullmatch(offered):
        return offered
    return f"{random.getrandbits(128):032x}"


@functools.cache
def _served_by() -> str:
    """Let a load see how its requests spread, and that it asked the right one."""
    return f"django/{os.getpid()}"


os.register_at_fork(after_in_child=_served_by.cache_clear)


def _log(
    environ: Environ, method: str, path: str, status: int, route: str | None, started: float
) -> None:
    if not logger.isEnabledFor(logging.INFO) or _is_probe(path):
        return
    ms = 1000 * (time.perf_counter() - started)
    client, key = client_address(environ), key_name(environ)
    facts = {"method": method, "path": path, "status": status, "route": route, "ms": round(ms, 3),
             "client": client, "key": key}  # fmt: skip
    logger.info("%s %s %d %.1f ms %s %s", method, path, status, ms, client, key, extra=facts)
