"""Serve on loopback with PORT, WEB_CONCURRENCY and LOG_LEVEL; SIGTERM drains and stops."""

import os

import uvicorn


def serve(app: str) -> None:
    """Run uvicorn for `module:attribute`, its fast parts named rather than guessed."""
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8001")),
        workers=int(os.environ.get("WEB_CONCURRENCY", "1")),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level=os.environ.get("LOG_LEVEL", "info").lower(),
        proxy_headers=False,  # spares a middleware; nothing here asks for the client's address
        server_header=False,
        timeout_keep_alive=75,  # longer than any load's think time: no connection is made twice
        timeout_graceful_shutdown=8,  # seconds; Cloud Run kills after 10
    )
