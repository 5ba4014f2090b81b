"""Chunked bodies, decoded as they come; gunicorn judges what is not plain."""

import re
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ChunkMissingTerminator
from gunicorn.http.unreader import Unreader

PLAIN_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class TooLargeError(Exception):
    """The body is longer than the worker buffers."""


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


class Chunks:
    """A chunked body of at most `room` bytes, as far as it has come."""

    __slots__ = ("data", "reader", "room", "size")

    def __init__(self, parsed: Any, room: int) -> None:
        self.reader = ChunkedReader(parsed, Source(b""))
        self.data = bytearray()
        self.room = room
        self.size: int | None = None  # bytes of the chunk in hand

    def judge(self, text: bytes) -> int:
        """Return the size that a size line states, with what follows it at the end of a body.

        Raises what gunicorn raises; `NoMoreData` or `ChunkMissingTerminator` for half a text.
        """
        size: int = self.reader.parse_chunk_size(Source(text))[0]
        return size

    def read(self, buffer: bytearray) -> bool:
        """Take the chunks out of `buffer`; tell whether it begins with the last size line.

        Raises `TooLargeError` and gunicorn's own errors.
        """
        while True:
            if self.size is None and not self._read_size(buffer):
                return False
            if self.size == 0:
                return True
            if not self._read_data(buffer, self.size or 0):
                return False

    def _read_size(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n")
        if end < 0:
            if len(buffer) > self.reader.limit_chunk_size_line:
                self.judge(bytes(buffer))  # which refuses it
            return False
        line = bytes(buffer[:end])
        # An empty line ends the trailers, so that gunicorn takes a last chunk's line too.
        plain = PLAIN_SIZE.fullmatch(line)
        self.size = int(line, 16) if plain else self.judge(line + b"\r\n\r\n")
        self.room -= self.size
        if self.room < 0:
            raise TooLargeError
        if self.size:  # the last line stays: it is judged together with the trailers
            del buffer[: end + 2]
        return True

    def _read_data(self, buffer: bytearray, size: int) -> bool:
        if len(buffer) < size + 2:
            return False
        if (end := bytes(buffer[size : size + 2])) != b"\r\n":
            raise ChunkMissingTerminator(end)
        self.data += memoryview(buffer)[:size]
        del buffer[: size + 2]
        self.size = None
        return True
