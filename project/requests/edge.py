"""What HTTP asks of a server and Django does not look at."""

import functools
import io
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest

LONGEST_TYPE = 255  # characters of a Content-Type with its parameters
UNREADABLE = "application/octet-stream"

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Edge:
    """WSGI middleware: chunked bodies are read, HTTP/1.1 needs a Host, a body a readable type.

    Django reads no further than CONTENT_LENGTH, so a chunked request would change nothing and be
    answered with 200 (ticket 35838). One byte over `limit` is enough for the caller to answer 413.
    """

    overlap: Any = None  # what the worker asks first: see drf_speedups.overlap

    def __init__(self, application: WSGIApplication, limit: int) -> None:
        self.application = application
        self.limit = limit

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request."""
        if environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
            # Without one Django would take SERVER_NAME; an empty one is no host we answer for.
            environ.setdefault("HTTP_HOST", "")
        if ";" in environ.get("CONTENT_TYPE", ""):
            environ["CONTENT_TYPE"] = _readable(environ["CONTENT_TYPE"])
        if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(self.limit + 1)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return self.application(environ, start_response)


@functools.lru_cache(64)
def _readable(content_type: str) -> str:
    """Return a type that Django can read: where it cannot, it fails before it handles errors.

    Reading one costs the square of its length.
    """
    if len(content_type) > LONGEST_TYPE:
        return UNREADABLE
    try:
        HttpRequest()._set_content_type_params({"CONTENT_TYPE": content_type})  # type: ignore[attr-defined]
    except (LookupError, ValueError):
        return UNREADABLE
    return content_type
