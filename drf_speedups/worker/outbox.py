"""What a client is sent: straight to its socket, and what the kernel will not take waits."""

import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from typing import Any

from drf_speedups.worker.spool import Data, Room, Spool

AT_ONCE = 2**20  # bytes sent to one client before the others get their turn
PIECE = 2**16  # bytes of a UNIX socket's that count as taken together, when the last one is


class ClientGoneError(ConnectionError):
    """The client has closed or reset its connection: nobody waits for the answer."""


class Outbox:
    """The bytes of one connection that its client has not taken, oldest first."""

    __slots__ = ("_base", "_offset", "_rest", "_room", "_seen", "_sent", "_sock", "_spool")

    def __init__(self, sock: socket.socket, room: Room) -> None:
        self._sock = sock
        self._room = room
        self._spool: Spool | None = None
        self._offset = 0  # bytes of the spool that are sent
        self._rest: Data = b""  # of a block for which no room was left
        self._sent = 0  # bytes that the kernel took
        self._base = self._seen = 0  # of them taken by the client when we began to wait, and since

    def __bool__(self) -> bool:
        return self._spool is not None

    def is_full(self) -> bool:
        """Tell whether no room is left: whoever makes more has to wait."""
        return bool(self._rest)

    def waiting(self) -> int:
        """Return the bytes that wait in memory or in a file."""
        return (self._spool.size - self._offset if self._spool else 0) + len(self._rest)

    def send(self, data: Data) -> None:
        """Send as much as the kernel takes and keep the rest. Raises `ClientGoneError`.

        Not to be called while the outbox is full.
        """
        if self._spool is None or self.flush():
            sent = self._push(self._sock.send, data)
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        self._keep(data)

    def flush(self) -> bool:
        """Send what was kept; tell whether all of it is gone. Raises `ClientGoneError`."""
        spool = self._spool
        if spool is None:
            return True
        if spool.file is None:
            self._offset += self._push(self._sock.send, memoryview(spool.buffer)[self._offset :])
        else:
            most = min(AT_ONCE, spool.size - self._offset)
            ends = self._sock.fileno(), spool.file.fileno()
            self._offset += self._push(os.sendfile, *ends, self._offset, most)
        if self._offset < spool.size:
            return False
        more, self._rest = self._rest, b""
        self.drop()
        if more:
            self.send(more)
        return self._spool is None

    def drop(self) -> None:
        """Forget what was not sent."""
        if self._spool is not None:
            self._spool.close()
        self._spool, self._offset, self._rest = None, 0, b""

    def hang_up(self) -> None:
        """Make all further sending fail, should an application go on after `ClientGoneError`."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def begin(self) -> None:
        """Begin to wait for the client."""
        self._base = self._seen = self._taken()

    def progress(self) -> int:
        """Return the bytes that the client has taken since `begin`, 0 if none since the last look.

        The kernel holds megabytes and asks for more only when a third of them is gone, so what
        counts is what the client has confirmed.
        """
        before, self._seen = self._seen, self._taken()
        return self._seen - self._base if self._seen > before else 0

    def piece(self) -> int:
        """Return how many bytes a client may take before `progress` tells of any."""
        return PIECE if self._sock.family == socket.AF_UNIX else 0

    def _taken(self) -> int:
        try:
            queued = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)  # SIOCOUTQ
        except OSError:
            return self._sent
        return self._sent - int(struct.unpack("i", queued)[0])

    def _keep(self, data: Data) -> None:
        if self._spool is None:
            self._spool = Spool(self._room)
        kept = self._spool.write(data)
        if kept < len(data):  # an empty view would still hold all of the block
            self._rest = memoryview(data)[kept:]

    def _push(self, send: Callable[..., int], *arguments: Any) -> int:
        """Return how many bytes a call has sent; 0 where the kernel takes none now."""
        try:
            sent = send(*arguments)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise ClientGoneError(*error.args) from error
        self._sent += sent
        return sent
