"""Locust's fast client, less what hides an answer and what items do not need.

By itself it follows redirects, so that one request in the statistics is two on the wire; it sends a
lost GET or DELETE again, up to eleven times; and for each request it walks through a cookie jar and
builds the request object of urllib. Without these a request costs the generator a quarter less CPU,
which counts where it shares its cores with the server.
"""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call"

import select
from typing import Any
from urllib.parse import urlsplit

from gevent import monkey  # type: ignore[import-untyped]
from geventhttpclient import client
from geventhttpclient.connectionpool import ConnectionPool
from locust.contrib.fasthttp import (
    FAILURE_EXCEPTIONS,
    ErrorResponse,
    FastHttpSession,
    FastRequest,
    FastResponse,
)

client.IDEMPOTENT_METHODS = frozenset()  # a lost answer is a failed request

poll = monkey.get_original("select", "poll")


def is_idle(_: ConnectionPool, sock: Any) -> bool:
    """Whether a kept connection may be used again: there is nothing to read, not even its end."""
    if sock is None or sock.fileno() < 0:
        return False
    readable = poll()
    readable.register(sock, select.POLLIN)
    return not readable.poll(0)


# The original asks select(), which knows files up to 1,024 only: beyond that number of users every
# request would open a connection of its own.
ConnectionPool._is_socket_alive = is_idle  # type: ignore[method-assign, assignment]


class PlainSession(FastHttpSession):
    """One request, one answer, over one kept connection to `base_url`."""

    def __init__(self, base_url: str, *arguments: Any, **settings: Any) -> None:
        super().__init__(base_url.rstrip("/"), *arguments, concurrency=1, **settings)
        whole = str(self.base_url)  # without the credentials it may have had
        self._path_at = len(whole) - len(urlsplit(whole).path)
        self._wire = self.client.clientpool.get_client(whole)
        self._wire.default_headers.update(self.client.default_headers)
        self._opened = 0  # connections
        pool = self._wire._connection_pool
        pool.after_connect = self._connected  # type: ignore[assignment, method-assign]

    def _connected(self, _: object) -> None:
        self._opened += 1

    def _send_request_safe_mode(self, method: str, url: str, **request: Any) -> FastResponse:
        """Locust's step between its own statistics and the connection."""
        before = self._opened
        try:
            answer = FastResponse(
                self._wire.request(
                    method, url[self._path_at :], body=request["payload"],
                    headers=request["headers"],
                )
            )  # fmt: skip
            _ = answer.content  # read here, one that breaks off is no answer
        except FAILURE_EXCEPTIONS as error:
            answer = ErrorResponse(FastRequest(url, method), error)
        answer.__dict__["opened"] = self._opened - before  # for request_log.py
        return answer
