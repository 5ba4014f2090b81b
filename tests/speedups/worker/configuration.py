"""What the tests' gunicorns are configured with: the JSON object in SETTINGS."""

import json
import os
import time
from typing import Any

from drf_speedups.worker import BufferedWorker

control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
http_parser = "python"
_settings: dict[str, Any] = json.loads(os.environ.get("SETTINGS", "{}"))
BufferedWorker.LONGEST_WAIT = _settings.pop("longest_wait", 0.0)
BufferedWorker.NEVER_REFUSED = frozenset({"/livez"})
_second_is_slow = _settings.pop("second_is_slow", 0.0)  # seconds until the second one is itself


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker be only just forked for a while."""
    time.sleep(_second_is_slow * (worker.age == 2))


if _settings.pop("hooks", False):

    def pre_request(worker: Any, request: Any) -> None:
        """Do what public configurations do."""
        request.headers.append(("X-HOOKED", "by a hook"))

    def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:
        """Read what public configurations read."""
        assert environ["HTTP_X_HOOKED"] == "by a hook"
        assert request.remote_addr[0] == "127.0.0.1"
        assert int(response.status.split()[0]) == response.status_code


globals().update(_settings)
