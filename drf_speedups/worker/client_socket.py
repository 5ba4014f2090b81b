"""`environ["gunicorn.socket"]`: the client's socket for an application that takes it over."""

import socket
from collections.abc import Callable
from typing import Any

QUESTIONS = frozenset({
    "family", "type", "proto", "getpeername", "getsockname", "getsockopt", "setsockopt",
})  # fmt: skip


class ClientSocket:
    """A blocking socket with a descriptor of its own, made when it is first used.

    `flush` sends what the application has written before, which the client may not have taken yet.
    `QUESTIONS` about the connection, and options of it, are no use: it goes on as it was.

    An application may close it, detach it or hand it on: the worker's books go by the descriptor
    that it keeps itself.
    """

    __slots__ = ("_flush", "_own", "_sock", "used")

    def __init__(self, sock: socket.socket, flush: Callable[[], None]) -> None:
        self._sock = sock
        self._flush = flush
        self._own: socket.socket | None = None
        self.used = False

    def __getattr__(self, name: str) -> Any:
        if name in QUESTIONS and self._own is None:
            return getattr(self._sock, name)
        if self._own is None:
            self._flush()
            self._own = self._sock.dup()
            self._own.setblocking(True)  # of the connection, and so of the worker's descriptor, too
            self.used = True
        return getattr(self._own, name)

    def release(self) -> None:
        """The request is over: close what was made, as `sync` closes its socket."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> "ClientSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
