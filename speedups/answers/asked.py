"""What an action looks at of a request and what it answers, whether Django is asked or not."""

import functools
import io
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse

JSON = "application/json"
Headers = list[tuple[str, str]]


class Answer:
    """An answer before it is Django's or the server's; the view's own headers come on top."""

    __slots__ = ("body", "headers", "route", "status")

    def __init__(self, body: bytes, status: int, headers: Headers) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.route = ""  # the URL pattern, where the lane has found one

    def response(self) -> HttpResponse:
        """Return it as Django's response."""
        response = HttpResponse(self.body, status=self.status)
        del response.headers["Content-Type"]
        for name, value in self.headers:
            response.headers[name] = value
        return response


class Asked:
    """A request: its WSGI environment, and Django's own object for those who need more."""

    def __init__(self, environ: dict[str, Any], path: str, request: Any = None) -> None:
        self.META = environ
        self.path = path
        self._request: HttpRequest | None = request

    @property
    def django(self) -> HttpRequest:
        """Django's request, made when it is asked for."""
        if self._request is None:
            self._request = WSGIRequest(self.META)
        return self._request

    def __getattr__(self, name: str) -> Any:
        return getattr(self.django, name)

    def origin(self) -> str:
        """Return scheme and host. Raises `DisallowedHost`."""
        if self._request is not None:
            return f"{self._request.scheme}://{self._request.get_host()}"
        return f"{self.META['wsgi.url_scheme']}://{_allowed(self.META['HTTP_HOST'])}"

    def content(self) -> bytes | None:
        """Return the body, which stays readable for others; None for one that is too long."""
        length = str(self.META.get("CONTENT_LENGTH") or "0")
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not length.isdigit() or (most is not None and int(length) > most):
            return None
        if self._request is not None:
            return self._request.body
        body: bytes = self.META["wsgi.input"].read(int(length))
        self.META["wsgi.input"] = io.BytesIO(body)
        return body


@functools.lru_cache(256)
def _allowed(host: str) -> str:
    request = HttpRequest()
    request.META["HTTP_HOST"] = host
    return request.get_host()
