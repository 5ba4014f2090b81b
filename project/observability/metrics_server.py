"""The port of the metrics: one thread for all clients, few of them at a time, each for seconds.

It runs in gunicorn's master, whose threads and descriptors are nobody's to use up.
"""

import asyncio
import contextlib
import http.client
import io
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

MOST = 16  # clients; who has been there longest makes room for the next one
PATIENCE = 5.0  # seconds for a request and its answer
LONGEST = 8192  # bytes of a request

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Scrapes:
    """Answers with a WSGI application that reads no body, one request per connection."""

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        """Begin to listen. Raises `OSError` for an address that is taken or no address."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family)
        self.port: int = self.listener.getsockname()[1]
        self.application = application
        self.clients: list[asyncio.StreamWriter] = []  # the one that came first is first
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # no descriptor is left
        server = await asyncio.start_server(self._attend, sock=self.listener, limit=LONGEST)
        await server.serve_forever()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.append(writer)
        if len(self.clients) > MOST:
            self.clients.pop(0).transport.abort()
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            async with asyncio.timeout(PATIENCE):  # its error is an `OSError`
                writer.write(self._answer(await reader.readuntil(b"\r\n\r\n")))
                await writer.drain()
                writer.write_eof()  # closing is not enough: a worker may be forked meanwhile
                writer.close()
                await writer.wait_closed()
        writer.transport.abort()
        with contextlib.suppress(ValueError):  # it had to make room
            self.clients.remove(writer)

    def _answer(self, head: bytes) -> bytes:
        try:
            environ = _environ(head)
        except (ValueError, http.client.HTTPException):
            return _message("400 Bad Request", [], b"")
        said: list[Any] = []
        body = b"".join(self.application(environ, lambda *said_: said.extend(said_)))
        return _message(said[0], said[1], body)


def _environ(head: bytes) -> dict[str, Any]:
    """Return as much of a WSGI environment as the metrics look at."""
    file = io.BytesIO(head)
    method, target, _version = file.readline().decode("latin-1").split()
    path, _, query = target.partition("?")
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    for name, value in http.client.parse_headers(file).items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _message(status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    ends = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}{ends}".encode("latin-1") + body
