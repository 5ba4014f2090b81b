"""What the application may know of the gunicorn worker that serves it."""

from typing import Protocol


class _Worker(Protocol):
    alive: bool


_worker: _Worker | None = None


def serve_with(worker: _Worker) -> None:
    """Remember the worker of this process; called from gunicorn's `post_worker_init` hook."""
    global _worker
    _worker = worker


def draining() -> bool:
    """Tell whether the worker has been asked to stop and only finishes what it accepted."""
    return _worker is not None and not _worker.alive
