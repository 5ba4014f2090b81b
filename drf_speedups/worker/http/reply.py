"""From what a WSGI application answers to bytes on a connection."""

import functools
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn import SERVER, util
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.message import TOKEN_RE
from gunicorn.http.wsgi import HEADER_VALUE_RE, STATUS_RE

from drf_speedups.worker.http.request import Request

REMEMBERED_LINES = 1024
LARGEST_PIECE = 2**20  # bytes of a block that are framed and copied at a time
BLANKS = " \t"  # which RFC 9110 allows around a value; `strip()` knows more
CHANGING = {"etag", "x-request-id", "content-length", "location", "server-timing"}  # with answers
NO_BODY = re.compile(r"1\d\d|204|304")
NO_LENGTH = re.compile(r"1\d\d|204")
SWITCHING = 101  # the protocol: what follows is no request, whoever answers it

Headers = list[tuple[str, str]]

_known_lines: dict[tuple[str, str], bytes] = {}  # of headers that need no second look
_begins: dict[str, str] = {}  # of headers whose values change, by their names


class Reply:
    """One answer; gunicorn's access log and hooks read its attributes by these names."""

    def __init__(self, request: Request, send: Callable[[bytes], None]) -> None:
        self.req = request
        self.status: Any = None  # as gunicorn's, until the application has said it
        self.status_code = 0
        self.headers: Headers = []
        self.headers_sent = False
        self.chunked = False
        self.must_close = False
        self.upgrade = False  # the connection becomes another protocol's (WebSocket)
        self.response_length: int | None = None
        self.sent = 0  # bytes of body
        self._send = send
        self._lines: list[bytes] = []
        self._omits_body = False

    def start_response(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take status and headers; PEP 3333 says when it may be called again."""
        if exc_info:
            try:
                if self.headers_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # breaks the circle of frames and traceback
        elif self.status:
            raise AssertionError("Response headers already set!")
        self.status, self.status_code = status, _checked_status(status)
        self.headers, self._lines, self.response_length, self.upgrade = [], [], None, False
        for given in headers:
            pair: Any = given if type(given) is tuple else tuple(given)  # gunicorn takes any two
            line = _known_lines.get(pair)
            if line is None:
                self._add(pair)
            else:
                self.headers.append(pair)
                self._lines.append(line)
        self._omits_body = self.req.method == "HEAD" or bool(NO_BODY.match(status))
        self.chunked = (
            self.response_length is None and self.req.version > (1, 0) and not self._omits_body
        )
        return self.write

    def _add(self, pair: tuple[str, str]) -> None:
        name, value = pair
        kind, line = _checked_header(name, value)
        if not line:
            self.upgrade |= kind == "connection" and value.lower().strip(BLANKS) == "upgrade"
            return
        if kind == "content-length":
            if NO_LENGTH.match(self.status):
                return
            self.response_length = _checked_length(name, value.strip(BLANKS))
        else:
            if len(_known_lines) >= REMEMBERED_LINES:
                _known_lines.clear()  # those that matter are back after one answer
            _known_lines[pair] = line
        self.headers.append(pair)
        self._lines.append(line)

    def force_close(self) -> None:
        """End the connection with this answer."""
        self.must_close = True

    def should_close(self) -> bool:
        """Tell whether the connection ends with this answer."""
        if self.must_close or self.status_code == SWITCHING or self.req.should_close():
            return True
        return self.response_length is None and not self.chunked and not self._omits_body

    def write(self, block: bytes) -> None:
        """Send a block of the body, before it the head if that is still due."""
        if not isinstance(block, bytes):
            raise TypeError(f"{block!r} is not bytes")
        if len(block) > LARGEST_PIECE:
            for at in range(0, len(block), LARGEST_PIECE):
                self.write(block[at : at + LARGEST_PIECE])
            return
        head = b"" if self.headers_sent else self._head()
        body = b"" if self._omits_body else self._framed(block)
        if head or body:
            self._send(head + body)

    def finish(self) -> None:
        """Send what is still due when the application has given its last block."""
        head = b"" if self.headers_sent else self._head()
        end = b"0\r\n\r\n" if self.chunked else b""
        if head or end:
            self._send(head + end)
        if self.response_length is not None and not self._omits_body:
            # A client that waits for bytes that never come must see the end.
            self.must_close |= self.sent < self.response_length

    def early_hints(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> None:
        """Send 103 with these headers (`wsgi.early_hints`), as long as it is allowed."""
        if self.headers_sent or self.req.version < (1, 1):
            return
        lines = [
            _checked_header(_text(name), _text(value), hints=True)[1] for name, value in headers
        ]
        self._send(b"HTTP/1.1 103 Early Hints\r\n" + b"".join(lines) + b"\r\n")

    def _head(self) -> bytes:
        if not self.status:
            raise AssertionError("The application did not call start_response")
        self.headers_sent = True
        connection = b"close" if self.should_close() else b"keep-alive"
        if self.upgrade:
            connection = b"upgrade"
        return b"".join((
            _status_line(self.req.version, self.status), _server_and_date(int(time.time())),
            b"Connection: ", connection, b"\r\n",
            b"Transfer-Encoding: chunked\r\n" if self.chunked else b"",
            *self._lines, b"\r\n",
        ))  # fmt: skip

    def _framed(self, block: bytes) -> bytes:
        if self.response_length is not None:
            block = block[: self.response_length - self.sent]  # never more than was announced
        self.sent += len(block)
        if self.chunked and block:  # an empty chunk would end the body
            return b"%X\r\n%b\r\n" % (len(block), block)
        return block


def whole(
    version: tuple[int, int], status: str, headers: Headers, body: bytes, *, closes: bool
) -> bytes:
    """Return an answer that is there at once, with its length unless a header tells it."""
    head = b"".join((
        _status_line(version, status), _server_and_date(int(time.time())),
        b"Connection: close\r\n" if closes else b"Connection: keep-alive\r\n",
        *[_known_lines.get(pair) or _line(pair) for pair in headers],
    ))  # fmt: skip
    if b"\nContent-Length: " not in head and not _tells_length(status, headers):
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
    return b"%b\r\n%b" % (head, body)


def _tells_length(status: str, headers: Headers) -> bool:
    """Tell whether an answer's end is known without a length, or said in other letters."""
    return status.startswith("204") or any(name.lower() == "content-length" for name, _ in headers)


def _line(pair: tuple[str, str]) -> bytes:
    name, value = pair
    begin = _begins.get(name)
    if begin is not None and value.isascii() and value.isprintable():
        return f"{begin}{value}\r\n".encode()
    kind, line = _checked_header(name, value)
    if kind in CHANGING:
        _begins[name] = f"{name}: "
    elif len(_known_lines) < REMEMBERED_LINES:
        _known_lines[pair] = line
    return line


@functools.lru_cache(REMEMBERED_LINES)
def _checked_status(status: str) -> int:
    if not isinstance(status, str):
        raise TypeError(f"{status!r} is not a string")
    if not STATUS_RE.fullmatch(status):
        raise ValueError(f"Invalid status {status!r}")
    return int(status[:3])


def _checked_header(name: str, value: str, *, hints: bool = False) -> tuple[str, bytes]:
    """Return the name in small letters and the line, which is empty for hop-by-hop headers."""
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"{name!r}: a header is a pair of strings")
    if not TOKEN_RE.fullmatch(name):
        raise InvalidResponseHeaderName(f"{name!r}")
    if not HEADER_VALUE_RE.fullmatch(value):
        raise InvalidResponseHeader(f"{name!r}")  # not the value, which may be a secret
    if util.is_hoppish(name) and not hints and not _is_web_socket(name, value):
        return name.lower(), b""
    return name.lower(), f"{name}: {value.strip(BLANKS)}\r\n".encode("latin-1")


def _checked_length(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):  # `int` knows more: -1, +1, 1_0
        raise InvalidResponseHeader(f"{name!r}")
    return int(value)


def _is_web_socket(name: str, value: str) -> bool:
    return name.lower() == "upgrade" and value.lower().strip(BLANKS) == "websocket"


@functools.lru_cache(REMEMBERED_LINES)
def _status_line(version: tuple[int, int], status: str) -> bytes:
    return f"HTTP/{version[0]}.{version[1]} {status}\r\n".encode("latin-1")


@functools.lru_cache(1)
def _server_and_date(second: int) -> bytes:
    return f"Server: {SERVER}\r\nDate: {util.http_date(second)}\r\n".encode("latin-1")


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
