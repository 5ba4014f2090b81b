"""From bytes to whole requests. What a message means is decided by gunicorn's own parser.

Clients repeat themselves: all requests of one program carry the same header lines. So what gunicorn
made of a block of header lines is remembered, and only a request line is read anew.
"""

import io
import re
from typing import Any

from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ChunkMissingTerminator, NoMoreData
from gunicorn.http.message import Request as GunicornRequest
from gunicorn.http.unreader import Unreader
from gunicorn.util import unquote_to_wsgi_str

END_OF_HEAD = b"\r\n\r\n"
# The request lines that need none of gunicorn's special cases: a method in capitals and a path.
PLAIN_LINE = re.compile(rb"([A-Z]{3,20}) ((/(?!/)[!-\"$->@-~]*)(?:\?([!-\"$-~]*))?) HTTP/1\.1\r\n")
REMEMBERED_HEADS = 1024
LARGEST_REMEMBERED = 2048  # bytes
OF_ONE_REQUEST = (
    "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REMOTE_PORT", "wsgi.input",
    "gunicorn.socket", "wsgi.early_hints",
)  # fmt: skip


class TooLargeError(Exception):
    """The body is longer than the worker buffers."""


class Head:
    """What a block of header lines means, whatever the request line before it says."""

    __slots__ = ("chunked", "closes", "environ", "expects", "headers", "length", "parsed")

    def __init__(self, parsed: GunicornRequest, environ: dict[str, Any]) -> None:
        reader = parsed.body.reader
        self.parsed = parsed
        self.headers = parsed.headers
        self.environ = {name: environ[name] for name in environ if name not in OF_ONE_REQUEST}
        self.chunked = isinstance(reader, ChunkedReader)
        self.length = reader.length if isinstance(reader, LengthReader) else 0
        self.closes = parsed.should_close()
        self.expects = parsed._expected_100_continue


class Request:
    """A request as hooks, access log and reply see it."""

    __slots__ = ("body", "head", "headers", "method", "path", "query", "uri", "version")

    def __init__(
        self, head: Head, method: str, uri: str, path: str, query: str,
        version: tuple[int, int] = (1, 1),
    ) -> None:  # fmt: skip
        self.head = head
        self.headers = head.headers
        self.method = method
        self.uri = uri
        self.path = path
        self.query = query
        self.version = version
        self.body = b""

    def should_close(self) -> bool:
        """Tell whether the client wants the connection closed after the answer."""
        return self.head.closes or self.method == "CONNECT"

    def environ(self) -> dict[str, Any]:
        """Return a WSGI environment that lacks only what the connection knows."""
        environ = self.head.environ.copy()
        environ["REQUEST_METHOD"] = self.method
        environ["RAW_URI"] = self.uri
        environ["QUERY_STRING"] = self.query
        if "PATH_INFO" not in environ:
            path = self.path
            environ["PATH_INFO"] = unquote_to_wsgi_str(path) if "%" in path else path
        environ["wsgi.input"] = io.BytesIO(self.body)
        return environ


