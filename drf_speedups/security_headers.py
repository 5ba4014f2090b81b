"""The headers of Django's security middleware, asked for once instead of for every answer."""

import functools
from typing import Any

from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from drf_speedups.eligibility.reasons import wanted


def add_security_headers(request: HttpRequest, response: Any) -> None:
    """Add what `SecurityMiddleware` and `XFrameOptionsMiddleware` add, and leave what is set.

    Their redirect to HTTPS is no header: who wants it keeps the middleware.
    """
    if not wanted("headers"):
        return
    framed = getattr(response, "xframe_options_exempt", False)
    # Not `headers[name] =`, which checks and encodes again what was checked once.
    store = response.headers._store
    for key, pair in _headers(request.is_secure(), framed):
        store.setdefault(key, pair)


@functools.lru_cache(2)
def security_headers(secure: bool) -> tuple[tuple[str, str], ...]:
    """Return the same headers for an answer that is no Django response."""
    return tuple(pair for _, pair in _headers(secure, False))


@functools.lru_cache(4)
def _headers(secure: bool, framed: bool) -> tuple[tuple[str, tuple[str, str]], ...]:
    """Return pairs as Django's headers keep them: small name, (name, value)."""
    request, response = _Request(secure), HttpResponse()
    response.__dict__["xframe_options_exempt"] = framed
    del response.headers["Content-Type"]
    SecurityMiddleware(lambda _: response).process_response(request, response)
    XFrameOptionsMiddleware(lambda _: response).process_response(request, response)
    return tuple((name.lower(), (name, value)) for name, value in response.headers.items())


def _forget(**_kwargs: Any) -> None:
    """Ask the middleware anew: a test has changed a setting."""
    security_headers.cache_clear()
    _headers.cache_clear()


setting_changed.connect(_forget)


class _Request(HttpRequest):
    def __init__(self, secure: bool) -> None:
        super().__init__()
        self._secure = secure

    def is_secure(self) -> bool:
        return self._secure
