"""gunicorn's settings for peers with threads: `--config python:peers.shared.gthread`."""

import gc
import os
from pathlib import Path
from typing import Any

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8001')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
worker_class = "gthread"
threads = int(os.environ.get("POOL_SIZE", "4"))  # a thread for each database connection
keepalive = 75  # seconds; longer than any load's think time: no connection is made twice
graceful_timeout = 8  # seconds; Cloud Run kills after 10
loglevel = os.environ.get("LOG_LEVEL", "info").lower()
preload_app = True  # connections open at the first query, so nothing open is shared
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (heartbeats)
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """Freeze what was loaded, so that the collector neither walks nor copies it."""
    gc.collect()
    gc.freeze()
