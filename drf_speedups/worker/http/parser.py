"""From bytes to whole requests. What a message means is decided by gunicorn's own parser.

Clients repeat themselves: all requests of one program carry the same header lines. So what gunicorn
made of a block of header lines is remembered, and only a request line is read anew.
"""

import re
from collections.abc import Callable
from typing import Any

from gunicorn.config import Config
from gunicorn.http import message, wsgi
from gunicorn.http.errors import ChunkMissingTerminator, LimitRequestHeaders, NoMoreData

from drf_speedups.worker.http.body import Chunks, Source, TooLargeError, keep
from drf_speedups.worker.http.request import GunicornRequest, Head, Request
from drf_speedups.worker.spool import IN_MEMORY, Room, Spool

EMPTY_LINE = b"\r\n\r\n"  # what ends a head, and what ends the trailers of a chunked body
# The request lines that need none of gunicorn's special cases: a method in capitals and a path.
PLAIN_LINE = re.compile(
    rb"(?!CONNECT )([A-Z]{3,20}) ((/(?!/)[!-\"$->@-~]*)(?:\?([!-\"$-~]*))?) HTTP/1\.1\r\n"
)
BEFORE_IT = (b"", b"\r", b"\r\n")
REMEMBERED_HEADS = 1024
LARGEST_REMEMBERED = 2048  # bytes
LARGEST_SECTION = 65_536  # bytes of a head or of trailers; gunicorn's limits allow 800 kB


class Parser:
    """Cuts the bytes of one connection into requests; all methods raise gunicorn's own errors.

    `peer` and `server` are socket addresses, `heads` and `room` are what all connections share,
    `heads` is None where each request must be parsed anew; `largest_body` is in bytes.
    """

    __slots__ = (
        "_attempt_at", "_chunks", "_longest_line", "_searched", "_spool", "buffer", "cfg", "heads",
        "largest_body", "peer", "received", "request", "room", "server",
    )  # fmt: skip

    def __init__(
        self,
        cfg: Config,
        peer: Any,
        server: Any,
        heads: dict[Any, Head] | None,
        largest_body: int,
        room: Room,
    ) -> None:
        self.cfg = cfg
        self.peer = peer
        self.server = server
        self.heads = heads
        self.largest_body = largest_body
        self.room = room
        self.received = 0  # bytes, since the last whole request
        self.buffer = bytearray()
        self.request: Request | None = None  # its head is there, its body not yet
        self._longest_line = min(
            cfg.limit_request_line or message.MAX_REQUEST_LINE, message.MAX_REQUEST_LINE
        )
        self._searched = 0
        self._attempt_at = 0
        self._chunks: Chunks | None = None
        self._spool: Spool | None = None  # the part of a body that has come

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        self.buffer += data
        self.received += len(data)
        if b"\n" in data and len(self.buffer) < LARGEST_REMEMBERED:
            self._attempt_at = 0  # a line ended: gunicorn may already refuse it

    def next(self) -> Request | None:
        """Return the next whole request, None while it is not there.

        Raises `TooLargeError` and `NoRoomError`.
        """
        request = self.request
        if request is None:
            request = self.request = self._read_head()
            if request is None:
                return None
            if request.head.length > self.largest_body:
                raise TooLargeError
        if not self._read_body(request):
            return None
        self.request, self.received = None, 0
        return request

    def close(self) -> None:
        """Forget what has come of a body."""
        if self._spool is not None:
            self._spool.close()

    def has_begun(self) -> bool:
        """Tell whether a request has: the empty line that may stand before one is none of it."""
        return self.request is not None or self.buffer not in BEFORE_IT

    # The head

    def _read_head(self) -> Request | None:
        text = self._cut_section(self._judge)
        if text is None:
            return None
        line = PLAIN_LINE.match(text)
        if self.heads is None or line is None or line.end() - 2 > self._longest_line:
            return self._parse(text)
        # gunicorn trusts a proxy by its address. A UNIX socket's peer is a path, most often "".
        client = self.peer[0] if isinstance(self.peer, tuple) else self.peer
        key = (client, self.server, text[line.end() :])
        head = self.heads.get(key)
        if head is None:
            return self._remember(key, self._parse(text), self.heads)
        method, uri, path, query = line.groups(b"")
        return Request(head, method.decode(), uri.decode(), path.decode(), query.decode())

    def _cut_section(self, judge: Callable[[bytes], object]) -> bytes | None:
        """Return the lines up to and with an empty one, None while that is missing.

        Raises `LimitRequestHeaders` for more than a connection may hold, whole or not.
        """
        end = self.buffer.find(EMPTY_LINE, max(0, self._searched - 3))
        if not 0 <= end <= LARGEST_SECTION:
            self._searched = len(self.buffer)
            self._refuse_early(judge)
            if len(self.buffer) > LARGEST_SECTION:
                raise LimitRequestHeaders(f"more than {LARGEST_SECTION} bytes")
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
        request = Request(
            head, parsed.method, parsed.uri, parsed.path, parsed.query, parsed.version
        )
        request.parsed = parsed if self.heads is None else None
        return request

    @staticmethod
    def _remember(key: tuple[Any, ...], request: Request, heads: dict[Any, Head]) -> Request:
        if len(key[2]) <= LARGEST_REMEMBERED and "PATH_INFO" not in request.head.environ:
            if len(heads) >= REMEMBERED_HEADS:
                heads.clear()  # the few that matter are back after one request each
            heads[key] = request.head
        return request

    # The body

    def _read_body(self, request: Request) -> bool:
        """Read on, and give the request its body when all of it is there."""
        head = request.head
        if head.chunked is None and head.length <= IN_MEMORY:
            return not head.length or self._cut_body(request, head.length)
        spool = self._spool = self._spool or Spool(self.room)
        if head.chunked is not None:
            if not self._read_chunks(head.chunked, spool):
                return False
        elif not self._read_length(head.length - spool.size, spool):
            return False
        self._spool = None
        if spool.file is None:
            request.body = bytes(spool.buffer)
            spool.close()
        else:
            request.spool = spool
        return True

    def _cut_body(self, request: Request, length: int) -> bool:
        """Take a small body, which waits in the buffer until it is whole."""
        if len(self.buffer) < length:
            return False
        request.body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return True

    def _read_length(self, missing: int, spool: Spool) -> bool:
        here = self.buffer[:missing]
        del self.buffer[:missing]
        keep(spool, here)
        return len(here) == missing

    def _read_chunks(self, parsed: GunicornRequest, spool: Spool) -> bool:
        chunks = self._chunks = self._chunks or Chunks(parsed, self.largest_body, spool)
        if not chunks.read(self.buffer):
            return False
        end = self._cut_section(chunks.judge)
        if end is None:
            return False
        chunks.judge(end)
        self._chunks = None
        return True
