"""What an application does at the turns of the life of the gunicorn server that it is loaded in.

gunicorn.conf.py cannot name the application's parts, and they cannot be hooks. So they join here
when the master loads the application (`preload_app`), and gunicorn's hooks call whoever has joined.
"""

from typing import Any


class LifecycleHooks:
    """Lives as long as the server; each method is for one turn, and does nothing by default."""

    def starting(self, arbiter: Any) -> None:
        """In the master, before it listens and forks; may end it with `SystemExit`."""

    def reloading(self) -> None:
        """In the master, at SIGHUP, before it forks new workers."""

    def worker_started(self, worker: Any) -> None:
        """In a new worker, before it takes requests; threads begin here."""

    def worker_stops(self) -> None:
        """In a worker that has answered its last request; not when it was killed."""

    def worker_gone(self, pid: int) -> None:
        """In the master, after the worker of this process id has ended, however it did."""

    def stopped(self) -> None:
        """In the master, at its end."""


lifecycle_hooks: list[LifecycleHooks] = []
