"""Bytes that wait for a client or for its request: few in memory, more in a temporary file.

So the memory of a worker is bounded by construction: every connection may hold `IN_MEMORY` bytes in
each direction, and what all hold beyond that shares one `Room`.
"""

import contextlib
import io
import resource
import tempfile
import time
from typing import BinaryIO

IN_MEMORY = 65_536  # bytes that any spool may keep in memory
TRY_AGAIN = 1.0  # seconds after which a file is tried again where none could be written

Data = bytes | bytearray | memoryview


class NoRoomError(Exception):
    """Neither a file nor memory can take these bytes."""


class Room:
    """What is left for all spools of a worker, in bytes; `folder` as `tempfile` takes it."""

    def __init__(self, memory: int, files: int, folder: str | None = None) -> None:
        self.memory = memory  # beyond what each spool may keep anyway
        self.files = files
        self._folder = folder
        self._no_file_until = 0.0  # monotonic seconds
        # The rest is for connections, and for what the application opens.
        self._last_descriptor = resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4

    def file(self) -> BinaryIO | None:
        """Return a new temporary file that has no name, None where none can be had."""
        if time.monotonic() < self._no_file_until:
            return None
        try:
            file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115
            if file.fileno() < self._last_descriptor:
                return file
            file.close()
        except OSError:  # a read-only file system, or no descriptor is left
            pass
        self._no_file_until = time.monotonic() + TRY_AGAIN
        return None


class Spool:
    """Bytes in the order in which they were written."""

    __slots__ = ("_borrowed", "_room", "buffer", "file", "size")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._borrowed = 0  # of the room, in memory or in the file
        self.buffer = bytearray()
        self.file: BinaryIO | None = None  # has all of it, and the buffer none
        self.size = 0

    def write(self, data: Data) -> int:
        """Take bytes to the end; return how many of them found room."""
        if self.file is None and self.size + len(data) > IN_MEMORY:
            self._move_to_file()
        taken = self._keep(data) if self.file is None else self._write(self.file, data)
        self.size += taken
        return taken

    def reader(self) -> BinaryIO:
        """Return what was written, as a file at its begin."""
        if self.file is None:
            return io.BytesIO(self.buffer)
        self.file.seek(0)
        return io.BufferedReader(self.file)  # type: ignore[type-var]

    def close(self) -> None:
        """Give the room back."""
        if self.file is None:
            self._room.memory += self._borrowed
        else:
            self._room.files += self._borrowed
            self.file.close()
        self._borrowed, self.buffer = 0, bytearray()

    def _keep(self, data: Data) -> int:
        free = max(0, IN_MEMORY - self.size)
        beyond = max(0, min(len(data) - free, self._room.memory))
        self._room.memory -= beyond
        self._borrowed += beyond
        taken = min(len(data), free + beyond)
        self.buffer += memoryview(data)[:taken]
        return taken

    def _move_to_file(self) -> None:
        """Move what is in memory to a file, unless there is none or it takes less than all."""
        file = self._room.file()
        if file is None:
            return
        borrowed, self._borrowed = self._borrowed, 0
        if self._write(file, self.buffer) == len(self.buffer):
            self._room.memory += borrowed
            self.file, self.buffer = file, bytearray()
        else:
            self._room.files += self._borrowed
            self._borrowed = borrowed
            file.close()

    def _write(self, file: BinaryIO, data: Data) -> int:
        """Write as much as the file and the room take."""
        left = memoryview(data)[: max(0, self._room.files)]
        taken = 0
        with contextlib.suppress(OSError):  # the disk is full
            while taken < len(left):
                taken += file.write(left[taken:])
        self._room.files -= taken
        self._borrowed += taken
        return taken
