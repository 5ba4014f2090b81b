"""What an action looks at of a request and what it answers, whether Django is asked or not."""

import copy
import functools
import io
import time
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import setting_changed
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.response import Response

from drf_speedups.answers.response import FinishedResponse

JSON = "application/json"
REQUESTS = {ASGIRequest, WSGIRequest}
OF_A_URL = {"build_absolute_uri", "get_full_path", "get_host", "is_secure"}
Headers = list[tuple[str, str]]


class Answer:
    """An answer before it is Django's or the server's; the view's own headers come on top."""

    __slots__ = ("body", "headers", "route", "status")

    def __init__(self, body: bytes, status: int, headers: Headers) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.route = ""  # the URL pattern, where the lane has found one

    def response(self) -> Response:
        """Return it as the framework's response. Raises `BadHeaderError`."""
        return FinishedResponse(self.body, self.status, self.headers)


class LightRequest:
    """A request in the express lane: its WSGI environment is all there is."""

    view: Any = None  # that of the request, once the framework has made one
    waited: float | None = None  # seconds in the worker, where that is known
    in_database = 0.0  # seconds, where that is known
    overlaps = False  # with others of its worker

    def __init__(self, environ: dict[str, Any]) -> None:
        self.META = environ
        self.path: str = environ["PATH_INFO"]
        self.method: str = environ["REQUEST_METHOD"]
        self.query_string: str = environ.get("QUERY_STRING", "")
        self.started = time.perf_counter()
        self.waited = environ.get("drf_speedups.waited")

    def whole(self) -> "LightRequest":
        """Return the same with all of the environment in `META`."""
        return self

    def origin(self) -> str:
        """Return scheme and host. Raises `DisallowedHost`."""
        host = _allowed(self.META["HTTP_HOST"], *settings.ALLOWED_HOSTS)
        return f"{self.META['wsgi.url_scheme']}://{host}"

    def query(self) -> MultiValueDict[str, str]:
        """Return the parameters in the URL. Raises what Django raises for too many of them."""
        return QueryDict(self.query_string.encode("latin-1"))  # as WSGI has it

    def data(self, parser: Any, context: Any) -> Any:
        """Return what a parser makes of the body, which stays readable for others.

        Raises what the parser raises, and `ValueError` for a body that is too long.
        """
        return parser.parse(io.BytesIO(self.content()), JSON, context)

    def content(self) -> bytes:
        """Return the body. Raises `ValueError` for one that is too long."""
        body: bytes = self.META["wsgi.input"].read(length(self.META))
        self.META["wsgi.input"] = io.BytesIO(body)
        return body


class DjangoRequest(LightRequest):
    """A request that the framework has let in; the request is its own."""

    def __init__(self, view: Any) -> None:
        self.view = view
        self._request = view.request
        self._django: HttpRequest = view.request._request
        self.META = self._django.META
        self.path = self._django.path

    def origin(self) -> str:
        """Return scheme and host. Raises `DisallowedHost`."""
        return f"{self._django.scheme}://{self._django.get_host()}"

    def query(self) -> MultiValueDict[str, str]:
        """Return the parameters in the URL.

        Raises `ValueError` where somebody has put others, or another URL, in their place: links
        repeat the URL's.
        """
        plain = type(self._django) in REQUESTS and OF_A_URL.isdisjoint(vars(self._django))
        if not plain:
            raise ValueError("who says what the URL is is not known")
        given, query = self._django.GET, self.META.get("QUERY_STRING", "").encode("latin-1")
        if (given or query) and given != _parameters(query, self._django.encoding):
            raise ValueError("the parameters are not those of the URL")
        return given

    def data(self, parser: Any, context: Any) -> Any:
        """Return the same; what a permission has had parsed is not parsed again.

        Raises `ValueError` where the framework would choose the parser in another way, too.
        """
        if type(self._request.negotiator) is not DefaultContentNegotiation:
            raise ValueError("who chooses the parser is not known")
        if [*map(type, self._request.parsers)] != [*self.view.parser_classes]:
            raise ValueError("this request has parsers of its own")
        if self._request.parser_context["encoding"] != settings.DEFAULT_CHARSET:
            raise ValueError("this request has an encoding of its own")
        if isinstance(vars(self._request).get("_full_data"), dict | list):
            return copy.deepcopy(self._request.data)  # the serializer may change it, twice
        return super().data(parser, context)

    def content(self) -> bytes:
        """Return the body.

        Raises `ValueError` for one that is too long, read by somebody or not there for the
        framework, which wants to hear how long it is.
        """
        if not length(self.META):
            raise ValueError("there is no body")
        try:
            return self._django.body
        except Exception as error:
            raise ValueError("the body cannot be read again") from error


def length(environ: dict[str, Any]) -> int:
    """Return the bytes of a body. Raises `ValueError` for more than Django takes."""
    said = str(environ.get("CONTENT_LENGTH") or "0")
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not said.isdigit() or (most is not None and int(said) > most):
        raise ValueError("the body is too long")
    return int(said)


@functools.lru_cache(256)
def _parameters(query: bytes, encoding: str | None) -> MultiValueDict[str, str]:
    return QueryDict(query, encoding=encoding)


@functools.lru_cache(256)
def _allowed(host: str, *_listed: str) -> str:
    request = HttpRequest()
    request.META["HTTP_HOST"] = host
    return request.get_host()


def _forget(**_kwargs: Any) -> None:
    """Ask for hosts anew: a test has changed a setting."""
    _allowed.cache_clear()


setting_changed.connect(_forget)
