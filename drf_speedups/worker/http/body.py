"""Bodies as they come, chunked ones decoded; gunicorn judges what is not plain."""

import re
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ChunkMissingTerminator
from gunicorn.http.unreader import Unreader

from drf_speedups.worker.spool import Data, NoRoomError, Spool

LAST = -1  # the size of the chunk that ends a body
MOST_CHUNKS = 8192  # of a body: each costs as much as some hundred bytes in one piece
PLAIN_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class TooLargeError(Exception):
    """The body is longer, or comes in more pieces, than the worker takes."""


class Source(Unreader):  # type: ignore[misc]
    """What gunicorn's parsers read from: bytes, and then the end.

    The last byte comes alone: gunicorn looks at some limits only after it had to read again.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.pieces = [data[-1:], data[:-1]]

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what is there, then nothing."""
        while self.pieces:
            if piece := self.pieces.pop():
                return piece
        return b""


def keep(spool: Spool, data: Data) -> None:
    """Write all of it. Raises `NoRoomError`."""
    if spool.write(data) < len(data):
        raise NoRoomError("there is no room for the body of a request")


class Chunks:
    """A chunked body of at most `allowed` bytes, written to `spool` as far as it has come."""

    __slots__ = ("_allowed", "_chunks", "_missing", "_reader", "spool")

    def __init__(self, parsed: Any, allowed: int, spool: Spool) -> None:
        self.spool = spool
        self._reader = ChunkedReader(parsed, Source(b""))
        self._allowed = allowed
        self._chunks = 0
        self._missing: int | None = None  # bytes of the chunk in hand, with its line end

    def judge(self, text: bytes) -> int:
        """Return the size that a size line states, with what follows it at the end of a body.

        Raises what gunicorn raises; `NoMoreData` or `ChunkMissingTerminator` for half a text.
        """
        size: int = self._reader.parse_chunk_size(Source(text))[0]
        return size

    def read(self, buffer: bytearray) -> bool:
        """Take the chunks out of `buffer`; tell whether it begins with the last size line.

        Raises `TooLargeError`, `NoRoomError` and gunicorn's own errors.
        """
        data = bytearray()
        is_whole = self._read(buffer, data)
        keep(self.spool, data)
        return is_whole

    def _read(self, buffer: bytearray, data: bytearray) -> bool:
        while True:
            if self._missing is None and not self._read_size(buffer):
                return False
            if self._missing == LAST:
                return True
            if not self._read_data(buffer, data, self._missing or 0):
                return False

    def _read_size(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n")
        if end < 0:
            if len(buffer) > self._reader.limit_chunk_size_line:
                self.judge(bytes(buffer))  # which refuses it
            return False
        line = bytes(buffer[:end])
        # An empty line ends the trailers, so that gunicorn takes a last chunk's line too.
        plain = PLAIN_SIZE.fullmatch(line)
        size = int(line, 16) if plain else self.judge(line + b"\r\n\r\n")
        self._allowed -= size
        self._chunks += 1
        if self._allowed < 0 or self._chunks > MOST_CHUNKS:
            raise TooLargeError
        self._missing = size + 2 if size else LAST
        if size:  # the last line stays: it is judged together with the trailers
            del buffer[: end + 2]
        return True

    def _read_data(self, buffer: bytearray, data: bytearray, missing: int) -> bool:
        if (here := min(len(buffer), missing - 2)) > 0:
            data += buffer[:here]
            del buffer[:here]
            missing -= here
        self._missing = missing
        if missing > 2 or len(buffer) < 2:
            return False
        if (end := bytes(buffer[:2])) != b"\r\n":
            raise ChunkMissingTerminator(end)
        del buffer[:2]
        self._missing = None
        return True
