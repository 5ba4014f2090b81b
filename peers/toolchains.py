"""What the optional peers stand on: a Go, Node.js, or a Python newer than the project's.

Each installs into a folder of its own below .peers/, which Git ignores; `make` installs none.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class MissingError(Exception):
    """A tool is not on this machine. Its text names it and says how to get it."""


@dataclass(frozen=True)
class Go:
    """A program in Go, against the libraries as Debian packages them: no module is downloaded."""

    source: Path
    packages = ("golang-go", "golang-github-jackc-pgx-v4-dev")
    libraries = Path("/usr/share/gocode")

    def install(self, home: Path) -> dict[str, str]:
        """Build into `home`; return what was built with what."""
        if not shutil.which("go") or not (self.libraries / "src/github.com/jackc/pgx/v4").is_dir():
            raise MissingError(f"Go and pgx: apt-get install {' '.join(self.packages)}")
        offline = {"GO111MODULE": "off", "GOPATH": str(self.libraries), "CGO_ENABLED": "0"}
        run(["go", "build", "-o", str(home / "serve"), *self._files()], offline)
        query = ["dpkg-query", "--show", "--showformat", "${Version}"]
        return {
            "go": output(["go", "version"]).split()[2].removeprefix("go"),
            "pgx": output([*query, self.packages[1]]).partition("-")[0],
        }

    def command(self, home: Path) -> tuple[list[str], Mapping[str, str]]:
        """Return what starts the server, and the environment this takes besides ours."""
        return [str(home / "serve")], {}

    def recipe(self) -> list[Path]:
        """Return the files of which what was installed is made."""
        return [*map(Path, self._files())]

    def _files(self) -> list[str]:
        return sorted(map(str, self.source.glob("*.go")))


@dataclass(frozen=True)
class Node:
    """A program in JavaScript, with the packages that its package.json pins."""

    source: Path

    def install(self, home: Path) -> dict[str, str]:
        """Install the packages into `home`; return their versions and Node's."""
        if not shutil.which("node") or not shutil.which("npm"):
            raise MissingError("Node.js 20 or newer and npm: apt-get install nodejs npm")
        shutil.copy(self.source / "package.json", home)
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        run(["npm", "install", "--prefix", str(home), "--omit=dev", *quiet], {})
        pinned: dict[str, str] = json.loads((home / "package.json").read_text())["dependencies"]
        return {"node": output(["node", "--version"]).strip().removeprefix("v"), **pinned}

    def command(self, home: Path) -> tuple[list[str], Mapping[str, str]]:
        """Return what starts the server, and the environment this takes besides ours."""
        environment = {"NODE_PATH": str(home / "node_modules"), "NODE_ENV": "production"}
        return ["node", str(self.source / "server.js")], environment

    def recipe(self) -> list[Path]:
        """Return the files of which what was installed is made."""
        return [self.source / "package.json"]


@dataclass(frozen=True)
class NewerPython:
    """A program in a Python newer than the project's, in a virtual environment of its own."""

    source: Path
    arguments: Sequence[str]
    names = ("python3.14", "python3.13", "python3.12")

    def install(self, home: Path) -> dict[str, str]:
        """Make the environment in `home`; return the versions of what its requirements pin."""
        run([self._python(), "-m", "venv", "--clear", str(home)], {})
        python = str(home / "bin" / "python")
        requirements = self.recipe()[0]
        quiet = ["--quiet", "--disable-pip-version-check"]
        run([python, "-m", "pip", "install", *quiet, "--requirement", str(requirements)], {})
        lines = [line.split() for line in requirements.read_text().splitlines()]
        pinned = [line[0].partition("==") for line in lines if line and line[0] != "#"]
        versions = {name.partition("[")[0]: version for name, _, version in pinned}
        return {"python": output([python, "--version"]).split()[1], **versions}

    def command(self, home: Path) -> tuple[list[str], Mapping[str, str]]:
        """Return what starts the server, and the environment this takes besides ours."""
        return [str(home / "bin" / "python"), *self.arguments], {}

    def recipe(self) -> list[Path]:
        """Return the files of which what was installed is made."""
        return [self.source / "requirements.txt"]

    def _python(self) -> str:
        # pyenv's programs of these names may be there and not work
        for name in [sys.executable, *self.names, *map(str, self._pyenv())]:
            told = subprocess.run(
                [name, "-c", "import sys, venv; print(sys.version_info >= (3, 12))"],
                capture_output=True, text=True, check=False,
            ) if shutil.which(name) else None  # fmt: skip
            if told is not None and told.stdout.strip() == "True":
                return name
        raise MissingError("Python 3.12 or newer: install one that is called like its version")

    def _pyenv(self) -> list[Path]:
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        return [path for name in self.names for path in root.glob(f"versions/*/bin/{name}")]


def run(command: Sequence[str], env: Mapping[str, str]) -> None:
    """Run a command that may talk. Raises `subprocess.CalledProcessError` when it fails."""
    subprocess.run(command, check=True, env={**os.environ, **env})


def output(command: Sequence[str]) -> str:
    """Return what a command prints. Raises `subprocess.CalledProcessError` when it fails."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
