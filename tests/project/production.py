"""What production is started with in these tests."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery-staple"  # what a client sends; the service knows its digest only
KEY = f"tests:{hashlib.sha256(SECRET.encode()).hexdigest()}:write"
NOWHERE = "postgresql://somebody:open-sesame@127.0.0.1:1/nothing"  # nothing listens on port 1
PRODUCTION = {
    "DATABASE_URL": NOWHERE,
    "DJANGO_SECRET_KEY": "only for tests, " * 4,
    "DJANGO_ALLOWED_HOSTS": "127.0.0.1,localhost",
    "API_KEYS": KEY,
}
INHERITED = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `python command…` in the project's root with `env` and little else."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=inherited | env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
