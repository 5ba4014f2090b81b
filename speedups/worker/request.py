"""From bytes to whole requests. What a message means is decided by gunicorn's own parser.

Clients repeat themselves: all requests of one program carry the same header lines. So what gunicorn
made of a block of header lines is remembered, and only a request line is read anew.
"""

import io
import re
from collections.abc import Callable
from typing import Any

from gunicorn.config import Config
from gunicorn.http import message, wsgi
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ChunkMissingTerminator, LimitRequestHeaders, NoMoreData
from gunicorn.util import unquote_to_wsgi_str

from speedups.worker.body import Chunks, Source, TooLargeError

EMPTY_LINE = b"\r\n\r\n"  # what ends a head, and what ends the trailers of a chunked body
# The request lines that need none of gunicorn's special cases: a method in capitals and a path.
PLAIN_LINE = re.compile(
    rb"(?!CONNECT )([A-Z]{3,20}) ((/(?!/)[!-\"$->@-~]*)(?:\?([!-\"$-~]*))?) HTTP/1\.1\r\n"
)
REMEMBERED_HEADS = 1024
LARGEST_REMEMBERED = 2048  # bytes
LARGEST_UNFINISHED = 65_536  # bytes of a head; gunicorn's limits allow 800 kB of small fields
OF_ONE_REQUEST = (
    "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REMOTE_PORT", "wsgi.input",
    "gunicorn.socket", "wsgi.early_hints",
)  # fmt: skip


class GunicornRequest(message.Request):  # type: ignore[misc]
    """gunicorn's parser, never the one in C, which lets bare LF and folded headers through."""

    _parse_fast = message.Request._parse_python


class Head:
    """What a block of header lines means, whatever the request line before it says."""

    __slots__ = ("chunked", "closes", "environ", "expects", "headers", "length")

    def __init__(self, parsed: GunicornRequest, environ: dict[str, Any]) -> None:
        reader = parsed.body.reader
        self.headers = tuple(parsed.headers)  # several requests share it: no hook may change it
        self.environ = {name: environ[name] for name in environ if name not in OF_ONE_REQUEST}
        self.chunked = parsed if isinstance(reader, ChunkedReader) else None
        self.length = reader.length if isinstance(reader, LengthReader) else 0
        self.closes = parsed.should_close()
        self.expects = parsed._expected_100_continue


class Request:
    """A request as hooks, access log and reply see it."""

    __slots__ = ("body", "head", "headers", "method", "must_close", "path", "query", "uri",
                 "version")  # fmt: skip

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
        self.must_close = False
        self.body = b""

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
        environ["wsgi.input"] = io.BytesIO(self.body)
        return environ


class Parser:
    """Cuts the bytes of one connection into requests; all methods raise gunicorn's own errors.

    `peer` and `server` are socket addresses, `heads` is the memory that all connections share,
    `largest_body` is in bytes.
    """

    __slots__ = (
        "_attempt_at", "_chunks", "_longest_line", "_searched", "buffer", "cfg", "heads",
        "largest_body", "peer", "request", "server",
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
        self._longest_line = min(
            cfg.limit_request_line or message.MAX_REQUEST_LINE, message.MAX_REQUEST_LINE
        )
        self._searched = 0
        self._attempt_at = 0
        self._chunks: Chunks | None = None

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

    def held(self) -> int:
        """Return the bytes that wait here for the rest of a request."""
        return len(self.buffer) + (len(self._chunks.data) if self._chunks else 0)

    def is_empty(self) -> bool:
        """Tell whether nothing of a request has come."""
        return not self.buffer and self.request is None

    # The head

    def _read_head(self) -> Request | None:
        text = self._cut_section(self._judge)
        if text is None:
            if len(self.buffer) > LARGEST_UNFINISHED:
                raise LimitRequestHeaders("the head has no end")
            return None
        line = PLAIN_LINE.match(text)
        if line is None or line.end() - 2 > self._longest_line:
            return self._parse(text)
        # gunicorn trusts a proxy by its address. A UNIX socket's peer is a path, most often "".
        client = self.peer[0] if isinstance(self.peer, tuple) else self.peer
        key = (client, self.server, text[line.end() :])
        head = self.heads.get(key)
        if head is None:
            return self._remember(key, self._parse(text))
        method, uri, path, query = line.groups(b"")
        return Request(head, method.decode(), uri.decode(), path.decode(), query.decode())

    def _cut_section(self, judge: Callable[[bytes], object]) -> bytes | None:
        """Return the lines up to and with an empty one, None while that is missing."""
        end = self.buffer.find(EMPTY_LINE, max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self.buffer)
            self._refuse_early(judge)
            return None
        text = bytes(self.buffer[: end + 4])
        del self.buffer[: end + 4]
        self._searched = self._attempt_at = 0
        return text

    def _refuse_early(self, judge: Callable[[bytes], object]) -> None:
        """Let gunicorn refuse lines that are wrong or too many before they are complete.

        It reads all from the start, so it is asked each time their length has doubled.
        """
        if len(self.buffer) < self._attempt_at or not self.buffer:
            return
        self._attempt_at = 2 * len(self.buffer)
        try:
            judge(bytes(self.buffer))
        except (NoMoreData, ChunkMissingTerminator):  # it came to the end of what there is
            return

    def _judge(self, text: bytes) -> GunicornRequest:
        return GunicornRequest(self.cfg, Source(text), self.peer)

    def _parse(self, text: bytes) -> Request:
        parsed = self._judge(text)
        # `create` would answer an expectation at once; here the body may be on its way already.
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
        if head.chunked is not None:
            return self._read_chunks(head.chunked)
        if not head.length:
            return b""
        if len(self.buffer) < head.length:
            return None
        body = bytes(self.buffer[: head.length])
        del self.buffer[: head.length]
        return body

    def _read_chunks(self, parsed: GunicornRequest) -> bytes | None:
        chunks = self._chunks = self._chunks or Chunks(parsed, self.largest_body)
        if not chunks.read(self.buffer):
            return None
        end = self._cut_section(chunks.judge)
        if end is None:
            return None
        chunks.judge(end)
        self._chunks = None
        return bytes(chunks.data)
