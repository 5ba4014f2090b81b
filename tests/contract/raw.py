"""Requests that no HTTP library would send."""

import contextlib
import http.client
import socket

import httpx

HOST = "Host: 127.0.0.1"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


def head(line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return the bytes of a request whose headers are exactly these."""
    return "\r\n".join([line, *headers, "", ""]).encode("latin-1") + body


def exchange(
    address: tuple[str, int], request: bytes, *, and_no_more: bool = False
) -> httpx.Response | None:
    """Send bytes, `and_no_more` with an end; return the answer, None for a close without one."""
    with socket.create_connection(address, timeout=60) as connection:
        with contextlib.suppress(OSError):  # refused before it was read to its end
            connection.sendall(request)
            if and_no_more:
                connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
        except http.client.RemoteDisconnected:
            return None
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
