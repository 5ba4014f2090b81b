"""What production is started with in these tests."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

from tests.forks import Fork, inherited

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
CHANGED = """
exec(open("gunicorn.conf.py").read())
ours = post_worker_init

def post_worker_init(worker):
    import {module} as changed
    changed.{name} = {value}
    ours(worker)
"""


def changing(folder: Path, module: str, name: str, value: float) -> dict[str, str]:
    """Return the environment of a service whose workers find another value in a module.

    Tests need not wait as long as those who are served.
    """
    config = folder / f"{name}.py"
    config.write_text(CHANGED.format(module=module, name=name, value=value))
    return {"GUNICORN_CMD_ARGS": f"--config {config}"}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `python command…` in the project's root with `env` and little else.

    It is forked from a process that has imported Django, gunicorn and the like.
    """
    words, given = [sys.executable, *command], inherited() | env
    with Path(os.devnull).open("rb") as no, TemporaryFile() as out, TemporaryFile() as err:
        code = Fork(words, env=given, cwd=ROOT, stdin=no, stdout=out, stderr=err).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read().decode(), err.read().decode())


def run_anew(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Do the same by a Python that has just been started."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=inherited() | env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
