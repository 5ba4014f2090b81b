"""Serve the application."""

from peers.fastapi_common.serving import serve

if __name__ == "__main__":  # uvicorn's workers import this module again
    serve("peers.fastapi_asyncpg.app:app")
