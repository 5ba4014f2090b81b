"""What the tests' gunicorns are configured with: the JSON object in SETTINGS."""

import json
import os
from typing import Any

from speedups.worker import BufferedWorker

control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
http_parser = "python"
_settings: dict[str, Any] = json.loads(os.environ.get("SETTINGS", "{}"))
BufferedWorker.LONGEST_WAIT = _settings.pop("longest_wait", 0.0)
BufferedWorker.NEVER_REFUSED = frozenset({"/livez"})
globals().update(_settings)
