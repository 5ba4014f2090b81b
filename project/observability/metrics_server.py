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
AGAIN = 0.1  # seconds between attempts to accept while no descriptor is left
LONGEST = 8192  # bytes of a request
END = b"\r\n\r\n"

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Scrapes:
    """Answers with a WSGI application that reads no body, one request per connection."""

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        """Begin to listen. Raises `OSError` for an address that is taken or no address."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.application = application
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()

    async def _serve(self) -> None:
        """Accept one client after the other: asyncio's server takes a hundred at once."""
        loop = asyncio.get_running_loop()
        clients: list[asyncio.Task[None]] = []  # the one that came first is first
        while True:
            try:
                client, _ = await loop.sock_accept(self.listener)
            except OSError:
                await asyncio.sleep(AGAIN)
                continue
            clients = [one for one in clients if not one.done()]
            clients.append(loop.create_task(self._attend(client)))
            await asyncio.sleep(0)  # it begins: else a cancelled one would not close its socket
            if len(clients) > MOST:
                clients[0].cancel()
                await asyncio.wait(clients[:1])

    async def _attend(self, client: socket.socket) -> None:
        try:
            async with asyncio.timeout(PATIENCE):  # its error is an `OSError`
                await self._converse(client)
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # a worker that was forked meanwhile has it, too
            client.close()

    async def _converse(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        head = b""
        while END not in head:
            more = await loop.sock_recv(client, LONGEST)
            if not more or len(head) > LONGEST:
                return
            head += more
        await loop.sock_sendall(client, self._answer(head))
        client.shutdown(socket.SHUT_WR)
        while await loop.sock_recv(client, LONGEST):
            pass  # a close before the client's would cut off what it has not read

    def _answer(self, head: bytes) -> bytes:
        said: list[Any] = []
        try:
            answer = self.application(_environ(head), lambda *said_: said.extend(said_))
        except (ValueError, TypeError, http.client.HTTPException):  # of what the client has sent
            return _message("400 Bad Request", [], b"")
        return _message(said[0], said[1], b"".join(answer))


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
