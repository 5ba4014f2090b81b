"""What holds for every request, before FastAPI looks at it. Plain ASGI: it costs microseconds."""

import os
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peers.shared.headers import LARGEST_BODY, WITH_BODY, refusal

Headers = Mapping[bytes, bytes]


class Edge:
    """Serves paths with and without the trailing slash, refuses what is not JSON, signs answers.

    FastAPI's own `max_body_size` would wrap every request in three middlewares, a GET too.
    """

    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app = app
        self._signature = (b"x-served-by", f"{name}/{os.getpid()}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append(self._signature)
            await send(message)

        headers = dict(scope["headers"])
        refused = _refusal(scope["method"], headers)
        if refused:
            await Response(status_code=refused)(scope, receive, signed)
            return
        if scope["method"] in WITH_BODY and b"content-length" not in headers:
            receive = _up_to_the_largest(receive)
        path = scope["path"]
        if path[-1:] == "/" and len(path) > 1:
            scope["path"] = path[:-1]
        await self.app(scope, receive, signed)


def _refusal(method: str, headers: Headers) -> int:
    said = refusal(method, _text(headers, b"accept"), _text(headers, b"content-type"))
    if said or method not in WITH_BODY:
        return said
    return 413 if int(headers.get(b"content-length", 0)) > LARGEST_BODY else 0


def _text(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _up_to_the_largest(receive: Receive) -> Receive:
    """Count a chunked body, whose length nobody told."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(413)
        return message

    return counted
