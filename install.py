"""Makes .venv with the pinned requirements, unless that is done; every `make` calls it.

Run it by the Python that .venv is to have: it needs nothing but the standard library.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"  # written last: what there was to install, and where
STARTUP = ROOT / "gunicorn.pth"  # what gunicorn reads before gunicorn.conf.py can look at it
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", re.MULTILINE)
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-user")


def main() -> int:
    """Return 0 once .venv is whole, 2 when that cannot be."""
    if _is_whole():
        return 0
    with Path(__file__).open("r+") as lock:  # the kernel drops it, however this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another make installs into .venv: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_whole():
            return 0
        if _is_whole(but_for_its_place=True):
            venv.create(VENV, symlinks=True)  # writes .venv/bin/activate anew
            return _finish()
        return _install()


def _is_whole(*, but_for_its_place: bool = False) -> bool:
    said = STAMP.read_text(encoding="utf-8", errors="surrogateescape") if STAMP.exists() else ""
    same = said.startswith(_content()) if but_for_its_place else said == _content() + str(ROOT)
    return same and _runs()


def _content() -> str:
    """Return the Python and a digest of the requirements, on a line."""
    digest = hashlib.sha256()
    for file in sorted([*ROOT.glob("requirements*.txt"), STARTUP]):
        digest.update(file.read_bytes())
    return f"{VERSION} {digest.hexdigest()}\n"


def _runs() -> bool:
    """Tell whether .venv's Python, which is a link to another, still is one."""
    try:
        return subprocess.run([PYTHON, "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _install() -> int:
    _say(f"Installing the pinned requirements for Python {VERSION} into .venv (two minutes, once)")
    STAMP.unlink(missing_ok=True)
    venv.create(VENV, clear=True, symlinks=True, with_pip=True)
    if subprocess.run([PYTHON, *PIP, "-r", ROOT / "requirements-dev.txt"], check=False).returncode:
        _say(
            f"pip says above what could not be installed for Python {VERSION}: the next make "
            "tries again; another Python is taken with make PYTHON=python3.12"
        )
        return 2
    packages = next(VENV.glob("lib/python*/site-packages"))
    if missing := _missing(packages):
        told = ", ".join(sorted(name for name in os.environ if name.startswith("PIP_")))
        _say(
            f"pip ended well, but {missing[0]} and others are not in .venv: "
            f"a pip.conf or one of {told or 'no variables'} tells it another place; unset that"
        )
        return 2
    shutil.copy(STARTUP, packages)
    return _finish()


def _missing(packages: Path) -> list[str]:
    """Return what is pinned and not there, whatever pip says."""
    there = {_plain(one.name) for one in distributions(path=[str(packages)])}
    pins = [PINNED.findall(file.read_text()) for file in ROOT.glob("requirements*.txt")]
    return sorted({_plain(name) for names in pins for name in names} - there)


def _plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def _finish() -> int:
    unfinished = STAMP.with_suffix(".unfinished")
    unfinished.write_text(_content() + str(ROOT), encoding="utf-8", errors="surrogateescape")
    unfinished.replace(STAMP)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; the next make begins anew")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f".venv cannot be made: {error}")
