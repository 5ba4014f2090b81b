"""A gunicorn worker for WSGI: one process, one request at a time, keep-alive, whole requests.

    worker_class = "drf_speedups.worker.BufferedWorker"

An event loop buffers each connection until a whole request is there and then calls the application
in the same thread. Half-sent requests, idle connections and slow readers cost a buffer, not a
thread; no request is handed between threads, and no two of them fight for the interpreter lock.
"How many workers?" is therefore "how many requests at once?", unless the application has a lane
(`drf_speedups.overlap`). docs/worker.md compares it with
gunicorn's own workers.
"""

from drf_speedups.worker.loop import BufferedWorker

__all__ = ["BufferedWorker"]