class Parser:
    """Cuts the bytes of one connection into requests; all methods raise gunicorn's own errors.

    `peer` and `server` are socket addresses, `heads` is the memory that all connections share.
    """

    __slots__ = (
        "_attempt_at", "_chunks", "_searched", "buffer", "cfg", "heads", "largest_body",
        "peer", "request", "server",
    )  # fmt: skip

    def __init__(
        self, cfg: Config, peer: Any, server: Any, heads: dict[Any, Head], largest_body: int
    ) -> None:
        self.cfg = cfg
        self.peer = peer
        self.server = server
        self.heads = heads
        self.largest_body = largest_body
        self.buffer = bytearray()
        self.request: Request | None = None  # its head is there, its body not yet
        self._searched = 0
        self._attempt_at = 0
        self._chunks: _Chunks | None = None

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        self.buffer += data
        if b"\n" in data and len(self.buffer) < LARGEST_REMEMBERED:
            self._attempt_at = 0  # a line ended: gunicorn may already refuse it

    def next(self) -> Request | None:
        """Return the next whole request, None while it is not there. Raises `TooLargeError`."""
        if self.request is None:
            self.request = self._read_head()
            if self.request is None:
                return None
            if self.request.head.length > self.largest_body:
                raise TooLargeError
        body = self._read_body(self.request.head)
        if body is None:
            return None
        request, self.request = self.request, None
        request.body = body
        return request

    # The head

    def _read_head(self) -> Request | None:
        end = self.buffer.find(END_OF_HEAD, max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self.buffer)
            self._refuse_early()
            return None
        text = bytes(self.buffer[: end + 4])
        del self.buffer[: end + 4]
        self._searched = self._attempt_at = 0
        line = PLAIN_LINE.match(text)
        if line is None or line.end() > self.cfg.limit_request_line + 11 > 11:
            return self._parse(text)
        host = self.peer[0] if isinstance(self.peer, tuple) else ""  # none on a UNIX socket
        key = (host, self.server, text[line.end() :])
        head = self.heads.get(key)
        if head is None:
            return self._remember(key, self._parse(text))
        method, uri, path, query = line.groups(b"")
        return Request(head, method.decode(), uri.decode(), path.decode(), query.decode())

    def _refuse_early(self) -> None:
        """Let gunicorn refuse a head that is wrong or too large before it is complete.

        It reads all from the start, so it is asked each time the head has doubled.
        """
        if len(self.buffer) < self._attempt_at or not self.buffer:
            return
        self._attempt_at = 2 * len(self.buffer)
        try:
            GunicornRequest(self.cfg, _Bytes(bytes(self.buffer)), self.peer)
        except NoMoreData:
            return

    def _parse(self, text: bytes) -> Request:
        parsed = GunicornRequest(self.cfg, _Bytes(text), self.peer)
        expects, parsed._expected_100_continue = parsed._expected_100_continue, False
        _, environ = wsgi.create(parsed, None, self.peer, self.server, self.cfg)
        parsed._expected_100_continue = expects
        head = Head(parsed, environ)
        if environ["SCRIPT_NAME"]:
            head.environ["PATH_INFO"] = environ["PATH_INFO"]
        return Request(head, parsed.method, parsed.uri, parsed.path, parsed.query, parsed.version)

    def _remember(self, key: tuple[Any, ...], request: Request) -> Request:
        if len(key[2]) <= LARGEST_REMEMBERED and "PATH_INFO" not in request.head.environ:
            if len(self.heads) >= REMEMBERED_HEADS:
                self.heads.clear()  # the few that matter are back after one request each
            self.heads[key] = request.head
        return request

    # The body

    def _read_body(self, head: Head) -> bytes | None:
        if head.chunked:
            return self._read_chunks(head)
        if not head.length:
            return b""
        if len(self.buffer) < head.length:
            return None
        body = bytes(self.buffer[: head.length])
        del self.buffer[: head.length]
        return body

    def _read_chunks(self, head: Head) -> bytes | None:
        if self._chunks is None:
            self._chunks = _Chunks(head.parsed, self.largest_body)
        if not self._chunks.read(self.buffer):
            return None
        chunks, self._chunks = self._chunks, None
        return b"".join(chunks.data)


class _Bytes(Unreader):  # type: ignore[misc]
    """A source that holds all there is."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return everything, then nothing."""
        data, self.data = self.data, b""
        return data


class _Chunks:
    """A chunked body, decoded as far as it has come; gunicorn judges each size line."""

    __slots__ = ("data", "reader", "room", "size")

    def __init__(self, parsed: GunicornRequest, room: int) -> None:
        self.reader = ChunkedReader(parsed, _Bytes(b""))
        self.data: list[bytes] = []
        self.room = room  # bytes that may still come
        self.size: int | None = None  # bytes of the chunk in hand

    def read(self, buffer: bytearray) -> bool:
        """Take what can be decoded out of `buffer`; tell whether the body is complete."""
        while True:
            if self.size is None and not self._read_size(buffer):
                return False
            if self.size == 0:
                return self._read_trailers(buffer)
            if not self._read_data(buffer, self.size or 0):
                return False

    def _read_size(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n")
        if end < 0:
            if len(buffer) > self.reader.limit_chunk_size_line:
                self.reader.parse_chunk_size(_Bytes(bytes(buffer)))  # which refuses it
            return False
        line = bytes(buffer[: end + 2])
        digits = line.partition(b";")[0].strip(b" \t\r\n")
        if digits and not digits.strip(b"0"):
            self.size = 0  # its line stays: gunicorn reads it together with the trailers
            return True
        self.size, _ = self.reader.parse_chunk_size(_Bytes(line))
        del buffer[: end + 2]
        self.room -= self.size
        if self.room < 0:
            raise TooLargeError
        return True

    def _read_data(self, buffer: bytearray, size: int) -> bool:
        if len(buffer) < size + 2:
            return False
        if (end := bytes(buffer[size : size + 2])) != b"\r\n":
            raise ChunkMissingTerminator(end)
        self.data.append(bytes(buffer[:size]))
        del buffer[: size + 2]
        self.size = None
        return True

    def _read_trailers(self, buffer: bytearray) -> bool:
        source = _Bytes(bytes(buffer))
        try:
            self.reader.parse_chunk_size(source)
        except (NoMoreData, ChunkMissingTerminator):
            return False  # gunicorn came to the end of what there is
        buffer[:] = source.take_buffered() + source.data
        return True
