"""What production is started with in these tests."""

import atexit
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.project.forked import ERR, OUT

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
    forks = _forks()
    assert forks.stdin
    assert forks.stdout
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps([command, _inherited() | env, folder]), file=forks.stdin, flush=True)
        code = int(forks.stdout.readline())
        said = [Path(folder, name).read_text() for name in (OUT, ERR)]
    return subprocess.CompletedProcess(command, code, *said)


def run_anew(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Do the same by a Python that has just been started."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=_inherited() | env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


@functools.cache
def _forks() -> subprocess.Popen[str]:
    forks = subprocess.Popen(
        [sys.executable, "-m", "tests.project.forked"], cwd=ROOT, env=_inherited(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests
    )  # fmt: skip
    atexit.register(forks.communicate)  # it ends with its input
    return forks
