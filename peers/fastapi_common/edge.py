"""What holds for every request, before FastAPI looks at it. Plain ASGI: it costs microseconds."""

import os
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1_048_576  # bytes
WITH_BODY = {"POST", "PUT", "PATCH"}
JSON_TYPES = {"application/json", "application/json;charset=utf-8"}
ACCEPTING_JSON = {"*/*", "application/*", "application/json"}


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
        refusal = _refusal(scope["method"], headers)
        if refusal:
            await Response(status_code=refusal)(scope, receive, signed)
            return
        if scope["method"] in WITH_BODY and b"content-length" not in headers:
            receive = _up_to_the_largest(receive)
        path = scope["path"]
        if path[-1:] == "/" and len(path) > 1:
            scope["path"] = path[:-1]
        await self.app(scope, receive, signed)


def _refusal(method: str, headers: Mapping[bytes, bytes]) -> int:
    """Return the status of a refusal, 0 for none."""
    accept = headers.get(b"accept")
    if accept is not None and not _accepts_json(accept):
        return 406
    if method not in WITH_BODY:
        return 0
    if not _is_json(headers.get(b"content-type")):
        return 415
    return 413 if int(headers.get(b"content-length", 0)) > LARGEST_BODY else 0


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
