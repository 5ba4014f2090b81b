"""A whole request, and what its block of header lines means."""

import io
from typing import Any, BinaryIO

from gunicorn.http import message
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.util import unquote_to_wsgi_str

from drf_speedups.worker.spool import Spool

OF_ONE_REQUEST = (
    "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REMOTE_PORT", "wsgi.input",
    "gunicorn.socket", "wsgi.early_hints",
)  # fmt: skip


class GunicornRequest(message.Request):  # type: ignore[misc]
    """gunicorn's parser, never the one in C, which lets bare LF and folded headers through."""

    _parse_fast = message.Request._parse_python
    spool: Spool | None = None  # has the body, if it is large


class Head:
    """What a block of header lines means, whatever the request line before it says."""

    __slots__ = ("chunked", "closes", "environ", "expects", "headers", "length", "verdicts")

    def __init__(self, parsed: GunicornRequest, environ: dict[str, Any]) -> None:
        reader = parsed.body.reader
        self.headers = tuple(parsed.headers)  # several requests share it: no hook may change it
        self.environ = {name: environ[name] for name in environ if name not in OF_ONE_REQUEST}
        self.chunked = parsed if isinstance(reader, ChunkedReader) else None
        self.length = reader.length if isinstance(reader, LengthReader) else 0
        self.closes = parsed.should_close()
        self.expects = parsed._expected_100_continue
        self.verdicts: dict[Any, Any] = {}  # what a lane has decided for all such requests


class Request:
    """A request as hooks, access log and reply see it."""

    __slots__ = ("body", "head", "headers", "method", "must_close", "parsed", "path", "query",
                 "spool", "uri", "version")  # fmt: skip

    def __init__(
        self, head: Head, method: str, uri: str, path: str, query: str,
        version: tuple[int, int] = (1, 1),
    ) -> None:  # fmt: skip
        self.head = head
        self.headers = head.headers
        self.parsed: GunicornRequest | None = None  # where somebody's hooks want to see all of it
        self.method = method
        self.uri = uri
        self.path = path
        self.query = query
        self.version = version
        self.must_close = False
        self.body = b""
        self.spool: Spool | None = None  # has the body, if it is large

    def input(self) -> BinaryIO:
        """Return the body as a file at its begin."""
        return io.BytesIO(self.body) if self.spool is None else self.spool.reader()

    def for_hooks(self, parsed: GunicornRequest) -> GunicornRequest:
        """Return gunicorn's own request for the same message, with the body in it."""
        parsed.body, parsed.spool = self.input(), self.spool
        parsed._expected_100_continue = False  # it has been answered
        return parsed

    def force_close(self) -> None:
        """Close the connection after the answer."""
        self.must_close = True

    def should_close(self) -> bool:
        """Tell whether the connection closes after the answer."""
        return self.head.closes or self.must_close

    def environ(self) -> dict[str, Any]:
        """Return a WSGI environment that lacks only what the connection knows."""
        environ = self.head.environ.copy()
        environ["REQUEST_METHOD"] = self.method
        environ["RAW_URI"] = self.uri
        environ["QUERY_STRING"] = self.query
        if "PATH_INFO" not in environ:
            path = self.path
            environ["PATH_INFO"] = unquote_to_wsgi_str(path) if "%" in path else path
        environ["wsgi.input"] = self.input()
        return environ
