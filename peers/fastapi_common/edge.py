"""What holds for every request, before FastAPI looks at it. Plain ASGI: it costs microseconds."""

import os
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]

JSON_TYPES = {"application/json", "application/json;charset=utf-8"}
ACCEPTING_JSON = {"*/*", "application/*", "application/json"}


class Edge:
    """Serves paths with and without the trailing slash, refuses what is not JSON, signs answers."""

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

        refusal = _refusal(scope["method"], scope["headers"])
        if refusal is not None:
            await refusal(scope, receive, signed)
            return
        path = scope["path"]
        if path[-1:] == "/" and len(path) > 1:
            scope["path"] = path[:-1]
        await self.app(scope, receive, signed)


def _refusal(method: str, headers: Headers) -> Response | None:
    accept = content_type = None
    for name, value in headers:
        if name == b"accept":
            accept = value
        elif name == b"content-type":
            content_type = value
    if accept is not None and not _accepts_json(accept):
        return Response(status_code=406)
    if method in {"POST", "PUT", "PATCH"} and not _is_json(content_type):
        return Response(status_code=415)
    return None


def _accepts_json(accept: bytes) -> bool:
    if accept == b"*/*":
        return True
    ranges = accept.decode("latin-1").lower().split(",")
    return any(one.partition(";")[0].strip() in ACCEPTING_JSON for one in ranges)


def _is_json(content_type: bytes | None) -> bool:
    if content_type is None or content_type == b"application/json":
        return content_type is not None
    plain = content_type.decode("latin-1").lower().replace(" ", "").replace('"', "")
    return plain in JSON_TYPES
