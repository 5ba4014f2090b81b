"""The sources of frameworks, whose own tests run with our pieces in their places."""

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def unpacked(package: str, folder: Path) -> Path:
    """Return the sources of a package of the version that is installed, from the package index.

    Skips the test where they cannot be had.
    """
    wanted = f"{package}=={version(package)}"
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
         "--dest", folder, wanted],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if fetched.returncode:
        pytest.skip(f"no sources of {wanted}: {fetched.stderr.strip().splitlines()[-1]}")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(found for found in folder.iterdir() if found.is_dir())


def beside(folder: Path, *modules: Path) -> Path:
    """Return a folder for the path: it has the pieces and modules, and nothing called `tests`."""
    made = folder / "beside"
    made.mkdir()
    (made / "drf_speedups").symlink_to(ROOT / "drf_speedups")
    for module in modules:
        shutil.copy(module, made)
    return made
