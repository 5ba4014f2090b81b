"""Clients that read at a pace of their own."""

import socket

from tests.contract.raw import HOST, head
from tests.speedups.worker.serving import body

CLOSE = head("GET / HTTP/1.1", HOST, "Connection: close")
BIG = 20_000_000


def asking(path):
    return head(f"GET {path} HTTP/1.1", HOST, "Connection: close")


def reader(address, request, *, buffer=8192):
    """Return a connection that has asked for something and reads nothing yet."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(60)
    client.connect(address)
    client.sendall(request)
    return client


def unchunked(answer):
    """Return the blocks of a chunked answer."""
    rest, blocks = body(answer), []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            break
        blocks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return blocks
